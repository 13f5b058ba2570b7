"""Nodes of other projects: the version each stands for now, or what keeps it from being used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from soroi.base.errors import DeclarationError, UnknownNameError, did_you_mean
from soroi.base.reason import Reason
from soroi.build.reference import PRODUCTION, VersionIndex
from soroi.declare.behaviour_difference import difference
from soroi.declare.edge import Role
from soroi.declare.graph import Graph
from soroi.declare.lifecycle import Deprecation
from soroi.declare.node import BETWEEN, Access, Group, Node, name_there, project_of
from soroi.declare.shared import SharedSpec
from soroi.store import Transaction, VersionHead, VersionRecord

DESCRIBED = "node.described"
"""Kind of the event that a node has another description: its owner, its access, its text."""


def name_here(name: str, project: str, here: str) -> str:
    """What a project calls a node, or a version, of another one.

    What that other project has from a third keeps its name; what it has from us comes home under its own.

    Args:
        name: Id of the node, or of the version, there.
        project: Name of that project.
        here: Name of this project.
    """
    owner = project_of(name)
    if owner is None:
        return f"{project}{BETWEEN}{name}"
    return name_there(name) if owner == here else name


@dataclass(frozen=True)
class Share:
    """What a node of another project stands for."""

    spec: SharedSpec
    """Which node it is."""

    version: VersionRecord | None = None
    """The version that it stands for, as that project has it; ``None`` when it cannot be used."""

    now: str | None = None
    """Id, there, of the version that the production of that project has now."""

    description: Mapping[str, Any] = field(default_factory=dict)
    """Its description there, as it was recorded last."""

    problem: Reason | None = None
    """What keeps it from being used; ``None`` when nothing does."""

    hint: str | None = None
    """What to do about the problem."""

    @property
    def id(self) -> str | None:
        """Id that the version it stands for has here."""
        return None if self.version is None else f"{self.spec.project}{BETWEEN}{self.version.id}"

    @property
    def group(self) -> Group | None:
        """The team there that it belongs to."""
        team = self.description.get("group")
        return Group(team["name"], team["owner"]) if team else None

    @property
    def deprecation(self) -> Deprecation | None:
        """That it should no longer be used, if that project says so."""
        said = self.description.get("deprecated")
        if not said:
            return None
        end = Deprecation.from_dict(said)
        instead = None if end.use_instead is None else f"{self.spec.project}{BETWEEN}{end.use_instead}"
        return replace(end, use_instead=instead)


class Shares:
    """The nodes of other projects that a graph names, looked up at one moment.

    Args:
        tx: A transaction of the project that uses them.
        graph: Its declarations.
    """

    def __init__(self, tx: Transaction, graph: Graph) -> None:
        self._tx = tx
        self._live: dict[str, _Production] = {}
        self._found = {node.name: self._look(node) for node in graph.shared}

    @classmethod
    def none(cls) -> Shares:
        """Those of a project that names no others."""
        made = cls.__new__(cls)
        made._found = {}
        return made

    def __iter__(self) -> Iterator[Share]:
        return iter(self._found.values())

    @property
    def ids(self) -> list[str]:
        """Ids, here, of the versions that they stand for."""
        return [share.id for share in self._found.values() if share.id is not None]

    def get(self, name: str) -> Share | None:
        """What a node stands for; ``None``: it is one of this project's own."""
        return self._found.get(name)

    def described(self, graph: Graph) -> Graph:
        """The graph with what those projects say of their nodes: whom to ask, and that a node will go."""
        if not self._found:
            return graph
        return graph.with_nodes(
            {
                name: replace(
                    graph[name],
                    group=share.group,
                    deprecation=share.deprecation,
                    doc=str(share.description.get("doc", "")),
                )
                for name, share in self._found.items()
            }
        )

    def check(self, graph: Graph, visited: Iterable[str]) -> None:
        """Refuse to build on what may not be used, also where a version was taken over when it still might.

        Args:
            graph: The declarations.
            visited: Ids of the nodes that a run visits.

        Raises:
            DeclarationError: A node is not there, not public, of another kind, or has no version to use; names the
                consumer and whom to ask.
        """
        if not self._found:
            return
        visited = set(visited)
        upstream = graph.upstream(visited)
        for name, share in self._found.items():
            if share.problem is not None and (name in visited or (share.problem.kind == "access" and name in upstream)):
                raise self._refusal(graph, name, share)
        for name in visited:
            for edge in graph[name].edges:
                above = self._found.get(edge.producer)
                if edge.role is Role.SCORES_WITH and above is not None and above.version is not None:
                    _check_scores(graph[name], above, above.version)

    def moved(self, name: str, held: str) -> tuple[Reason, ...]:
        """What moved, in the other project, between a version that is held here and the one it stands for now.

        Args:
            name: Id of the node.
            held: Id of the version here.
        """
        share = self._found[name]
        if share.version is None or project_of(held) != share.spec.project:
            return ()
        there = self._tx.of(share.spec.project)
        known = VersionIndex(there)
        old = name_there(held)
        known.load([old, share.version.id])
        known.get_many(known.ids)
        return tuple(_moved(known, old, share.version.id, set()))

    def _refusal(self, graph: Graph, name: str, share: Share) -> DeclarationError:
        assert share.problem is not None
        consumer = next((graph[one] for one in graph.consumers(name)), None)
        team = consumer.group.name if consumer is not None and consumer.group else "no group"
        who = "" if consumer is None else f", which {consumer.label} ({team}) uses"
        return DeclarationError(
            f"'{name}'{who}: {share.problem.text}",
            hint=share.hint,
            where=graph[name].where,
            reason=share.problem.to_dict(),
        )

    def _look(self, node: Node) -> Share:
        spec = node.shared
        assert spec is not None
        if spec.project == self._tx.project:
            text = f"'{spec.project}' is this project itself"
            return _unusable(spec, "unknown", text, f"use '{spec.node}' as it is, without so.shared")
        there = self._tx.of(spec.project)
        built = there.versions.newest([spec.node]).get(spec.node)
        if built is None:
            return self._absent(spec, there)
        production = self._production(spec.project)
        now = production.find(spec.node)
        share = Share(spec, None, now, _description(there, spec.node, built.id))
        if built.kind != node.kind.value:
            text = f"project '{spec.project}' has '{spec.node}' as {built.kind}, not as {node.kind}"
            return _unusable(spec, "unknown", text, f"so.shared('{spec.project}', {built.kind}='{spec.node}')", share)
        access = share.description.get("access")
        if access != Access.PUBLIC.value:
            team = f"{share.group.name} of project" if share.group else "project"
            text = f"{team} '{spec.project}' has '{spec.node}' as {access}, and only public nodes are shared"
            whom = f"ask {share.group.owner} to declare" if share.group else "declare"
            return _unusable(spec, "access", text, f"{whom} it access='public' there, and to build it", share)
        return self._chosen(share, there)

    def _chosen(self, share: Share, there: Transaction) -> Share:
        spec, wanted = share.spec, share.spec.version or share.now
        if wanted is None:
            whom = f"ask {share.group.owner} to release it there, or " if share.group else ""
            text = f"project '{spec.project}' has no '{spec.node}' in production, and it follows that"
            pin = f"pin a version: '{spec.node}@…'"
            return _unusable(spec, "missing", text, whom + pin, share)
        record = there.versions.get_many([wanted]).get(wanted)
        if record is None:
            known = [one.id for one in there.versions.of_node(spec.node)]
            text = f"project '{spec.project}' has no version {wanted}"
            return _unusable(spec, "unknown", text, did_you_mean(wanted, known), share)
        return replace(share, version=record)

    def _absent(self, spec: SharedSpec, there: Transaction) -> Share:
        known = sorted(there.versions.counts())
        if not known:
            near = did_you_mean(spec.project, [one for one in self._tx.projects() if one != self._tx.project])
            text = f"nothing of a project '{spec.project}' is in this store"
            return _unusable(spec, "missing", text, near or "build it in the same catalogue and objects as this one")
        members = [one for one in known if one.startswith(f"{spec.node}[")]
        if members:
            text = f"'{spec.node}' of project '{spec.project}' is a family, and is not shared as a whole"
            return _unusable(spec, "unknown", text, f"share one of them: {', '.join(members[:5])}")
        own = [one for one in known if project_of(one) is None]
        text = f"project '{spec.project}' never built a node '{spec.node}'"
        return _unusable(spec, "missing", text, did_you_mean(spec.node, own))

    def _production(self, project: str) -> _Production:
        if project not in self._live:
            self._live[project] = _Production(self._tx.of(project))
        return self._live[project]


