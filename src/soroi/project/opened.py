"""A project opened: its configuration, store and declarations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Self

from soroi.base.errors import OutOfStepError
from soroi.base.runtime import Runtime
from soroi.build.claims import Claims
from soroi.build.probe import Looks
from soroi.build.reference import Remembered, VersionIndex, read_references
from soroi.build.shares import Shares
from soroi.build.status import StatusInputs
from soroi.codebase import Codebase, ProjectConfig
from soroi.declare.fingerprint import Fingerprint
from soroi.declare.graph import Graph
from soroi.project.declarations import Declarations
from soroi.project.parts import part_values
from soroi.project.recorded import RecordedCode
from soroi.release import StepReport, check_step
from soroi.release.identity import TOKEN, acting_by
from soroi.release.manifest import out_of_step
from soroi.release.roles import groups_of, require
from soroi.store import Store, StoreConfig, Transaction, open_store

if TYPE_CHECKING:
    from soroi.drawing import Drawing


class Opened:
    """An open project: its declarations as they are on disk now, and its store.

    Args:
        config: What ``soroi.toml`` says.
        runtime: Clock, ids and actor.
    """

    def __init__(self, config: ProjectConfig, runtime: Runtime | None = None) -> None:
        self.config = config
        self._given = runtime
        self._remembered = Remembered()

    @cached_property
    def runtime(self) -> Runtime:
        """Clock, ids and actor. When none were given, whoever the token in ``SOROI_TOKEN`` belongs to acts.

        Raises:
            ForbiddenError: The token is not known, was revoked, or is over.
        """
        token = os.environ.get(TOKEN, "").strip()
        if self._given is not None or not token:
            return self._given or Runtime()
        with self.store.catalogue.read() as tx:
            return acting_by(tx, Runtime(), token)

    @cached_property
    def store(self) -> Store:
        """The store, opened at the first use."""
        config = self.config
        return open_store(
            StoreConfig(config.store, config.name, config.catalogue, config.objects), runtime=self._given or Runtime()
        )

    @cached_property
    def declarations(self) -> Declarations:
        """What the project declares, as it is on disk at the first use."""
        return Declarations(self.config, lambda: self.store)

    @property
    def code(self) -> Codebase:
        """The code of the project, loaded at the first use.

        Raises:
            DeclarationError: Something is declared wrong; names file and line.
        """
        return self.declarations.code

    @property
    def graph(self) -> Graph:
        """The graph of the declarations, with the parts that families are known to have.

        It may be read as an earlier process kept it, without the functions: those are in ``code.graph``.
        """
        graph = self.declarations.graph
        graph.drawn = _drawn
        return graph

    @property
    def fingerprints(self) -> dict[str, Fingerprint]:
        """What each node would be built from now."""
        return self.declarations.fingerprints

    def reload(self) -> None:
        """Read the declarations again."""
        self.__dict__.pop("declarations", None)

    def look_again(self) -> None:
        """Read the declarations again when they are not on disk as they were read, and look for new parts."""
        if "declarations" in self.__dict__ and not self.declarations.hold():
            self.reload()
        self.declarations.forget_parts()

    def close(self) -> None:
        """Close the store."""
        self._remembered = Remembered()
        if "store" in self.__dict__:
            self.store.close()
            del self.__dict__["store"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def groups(self, nodes: Iterable[str]) -> frozenset[str | None]:
        """Names of the groups of nodes; ``None`` for nodes of no group, and of other projects."""
        return groups_of(self.graph, nodes)

    def _names(self, text: str) -> bool:
        return text in self.graph or text in self.graph.families

    def _status_inputs(self, tx: Transaction) -> StatusInputs:
        shares = Shares(tx, self.graph)
        self._remembered.nodes = len(self.graph)
        return StatusInputs(
            graph=shares.described(self.graph),
            fingerprints=self.fingerprints,
            references=read_references(tx, self.graph, self._remembered),
            counts=tx.versions.counts(),
            seconds=tx.runs.last_seconds(),
            described=tx.descriptions.all(),
            looks=Looks(tx),
            claims=Claims(tx.claims.all()),
            root=self.config.root,
            shares=shares,
            today=self.runtime.clock.now().date(),
            again=RecordedCode(self.config, self.store, lambda: part_values(tx, self.graph)),
        )

    def _report(self, tx: Transaction, graph: Graph | None = None) -> StepReport:
        graph = graph or self.graph
        index = VersionIndex(tx)
        state = tx.staging.get()
        index.load(pick.version for node, pick in state.picks.items() if node in graph)
        picks = {node: index.head(pick.version) for node, pick in state.picks.items() if node in graph}
        return check_step(graph, picks, index, Claims(tx.claims.all()))

    def _why_not_sealed(self, tx: Transaction) -> OutOfStepError | None:
        if not tx.staging.get().picks:
            return None
        report = self._report(tx)
        if report.in_step:
            return OutOfStepError(
                "staging is in step now, but was not sealed: the declarations changed since",
                hint="soroi stage --all",
            )
        return out_of_step(report)

    def _require(self, transition: str, environment: str | None, nodes: Callable[[], Iterable[str]]) -> None:
        """Go on only if the actor may do something to some nodes, or to all when there are none."""
        runtime = self.runtime
        if runtime.scopes is None:
            with self.store.catalogue.glance() as tx:
                if not tx.grants.any():
                    return
        families = self.graph.families
        named = [family for one in nodes() for family in (families[one].members if one in families else (one,))]
        touched = self.groups(named or self.graph.names)
        with self.store.catalogue.read() as tx:
            require(tx, runtime, transition, environment=environment, groups=touched)


def _drawn(graph: Graph) -> Drawing:
    from soroi.drawing import Drawing, make_scene

    return Drawing(make_scene(graph))
