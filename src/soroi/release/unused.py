"""What nobody uses: versions that were neither staged nor live lately, and the time that building them took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from soroi.base.display import Display, Shown
from soroi.base.duration import brief
from soroi.release.liveness import live_since
from soroi.release.staging import STAGING
from soroi.store import Transaction

DATA = ("source", "dataset")


@dataclass(frozen=True, slots=True)
class UnusedNode:
    """The unused versions of one node."""

    node: str
    """Id of the node."""

    kind: str
    """Its kind."""

    owner: str | None
    """Whom to ask."""

    versions: tuple[str, ...]
    """Ids of the versions that nobody uses, newest first."""

    of: int
    """How many versions the node has."""

    seconds: float
    """What building them took, together."""

    failed: float
    """What builds of the node took that failed."""

    cost: float | None
    """What all that cost; ``None``: nobody said what an hour costs."""

    last: datetime
    """When the newest of them was built."""

    @property
    def is_whole(self) -> bool:
        """Whether no version of the node is used at all."""
        return len(self.versions) == self.of


@dataclass(frozen=True, repr=False)
class Unused(Shown):
    """What nobody uses, dearest first."""

    since: datetime
    """Used after this counts as used; built after this counts as too young to tell."""

    nodes: tuple[UnusedNode, ...]
    """By node."""

    @property
    def seconds(self) -> float:
        """What building all of it took."""
        return sum(one.seconds + one.failed for one in self.nodes)

    @property
    def cost(self) -> float | None:
        """What all of it cost; ``None``: nobody said what an hour costs."""
        costs = [one.cost for one in self.nodes]
        return None if None in costs else sum(one for one in costs if one is not None)

    def display(self) -> Display:
        """One row for each node."""
        rows = [
            [
                one.node,
                one.owner or "nobody",
                f"{len(one.versions)} of {one.of}",
                brief(one.seconds + one.failed),
                "" if one.cost is None else f"{one.cost:.2f}",
                "no version is used" if one.is_whole else "",
            ]
            for one in self.nodes
        ]
        money = f", {self.cost:.2f} in money" if self.cost else ""
        title = f"Neither staged nor live since {self.since:%Y-%m-%d}: {brief(self.seconds)} of building{money}"
        notes = [] if self.cost is not None else ["cost_per_hour under [build] in soroi.toml tells what it cost."]
        return Display(title, ("node", "owner", "versions", "took", "cost", ""), rows, notes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "since": self.since.isoformat(),
            "seconds": self.seconds,
            "cost": self.cost,
            "nodes": [
                {
                    "node": one.node,
                    "kind": one.kind,
                    "owner": one.owner,
                    "versions": list(one.versions),
                    "of": one.of,
                    "seconds": one.seconds,
                    "failed_seconds": one.failed,
                    "cost": one.cost,
                    "last": one.last.isoformat(),
                    "whole": one.is_whole,
                }
                for one in self.nodes
            ],
        }


def unused(tx: Transaction, *, now: datetime, since: timedelta, cost_per_hour: float | None = None) -> Unused:
    """Find what nobody uses.

    A version is used when it, or something built from it, is staged, or was staged or live since then. What answered
    was live.

    Args:
        tx: A transaction.
        now: The moment it is asked at.
        since: How far back use counts. Versions built within it are not judged.
        cost_per_hour: What an hour of building costs.
    """
    begin = now - since
    nodes, built, edges = tx.versions.skeleton()
    used = _closure(_used(tx, begin), edges)
    idle: dict[str, list[str]] = defaultdict(list)
    for version in reversed(nodes):
        if version not in used and built[version] < begin:
            idle[nodes[version]].append(version)
    newest = tx.versions.newest(idle)
    records = tx.versions.get_many(head.id for head in newest.values())
    counts, (took, failed) = tx.versions.counts(), _spent(tx)
    found = []
    for node, versions in idle.items():
        head = newest[node]
        if head.kind in DATA:
            continue
        seconds = sum(took.get(one, 0.0) for one in versions)
        wasted = failed.get(node, 0.0) if len(versions) == counts[node] else 0.0
        cost = None if cost_per_hour is None else (seconds + wasted) / 3600 * cost_per_hour
        owner = _owner(records[head.id].fingerprint)
        one = UnusedNode(
            node, head.kind, owner, tuple(versions), counts[node], seconds, wasted, cost, built[versions[0]]
        )
        found.append(one)
    return Unused(begin, tuple(sorted(found, key=lambda one: (-one.seconds - one.failed, one.node))))


def _used(tx: Transaction, begin: datetime) -> set[str]:
    """Versions that were staged or live since a moment."""
    manifests: set[str] = set()
    for head in tx.heads.all():
        if head.environment != STAGING:
            manifests |= live_since(tx.heads.history(head.environment), begin)
    for one in tx.rollouts.all():
        if one.ended_at is None or one.ended_at >= begin:
            manifests |= {one.base, one.challenger}
    found = {version for name in manifests for version in tx.manifests.get(name).body["picks"].values()}
    found |= {pick.version for pick in tx.staging.get().picks.values()}
    last: dict[str, datetime] = {}
    for change in tx.staging.history():  # a pick counts until the next change of its node
        until = last.get(change.node)
        if change.version is not None and (until is None or until >= begin):
            found.add(change.version)
        last[change.node] = change.at
    return found


def _closure(versions: set[str], edges: Mapping[str, Sequence[str]]) -> set[str]:
    found, waiting = set[str](), list(versions)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(edges.get(one, ()))
    return found


def _spent(tx: Transaction) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds that building took, by version; and that failed builds took, by node."""
    took, failed = defaultdict[str, float](float), defaultdict[str, float](float)
    for node, version, status, seconds in tx.runs.spent():
        if status == "failed":
            failed[node] += seconds
        elif version is not None:
            took[version] += seconds
    return took, failed


def _owner(fingerprint: Mapping[str, Any]) -> str | None:
    team = fingerprint.get("description", {}).get("group")
    return str(team["owner"]) if team else None
