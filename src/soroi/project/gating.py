"""The gates of a project: which there are, what judges them, and how a manifest stands before them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from soroi.base.errors import OutOfStepError, RefusedError, UnknownNameError, did_you_mean
from soroi.declare.gate import GateSpec
from soroi.declare.node import NodeKind
from soroi.release.gates import Gate, GateSet, gates_of_release
from soroi.release.heads import Asks, surroundings
from soroi.release.judging import Judge, judge_manifest
from soroi.release.manifest import Manifest, read_manifest
from soroi.release.subject import Subject, Trial
from soroi.release.verdicts import Standing, author_of, bindings, recorded, stand
from soroi.rules import Finding
from soroi.store import Transaction, VerdictRecord

if TYPE_CHECKING:
    from soroi.project.doing import Doing
    from soroi.serve.proving import Rehearsal


class Gating:
    """The gates of one open project.

    Args:
        project: The project.
    """

    def __init__(self, project: Doing) -> None:
        self._project = project
        self._rehearsals: dict[str, Rehearsal] = {}

    def gates(self, manifest: Manifest, environment: str) -> GateSet:
        """The gates of a manifest on its way to an environment.

        Args:
            manifest: The manifest.
            environment: Where it is to go.
        """
        graph = self._project.graph
        decisions = [name for name in manifest.picks if name in graph and graph[name].kind is NodeKind.DECISION]
        with_code = [name for name in decisions if any(one.function for one in graph[name].spec.judged_by)]
        prints = self._project.fingerprints if with_code else {}
        return gates_of_release(
            graph,
            decisions,
            environment,
            code={name: prints[name].gates for name in with_code},
            declared=graph.environments.get(environment),
            configured=self._project.config.environments.get(environment),
        )

    def asks(self, environment: str, *, break_glass: bool = False) -> Asks:
        """What is asked of a release to an environment.

        Args:
            environment: Where it goes.
            break_glass: Whether gates that do not hold are to be overridden.
        """
        gates = partial(self.gates, environment=environment)
        return Asks(gates, self._project.config.windows, self._project.groups, break_glass)

    def standing(self, tx: Transaction, manifest: Manifest, environment: str) -> Standing:
        """How a manifest stands before its gates, with the verdicts there are. Judges nothing.

        Args:
            tx: A transaction that reads.
            manifest: The manifest.
            environment: Where it is to go.
        """
        runtime, asks = self._project.runtime, self.asks(environment)
        gates = asks.gates_of(manifest, environment)
        head = tx.heads.get(environment)
        live = read_manifest(tx, head.manifest) if head is not None else None
        found = recorded(tx, gates, bindings(tx, gates, manifest, live), runtime.clock.now())
        return stand(gates, manifest, head, found, lambda case: surroundings(tx, case, runtime, asks), author_of(tx))

    def present_subject(self, decision: str, environment: str) -> Subject:
        """What a gate is asked about: a decision of the sealed staged set, or else of what is live.

        Args:
            decision: Id of the decision.
            environment: Where it would go.

        Raises:
            RefusedError: Nothing is sealed, and nothing is live.
        """
        with self._project.store.catalogue.read() as tx:
            head, sealed = tx.heads.get(environment), tx.staging.get().manifest
            live = read_manifest(tx, head.manifest) if head is not None else None
            manifest = read_manifest(tx, sealed) if sealed is not None else live
        if manifest is None:
            raise RefusedError("nothing is staged or live", hint="soroi stage --all")
        return self.subject(decision, environment, manifest, live)

    def judge(
        self, environment: str, names: Collection[str] = (), *, again: bool = False
    ) -> tuple[list[VerdictRecord], Standing]:
        """Judge the sealed staged set without releasing it.

        Args:
            environment: Where it would go.
            names: Names of gates, with or without that of the decision; none: all that are missing.
            again: Judge also what has a verdict that holds.

        Returns:
            The new verdicts, and how the set stands.

        Raises:
            OutOfStepError: Staging is not sealed.
            UnknownNameError: There is no such gate.
        """
        project = self._project
        with project.store.catalogue.read() as tx:
            sealed = tx.staging.get().manifest
            if sealed is None:
                raise OutOfStepError("staging is not sealed: there is nothing to judge", hint="soroi plan")
            manifest = read_manifest(tx, sealed)
            head = tx.heads.get(environment)
            live = read_manifest(tx, head.manifest) if head is not None else None
        gates = self.gates(manifest, environment)
        only = self._named(gates, names) if names else None
        judges = self.judges(live, gates)
        made = judge_manifest(
            project.store, gates, manifest, live, judges, project.runtime, only=only, again=again or bool(names)
        )
        with project.store.catalogue.read() as tx:
            standing = project._standing(tx, manifest.id, environment)
        assert standing is not None
        return made, standing

    def _named(self, gates: GateSet, names: Collection[str]) -> set[str]:
        for name in names:
            if not gates.named([name]):
                known = [one.name for one in gates.judged]
                raise UnknownNameError(f"no gate is called '{name}'", hint=did_you_mean(name, known))
        return {one.name for one in gates.named(names)}

    def judges(self, live: Manifest | None, gates: GateSet) -> dict[str, Judge]:
        """What judges each gate, by name.

        Args:
            live: What is live where it is to go.
            gates: The gates.
        """
        self._rehearsals = {}
        own = self._project._judges()
        timed = {
            one.decision: max(int(one.options["requests"]), 1)
            for one in gates.judged
            if one.spec.kind == "latency" and one.decision is not None
        }
        made: dict[str, Judge] = {
            one.name: self._judge(one, live, gates.environment, timed)
            for one in gates.judged
            if one.decision is not None
        }
        return {**made, **own}

    def loads(self, manifest: Manifest, asked: dict[str, int] | None = None) -> Finding:
        """Whether a manifest loads and answers in a process of its own.

        Args:
            manifest: The manifest.
            asked: How many answers are timed, by decision.
        """
        return self._rehearse(manifest, asked or self._timed(manifest)).finding

    def _timed(self, manifest: Manifest) -> dict[str, int]:
        gates = self.gates(manifest, "")
        return {
            one.decision: int(one.options["requests"])
            for one in gates.judged
            if one.spec.kind == "latency" and one.decision is not None
        }

    def _rehearse(self, manifest: Manifest, asked: dict[str, int]) -> Rehearsal:
        from soroi.serve.proving import rehearse_apart

        found = self._rehearsals.get(manifest.id)
        if found is None:
            project = self._project
            found = self._rehearsals[manifest.id] = rehearse_apart(
                project.store, manifest.id, module=project.config.module, home=project.config.root, asked=asked
            )
        return found

    def _judge(self, gate: Gate, live: Manifest | None, environment: str, timed: dict[str, int]) -> Judge:
        from soroi.release.checks import judge_gate

        project = self._project

        def tried(manifest: Manifest) -> Callable[[str], Trial]:
            def ask(decision: str) -> Trial:
                found = self._rehearse(manifest, timed)
                timing = found.timings.get(decision)
                if timing is None:
                    return Trial(problem=found.finding.reason)
                return Trial(tuple(timing.milliseconds), timing.late)

            return ask

        def judge(manifest: Manifest) -> Finding:
            assert gate.decision is not None
            subject = self.subject(gate.decision, environment, manifest, live, tried(manifest))
            if gate.spec.function is None:
                return judge_gate(gate, subject)
            with project.code.visible():
                return judge_gate(replace(gate, spec=self._with_code(gate)), subject)

        return judge

    def subject(
        self,
        decision: str,
        environment: str,
        manifest: Manifest,
        live: Manifest | None,
        tried: Callable[[str], Trial] | None = None,
    ) -> Subject:
        """What a gate is asked about.

        Args:
            decision: Id of the decision.
            environment: Where the manifest is to go.
            manifest: What is judged.
            live: What is live there.
            tried: Asks a real serving process about a decision.
        """
        project = self._project
        return Subject(
            store=project.store,
            environment=environment,
            manifest=manifest,
            live=live,
            decision=decision,
            now=project.runtime.clock.now(),
            root=project.config.root,
            tried=tried,
        )

    def _with_code(self, gate: Gate) -> GateSpec:
        """The gate with its function: declarations that were kept between processes have only its name."""
        declared = self._project.code.graph[str(gate.decision)].spec.judged_by
        found: GateSpec = next(one for one in declared if one.name == gate.spec.name)
        return found
