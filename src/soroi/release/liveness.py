"""The one rule of what is needed: which versions of a project something needs, and why.

A version is needed when it is reached, along the edges to what it was built from, from a *root*: a head, a manifest of
the retained history, a pick, an open run, an approval that counts, an open rollout, a hold, an answer within its
retention, something built lately, or whatever another room names.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from soroi.base.reason import Reason
from soroi.codebase.retention import Retention
from soroi.release.staging import STAGING
from soroi.store import HeadRecord, RunRecord, Transaction

DECLARED = "retention.declared"
"""Kind of the event by which a project tells the others of its catalogue how long it keeps things."""


@dataclass(frozen=True, slots=True)
class Root:
    """Something that needs versions."""

    kind: str
    """``head``, ``history``, ``staging``, ``run``, ``approval``, ``rollout``, ``hold``, ``answer``, ``candidate``, or
    the name that another room gave."""

    text: str
    """Why, in a sentence."""

    versions: frozenset[str]
    """The versions it needs; what they rest on comes along."""

    subject: str | None = None
    """What it is about: a manifest, a run, a hold…"""

    objects: frozenset[str] = frozenset()
    """Objects that it needs beside those of versions, such as the code that an open run works with."""

    held: str | None = None
    """What a hold names."""

    @property
    def reason(self) -> Reason:
        """It as a reason."""
        return Reason(self.kind, self.text, self.subject)


More = Callable[[Transaction], Iterable[Root]]
"""Where another room (comparisons, reviews) says what it needs."""


@dataclass(frozen=True)
class Rule:
    """What decides over one project."""

    now: datetime
    """The moment it is asked at."""

    retention: Retention | None
    """How long the project keeps things; ``None``: it never said, so all of it stays."""

    answered: Mapping[str, datetime] | None = None
    """Manifests that answers within their retention name, with the time of the last one. ``None``: not known here, so
    every manifest that was live meanwhile may have answered."""

    more: Sequence[More] = ()
    """What other rooms need."""


@dataclass
class Needed:
    """The versions of one project, and which of them are needed."""

    project: str
    """Name of the project."""

    roots: list[Root]
    """What needs versions."""

    nodes: Mapping[str, str]
    """Node of every version, by version id, oldest first."""

    edges: Mapping[str, Sequence[str]]
    """What each version was built from."""

    versions: set[str] = field(default_factory=set)
    """The versions that are needed."""

    def __post_init__(self) -> None:
        waiting = [one for root in self.roots for one in root.versions if one in self.nodes]
        while waiting:
            one = waiting.pop()
            if one not in self.versions:
                self.versions.add(one)
                waiting.extend(self.edges.get(one, ()))

    @property
    def objects(self) -> set[str]:
        """Objects that roots need beside those of versions."""
        return {one for root in self.roots for one in root.objects}

    def why(self, version: str) -> tuple[Reason, ...]:
        """Why a version is needed: for each root that reaches it, the shortest way. Empty: nothing needs it."""
        above = self._consumers_above(version)
        found: list[Reason] = []
        for root in self.roots:
            if not root.versions.isdisjoint(above):
                nearest = min(root.versions & above.keys(), key=lambda one: (above[one][0], one))
                found.append(self._told(root, nearest, above))
        return tuple(found)

    def _told(self, root: Root, nearest: str, above: Mapping[str, tuple[int, str | None]]) -> Reason:
        way = [nearest]
        while (below := above[way[-1]][1]) is not None:
            way.append(below)
        if len(way) == 1:
            return root.reason
        steps = " ← ".join(reversed(way))
        return Reason(
            root.kind, root.text, root.subject, because=(Reason("rests", f"it rests on it: {steps}", nearest),)
        )

    def _consumers_above(self, version: str) -> dict[str, tuple[int, str | None]]:
        """All that rests on a version, with how far it is and the next on the way down."""
        consumers: dict[str, list[str]] = defaultdict(list)
        for one, producers in self.edges.items():
            for producer in producers:
                consumers[producer].append(one)
        found: dict[str, tuple[int, str | None]] = {version: (0, None)}
        waiting = deque([version])
        while waiting:
            one = waiting.popleft()
            for consumer in sorted(consumers[one]):
                if consumer not in found:
                    found[consumer] = (found[one][0] + 1, one)
                    waiting.append(consumer)
        return found


def needed(tx: Transaction, rule: Rule) -> Needed:
    """Judge all versions of the project that a transaction is bound to.

    Args:
        tx: A transaction.
        rule: What decides.
    """
    nodes, built, edges = tx.versions.skeleton()
    if rule.retention is None:
        text = f"project '{tx.project}' never said how long it keeps things; soroi collect --apply there says it"
        return Needed(tx.project, [Root("project", text, frozenset(nodes), tx.project)], nodes, edges)
    found = _Finder(tx, rule, rule.retention, nodes, built)
    return Needed(tx.project, list(found.roots()), nodes, edges)


def declared_retention(tx: Transaction) -> Retention | None:
    """How long the project of a transaction keeps things, as it said last; ``None``: it never did."""
    events = tx.events.list(kind=DECLARED)
    return Retention.from_dict(events[-1].body) if events else None


class _Finder:
    """Finds the roots of one project."""

    def __init__(
        self,
        tx: Transaction,
        rule: Rule,
        retention: Retention,
        nodes: Mapping[str, str],
        built: Mapping[str, datetime],
    ) -> None:
        self._tx = tx
        self._rule = rule
        self._keep = retention
        self._nodes = nodes
        self._built = built
        self._sets: dict[str, frozenset[str]] = {}

    def roots(self) -> Iterator[Root]:
        """All of them."""
        yield from self._heads()
        yield from self._staging()
        yield from self._runs()
        yield from self._candidates()
        yield from self._approvals()
        yield from self._rollouts()
        yield from self._holds()
        yield from self._answers()
        for one in self._rule.more:
            yield from one(self._tx)

    def _manifest(self, kind: str, text: str, manifest: str) -> Root:
        if manifest not in self._sets:
            body = self._tx.manifests.get(manifest).body
            data: Mapping[str, Any] = body["data"]
            rests = (version for use in data.values() for version in use["versions"])
            self._sets[manifest] = frozenset([*body["picks"].values(), *rests])
        return Root(kind, text, self._sets[manifest], manifest)

    def _heads(self) -> Iterator[Root]:
        for head in self._tx.heads.all():
            yield self._manifest("head", f"'{head.environment}' answers with {head.manifest}", head.manifest)
            history = self._tx.heads.history(head.environment)
            span = max(self._keep.history, self._keep.grace)
            recent = set() if head.environment == STAGING else live_since(history, self._rule.now - span)
            last = list(dict.fromkeys(one.manifest for one in history))[: self._keep.manifests]
            for manifest in last:
                text = f"{manifest} is among the last {self._keep.manifests} manifests of '{head.environment}'"
                yield self._manifest("history", text, manifest)
            for manifest in sorted(recent.difference(last)):
                text = f"{manifest} was live in '{head.environment}' within the last {_days(span.total_seconds())}"
                yield self._manifest("history", text, manifest)

    def _staging(self) -> Iterator[Root]:
        state = self._tx.staging.get()
        if state.manifest is not None:
            yield self._manifest("staging", f"staging is sealed as {state.manifest}", state.manifest)
        for pick in state.picks.values():
            yield Root("staging", f"it was staged by {pick.by}", frozenset([pick.version]), pick.node)

    def _runs(self) -> Iterator[Root]:
        of_node: dict[str, list[str]] = defaultdict(list)
        for version, node in self._nodes.items():
            of_node[node].append(version)
        for run in self._tx.runs.open():
            if run.started_at < self._rule.now - self._keep.runs:
                continue
            own = [one.version for one in self._tx.runs.nodes(run.id) if one.version is not None]
            visited = [one for node in run.request.get("scope", ()) for one in of_node[node]]
            code = run.request.get("code")
            yield Root(
                "run",
                f"{run.id} of {run.by} is open since {run.started_at:%Y-%m-%d %H:%M} UTC and may use it",
                frozenset([*own, *visited, *_taken(run)]),
                run.id,
                frozenset([code] if code else []),
            )

    def _candidates(self) -> Iterator[Root]:
        span = max(self._keep.candidates, self._keep.grace)
        since, lately = self._rule.now - span, f"within the last {_days(span.total_seconds())}"
        for version, at in self._built.items():
            if at >= since:
                yield Root("candidate", f"it was built {lately}", frozenset([version]))
        for run, versions in self._tx.runs.versions_since(since).items():
            yield Root("candidate", f"{run} built or reused it {lately}", versions, run)

    def _approvals(self) -> Iterator[Root]:
        for one in self._tx.approvals.all():
            ends = one.expires_at or one.at + self._keep.history
            if ends > self._rule.now:
                text = f"{one.by} approved {one.manifest} for '{one.environment}'"
                yield self._manifest("approval", text, one.manifest)

    def _rollouts(self) -> Iterator[Root]:
        for one in self._tx.rollouts.all(is_open=True):
            for manifest in (one.base, one.challenger):
                yield self._manifest("rollout", f"{one.id} of '{one.environment}' is open", manifest)

    def _holds(self) -> Iterator[Root]:
        for one in self._tx.holds.all(open_only=True):
            text = f"{one.by} holds {one.subject}: {one.reason}"
            yield Root("hold", text, self._held(one.subject), one.id, held=one.subject)

    def _held(self, subject: str) -> frozenset[str]:
        if subject in self._nodes:
            return frozenset([subject])
        of_node = frozenset(version for version, node in self._nodes.items() if node == subject)
        if of_node:
            return of_node
        if subject.startswith("run_"):
            return frozenset(one.version for one in self._tx.runs.nodes(subject) if one.version is not None)
        return self._manifest("hold", "", subject).versions

    def _answers(self) -> Iterator[Root]:
        answered = self._rule.answered
        if answered is None:
            for manifest in sorted(_may_have_answered(self._tx, self._rule.now - self._keep.answers)):
                text = f"{manifest} was live within the retention of answers, and may have given some"
                yield self._manifest("answer", text, manifest)
            return
        for manifest, last in answered.items():
            text = f"{manifest} gave answers that are kept, the last at {last:%Y-%m-%d %H:%M} UTC"
            yield self._manifest("answer", text, manifest)


def live_since(history: Sequence[HeadRecord], since: datetime) -> set[str]:
    """Manifests that a head pointed at, at any time from a moment on.

    Args:
        history: The moves of the head, newest first.
        since: The moment.
    """
    found: set[str] = set()
    for one in history:
        found.add(one.manifest)
        if one.moved_at <= since:
            break
    return found


def _may_have_answered(tx: Transaction, since: datetime) -> set[str]:
    heads = [one.environment for one in tx.heads.all() if one.environment != STAGING]
    found = {one for name in heads for one in live_since(tx.heads.history(name), since)}
    rollouts = [one for one in tx.rollouts.all() if one.ended_at is None or one.ended_at >= since]
    return found | {one.challenger for one in rollouts}


def _taken(run: RunRecord) -> Collection[str]:
    """Versions that a run was begun with."""
    return {*run.request.get("takes", ()), *run.request.get("inputs", {}).values()}


def _days(seconds: float) -> str:
    return f"{seconds / 86400:g} days"
