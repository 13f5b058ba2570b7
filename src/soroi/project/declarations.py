"""What a project declares now: its graph and fingerprints, read as they were kept or else loaded from its code."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

from soroi.codebase import Codebase, ProjectConfig, load
from soroi.codebase.kept import Declared, KeptDeclarations, PartValues
from soroi.declare.fingerprint import Fingerprint
from soroi.declare.graph import Graph
from soroi.project.parts import code_fingerprints, part_values
from soroi.store import Store

LONG = 2.0
"""Loading that takes longer than this, in seconds, is worth a word."""


class Declarations:
    """The declarations of a project as they are on disk at the first use.

    Args:
        config: What ``soroi.toml`` says.
        store: Opens the store, which knows the parts of open families.
    """

    def __init__(self, config: ProjectConfig, store: Callable[[], Store]) -> None:
        self._config = config
        self._store = store
        self._keeper = KeptDeclarations(config.root, config.module, config.store)
        self.not_kept: str | None = None
        """Why the declarations cannot be kept between processes; ``None``: they are, or were not loaded here."""
        self.seconds = 0.0
        """How long loading and fingerprinting took here, in seconds; 0: they were read as they were kept."""

    @cached_property
    def code(self) -> Codebase:
        """The code, loaded.

        Raises:
            DeclarationError: Something is declared wrong; names file and line.
        """
        begin = time.perf_counter()
        found = load(self._config.root, self._config.module)
        self.seconds += time.perf_counter() - begin
        return found

    @cached_property
    def graph(self) -> Graph:
        """The graph, with the parts that families are known to have. Its functions may have been left behind."""
        return self._kept.graph if self._kept is not None else self.code.expanded(self._parts)

    @cached_property
    def fingerprints(self) -> dict[str, Fingerprint]:
        """What each node would be built from now."""
        if self._kept is not None:
            return dict(self._kept.fingerprints)
        code, graph = self.code, self.graph
        begin = time.perf_counter()
        found = code_fingerprints(code, graph)
        self.seconds += time.perf_counter() - begin
        self.not_kept = self._keeper.write(self.code, self.graph, found, self._parts)
        return found

    @property
    def note(self) -> str | None:
        """What people should know when loading took long and will take as long the next time; else ``None``."""
        if self.not_kept is None or self.seconds <= LONG:
            return None
        return f"Loading the project took {self.seconds:.0f} s, and will each time, because {self.not_kept}"

    def hold(self) -> bool:
        """Whether what was read still follows from what is on disk: the texts of the modules, and declared files."""
        if "code" not in self.__dict__:
            return self._keeper.holds({})
        return self.code.is_on_disk() and self._keeper.holds(self._files)

    @property
    def _files(self) -> dict[str, str]:
        """Digests of the declared files behind the fingerprints, by pattern, if those were made."""
        known: dict[str, Fingerprint] = self.__dict__.get("fingerprints", {})
        parts = (part for one in known.values() for part in one.components.values())
        return {part.label: part.digest for part in parts if part.kind == "file"}

    def forget_parts(self) -> None:
        """Look at the parts of open families again: a build may have found others."""
        graph = self._kept.graph if self._kept is not None else self.code.graph
        if _is_open(graph):
            for name in ("_kept", "_parts", "graph", "fingerprints"):
                self.__dict__.pop(name, None)

    @cached_property
    def _kept(self) -> Declared | None:
        if "code" in self.__dict__:
            return None
        found = self._keeper.read()
        return found if found is not None and found.parts == self._known_parts(found.graph) else None

    @cached_property
    def _parts(self) -> PartValues:
        return self._known_parts(self.code.graph)

    def _known_parts(self, graph: Graph) -> PartValues:
        if not _is_open(graph):
            return {}
        with self._store().catalogue.read() as tx:
            return part_values(tx, graph)


def _is_open(graph: Graph) -> bool:
    return any(family.is_open for family in graph.families.values())


__all__ = ["Declarations"]
