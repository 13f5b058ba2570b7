"""Breaking the glass: a failed gate overridden by somebody who may, loudly, for ever visible."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from soroi.base.errors import RefusedError
from soroi.base.reason import Reason
from soroi.base.runtime import Runtime
from soroi.release.roles import require
from soroi.store import EventRecord, Transaction

BROKEN = "release.broke_glass"
"""Kind of the event."""


def break_glass(
    tx: Transaction,
    runtime: Runtime,
    *,
    environment: str,
    manifest: str,
    gates: Mapping[str, Reason],
    reason: str,
    groups: Collection[str | None] = (),
) -> EventRecord:
    """Record that gates are overridden. Does not move the head: whoever does must do it in the same transaction.

    Args:
        tx: A transaction that writes.
        runtime: Clock and actor.
        environment: Which head moves.
        manifest: Id of the manifest that it moves to.
        gates: Each gate that does not hold, with why.
        reason: Why it must be, for those who ask later.
        groups: Groups of the nodes that change.

    Raises:
        RefusedError: No reason is given.
        ForbiddenError: The actor may not.
    """
    if not reason.strip():
        raise RefusedError("breaking the glass needs a reason", hint="--break-glass --reason 'why it cannot wait'")
    require(tx, runtime, "break_glass", environment=environment, groups=groups)
    body = {
        "environment": environment,
        "gates": {name: why.to_dict() for name, why in gates.items()},
        "reason": reason,
    }
    return tx.events.append(BROKEN, manifest, body, runtime.actor, runtime.clock.now())


def broken_glass(tx: Transaction, manifest: str, environment: str | None = None) -> list[EventRecord]:
    """When gates were overridden for a manifest, oldest first.

    Args:
        tx: A transaction that reads.
        manifest: Id of the manifest.
        environment: Only on the way to this environment.
    """
    found = tx.events.list(kind=BROKEN, subject=manifest)
    return [one for one in found if environment in (None, one.body["environment"])]
