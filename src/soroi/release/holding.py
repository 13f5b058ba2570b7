"""Holding: somebody's word that something must stay, such as for a court or an audit."""

from __future__ import annotations

from soroi.base.errors import RefusedError, UnknownNameError
from soroi.base.runtime import Runtime
from soroi.release.manifest import read_manifest
from soroi.release.roles import require
from soroi.store import HoldRecord, Store, Transaction
from soroi.store.present import secure


def hold(store: Store, subject: str, *, reason: str, runtime: Runtime) -> HoldRecord:
    """Hold something, with all that it rests on, until the hold is released.

    Args:
        store: The store.
        subject: Id of a version, manifest or run, or the beginning of it; or of a node, for all of its versions that
            there will ever be, and its answers.
        reason: Why, for those who ask later.
        runtime: Clock, ids and actor.

    Raises:
        UnknownNameError: There is nothing of that id.
        RefusedError: No reason is given.
        CollectedError: Some of it was removed already.
        ForbiddenError: The actor may not.
    """
    if not reason.strip():
        raise RefusedError("a hold needs a reason, for those who ask later", hint="--reason 'case 12/2026'")
    with store.catalogue.write() as tx:
        require(tx, runtime, "hold")
        named, versions = _meant(tx, subject)
        secure(tx, store.objects, versions, runtime=runtime)
        record = HoldRecord(
            id=runtime.ids.new("hold"),
            subject=named,
            reason=reason.strip(),
            by=runtime.actor,
            at=runtime.clock.now(),
        )
        tx.holds.add(record)
    return record


def release_hold(store: Store, text: str, *, runtime: Runtime) -> HoldRecord:
    """End a hold.

    Args:
        store: The store.
        text: Its id, or the beginning of it.
        runtime: Clock and actor.

    Raises:
        UnknownNameError: There is none, or there are several.
        RefusedError: It has ended already.
        ForbiddenError: The actor may not.
    """
    with store.catalogue.write() as tx:
        require(tx, runtime, "hold")
        return tx.holds.release(text, by=runtime.actor, at=runtime.clock.now())


def _meant(tx: Transaction, text: str) -> tuple[str, list[str]]:
    """The whole id of what is meant, and the versions that it is about now."""
    if text in tx.versions.counts():
        marked = tx.tombstones.marked()  # of a node, what is left is held
        return text, [one.id for one in tx.versions.of_node(text) if one.id not in marked]
    if text.startswith("run_"):
        run = tx.runs.get(text)
        return run.id, [one.version for one in tx.runs.nodes(run.id) if one.version is not None]
    if "@" in text:
        found = tx.versions.get(text)
        return found.id, [found.id]
    try:
        manifest = read_manifest(tx, text)
    except UnknownNameError:
        raise UnknownNameError(
            f"'{text}' is neither a version, a manifest, a run nor a node that was built",
            hint="for an answer, hold the manifest that gave it: soroi trace ANSWER names it",
            name=text,
        ) from None
    return manifest.id, list(manifest.picks.values())
