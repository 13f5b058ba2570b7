"""The history outside of the catalogue: a signed head, and the events behind it.

The first line of the file is a DSSE envelope around the length and the last digest of the history; each further line
is one event. Kept where the catalogue's keeper cannot write, it finds what the catalogue cannot tell of itself: a tail
cut off, or everything rewritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from soroi.base.dsse import envelope, opened
from soroi.base.errors import MissingFileError, RefusedError
from soroi.base.reason import Reason
from soroi.base.runtime import Runtime
from soroi.base.signing import public_key
from soroi.govern.report import AuditReport
from soroi.release.identity import know_first_key, known_keys, refuse_unknown_key
from soroi.store import EventRecord, Store, Transaction
from soroi.store.columns import encode_json
from soroi.store.events import event_digest
from soroi.store.rows import moment_text

TYPE = "application/vnd.soroi.history-head+json"
"""Media type of the payload of the envelope."""

FORMAT = 1


def export_history(store: Store, path: Path, *, runtime: Runtime) -> dict[str, Any]:
    """Write the history to a file, its head signed with the key of the actor. Gives what was signed.

    Args:
        store: The store.
        path: File to write; it must not be there.
        runtime: Clock and actor.

    Raises:
        RefusedError: The history is not whole, the key is not registered, or the file is there.
    """
    key = public_key(runtime.actor)
    with store.catalogue.write() as tx:
        know_first_key(tx, runtime, key)
        refuse_unknown_key(tx, runtime.actor, key)
    with store.catalogue.read() as tx:
        broken = tx.events.verify()
        if broken:
            hint = "soroi audit verify names everything"
            raise RefusedError(f"the history is not whole: {broken[0].text}", hint=hint)
        events = tx.events.list()
    last = events[-1]
    head = {
        "format": FORMAT,
        "project": store.config.project,
        "length": last.seq,
        "digest": last.digest,
        "by": runtime.actor,
        "at": moment_text(runtime.clock.now()),
    }
    sealed = envelope(TYPE, encode_json(head).encode(), runtime.actor)
    lines = [sealed, *(_line(one) for one in events)]
    try:
        with path.open("x", encoding="utf-8") as file:
            file.writelines(encode_json(one) + "\n" for one in lines)
    except FileExistsError:
        raise RefusedError(f"{path} is there already", hint="give another name: exports are kept") from None
    except FileNotFoundError:
        raise MissingFileError(f"the folder of {path} is not there", hint="make it first") from None
    return head


def check_export(tx: Transaction, path: Path, *, key: str | None = None) -> AuditReport:
    """Hold the catalogue against an exported history.

    Args:
        tx: A transaction that reads.
        path: The file.
        key: Public key that must have signed it; default: one that is registered in the catalogue.

    Raises:
        MissingFileError: The file is not there.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise MissingFileError(f"{path} is not there", hint="soroi audit export FILE makes one") from None
    lines = [_plain(one) for one in text.splitlines() if one.strip()]
    head, problems = _head(tx, lines[0] if lines else None, key)
    if head is None:
        return AuditReport(tx.project, 0, "", {}, tuple(problems))
    told = [one if isinstance(one, dict) else {} for one in lines[1:]]
    problems += [*_own(told, head), *tx.events.verify(), *_against(tx, told, head)]
    checked = {"events in the file": len(told), "events exported": int(head["length"])}
    return AuditReport(tx.project, int(head["length"]), str(head["digest"]), checked, tuple(problems))


def _head(tx: Transaction, sealed: Any, key: str | None) -> tuple[dict[str, Any] | None, list[Reason]]:
    found = opened(sealed, TYPE) if isinstance(sealed, dict) else None
    head = _plain(found[0]) if found is not None else None
    if found is None or not isinstance(head, dict) or head.get("format") != FORMAT:
        return None, [Reason("tampered", "the file's head is not signed, or not what was signed", "head")]
    if head["project"] != tx.project:
        return None, [Reason("tampered", f"the file is of the project '{head['project']}'", "head")]
    signer = found[1]
    if key is not None:
        wrong = None if signer == key.strip().lower() else f"the head was signed with {signer[:16]}, not {key[:16]}"
    else:
        known = (head["by"], signer) in known_keys(tx)
        wrong = None if known else f"the head was signed with {signer[:16]}, which is not registered to {head['by']}"
    return head, [Reason("tampered", wrong, "head")] if wrong is not None else []


def _own(told: list[dict[str, Any]], head: dict[str, Any]) -> Iterator[Reason]:
    """Whether the events of the file lead to its head; a file of the head alone has none."""
    if not told:
        return
    before, expected = "", 1
    for one in told:
        if one.get("seq") != expected or one.get("prev") != before or _redone(one) != one.get("digest"):
            yield Reason("tampered", f"event {expected} in the file is not what was exported", str(expected))
            return
        before, expected = str(one["digest"]), expected + 1
    if (expected - 1, before) != (head["length"], head["digest"]):
        yield Reason("tampered", f"the file ends with event {expected - 1}, its head with {head['length']}", "head")


def _against(tx: Transaction, told: list[dict[str, Any]], head: dict[str, Any]) -> Iterator[Reason]:
    held = {row.values["seq"]: row.values["digest"] for row in tx.stored("events")}
    length = int(head["length"])
    exported = {one["seq"]: one for one in told if "seq" in one and "digest" in one}
    for seq in range(1, length + 1):
        said = exported.get(seq)
        digest = said["digest"] if said else (head["digest"] if seq == length else None)
        what = f" ({said['kind']}, by {said['by']}, {said['at']})" if said else ""
        if seq not in held:
            yield Reason("missing", f"event {seq} is missing{what}", str(seq))
        elif digest is not None and held[seq] != digest:
            yield Reason("changed", f"event {seq} is not what was exported{what}", str(seq))


def _line(one: EventRecord) -> dict[str, Any]:
    return {**msgspec.structs.asdict(one), "at": moment_text(one.at)}


def _redone(one: dict[str, Any]) -> str | None:
    try:
        at = moment_text(datetime.fromisoformat(one["at"]))
        return event_digest(
            one["seq"], one["prev"], one["kind"], one["subject"], encode_json(one["body"]), one["by"], at
        )
    except (KeyError, TypeError, ValueError):
        return None


def _plain(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
