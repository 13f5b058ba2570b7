"""Fingerprints: what a node would be built from, own and upstream, behaviour and description kept apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

from soroi.base.digest import digest
from soroi.base.reason import Reason
from soroi.declare.behaviour_component import FORMAT, Behaviour, Component
from soroi.declare.behaviour_difference import difference
from soroi.declare.graph import Graph
from soroi.declare.node import Node, NodeKind

PARAMETER = "parameter:"
OPTION = "option:"

FIRST_FORMAT = "behaviour/1"
"""Format of the fingerprints that were stored without naming their format."""


@dataclass(frozen=True)
class Fingerprint:
    """Digest of what a node would be built from, with the components it is made of."""

    components: Mapping[str, Component]
    """Own behaviour, part by part: code, helpers, constants, options, parameters, libraries."""

    description: Mapping[str, Any]
    """Own description: owner, docstring, access… It is recorded and never makes a node stale."""

    unknown: tuple[Reason, ...]
    """What could not be resolved. With any of these a status is unknown, never fresh."""

    upstream_behaviour: str
    """Digest over the behaviour of everything upstream."""

    upstream_description: str
    """Digest over the description of everything upstream."""

    gates: Mapping[str, str] = field(default_factory=dict)
    """Of a decision: the digest of the code behind each gate that has some, by name. It builds nothing."""

    @cached_property
    def behaviour(self) -> str:
        """Digest of the own behaviour."""
        kind = "behaviour" if FORMAT == FIRST_FORMAT else FORMAT  # equal digests of two formats would mean nothing
        return digest(kind, {key: part.digest for key, part in self.components.items()})

    @cached_property
    def description_digest(self) -> str:
        """Digest of the own description."""
        return digest("description", self.description)

    @property
    def definition(self) -> str:
        """Digest of the own behaviour as it works in serving: two versions that share it compute alike."""
        return self.behaviour

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as stored with a version."""
        return {
            "format": FORMAT,
            "components": {key: part.to_dict() for key, part in self.components.items()},
            "behaviour": self.behaviour,
            "description": dict(self.description),
            "unknown": [reason.to_dict() for reason in self.unknown],
            "upstream_behaviour": self.upstream_behaviour,
            "upstream_description": self.upstream_description,
        }

    def with_parameters(self, overrides: Mapping[str, Any]) -> Fingerprint:
        """The same, with hyper-parameters replaced by those a caller named."""
        if not overrides:
            return self
        changed = {PARAMETER + name: _parameter(name, value) for name, value in overrides.items()}
        return Fingerprint(
            {**self.components, **changed},
            self.description,
            self.unknown,
            self.upstream_behaviour,
            self.upstream_description,
            self.gates,
        )


def fingerprints(
    graph: Graph,
    *,
    in_project: Callable[[str], bool],
    libraries: Callable[[str], str | None],
    load: Callable[[str], ModuleType] = import_module,
) -> dict[str, Fingerprint]:
    """The fingerprint of every node of a graph.

    Args:
        graph: The graph.
        in_project: Whether a module of that name belongs to the project.
        libraries: Version of the distribution that brings a top-level module; ``None`` when it has none.
        load: Gives a module of the project that is imported only inside functions.
    """
    from soroi.declare.behaviour import function_behaviour  # what is kept between processes needs none of it

    made: dict[str, Fingerprint] = {}
    known: dict[int, Behaviour] = {}

    def behaviour(function: Callable[..., Any]) -> Behaviour:
        if id(function) not in known:
            known[id(function)] = function_behaviour(function, in_project=in_project, libraries=libraries, load=load)
        return known[id(function)]

    for node in graph:
        made[node.name] = _fingerprint(node, made, behaviour)
    return made


def format_of(stored: Mapping[str, Any]) -> str:
    """The format of a stored fingerprint. Digests of two formats cannot be compared."""
    return str(stored.get("format", FIRST_FORMAT))


def changes_between_formats(
    old: Mapping[str, Any], again: Fingerprint, new: Fingerprint, overrides: Mapping[str, Any]
) -> tuple[list[Reason], list[Reason]]:
    """What moved since a fingerprint was stored in another format: no digest of it is looked at.

    Args:
        old: The fingerprint as stored.
        again: What the code that was fingerprinted then gives in the present format.
        new: The present one.
        overrides: The hyper-parameters that the build was told.

    Returns:
        What changed; and what cannot be told. Libraries are compared by the versions that were stored.
    """
    then = {part["label"]: part["source"] for part in old["components"].values() if part["kind"] == "library"}
    now = {part.label: part.source for part in new.components.values() if part.kind == "library"}
    code = {key: part for key, part in again.components.items() if part.kind != "library"}
    present = {key: part for key, part in new.components.items() if part.kind != "library"}
    causes = changes(
        {"components": {key: part.to_dict() for key, part in code.items()}}, replace(new, components=present), overrides
    )
    causes += [
        Reason("environment", f"the library {name} changed: {then[name]} → {now[name]}", f"library {name}")
        for name in sorted(then.keys() & now.keys())
        if then[name] != now[name]
    ]
    unknown = [
        Reason("unknown", f"the version of {name} then is not on record", f"library {name}")
        for name in sorted(now.keys() - then.keys())
    ]
    return causes, [*again.unknown, *unknown]


