"""Looking at a project: status, versions, answers, history."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from soroi.base.errors import ConfigError, RefusedError
from soroi.base.memory import collecting_later
from soroi.build.reference import PRODUCTION
from soroi.build.status import NodeStatus, statuses
from soroi.project.moments import moment, some_moment
from soroi.project.opened import Opened
from soroi.project.render import StatusTable, VersionTable
from soroi.release.manifest import Manifest, read_manifest
from soroi.release.what_if import WhatIf, what_if
from soroi.store import VersionRecord

if TYPE_CHECKING:
    import polars as pl

    from soroi.drawing import Drawing
    from soroi.govern import Between, LiveAt, Log
    from soroi.project.trace import TraceTree


class Looking(Opened):
    """The part of a project that looks, and changes nothing."""

    def statuses(self) -> dict[str, NodeStatus]:
        """The status of every node, producers before consumers."""
        self.look_again()
        self.graph  # noqa: B018 (may read the store: not within another reading)
        with self.store.catalogue.read() as tx, collecting_later():
            return statuses(self._status_inputs(tx))

    def status(self) -> StatusTable:
        """The status of every node, as a table for people."""
        return StatusTable(list(self.statuses().values()))

    def draw(self, node: str | None = None, *, impact: bool = False, status: bool = True) -> Drawing:
        """The graph as a picture that shows itself in notebooks, and can be saved as SVG, Mermaid, DOT or text.

        Args:
            node: Highlight what this node reaches.
            impact: Leave out what the node neither rests on nor reaches.
            status: Show the status of each node.

        Raises:
            UnknownNameError: No node has that id.
            ConfigError: The impact is asked for, and no node is named.
        """
        if impact and node is None:
            raise ConfigError("impact=True needs a node", hint="p.draw('careful', impact=True)")
        states = {name: one.state.value for name, one in self.statuses().items()} if status else None
        from soroi.drawing import Drawing, make_scene

        return Drawing(make_scene(self.graph, states, node, impact))

    def versions(self, node: str) -> VersionTable:
        """All versions of a node, newest first.

        Raises:
            UnknownNameError: No node has that id.
        """
        self.graph[node]
        with self.store.catalogue.read() as tx:
            return VersionTable(tx.versions.of_node(node))

    def version(self, text: str) -> VersionRecord:
        """A version by its id or the beginning of it.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        with self.store.catalogue.glance() as tx:
            return tx.versions.get(text)

    def what_if(self, node: str) -> WhatIf:
        """What a change of a node would reach, before anything is changed: nodes, decisions, owners, time.

        Raises:
            UnknownNameError: No node has that id.
        """
        return what_if(self.graph, self.statuses(), node)

    def answers(
        self,
        decision: str,
        *,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        shadow: bool = False,
    ) -> pl.DataFrame:
        """The recorded answers of a decision, oldest first; inputs, features, scores and path as JSON text.

        Args:
            decision: Id of the decision.
            since: Only those given at or after this moment (aware, or ISO text; a date means midnight UTC).
            until: Only those given before this moment.
            shadow: Also those of shadows, which were never returned.

        Raises:
            UnknownNameError: No node has that id.
        """
        self.graph[decision]
        from soroi.project.answers import answers_table

        return answers_table(self.config.store, decision, moment(since), moment(until), shadow=shadow)

    def trace(self, text: str) -> TraceTree:
        """What stands behind an answer, a version or a manifest, as a tree.

        Raises:
            UnknownNameError: Nothing has that id.
        """
        from soroi.project.trace import trace

        return trace(self, text)

    def manifest(self, text: str | None = None, environment: str = PRODUCTION) -> Manifest:
        """A manifest by the beginning of its id; by default the one that is live.

        Raises:
            UnknownNameError: There is none, or there are several.
            RefusedError: Nothing is live.
        """
        with self.store.catalogue.glance() as tx:
            if text is None:
                text = tx.heads.manifest(environment)
                if text is None:
                    raise RefusedError(f"nothing was ever released to '{environment}'", hint="soroi release")
            return read_manifest(tx, text)

    def log(
        self,
        *,
        at: datetime | str | None = None,
        between: tuple[datetime | str, datetime | str] | None = None,
        environment: str | None = None,
        node: str | None = None,
        limit: int | None = None,
    ) -> Log | LiveAt | Between:
        """Who moved what when; what was live at a moment; or what changed between two.

        Args:
            at: Tell what was live at this moment (aware, or ISO text; a date means midnight UTC).
            between: Tell what changed between these two moments.
            environment: Only this environment; default: all but staging.
            node: Only what concerns this node.
            limit: At most so many moves, the last ones.

        Raises:
            UnknownNameError: No head has that name.
            ConfigError: A moment is none, or both kinds are asked for.
        """
        if at is not None and between is not None:
            raise ConfigError("either at one moment, or between two", hint="leave one of them out")
        from soroi import govern

        with self.store.catalogue.read() as tx:
            if at is not None:
                return govern.live_at(tx, some_moment(at), environment, node)
            if between is not None:
                since, until = (some_moment(one) for one in between)
                return govern.between(tx, since, until, govern.Asked(environment, node))
            return govern.read_log(tx, govern.Asked(environment, node, limit=limit))
