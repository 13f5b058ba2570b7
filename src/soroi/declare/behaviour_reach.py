"""What a function reaches: a walk from the function over everything of the project that it can run or read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from soroi.base.digest import digest
from soroi.base.reason import Reason
from soroi.declare.behaviour_component import Behaviour, Component, ComponentKind
from soroi.declare.behaviour_source import Found
from soroi.declare.behaviour_value import standard_roots

MISSING = object()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the names of a unit are looked up."""

    globals: dict[str, Any]
    """The module's names."""

    cells: dict[str, Any]
    """What its closure holds."""

    decorator: bool = False
    """Whether the names stand in a decorator, where declared functions are dependencies and not helpers."""

    soft: bool = False
    """Whether missing names are harmless."""


@dataclass(eq=False)
class Unit:
    """Something reached: what will become one component."""

    key: str
    """Key of the component."""

    kind: ComponentKind
    """Kind of the component."""

    label: str
    """Label of the component."""

    via: str | None
    """How it is reached."""

    name: str
    """Its short name, for what it reaches in turn."""

    module: str = ""
    """Module that it belongs to."""

    found: Found | None = None
    """Its source code, when it has any."""

    annotated: bool = False
    """Whether its annotations are behaviour."""

    extra: list[bytes] = field(default_factory=list)
    """Further bytes that it is made of."""

    links: dict[str, str] = field(default_factory=dict)
    """What each name in it stands for."""

    source: str | None = None
    """Its text, when that is not its source code."""

    decorators: tuple[Found, ...] = ()
    """Decorators that count."""


class Walk:
    """The state of one walk: what was reached, what waits, what is unknown."""

    def __init__(
        self,
        in_project: Callable[[str], bool],
        libraries: Callable[[str], str | None],
        load: Callable[[str], ModuleType],
    ) -> None:
        self._in_project = in_project
        self.load = load
        self._projects: dict[str, bool] = {}
        self.libraries = libraries
        self.units: dict[str, Unit] = {}
        self.unknown: dict[tuple[str, str], Reason] = {}
        self.waiting: deque[Callable[[], None]] = deque()
        self.keep: list[Any] = []
        self.numbers: dict[str, int] = {}
        self.known: dict[int, str] = {}
        self.roots = dict(standard_roots())
        self.docs = False
        self.annotations = False

    def in_project(self, module: str) -> bool:
        """Whether a module belongs to the project."""
        found = self._projects.get(module)
        if found is None:
            found = self._projects[module] = bool(module) and self._in_project(module)
        return found

    def key(self, kind: str, name: str, thing: Any) -> tuple[str, bool]:
        """The key of an object, and whether it is new. A second object of one name gets a number."""
        known = self.known.get(id(thing))
        if known is not None:
            return known, False
        self.keep.append(thing)
        base = f"{kind} {name}"
        number = self.numbers[base] = self.numbers.get(base, 0) + 1
        key = base if number == 1 else f"{base}#{number}"
        self.known[id(thing)] = key
        return key, True

    def doubt(self, unit: Unit, what: str, hint: str, line: int | None = None) -> None:
        """Note that something cannot be found out."""
        place = unit.found.file.label if unit.found else unit.module
        where = f"{place}:{line}" if line else place
        text = f"{where}: {what} ({unit.name})" if unit.name not in what else f"{where}: {what}"
        reason = Reason("unknown", text, unit.key, facts={"place": where, "hint": hint})
        self.unknown.setdefault((unit.key, what), reason)

    def run(self) -> None:
        """Walk until nothing waits."""
        while self.waiting:
            self.waiting.popleft()()

    def behaviour(self) -> Behaviour:
        """What was reached, as components."""
        components = {key: self._component(unit) for key, unit in sorted(self.units.items())}
        reasons = tuple(reason for _, reason in sorted(self.unknown.items(), key=lambda one: one[0]))
        return Behaviour(components, reasons)

    def _component(self, unit: Unit) -> Component:
        parts: list[bytes] = list(unit.extra)
        if unit.found is not None:
            annotated = self.annotations or unit.annotated
            parts.append(unit.found.form(annotations=annotated, docs=self.docs))
            parts += [one.form(annotations=annotated, docs=self.docs) for one in unit.decorators]
            if annotated or unit.kind == "class":
                parts += [name.encode() for name in unit.found.file.futures]
        source = unit.source if unit.found is None else unit.found.source
        if not parts and not unit.links and source is not None:
            parts = [source.encode()]
        body = digest(unit.kind, {"parts": parts, "links": unit.links})
        return Component(body, unit.kind, unit.label, source, unit.via)
