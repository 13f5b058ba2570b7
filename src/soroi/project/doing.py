"""Building, staging, judging and releasing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from soroi.base.memory import collecting_later
from soroi.build.reference import PRODUCTION
from soroi.build.request import BuildRequest
from soroi.build.status import statuses
from soroi.project.gating import Gating
from soroi.project.looking import Looking
from soroi.project.moments import moment
from soroi.release import (
    LOADS,
    ReleaseOutcome,
    ReleasePlan,
    StageOutcome,
    check_step,
    make_plan,
    release,
    rollback,
    stage,
)
from soroi.release.heads import Judge
from soroi.release.live import glass_broken, last_refusal, live_nodes
from soroi.release.manifest import read_manifest
from soroi.release.plan import PlanInputs
from soroi.release.subject import Subject
from soroi.release.verdicts import Standing
from soroi.release.waiver import Waived, waive
from soroi.store import (
    Transaction,
    VerdictRecord,
)

if TYPE_CHECKING:
    from soroi.build.executor import Executor
    from soroi.build.result import RunResult
    from soroi.build.run import Progress


class Doing(Looking):
    """The part of a project that makes candidates and moves sets towards release."""

    @cached_property
    def gating(self) -> Gating:
        """Its gates, and what judges them."""
        return Gating(self)

    def build(
        self,
        *nodes: str,
        as_of: datetime | str | None = None,
        refresh: bool = False,
        upstream: bool = False,
        behind: bool = False,
        set: Mapping[str, Mapping[str, Any]] | None = None,  # noqa: A002 (reads as the command does)
        use: Sequence[str] = (),
        force: bool = False,
        progress: Progress | None = None,
        executor: Executor | None = None,
    ) -> RunResult:
        """Make candidates. Changes nothing that is staged or live, and runs nothing again that did not change.

        Args:
            *nodes: Ids of the nodes wanted; none: all.
            as_of: Use only what was known before this moment (aware, or ISO text; a date means midnight UTC).
            refresh: Look at the sources again, though an earlier data version would do.
            upstream: Bring everything upstream of the nodes up to date as well.
            behind: Build what is out of step in staging, with the hyper-parameters that were chosen for it there.
            set: Hyper-parameters to try, by node.
            use: Ids of versions to take as inputs instead of what staging offers.
            force: Run again what has been built from the same inputs before.
            progress: Told of each change.
            executor: What runs the work; default: processes on this machine.

        Raises:
            UnknownNameError: A node is not there.
            DeclarationError: The code on disk declares something wrong.
        """
        from soroi.build.result import RunResult
        from soroi.project.building import Building

        self._require("build", None, lambda: nodes)
        building = Building(self.config, self.store, self.runtime)
        self.reload()
        named = {record.node: record for record in map(self.version, use)}
        chosen = dict(set or {})
        if behind:
            with self.store.catalogue.read() as tx:
                report = self._report(tx, building.graph)
            late = [node for node in report.behind if node in building.graph]  # what others bring along follows them
            nodes = (*nodes, *late)
            if not nodes:
                return RunResult("")
            staged = {node: report.needed[node].overrides for node in late}
            chosen = {**{node: values for node, values in staged.items() if values}, **chosen}
        request = BuildRequest(
            nodes=tuple(dict.fromkeys(nodes)),
            as_of=moment(as_of),
            refresh=refresh,
            upstream=upstream,
            overrides=chosen,
            inputs={node: record.id for node, record in named.items()},
            force=force,
        )
        return building.run(request, named, progress, executor)

    def stage(
        self,
        *wanted: str,
        everything: bool = False,
        behind: bool = False,
        remove: Sequence[str] = (),
        note: str = "",
    ) -> StageOutcome:
        """Put versions into staging; seals a manifest when the set is in step.

        Args:
            *wanted: Ids of versions, or of nodes (the newest version built as declared).
            everything: Stage every node that answers and was built.
            behind: Stage what is out of step, as it was built since.
            remove: Ids of nodes to take out.
            note: Why.

        Raises:
            UnknownNameError: A node or version is not there.
            RefusedError: A version cannot be staged.
            ConflictError: Somebody else changed staging at the same moment.
        """
        self.look_again()
        members = [one for text in wanted for one in (self.graph.expand([text]) if self._names(text) else [text])]
        if behind:
            with self.store.catalogue.read() as tx:
                members += [one for one in self._report(tx).behind if one not in members and one in self.graph]
        if everything:
            with self.store.catalogue.read() as tx:
                built = tx.versions.counts()
            members += [node.name for node in self.graph if node.kind.answers and node.name in built]
        if members or remove:  # without, what is there is only sealed
            self._require("stage", None, lambda: [one.partition("@")[0] for one in (*members, *remove)])
        return stage(
            self.store,
            self.graph,
            self.fingerprints,
            members,
            runtime=self.runtime,
            remove=remove,
            note=note,
            remembered=self._remembered,
        )

    def judge(
        self, *gates: str, environment: str = PRODUCTION, again: bool = False
    ) -> tuple[list[VerdictRecord], Standing]:
        """Judge the sealed staged set without releasing it: what has no verdict that holds, or the gates named.

        Args:
            *gates: Names of gates, with or without that of the decision (``latency:check``); none: all.
            environment: Where it would go.
            again: Judge also what has a verdict that holds.

        Returns:
            The new verdicts, and how the set stands before its gates.

        Raises:
            OutOfStepError: Staging is not sealed.
            UnknownNameError: There is no such gate.
        """
        self.look_again()
        return self.gating.judge(environment, gates, again=again)

    def subject(self, decision: str, environment: str = PRODUCTION) -> Subject:
        """What a gate is asked about: a decision of the sealed staged set, or else of what is live. For trying gates.

        Args:
            decision: Id of the decision.
            environment: Where it would go.

        Raises:
            RefusedError: Nothing is sealed, and nothing is live.
        """
        return self.gating.present_subject(decision, environment)

    def release(self, environment: str = PRODUCTION, *, reason: str = "", break_glass: bool = False) -> ReleaseOutcome:
        """Make the sealed staged set live, all of it or none. Gates without a verdict that holds are judged.

        Args:
            environment: Where it goes.
            reason: Why, in your words.
            break_glass: Override gates that do not hold, if you may. Needs a reason, and is visible for ever. That the
                set is in step and loads cannot be overridden.

        Raises:
            OutOfStepError: Staging is out of step; nothing is changed.
            RefusedError: A gate does not hold; nothing is changed.
            ForbiddenError: You may not release there, or not break the glass.
            ConflictError: Somebody else was first.
        """
        self.look_again()
        return release(
            self.store,
            environment=environment,
            judges=self.gating.judges,
            runtime=self.runtime,
            reason=reason,
            staging_report=self._why_not_sealed,
            asks=self.gating.asks(environment, break_glass=break_glass),
        )

    def rollback(self, environment: str = PRODUCTION, *, to: str | None = None, reason: str = "") -> ReleaseOutcome:
        """Move the head back to an earlier manifest of its history.

        Raises:
            RefusedError: There is nothing to go back to, or it does not load.
            ConflictError: Somebody else was first.
        """
        return rollback(
            self.store,
            environment=environment,
            judges=self.gating.judges,
            runtime=self.runtime,
            to=to,
            reason=reason,
            asks=self.gating.asks(environment),
        )

    def waive(self, node: str, *, reason: str) -> Waived:
        """Record, signed, that a staged version may work with what is staged upstream of it.

        Raises:
            RefusedError: No reason is given, or there is nothing to waive.
        """
        self._require("waive", None, lambda: [node])
        return waive(self.store, self.graph, node, reason=reason, runtime=self.runtime)

    def _standing(self, tx: Transaction, sealed: str | None, environment: str) -> Standing | None:
        if sealed is None:
            return None
        return self.gating.standing(tx, read_manifest(tx, sealed), environment)

    def _judges(self) -> dict[str, Judge]:
        return {LOADS: self.gating.loads}

    def plan(self, environment: str = PRODUCTION) -> ReleasePlan:
        """What a release would do, what stands in its way, and what to do next. Changes nothing."""
        self.look_again()
        self.graph  # noqa: B018 (may read the store: not within another reading)
        with self.store.catalogue.read() as tx, collecting_later():
            inputs = self._status_inputs(tx)
            found = statuses(inputs)
            held = inputs.references
            state = held.staging
            head = tx.heads.get(environment)
            return make_plan(
                PlanInputs(
                    graph=inputs.graph,
                    statuses=found,
                    report=check_step(self.graph, held.staged, held.known, inputs.claims),
                    environment=environment,
                    manifest=state.manifest,
                    live=head.manifest if head else None,
                    live_picks=read_manifest(tx, head.manifest).picks if head else {},
                    staged_picks={node: pick.version for node, pick in state.picks.items()},
                    shares=inputs.shares,
                    live_nodes=live_nodes(tx),
                    held_up=last_refusal(tx, state.manifest, environment),
                    standing=self._standing(tx, state.manifest, environment),
                    broke_glass=glass_broken(tx, head.manifest if head else None, environment),
                )
            )