def changes(old: Mapping[str, Any], new: Fingerprint, overrides: Mapping[str, Any]) -> list[Reason]:
    """What moved between a stored fingerprint and the present one, as reasons.

    Hyper-parameters that the caller of that build named are a choice, not a change: they are left out.

    Args:
        old: A fingerprint as stored by :meth:`Fingerprint.to_dict`.
        new: The present one.
        overrides: The hyper-parameters that the build was told.
    """
    chosen = {PARAMETER + name for name in overrides}
    before = {key: part for key, part in old["components"].items() if key not in chosen}
    after = {key: part.to_dict() for key, part in new.components.items() if key not in chosen}
    declared = sorted(key for key in {*before, *after} if key.startswith((PARAMETER, OPTION)))
    reasons = [_declared_change(key, before.get(key), after.get(key)) for key in declared]
    code = difference(
        {key: part for key, part in before.items() if key not in declared},
        {key: part for key, part in after.items() if key not in declared},
    )
    return [*code, *(one for one in reasons if one is not None)]


def _declared_change(key: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Reason | None:
    """What moved in one option or parameter, or ``None``."""
    if before is not None and after is not None and before["digest"] == after["digest"]:
        return None
    what = "parameter" if key.startswith(PARAMETER) else "option"
    facts = {"key": key, "change": "changed" if before and after else "added" if after else "removed"}
    if before is None:
        text = f"the {what} {(after or {})['label']} is new"
    elif after is None:
        text = f"the {what} {before['label']} is gone"
    else:
        text = f"the {what} {before['label']} is now {after['label']}"
    return Reason("parameter" if what == "parameter" else "policy", text, key, facts=facts)


def _fingerprint(
    node: Node,
    made: Mapping[str, Fingerprint],
    behaviour: Callable[[Callable[..., Any]], Behaviour],
) -> Fingerprint:
    components: dict[str, Component] = {}
    unknown: list[Reason] = []
    functions = [node.function] if node.function else []
    if node.kind is NodeKind.DECISION:
        functions += list(node.spec.fallbacks)
    for function in functions:
        found = behaviour(function)
        components.update(_without_defaults(found.components, node))
        unknown.extend(found.unknown)
    for name, value in node.spec.behaviour().items():
        components[OPTION + name] = _component("option", f"{name}=", value)
    for index, (role, producer, options) in enumerate(_inputs(node)):
        shape = {"role": role, "producer": producer, "options": options, "at": index}
        components[f"{OPTION}input:{role}:{producer}"] = _component("option", f"input '{producer}'", shape)
    for name, value in node.parameters.items():
        try:
            components[PARAMETER + name] = _parameter(name, value)
        except TypeError as error:
            unknown.append(Reason("unknown", f"parameter '{name}' of {node.label}: {error}", node.name))
    producers = sorted({edge.producer for edge in node.edges})
    return Fingerprint(
        components,
        _description(node),
        tuple(unknown),
        digest("upstream", {p: [made[p].behaviour, made[p].upstream_behaviour] for p in producers}),
        digest(
            "upstream-description",
            {p: [digest("description", made[p].description), made[p].upstream_description] for p in producers},
        ),
        _gates(node, behaviour) if node.kind is NodeKind.DECISION else _NO_GATES,
    )


_NO_GATES: Mapping[str, str] = {}


def _gates(node: Node, behaviour: Callable[[Callable[..., Any]], Behaviour]) -> dict[str, str]:
    """Digests of the code behind a decision's gates. What could not be resolved counts by its words."""
    found: dict[str, str] = {}
    for gate in node.spec.judged_by:
        if gate.function is not None:
            seen = behaviour(gate.function)
            parts = {key: part.digest for key, part in seen.components.items()}
            found[gate.name] = digest("gate-code", [parts, [one.text for one in seen.unknown]])
    return found


def _without_defaults(components: Mapping[str, Component], node: Node) -> dict[str, Component]:
    """The components without the defaults of hyper-parameters, which are parameters of their own."""
    roots = [key for key, part in components.items() if part.kind == "code"]
    told = {f"default {root}({name})" for root in roots for name in node.parameters}
    return {key: part for key, part in components.items() if key not in told}


def _inputs(node: Node) -> list[tuple[str, str, dict[str, Any]]]:
    """Role, producer and options of each input; a family counts once, whatever its parts."""
    found: dict[tuple[str, str], tuple[str, str, dict[str, Any]]] = {}
    for edge in node.edges:
        producer = edge.options.get("family", edge.producer)
        found.setdefault((edge.role.value, producer), (edge.role.value, producer, dict(edge.options)))
    return list(found.values())


def _description(node: Node) -> dict[str, Any]:
    team = {"name": node.group.name, "owner": node.group.owner} if node.group else None
    described = {"doc": node.doc, "group": team, "access": node.access.value, **node.spec.description()}
    if node.deprecation is not None:
        described["deprecated"] = node.deprecation.to_dict()
    return described


def _parameter(name: str, value: Any) -> Component:
    return _component("parameter", f"{name}=", value)


def _component(kind: str, label: str, value: Any) -> Component:
    shown = repr(value)
    text = f"{label}{shown}" if label.endswith("=") else label
    return Component(digest=_digest(kind, shown, value), kind=kind, label=text, source=None, via=None)


_DIGESTS: dict[tuple[str, str], str] = {}
_KEPT = 100_000


def _digest(kind: str, shown: str, value: Any) -> str:
    """Digest of plain data. The same values come back in node after node; plain data of one ``repr`` are equal."""
    if not _is_plain(value):
        return digest(kind, value)
    found = _DIGESTS.get((kind, shown))
    if found is None:
        if len(_DIGESTS) >= _KEPT:
            _DIGESTS.clear()
        found = _DIGESTS[kind, shown] = digest(kind, value)
    return found


def _is_plain(value: Any) -> bool:
    if type(value) in (type(None), bool, int, float, str):
        return True
    if type(value) in (list, tuple):
        return all(_is_plain(one) for one in value)
    return type(value) is dict and all(type(key) is str and _is_plain(one) for key, one in value.items())
