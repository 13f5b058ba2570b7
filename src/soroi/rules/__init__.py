"""A small algebra of conditions, used by gates now and by approvals and loops: ``&``, ``|``, ``~``, and reasons."""

from soroi.rules.condition import All, AnyOf, Condition, Finding, Findings, Holding, Not, passed

__all__ = ["All", "AnyOf", "Condition", "Finding", "Findings", "Holding", "Not", "passed"]
