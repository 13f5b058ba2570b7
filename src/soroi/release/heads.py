"""Heads: what an environment answers with. They move by compare-and-swap, to a sealed manifest, through gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from soroi.base.digest import digest
from soroi.base.display import Display, Shown
from soroi.base.errors import ConflictError, OutOfStepError, RefusedError
from soroi.base.reason import Reason
from soroi.base.runtime import Runtime
from soroi.release.manifest import Manifest, read_manifest
from soroi.rules import Condition, Finding, passed
from soroi.store import HeadRecord, Store, Transaction, VerdictRecord

IN_STEP = "in step"
LOADS = "loads and answers"
GATES: Condition = passed(IN_STEP) & passed(LOADS)
"""What a manifest must satisfy to be released."""

Judge = Callable[[Manifest], Finding]
"""Judges a manifest, for a gate."""


@dataclass(frozen=True, repr=False)
class ReleaseOutcome(Shown):
    """What came of a release or a rollback."""

    head: HeadRecord
    """The head as it stands now."""

    before: str | None
    """The manifest it pointed at before."""

    verdicts: tuple[VerdictRecord, ...]
    """The verdicts it was judged by."""

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
        }


def release(
    store: Store,
    *,
    environment: str,
    judges: Mapping[str, Judge],
    runtime: Runtime,
    reason: str = "",
    staging_report: Callable[[Transaction], OutOfStepError | None] = lambda tx: None,
) -> ReleaseOutcome:
    """Make the sealed staged set live.

    Args:
        store: The store.
        environment: Which head to move.
        judges: Judges of the gates that need more than the catalogue, by name.
        runtime: Clock and actor.
        reason: Why, in the releaser's words.
        staging_report: Tells why staging is not sealed, for the message.

    Raises:
        OutOfStepError: Staging is not sealed: it is out of step, or empty. Nothing is changed.
        RefusedError: A gate does not hold. Nothing is changed.
        ConflictError: Somebody else moved the head, or changed staging, meanwhile.
    """
    with store.catalogue.read() as tx:
        state = tx.staging.get()
        if state.manifest is None:
            raise staging_report(tx) or OutOfStepError(
                "staging is empty: there is nothing to release", hint="soroi build, then soroi stage --all"
            )
        head = tx.heads.get(environment)
        manifest = read_manifest(tx, state.manifest)
    return _move(store, manifest, head, environment, judges, runtime, reason or "release", state.revision)


def rollback(
    store: Store,
    *,
    environment: str,
    judges: Mapping[str, Judge],
    runtime: Runtime,
    to: str | None = None,
    reason: str = "",
) -> ReleaseOutcome:
    """Move a head back to an earlier manifest of its history.

    Args:
        store: The store.
        environment: Which head to move.
        judges: Judges of the gates that need more than the catalogue, by name.
        runtime: Clock and actor.
        to: Id of the manifest, or the beginning of it. Default: the one before the present one.
        reason: Why.

    Raises:
        RefusedError: There is nothing to go back to, or the manifest was never live there, or it does not load.
        ConflictError: Somebody else moved the head meanwhile.
    """
    with store.catalogue.read() as tx:
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
    return _move(store, manifest, head, environment, judges, runtime, reason or "rollback", None)


def _move(
    store: Store,
    manifest: Manifest,
    head: HeadRecord | None,
    environment: str,
    judges: Mapping[str, Judge],
    runtime: Runtime,
    reason: str,
    staging_revision: int | None,
) -> ReleaseOutcome:
    if head is not None and head.manifest == manifest.id:
        return ReleaseOutcome(head, head.manifest, ())
    findings = {IN_STEP: Finding(True, Reason("in step", f"{manifest.id} was sealed in step", manifest.id))}
    findings |= {name: judge(manifest) for name, judge in judges.items()}
    verdicts = tuple(_verdict(name, found, manifest, runtime) for name, found in findings.items())
    held = GATES.evaluate(findings)
    with store.catalogue.write() as tx:
        for verdict in verdicts:
            tx.verdicts.add(verdict)
        if not held.holds:
            refused = {"environment": environment, "reason": held.reason.to_dict()}
            tx.events.append("release.refused", manifest.id, refused, runtime.actor, runtime.clock.now())
        else:
            if staging_revision is not None and tx.staging.get().revision != staging_revision:
                raise ConflictError(
                    "staging changed while the release was judged", hint="soroi plan, then soroi release again"
                )
            moved = _swap(tx, manifest, head, environment, runtime, reason)
    if not held.holds:
        raise RefusedError(
            f"{manifest.id} may not go to '{environment}': " + "; ".join(held.reason.lines()),
            hint="nothing was changed; mend what is named and try again",
            reason=held.reason.to_dict(),
        )
    return ReleaseOutcome(moved, head.manifest if head else None, verdicts)


def _swap(
    tx: Transaction, manifest: Manifest, head: HeadRecord | None, environment: str, runtime: Runtime, reason: str
) -> HeadRecord:
    now = runtime.clock.now()
    expected = head.revision if head else 0
    moved = tx.heads.move(environment, manifest.id, expected_revision=expected, by=runtime.actor, at=now, reason=reason)
    body = {
        "environment": environment,
        "from": head.manifest if head else None,
        "to": manifest.id,
        "revision": moved.revision,
        "reason": reason,
    }
    tx.events.append("head.moved", manifest.id, body, runtime.actor, now)
    return moved


def _verdict(name: str, found: Finding, manifest: Manifest, runtime: Runtime) -> VerdictRecord:
    return VerdictRecord(
        id=runtime.ids.new("verdict"),
        gate=name,
        gate_digest=digest("gate", GATES.to_dict()),
        subjects=[manifest.id],
        outcome="pass" if found.passed else "fail",
        figures=[],
        data={"reason": found.reason.to_dict()},
        judged_by="soroi",
        at=runtime.clock.now(),
    )
