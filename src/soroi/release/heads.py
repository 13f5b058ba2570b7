"""Heads: what an environment answers with. They move by compare-and-swap, to a sealed manifest, through gates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from soroi.base.display import Display, Shown
from soroi.base.errors import OutOfStepError, RefusedError
from soroi.base.reason import Reason
from soroi.base.runtime import Runtime
from soroi.release.approvals import valid_approvals
from soroi.release.case import Case
from soroi.release.gates import IN_STEP, LOADS, GateSet, essential_gates
from soroi.release.glass import break_glass
from soroi.release.judging import Judge, run_gates
from soroi.release.manifest import Manifest, differing, read_manifest
from soroi.release.roles import require
from soroi.release.verdicts import (
    Standing,
    Surroundings,
    author_of,
    bindings,
    held_verdicts,
    recorded,
    stand,
)
from soroi.rules import Window
from soroi.store import HeadRecord, Store, Transaction, VerdictRecord
from soroi.store.present import secure

__all__ = ["IN_STEP", "LOADS", "Asks", "Judge", "Judges", "ReleaseOutcome", "release", "rollback", "surroundings"]


Judges = Callable[[Manifest | None, GateSet], Mapping[str, Judge]]
"""Gives what judges each gate, by name: over what is live, for some gates."""


@dataclass(frozen=True)
class Asks:
    """What a project asks of a release, besides what is asked of every one."""

    gates: Callable[[Manifest], GateSet] | None = None
    """The gates of a manifest; ``None``: only those of every release."""

    windows: Mapping[str, Window] = field(default_factory=dict)
    """The windows that conditions may name."""

    grouped: Callable[[Collection[str]], Collection[str | None]] | None = None
    """Gives the groups of nodes, for roles; ``None``: not known, so that only roles for all groups count."""

    break_glass: bool = False
    """Whether gates that do not hold are overridden, by whoever may."""

    def gates_of(self, manifest: Manifest, environment: str) -> GateSet:
        """The gates of a manifest."""
        return self.gates(manifest) if self.gates is not None else essential_gates(environment)

    def groups(self, tx: Transaction, base: str | None, manifest: Manifest) -> Collection[str | None]:
        """The groups of the nodes that a manifest would change.

        Args:
            tx: A transaction that reads.
            base: Id of the manifest that it would come after; ``None``: none.
            manifest: The manifest.
        """
        return self.grouped(differing(tx, base, manifest)) if self.grouped is not None else ()


@dataclass(frozen=True, repr=False)
class ReleaseOutcome(Shown):
    """What came of a release or a rollback."""

    head: HeadRecord
    """The head as it stands now."""

    before: str | None
    """The manifest it pointed at before."""

    verdicts: tuple[VerdictRecord, ...]
    """The verdicts it was judged by."""

    broken: tuple[str, ...] = ()
    """Gates that were overridden by breaking the glass."""

    @property
    def moved(self) -> bool:
        """Whether the head moved; it does not when it is there already."""
        return self.head.manifest != self.before

    def display(self) -> Display:
        """Where the head stands, and by which verdicts."""
        rows = [[one.gate, one.outcome] for one in self.verdicts]
        title = f"{self.head.environment}: {self.before or 'nothing'} → {self.head.manifest}"
        return Display(title, ("gate", "verdict"), rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "environment": self.head.environment,
            "manifest": self.head.manifest,
            "before": self.before,
            "revision": self.head.revision,
            "moved": self.moved,
            "verdicts": {one.gate: one.outcome for one in self.verdicts},
            **({"broke_glass": list(self.broken)} if self.broken else {}),
        }


def release(
    store: Store,
    *,
    environment: str,
    judges: Judges,
    runtime: Runtime,
    reason: str = "",
    staging_report: Callable[[Transaction], OutOfStepError | None] = lambda tx: None,
    asks: Asks | None = None,
) -> ReleaseOutcome:
    """Make the sealed staged set live.

    Args:
        store: The store.
        environment: Which head to move.
        judges: Gives what judges the gates that need more than the catalogue. What has a verdict that holds is not
            judged again.
        runtime: Clock and actor.
        reason: Why, in the releaser's words.
        staging_report: Tells why staging is not sealed, for the message.
        asks: What the project asks besides.

    Raises:
        OutOfStepError: Staging is not sealed: it is out of step, or empty. Nothing is changed.
        RefusedError: A gate does not hold. Nothing is changed but the verdicts on record.
        ForbiddenError: The actor may not release there, or not break the glass.
        ConflictError: Somebody else moved the head, or changed staging, meanwhile.
    """
    with store.catalogue.read() as tx:
        state = tx.staging.get()
        if state.manifest is None:
            require(tx, runtime, "release", environment=environment)
            raise staging_report(tx) or OutOfStepError(
                "staging is empty: there is nothing to release", hint="soroi build, then soroi stage --all"
            )
        head = tx.heads.get(environment)
        manifest = read_manifest(tx, state.manifest)
    move = _Move(manifest, head, environment, reason or "release", asks or Asks(), state.revision)
    return _moved(store, move, judges, runtime)


def rollback(
    store: Store,
    *,
    environment: str,
    judges: Judges,
    runtime: Runtime,
    to: str | None = None,
    reason: str = "",
    asks: Asks | None = None,
) -> ReleaseOutcome:
    """Move a head back to an earlier manifest of its history.

    Args:
        store: The store.
        environment: Which head to move.
        judges: Gives what judges the gates that need more than the catalogue.
        runtime: Clock and actor.
        to: Id of the manifest, or the beginning of it. Default: the one before the present one.
        reason: Why.
        asks: Of it, the groups: the way back asks for nothing but that the set is in step and still loads.

    Raises:
        ForbiddenError: The actor may not roll back there.
        RefusedError: There is nothing to go back to, or the manifest was never live there, or it does not load.
        ConflictError: Somebody else moved the head meanwhile.
    """
    with store.catalogue.read() as tx:
        try:
            manifest, head = rollback_goal(tx, environment, to)
        except RefusedError:
            require(tx, runtime, "rollback", environment=environment)
            raise
    move = _Move(manifest, head, environment, reason or "rollback", asks or Asks(), None)
    return _moved(store, move, judges, runtime)


def rollback_goal(tx: Transaction, environment: str, to: str | None = None) -> tuple[Manifest, HeadRecord]:
    """The manifest that a rollback goes to, and the head as it stands.

    Args:
        tx: A transaction that reads.
        environment: Which head would move.
        to: Id of the manifest, or the beginning of it. Default: the one before the present one.

    Raises:
        RefusedError: There is nothing to go back to, or the manifest was never live there.
    """
    head = tx.heads.get(environment)
    history = tx.heads.history(environment)
    if head is None:
        raise RefusedError(f"nothing was ever released to '{environment}'", hint="soroi release")
    if to is None:
        earlier = [one.manifest for one in history if one.manifest != head.manifest]
        if not earlier:
            raise RefusedError(
                f"'{environment}' has had no other manifest than {head.manifest}: there is nothing to go back to"
            )
        to = earlier[0]
    manifest = read_manifest(tx, to)
    if manifest.id not in {one.manifest for one in history}:
        raise RefusedError(
            f"manifest {manifest.id} was never live in '{environment}'",
            hint="a rollback goes to a manifest of its history; soroi release makes another one live",
        )
    return manifest, head


def promote(
    store: Store,
    manifest: Manifest,
    head: HeadRecord,
    *,
    judges: Judges,
    runtime: Runtime,
    reason: str,
    asks: Asks | None = None,
) -> ReleaseOutcome:
    """Make a sealed manifest live that need not be the staged one, through all gates of a release.

    Args:
        store: The store.
        manifest: The manifest, such as the challenger of a rollout.
        head: The head to move, as it was looked at.
        judges: Gives the judges of the gates that need more than the catalogue.
        runtime: Clock and actor.
        reason: Why.
        asks: What the project asks besides.

    Raises:
        RefusedError: A gate does not hold. Nothing is changed but the verdicts on record.
        ForbiddenError: The actor may not release there.
        ConflictError: Somebody else moved the head meanwhile.
    """
    move = _Move(manifest, head, head.environment, reason, asks or Asks(), None, promotes=True)
    return _moved(store, move, judges, runtime)


@dataclass(frozen=True)
class _Move:
    """One move of a head that somebody asks for."""

    manifest: Manifest
    head: HeadRecord | None
    environment: str
    reason: str
    asks: Asks
    revision: int | None
    """Revision of staging that is released; ``None``: it is a rollback, or the end of a rollout."""

    promotes: bool = False
    """Whether it is the end of a rollout."""

    @property
    def is_rollback(self) -> bool:
        return self.revision is None and not self.promotes

    def require(self, tx: Transaction, runtime: Runtime) -> None:
        """Go on only if the actor may do it: asked before anything is judged, and again when it is done."""
        groups = self.asks.groups(tx, self.head.manifest if self.head else None, self.manifest)
        deed = "rollback" if self.is_rollback else "release"
        require(tx, runtime, deed, environment=self.environment, groups=groups)

    @property
    def gates(self) -> GateSet:
        found = self.asks.gates_of(self.manifest, self.environment)
        return found.essential if self.is_rollback else found


def surroundings(tx: Transaction, case: Case, runtime: Runtime, asks: Asks) -> Surroundings:
    """What conditions ask for besides verdicts, for a case.

    Args:
        tx: A transaction that reads.
        case: The case.
        runtime: The clock.
        asks: What the project asks: its windows and groups.
    """
    now = runtime.clock.now()
    groups = asks.groups(tx, case.base.manifest if case.base else None, case.manifest)
    approvals, not_counted = valid_approvals(tx, case, now, groups)
    return Surroundings(now, asks.windows, case.author, approvals, not_counted)


def _moved(store: Store, move: _Move, judges: Judges, runtime: Runtime) -> ReleaseOutcome:
    manifest, head, gates = move.manifest, move.head, move.gates
    with store.catalogue.read() as tx:
        move.require(tx, runtime)
        if head is not None and head.manifest == manifest.id:
            return ReleaseOutcome(head, head.manifest, ())
        live = read_manifest(tx, head.manifest) if head is not None else None
        bound = bindings(tx, gates, manifest, live)
        found = recorded(tx, gates, bound, runtime.clock.now())
    again = (LOADS,) if move.is_rollback else ()  # whether it still loads is the question
    held = held_verdicts(found, again)
    made = run_gates(gates, judges(live, gates), manifest, held, bound, runtime, spare=not move.asks.break_glass)
    shown = {**found, **{one.gate: (one, None) for one in made}}
    if again:
        shown = {name: one for name, one in shown.items() if name not in again or one[0] in made}
    with store.catalogue.write() as tx:
        move.require(tx, runtime)
        for verdict in made:
            tx.verdicts.add(verdict)
        author = author_of(tx) if move.revision is not None else None
        if move.promotes:
            author = tx.manifests.get(manifest.id).by
        standing = stand(gates, manifest, head, shown, lambda case: surroundings(tx, case, runtime, move.asks), author)
        passes = standing.holds or _override(tx, standing, move, runtime)
        if not passes:
            refused = {"environment": move.environment, "reason": standing.reason.to_dict()}
            tx.events.append("release.refused", manifest.id, refused, runtime.actor, runtime.clock.now())
        else:
            if move.revision is not None:
                tx.staging.expect(move.revision, "staging changed while the release was judged")
            told = move.reason if standing.holds else f"BROKE THE GLASS: {move.reason}"
            # nothing of it is collected from here on
            secure(tx, store.objects, manifest.picks.values(), runtime=runtime)
            moved = _swap(tx, standing.case, runtime, told)
    if not passes:
        raise _refusal(standing, move)
    broken = () if standing.holds else tuple(_failing(standing))
    return ReleaseOutcome(moved, head.manifest if head else None, standing.case.verdicts, broken)


def _failing(standing: Standing) -> dict[str, Reason]:
    """What does not hold, by name, with why."""
    failing = {one.gate.name: one.reason for one in standing.states if one.stands_in_the_way}
    if standing.requires is not None and not standing.requires.holds:
        failing[f"what {standing.case.environment} requires"] = standing.requires.reason
    return failing


def _override(tx: Transaction, standing: Standing, move: _Move, runtime: Runtime) -> bool:
    """Break the glass, if that is asked for and the set can answer at all."""
    essential = [one for one in standing.states if one.gate.is_essential and one.stands_in_the_way]
    if not move.asks.break_glass or essential or move.revision is None:
        return False
    reason = move.reason if move.reason != "release" else ""
    break_glass(
        tx,
        runtime,
        environment=move.environment,
        manifest=move.manifest.id,
        gates=_failing(standing),
        reason=reason,
        groups=move.asks.groups(tx, move.head.manifest if move.head else None, move.manifest),
    )
    return True


def _refusal(standing: Standing, move: _Move) -> RefusedError:
    commands = [one.command for one in standing.states if one.stands_in_the_way and one.command]
    wanted = [one for one in dict.fromkeys(commands) if one.startswith("soroi approve")]
    more = f"; {', '.join(wanted)}" if wanted else ""
    return RefusedError(
        f"{move.manifest.id} may not go to '{move.environment}': " + "; ".join(standing.reason.lines()),
        hint=f"nothing was changed; mend what is named and try again{more}",
        reason=standing.reason.to_dict(),
        gates=[one.to_dict() for one in standing.states if one.stands_in_the_way],
    )


def _swap(tx: Transaction, case: Case, runtime: Runtime, reason: str) -> HeadRecord:
    manifest, head, environment = case.manifest, case.base, case.environment
    now = runtime.clock.now()
    expected = head.revision if head else 0
    moved = tx.heads.move(environment, manifest.id, expected_revision=expected, by=runtime.actor, at=now, reason=reason)
    body = {
        "environment": environment,
        "from": head.manifest if head else None,
        "to": manifest.id,
        "revision": moved.revision,
        "reason": reason,
        "plan": case.digest,
        "verdicts": {one.gate: one.id for one in case.verdicts},
    }
    tx.events.append("head.moved", manifest.id, body, runtime.actor, now)
    return moved
