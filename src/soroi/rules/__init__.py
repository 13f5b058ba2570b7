"""A small algebra of conditions over judgements, people, time and traffic: ``&``, ``|``, ``~``, and reasons."""

from soroi.rules.condition import All, AnyOf, Condition, Holding, Not, Passed, passed
from soroi.rules.facts import ApprovalFact, Facts, Finding, Findings, Known, as_facts
from soroi.rules.people import ApprovedBy, approved_by
from soroi.rules.times import During, NotDuring, Since, during, not_during, since
from soroi.rules.traffic import Traffic, traffic
from soroi.rules.window import Window

__all__ = [
    "All",
    "AnyOf",
    "ApprovalFact",
    "ApprovedBy",
    "Condition",
    "During",
    "Facts",
    "Finding",
    "Findings",
    "Holding",
    "Known",
    "Not",
    "NotDuring",
    "Passed",
    "Since",
    "Traffic",
    "Window",
    "approved_by",
    "as_facts",
    "during",
    "not_during",
    "passed",
    "since",
    "traffic",
]
