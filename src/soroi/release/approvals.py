"""Approvals: a person's signature over one plan and the verdicts that it shows.

When the manifest, what it goes over, a gate's definition or any verdict changes, the approval is of something else
and no longer counts. It tells why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from soroi.base.digest import digest
from soroi.base.errors import ConfigError
from soroi.base.reason import Reason
from soroi.base.runtime import Runtime
from soroi.base.signing import Signature, public_key, sign, verify
from soroi.release.case import Case, verdict_digest
from soroi.release.identity import know_first_key, known_keys, refuse_unknown_key
from soroi.release.roles import KINDS, OWNER, may, require, roles_of
from soroi.release.terms import ends
from soroi.rules.facts import ApprovalFact
from soroi.store import ApprovalRecord, Store, Transaction
from soroi.store.rows import moment_text

DOMAIN = "approval"
"""Domain of the signatures: what is signed here is no waiver, and no waiver is this."""


@dataclass(frozen=True)
class Wanted:
    """As what and for how long somebody approves."""

    kind: str = "release"
    """As what; one of :data:`soroi.release.roles.KINDS`."""

    expires: str | timedelta | None = None
    """How long it counts, as ``7d``; ``None``: as long as nothing changes."""

    note: str = ""
    """What the approver has to say. It is signed too."""

    groups: Collection[str | None] = ()
    """Groups of the nodes that the case changes."""


@dataclass(frozen=True)
class Judged:
    """One approval, and whether it counts for a case."""

    record: ApprovalRecord
    """The approval."""

    why_not: Reason | None
    """Why it does not count; ``None``: it does."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        one = self.record
        return {
            "id": one.id,
            "by": one.by,
            "kind": one.kind,
            "environment": one.environment,
            "manifest": one.manifest,
            "plan": one.plan,
            "at": one.at.isoformat(),
            "expires_at": one.expires_at.isoformat() if one.expires_at else None,
            "note": one.body.get("note", ""),
            "counts": self.why_not is None,
            "why_not": self.why_not.to_dict() if self.why_not else None,
        }


def approve(store: Store, case: Case, *, runtime: Runtime, wanted: Wanted | None = None) -> ApprovalRecord:
    """Sign a plan and the verdicts that it shows, with the key of the actor on this machine.

    Args:
        store: The store.
        case: What is approved, as it was shown.
        runtime: Clock and actor.
        wanted: As what, and for how long.

    Raises:
        ConfigError: The kind or the term is none; or the key file is not a key.
        ForbiddenError: The actor may not approve there, or not as that.
        RefusedError: The actor's key is not registered, or was revoked.
    """
    wanted = wanted or Wanted()
    if wanted.kind not in KINDS:
        raise ConfigError(f"nobody approves as '{wanted.kind}'", hint=f"known: {', '.join(KINDS)}")
    now = runtime.clock.now()
    until = ends(now, wanted.expires)
    key = public_key(runtime.actor)
    with store.catalogue.write() as tx:
        require(tx, runtime, "approve", environment=case.environment, groups=wanted.groups, kind=wanted.kind)
        know_first_key(tx, runtime, key)
        refuse_unknown_key(tx, runtime.actor, key)
        body = {
            **case.signed(),
            "project": tx.project,
            "environment": case.environment,
            "manifest": case.manifest.id,
            "base": case.base.manifest if case.base else None,
            "gates": case.gates_digest,
            "shown": {one.gate: [verdict_digest(one), one.outcome] for one in case.verdicts},
            "kind": wanted.kind,
            "note": wanted.note,
            "at": moment_text(now),
            "expires_at": moment_text(until) if until else None,
        }
        signature = sign(runtime.actor, DOMAIN, body).to_dict()
        record = ApprovalRecord(
            id=approval_id(body, signature),
            plan=case.digest,
            environment=case.environment,
            manifest=case.manifest.id,
            kind=wanted.kind,
            body=body,
            signature=signature,
            by=runtime.actor,
            at=now,
            expires_at=until,
        )
        tx.approvals.add(record)
    return record


def valid_approvals(
    tx: Transaction, case: Case, now: datetime, groups: Collection[str | None] = ()
) -> tuple[list[ApprovalFact], list[Reason]]:
    """The approvals that count for a case; and why others, given for it or since the head last moved, do not.

    Args:
        tx: A transaction that reads.
        case: What is to be released, as it is now.
        now: The time.
        groups: Groups of the nodes that it changes.
    """
    judged, damaged = judged_approvals(tx, case, now, groups)
    grants = tx.grants.all()
    facts = [
        ApprovalFact(
            by=one.by,
            roles=roles_of(grants, one.by, case.environment, groups, now) if grants else frozenset({OWNER}),
            kind=one.kind,
            at=one.at,
            expires_at=one.expires_at,
        )
        for one in (found.record for found in judged if found.why_not is None)
    ]
    return facts, [*damaged, *(found.why_not for found in judged if found.why_not is not None)]


