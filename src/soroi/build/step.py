"""Whether a consumer is in step with a producer: built against it, or against one that is proven equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from soroi.base.duration import brief, duration
from soroi.base.reason import Reason
from soroi.build.claims import Claims
from soroi.build.reference import VersionIndex
from soroi.declare.graph import Graph
from soroi.declare.node import project_of
from soroi.store import ClaimRecord, VersionHead


@dataclass(frozen=True)
class EdgeStep:
    """How an edge stands."""

    reason: Reason | None
    """Why the consumer is behind; ``None``: it is in step."""

    claim: ClaimRecord | None = None
    """The claim it rests on, if it needs one."""


_IN_STEP = EdgeStep(None)


def edge_step(consumer: VersionHead, used: VersionHead, picked: VersionHead, claims: Claims) -> EdgeStep:
    """Judge one edge.

    Args:
        consumer: The version that was built.
        used: The version of the producer that it was built against.
        picked: The version of the producer that it would work with.
        claims: The recorded claims.
    """
    if used.id == picked.id:
        return _IN_STEP
    if picked.kind == "features":
        if used.definition == picked.definition:
            return EdgeStep(None)
        claim = claims.covering(used, picked)
        if claim is not None:
            return EdgeStep(None, claim)
    if used.output == picked.output:
        return EdgeStep(None)
    lasting = claims.near(used, picked) or claims.waiving(consumer, picked)
    if lasting is not None:
        return EdgeStep(None, lasting)
    text = f"{consumer.node} was built against {used.id}, not against {picked.id}"
    facts = {"built_against": used.id, "picked": picked.id, "consumer": consumer.id}
    return EdgeStep(Reason("behind", text, consumer.node, facts=facts))


@dataclass(frozen=True)
class DataUse:
    """The versions of one source that a set of nodes rests on."""

    source: str
    """Id of the source."""

    versions: Mapping[str, VersionHead]
    """The versions, by id."""

    users: Mapping[str, tuple[str, ...]]
    """Ids of the nodes that rest on each version, by version id."""

    allowed: timedelta | None
    """How far apart the versions may be; ``None``: not at all."""

    @property
    def spread(self) -> timedelta:
        """How far apart, in data time, the oldest and the newest version are."""
        marks = [one.watermark for one in self.versions.values() if one.watermark is not None]
        return max(marks) - min(marks) if marks else timedelta(0)

    @property
    def newest(self) -> VersionHead:
        """The version with the latest data."""
        return max(self.versions.values(), key=lambda one: (one.watermark is not None, one.watermark, one.at))

    def behind(self) -> list[Reason]:
        """Who rests on data too old beside the newest; empty when the data is in step."""
        if len({one.output for one in self.versions.values()}) <= 1:
            return []
        if self.allowed is not None and self.spread <= self.allowed:
            return []
        newest = self.newest
        late = [version for version, record in self.versions.items() if record.output != newest.output]
        within = f"more than in_step={brief(self.allowed)}" if self.allowed else "and it declares no in_step="
        return [
            Reason(
                "data",
                f"{node} rests on {version}, {_distance(self.versions[version], newest)} behind {newest.id}, {within}",
                node,
                facts={"source": self.source, "rests_on": version, "newest": newest.id},
            )
            for version in sorted(late)
            for node in self.users[version]
        ]


def _distance(old: VersionHead, new: VersionHead) -> str:
    if old.watermark is None or new.watermark is None:
        return "another version"
    return brief(new.watermark - old.watermark)


def data_uses(
    rests: Mapping[str, Iterable[VersionHead]], allowed: Mapping[str, timedelta | None]
) -> dict[str, DataUse]:
    """Gather which versions of each source a set of nodes rests on.

    Args:
        rests: For each node, the source versions it rests on.
        allowed: For each source, how far apart its versions may be.
    """
    versions: dict[str, dict[str, VersionHead]] = {}
    users: dict[str, dict[str, list[str]]] = {}
    for node, records in rests.items():
        for record in records:
            versions.setdefault(record.node, {})[record.id] = record
            users.setdefault(record.node, {}).setdefault(record.id, []).append(node)
    return {
        source: DataUse(
            source,
            found,
            {version: tuple(sorted(set(names))) for version, names in users[source].items()},
            allowed.get(source),
        )
        for source, found in versions.items()
    }


def allowed_spans(graph: Graph, sources: Iterable[VersionHead], known: VersionIndex) -> dict[str, timedelta | None]:
    """How far apart the versions of each source may be: as declared, or as the other project declared it.

    Args:
        graph: The declarations.
        sources: Source versions in use.
        known: Access to versions.
    """
    used = {one.node: one.id for one in sources}
    theirs = {name: version for name, version in used.items() if project_of(name) is not None}
    spans = {name: graph[name].spec.in_step for name in used if name in graph and name not in theirs}
    if theirs:
        records = known.get_many(theirs.values())
        spans |= {name: records[version].facts.get("in_step") for name, version in theirs.items()}
    return {name: duration(span) if span else None for name, span in spans.items()}