class _Production:
    """What the production of a project answers with, and what that rests on."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        head = tx.heads.get(PRODUCTION)
        self._picks: dict[str, str] = tx.manifests.get(head.manifest).body["picks"] if head else {}
        self._resting: dict[str, VersionHead] | None = None

    def find(self, node: str) -> str | None:
        """Id of the version picked for a node; else of the newest one that the picked ones rest on."""
        if node in self._picks:
            return self._picks[node]
        if self._resting is None:
            self._resting = VersionIndex(self._tx).resting(self._picks.values())
        found = self._resting.get(node)
        return found.id if found is not None else None


def _unusable(spec: SharedSpec, kind: str, text: str, hint: str | None, share: Share | None = None) -> Share:
    facts = {"project": spec.project, "node": spec.node}
    made = share or Share(spec)
    if made.group is not None:
        facts["owner"] = made.group.owner
    return replace(made, version=None, problem=Reason(kind, text, spec.name, facts=facts), hint=hint)


def _description(there: Transaction, node: str, version: str) -> Mapping[str, Any]:
    """The description of a node as it was recorded last: a build records it even when it builds nothing."""
    events = there.events.list(kind=DESCRIBED, subject=node)
    if events:
        found: Mapping[str, Any] = events[-1].body["description"]
        return found
    recorded: Mapping[str, Any] = there.versions.get(version).fingerprint.get("description", {})
    return recorded


def _check_scores(consumer: Node, share: Share, version: VersionRecord) -> None:
    if "out_of_fold" in version.facts.get("scores", {}):
        return
    whom = f"ask {share.group.owner} to " if share.group else ""
    raise DeclarationError(
        f"{consumer.label} learns from the score of '{share.spec.name}', which is too good on the rows that it "
        "learned from itself",
        hint=f"{whom}declare out_of_fold=3 on '{share.spec.node}' in project '{share.spec.project}'",
        where=consumer.where,
    )


def _moved(known: VersionIndex, old: str, new: str, seen: set[tuple[str, str]]) -> Iterator[Reason]:
    """What is different between two versions of a node: its own components, then what it rests on."""
    if old == new or (old, new) in seen or not {old, new} <= set(known.ids):
        return
    seen.add((old, new))
    before, after = known.get(old), known.get(new)
    yield from difference(before.fingerprint.get("components", {}), after.fingerprint.get("components", {}))
    used = {edge.name: edge.producer for edge in before.edges}
    for edge in after.edges:
        producer = used.get(edge.name, edge.producer)
        if producer != edge.producer:
            because = tuple(_moved(known, producer, edge.producer, seen))
            yield Reason("upstream", f"it rests on {edge.producer} now, not on {producer}", after.node, because=because)
    if before.kind == "source" and before.output != after.output and before.definition == after.definition:
        yield Reason("data", f"{new} has other rows than {old}", after.node)


def refuse_unusable(share: Share) -> UnknownNameError:
    """The error that says why a node of another project cannot be used.

    Args:
        share: What it stands for; it has a problem.
    """
    text = share.problem.text if share.problem else f"'{share.spec.name}' was never taken over"
    return UnknownNameError(f"'{share.spec.name}': {text}", hint=share.hint)
