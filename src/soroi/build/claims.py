"""Claims that one version may stand in for another, recorded with their ground; and runs that never ended."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from soroi.base.digest import digest
from soroi.base.runtime import Runtime
from soroi.base.signing import Signature, verify
from soroi.declare.node import name_there, project_of
from soroi.store import ClaimRecord, Transaction, VersionHead, VersionRecord

EQUAL_OUTPUT = "equal-output"
"""Kind of a claim between two definitions that gave the same output."""

EQUAL_ENOUGH = "equal-enough"
"""Kind of a claim between two outputs of a model whose scores on the canary rows differ by no more than declared."""

WAIVER = "waiver"
"""Kind of a claim by a person: this consumer may work with that producer."""


def claim_equal_output(tx: Transaction, old: VersionHead, new: VersionRecord, runtime: Runtime) -> None:
    """Record that two definitions of a node gave the same output from the same inputs.

    Args:
        tx: A transaction that writes.
        old: The version that was there before.
        new: The version that came out equal.
        runtime: Clock and actor.
    """
    pair = sorted((old.definition, new.definition))
    record = ClaimRecord(
        id=f"claim_{digest('claim', [EQUAL_OUTPUT, new.node, pair])[:16]}",
        kind=EQUAL_OUTPUT,
        node=new.node,
        a=old.definition,
        b=new.definition,
        evidence={"versions": [old.id, new.id], "output": new.output},
        by=runtime.actor,
        at=runtime.clock.now(),
    )
    if tx.claims.add(record):
        body = {"kind": record.kind, "node": record.node, "versions": [old.id, new.id]}
        tx.events.append("claim.recorded", record.id, body, record.by, record.at)


def claim_equal_enough(
    tx: Transaction, old: VersionHead, new: VersionRecord, difference: float, tolerance: float, runtime: Runtime
) -> None:
    """Record that two versions of a model give the same scores on the canary rows, within a declared tolerance.

    Args:
        tx: A transaction that writes.
        old: The version that was there before.
        new: The version that came out nearly equal.
        difference: Largest difference of a score.
        tolerance: What was declared.
        runtime: Clock and actor.
    """
    record = ClaimRecord(
        id=f"claim_{digest('claim', [EQUAL_ENOUGH, new.node, sorted((old.output, new.output))])[:16]}",
        kind=EQUAL_ENOUGH,
        node=new.node,
        a=old.output,
        b=new.output,
        evidence={"versions": [old.id, new.id], "difference": difference, "tolerance": tolerance},
        by=runtime.actor,
        at=runtime.clock.now(),
    )
    if tx.claims.add(record):
        body = {"kind": record.kind, "node": record.node, **record.evidence}
        tx.events.append("claim.recorded", record.id, body, record.by, record.at)


class Claims:
    """The recorded claims, ready to be asked."""

    def __init__(self, records: Iterable[ClaimRecord]) -> None:
        self._records = {frozenset((one.a, one.b)): one for one in records}

    def near(self, used: VersionHead, picked: VersionHead) -> ClaimRecord | None:
        """A claim that two outputs of a model are equal enough, or ``None``."""
        found = self._records.get(frozenset((used.output, picked.output)))
        return found if found is not None and found.node == picked.node else None

    def waiving(self, consumer: VersionHead, picked: VersionHead) -> ClaimRecord | None:
        """A person's waiver that a consumer may work with a picked producer, or ``None``. Its signature is checked."""
        used, by = picked.id, consumer.id
        if project_of(used) is not None and project_of(used) == project_of(by):  # signed there, by the names there
            used, by = name_there(used), name_there(by)
        found = self._records.get(frozenset((by, used)))
        if found is None or found.kind != WAIVER or found.a != by:
            return None
        body = {
            "node": found.node,
            "consumer": found.a,
            "producer": found.b,
            "reason": found.evidence["reason"],
        }
        good = verify(Signature.from_dict(found.evidence["signature"]), WAIVER, body)
        return found if good and found.evidence["signature"]["signer"] == found.by else None

    def covering(self, used: VersionHead, picked: VersionHead) -> ClaimRecord | None:
        """A claim by which the picked version may stand in for the one that was used, or ``None``."""
        found = self._records.get(frozenset((used.definition, picked.definition)))
        return found if found is not None and found.node == picked.node else None


def close_interrupted(tx: Transaction, runtime: Runtime) -> list[str]:
    """Mark the runs whose process is gone as interrupted; what they finished stays and is reused.

    Returns:
        Ids of the runs so marked.
    """
    closed: list[str] = []
    for one in tx.runs.open():
        if one.host == socket.gethostname() and not _is_alive(one.pid):
            tx.runs.finish(one.id, "interrupted", runtime.clock.now())
            tx.events.append("run.interrupted", one.id, {"pid": one.pid}, runtime.actor, runtime.clock.now())
            closed.append(one.id)
    return closed


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