def judged_approvals(
    tx: Transaction, case: Case, now: datetime, groups: Collection[str | None] = ()
) -> tuple[list[Judged], list[Reason]]:
    """The approvals for a case or since its head last moved, oldest first; and those that cannot be read.

    Arguments: see :func:`valid_approvals`.
    """
    records, damaged = tx.approvals.of_environment(case.environment)
    since = case.base.moved_at if case.base else None
    near = [one for one in records if one.manifest == case.manifest.id or since is None or one.at > since]
    keys = known_keys(tx)
    found = [Judged(one, _why_not(tx, one, case, now, groups, keys)) for one in near]
    return found, [Reason("tampered", f"approval {one} is not what was recorded", one) for one in damaged]


def approval_id(body: Mapping[str, Any], signature: Mapping[str, str]) -> str:
    """The id that belongs to an approval."""
    return f"approval_{digest('approval', [dict(body), dict(signature)])[:26]}"


def tampering(one: ApprovalRecord, project: str, keys: Mapping[tuple[str, str], bool]) -> Reason | None:
    """What is wrong with an approval as a record: changed, or signed by a key that is not its giver's.

    Args:
        one: The approval, as it is stored.
        project: Name of the project.
        keys: What :func:`soroi.release.identity.known_keys` found.
    """
    name = f"approval {one.id} of {one.by}"
    try:
        signature = Signature.from_dict(one.signature)
        said = {name: one.body[name] for name in ("plan", "environment", "manifest", "kind", "at", "expires_at")}
    except KeyError as missing:
        return Reason("tampered", f"{name} lacks {missing}", one.id)
    columns = {
        "plan": one.plan,
        "environment": one.environment,
        "manifest": one.manifest,
        "kind": one.kind,
        "at": moment_text(one.at),
        "expires_at": moment_text(one.expires_at) if one.expires_at else None,
    }
    if one.body.get("project") != project:
        return Reason("tampered", f"{name} was given in another project", one.id)
    if not verify(signature, DOMAIN, one.body):
        return Reason("tampered", f"{name} is not what was signed", one.id)
    if signature.signer != one.by:
        return Reason("tampered", f"{name} was signed by {signature.signer}", one.id)
    changed = [column for column, value in columns.items() if said[column] != value]
    if changed or approval_id(one.body, one.signature) != one.id:
        what = ", ".join(changed) or "id"
        return Reason("tampered", f"{name}: its {what} is not what was signed", one.id)
    if (one.by, signature.key) not in keys:
        return Reason("tampered", f"{name} was signed with a key that is not registered to {one.by}", one.id)
    return None


def _why_not(
    tx: Transaction,
    one: ApprovalRecord,
    case: Case,
    now: datetime,
    groups: Collection[str | None],
    keys: Mapping[tuple[str, str], bool],
) -> Reason | None:
    wrong = tampering(one, tx.project, keys)
    if wrong is not None:
        return wrong
    given = f"the approval of {one.by} ({one.kind}, {one.at:%Y-%m-%d %H:%M} UTC)"
    changes = tuple(_changes(one, case))
    if changes:
        return Reason("changed", f"{given} no longer counts: {changes[0].text}", one.by, changes)
    if not keys[one.by, one.signature["key"]]:
        return Reason("key", f"{given} does not count: its key was revoked", one.by)
    if one.expires_at is not None and now >= one.expires_at:
        return Reason("expired", f"{given} expired {one.expires_at:%Y-%m-%d %H:%M} UTC", one.by)
    as_giver = Runtime(clock=_Fixed(now), actor=one.by)
    held = may(tx, as_giver, "approve", environment=case.environment, groups=groups, kind=one.kind)
    if not held.holds:
        return Reason("role", f"{given} does not count: they may not approve there any more", one.by, (held.reason,))
    return None


def _changes(one: ApprovalRecord, case: Case) -> Iterable[Reason]:
    """What is not as it was when it was approved."""
    body = one.body
    if one.manifest != case.manifest.id:
        yield Reason("manifest", f"it is of {one.manifest}, not of {case.manifest.id}", one.manifest)
        return
    base = case.base.manifest if case.base else None
    if body.get("base") != base:
        was = body.get("base") or "nothing"
        yield Reason("base", f"{case.environment} was at {was} then, and is at {base or 'nothing'} now", base)
    if body.get("gates") != case.gates_digest:
        yield Reason("gates", "the definition of the gates changed", None)
    shown = {name: (found[0], found[1]) for name, found in body.get("shown", {}).items()}
    now = {verdict.gate: (verdict_digest(verdict), verdict.outcome) for verdict in case.verdicts}
    for gate in sorted(shown.keys() | now.keys()):
        if shown.get(gate) != now.get(gate):
            yield Reason("verdict", _verdict_change(gate, shown.get(gate), now.get(gate)), gate)
    if body["plan"] != case.digest or body["verdicts"] != list(case.verdict_digests):
        yield Reason("plan", "the plan is not the one that was approved", None)


def _verdict_change(gate: str, old: tuple[str, str] | None, new: tuple[str, str] | None) -> str:
    if old is None:
        return f"'{gate}' was judged since" if new is not None else ""
    if new is None:
        return f"the verdict of '{gate}' that it showed is not shown any more"
    how = f"was {old[1]}, is {new[1]}" if old[1] != new[1] else f"{new[1]} again"
    return f"'{gate}' was judged anew ({how})"


@dataclass(frozen=True)
class _Fixed:
    """A clock that shows one moment."""

    at: datetime

    def now(self) -> datetime:
        """The moment."""
        return self.at
