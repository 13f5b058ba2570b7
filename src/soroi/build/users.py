"""Who, in the other projects of the store, answers with nodes of this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from soroi.build.reference import PRODUCTION
from soroi.declare.lifecycle import OutsideUse
from soroi.declare.node import name_there, project_of
from soroi.store import Transaction, VersionHead, VersionRecord


def outside_uses(tx: Transaction) -> list[OutsideUse]:
    """The nodes of this project that other projects declare as shared, and answer with in production.

    What such a node rests on is not among them: its consumers have that with it, and do not see it change.

    Args:
        tx: A transaction of this project.
    """
    others = (tx.of(project) for project in tx.projects() if project != tx.project)
    return [use for other in others for use in _uses(other, tx.project)]


def _uses(other: Transaction, project: str) -> Iterator[OutsideUse]:
    head = other.heads.get(PRODUCTION)
    declared = {name for name in other.descriptions.all() if project_of(name) == project}
    if head is None or not declared:
        return
    picks: Mapping[str, str] = other.manifests.get(head.manifest).body["picks"]
    behind = _answering(other.versions.closure(picks.values()), picks)
    used = declared & {one.node for one in behind}
    consumers = [one.id for one in behind if project_of(one.node) is None and _may_use(one, used)]
    records = other.versions.get_many(consumers) if used else {}
    for name in sorted(used):
        owners = {_owner(one) for one in records.values() if name in _names(one)}
        yield OutsideUse(name_there(name), other.project, tuple(sorted(one for one in owners if one)))


def _answering(heads: Mapping[str, VersionHead], picks: Mapping[str, str]) -> list[VersionHead]:
    """What a set answers with and rests on. A picked version stands for the equal one that a consumer was built on."""
    waiting, seen = list(picks.values()), set[str]()
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting.extend(picks.get(edge.name, edge.producer) for edge in heads[one].edges)
    return [heads[one] for one in seen]


def _may_use(head: VersionHead, names: set[str]) -> bool:
    return head.kind == "decision" or any(edge.name in names for edge in head.edges)


def _names(record: VersionRecord) -> Iterable[str]:
    """What a version names as its input; a decision asks thresholds that it was not built against."""
    steps = record.facts["steps"] if record.kind == "decision" else ()
    return {*(edge.name for edge in record.edges), *(step["threshold"] for step in steps)}


def _owner(record: VersionRecord) -> str | None:
    team = record.fingerprint.get("description", {}).get("group")
    return None if not team else str(team["owner"])
