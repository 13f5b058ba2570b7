"""Moving a rollout: begun, advanced, paused, ended. All state is in the catalogue, every move a compare-and-swap.

A rollout never moves the head before its end, so ending it early gives the whole set back by doing nothing: from
the next request on the head answers alone. The last step makes the challenger the head through the gates of a
release. A kill between that and noting the end leaves a rollout whose head went where it should; whoever looks next
notes it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from soroi.base.errors import ConfigError, ConflictError, RefusedError, UnknownNameError
from soroi.base.runtime import Runtime
from soroi.release.manifest import read_manifest
from soroi.release.roles import require
from soroi.release.rollout import EACH_ANSWER, RolloutPlan, Terms, step_of, terms_of
from soroi.release.rollout_guards import Reading
from soroi.store import HeadRecord, IncidentRecord, RolloutRecord, Store, Transaction
from soroi.store.present import secure

Promote = Callable[[RolloutRecord, HeadRecord], object]
"""Makes the challenger the head through the gates of a release: given the rollout, and the head as it was seen.

Raises RefusedError when a gate does not hold, and ConflictError when somebody else moved the head."""

GUARDS = "guards"
"""Who ends a rollout whose guard is broken."""


@dataclass(frozen=True)
class Asked:
    """What a decision of the challenger is asked with, as far as a rollout needs it."""

    columns: tuple[str, ...]
    """Columns of the rows that it decides on."""

    latency: float
    """Within how many milliseconds its answers usually come, or must."""


@dataclass(frozen=True)
class Begun:
    """What a rollout is begun with."""

    environment: str
    """Which head is on its way."""

    challenger: str
    """Id of the sealed manifest that it may come to point at, or the beginning of it."""

    plan: RolloutPlan
    """How."""

    asked: Mapping[str, Asked] = field(default_factory=dict)
    """The decisions that base and challenger both have."""

    reason: str = ""
    """Why, in somebody's words."""

    groups: Collection[str | None] = ()
    """Groups of the nodes that differ from the base, for roles; without any, only roles for all groups count."""


def start_rollout(store: Store, begun: Begun, runtime: Runtime) -> RolloutRecord:
    """Begin a rollout. The head stays where it is.

    Args:
        store: The store.
        begun: What it is begun with.
        runtime: Clock, ids and actor.

    Raises:
        ConfigError: A decision has no column of the key's name.
        RefusedError: Nothing is live, or the challenger is.
        ConflictError: Another rollout is open there.
        UnknownNameError: There is no such manifest.
        ForbiddenError: The actor may not.
    """
    _check_key(begun)
    with store.catalogue.write() as tx:
        require(tx, runtime, "rollout", environment=begun.environment, groups=begun.groups)
        head = tx.heads.get(begun.environment)
        if head is None:
            raise RefusedError(
                f"nothing was ever released to '{begun.environment}', so there is nothing to compare with",
                hint="soroi release",
            )
        manifest = read_manifest(tx, begun.challenger)
        if manifest.id == head.manifest:
            raise RefusedError(f"{manifest.id} is live in '{begun.environment}' already", hint="stage another set")
        limits = {name: one.latency for name, one in begun.asked.items()}
        groups = tuple(sorted(begun.groups, key=str))
        now = runtime.clock.now()
        record = RolloutRecord(
            id=runtime.ids.new("rollout"),
            environment=begun.environment,
            base=head.manifest,
            challenger=manifest.id,
            mode=begun.plan.mode,
            status="running",
            revision=1,
            body=msgspec.json.decode(
                msgspec.json.encode(Terms(begun.plan, head.revision, limits, begun.reason, groups))
            ),
            state={"step": 0, "since": now.isoformat()},
            by=runtime.actor,
            at=now,
        )
        # nothing of it is collected from here on
        secure(tx, store.objects, manifest.picks.values(), runtime=runtime)
        tx.rollouts.start(record, {"mode": record.mode, "steps": record.body["plan"]["steps"]})
    return record


def advance_rollout(
    store: Store, record: RolloutRecord, runtime: Runtime, promote: Promote, *, by: str | None = None
) -> RolloutRecord:
    """Take the next step; behind the last one the challenger becomes the head (a shadow just ends).

    Args:
        store: The store.
        record: The rollout as it was looked at.
        runtime: Clock, ids and actor.
        promote: Makes the challenger the head.
        by: Who takes it in the actor's place, without being asked for their role.

    Raises:
        RefusedError: It is not running, or a gate does not hold; the rollout is as it was.
        ConflictError: Somebody else moved it, or the head.
        ForbiddenError: The actor may not.
    """
    if record.status != "running":
        hint = "soroi rollout resume" if record.status == "paused" else "soroi rollout start"
        raise RefusedError(f"{record.id} is {record.status}", hint=hint)
    terms, step = terms_of(record), step_of(record) + 1
    if step >= len(terms.plan.steps):
        return _finish(store, record, runtime, promote, by)
    now = runtime.clock.now()
    share = terms.plan.steps[step].share
    with store.catalogue.write() as tx:
        if by is None:
            _require(tx, runtime, record)
        state, body = {"step": step, "since": now.isoformat()}, {"step": step, "share": share}
        return tx.rollouts.move(record, "advanced", by=by or runtime.actor, at=now, state=state, body=body)


def pause_rollout(
    store: Store, record: RolloutRecord, runtime: Runtime, *, reason: str = "", by: str | None = None
) -> RolloutRecord:
    """Stay at the present share: no step is taken until it is resumed. Guards go on watching.

    Raises:
        RefusedError: It is not running.
        ConflictError: Somebody else moved it.
        ForbiddenError: The actor may not.
    """
    if record.status != "running":
        raise RefusedError(f"{record.id} is {record.status}, so it cannot be paused")
    return _moved(store, record, "paused", runtime, reason, by)


def resume_rollout(store: Store, record: RolloutRecord, runtime: Runtime) -> RolloutRecord:
    """Go on after a pause. The present step begins anew.

    Raises:
        RefusedError: It is not paused.
        ConflictError: Somebody else moved it.
        ForbiddenError: The actor may not.
    """
    if record.status != "paused":
        raise RefusedError(f"{record.id} is {record.status}, so there is nothing to resume")
    return _moved(store, record, "resumed", runtime, "", None)


def abort_rollout(store: Store, record: RolloutRecord, runtime: Runtime, *, reason: str = "") -> RolloutRecord:
    """End it: the base answers everything again, from the next request on.

    Raises:
        RefusedError: It ended already.
        ConflictError: Somebody else moved it.
        ForbiddenError: The actor may not.
    """
    if not record.is_open:
        raise RefusedError(f"{record.id} ended already: it is {record.status}")
    return _moved(store, record, "aborted", runtime, reason, None)


def abort_broken(
    store: Store, record: RolloutRecord, broken: Sequence[Reading], seen: Mapping[str, Any], runtime: Runtime
) -> RolloutRecord:
    """End it because guards are broken, and open an incident with the evidence, in one transaction.

    Args:
        store: The store.
        record: The rollout as it was looked at.
        broken: What the broken guards say.
        seen: What else was seen: answers by arm.
        runtime: Clock and ids.

    Raises:
        ConflictError: Somebody else moved it; then no incident is opened either.
    """
    now = runtime.clock.now()
    named = ", ".join(dict.fromkeys(f"{one.guard} of '{one.decision}'" for one in broken))
    evidence = {
        "rollout": record.id,
        "environment": record.environment,
        "base": record.base,
        "challenger": record.challenger,
        "step": step_of(record),
        "guards": [one.to_dict() for one in broken],
        "reasons": [one.reason.to_dict() for one in broken],
        **seen,
    }
    incident = IncidentRecord(
        id=runtime.ids.new("incident"),
        category="rollout",
        title=f"{record.challenger} was worse than {record.base} in '{record.environment}': {named}",
        body=evidence,
        by=GUARDS,
        at=now,
    )
    with store.catalogue.write() as tx:
        body = {"reason": incident.title, "incident": incident.id, "guards": evidence["guards"]}
        state = {**record.state, "reason": incident.title, "incident": incident.id}
        moved = tx.rollouts.move(record, "aborted", by=GUARDS, at=now, status="aborted", state=state, body=body)
        tx.incidents.open(incident, {"rollout": record.id})
    return moved


def settle(store: Store, record: RolloutRecord, runtime: Runtime) -> RolloutRecord:
    """Bring an open rollout in line with its head: end it when the head is no longer where it began.

    Gives the rollout as it stands then. When the head went to the challenger, it is done; when it went elsewhere, or
    moved there and back, the rollout was overtaken and counts as aborted.
    """
    with store.catalogue.read() as tx:
        head = tx.heads.get(record.environment)
    if not record.is_open or head is None or head.revision == terms_of(record).base_revision:
        return record
    done = head.manifest == record.challenger
    kind, status = ("finished", "done") if done else ("overtaken", "aborted")
    reason = "" if done else f"{head.by} moved '{record.environment}' to {head.manifest} (revision {head.revision})"
    now = runtime.clock.now()
    body = {"revision": head.revision, "manifest": head.manifest, "reason": reason}
    with store.catalogue.write() as tx:
        state = {**record.state, **({"reason": reason} if reason else {})}
        return tx.rollouts.move(record, kind, by=head.by, at=now, status=status, state=state, body=body)  # type: ignore[arg-type]


def _finish(store: Store, record: RolloutRecord, runtime: Runtime, promote: Promote, by: str | None) -> RolloutRecord:
    now = runtime.clock.now()
    if record.mode == "shadow":
        with store.catalogue.write() as tx:
            if by is None:
                _require(tx, runtime, record)
            return tx.rollouts.move(record, "finished", by=by or runtime.actor, at=now, status="done")
    with store.catalogue.read() as tx:
        if by is None:
            _require(tx, runtime, record)
        head = tx.heads.get(record.environment)
        seen = tx.rollouts.get(record.id)
    if seen.revision != record.revision:
        raise ConflictError(f"{record.id} was moved meanwhile", hint="soroi rollout status, then decide again")
    if head is not None and head.revision == terms_of(record).base_revision:
        promote(record, head)
    try:
        return settle(store, record, runtime)
    except ConflictError:  # somebody else noted it first
        with store.catalogue.read() as tx:
            return tx.rollouts.get(record.id)


def _moved(
    store: Store, record: RolloutRecord, kind: str, runtime: Runtime, reason: str, by: str | None
) -> RolloutRecord:
    now = runtime.clock.now()
    status: Any = {"paused": "paused", "resumed": "running", "aborted": "aborted"}[kind]
    state = {name: value for name, value in record.state.items() if name != "reason"}
    state |= {"since": now.isoformat()} if kind == "resumed" else {"reason": reason} if reason else {}
    with store.catalogue.write() as tx:
        if by is None:
            _require(tx, runtime, record)
        body = {"reason": reason} if reason else {}
        return tx.rollouts.move(record, kind, by=by or runtime.actor, at=now, status=status, state=state, body=body)


def _require(tx: Transaction, runtime: Runtime, record: RolloutRecord) -> None:
    """Go on only if the actor may move a rollout."""
    require(tx, runtime, "rollout", environment=record.environment, groups=terms_of(record).groups)


def find_rollout(tx: Transaction, environment: str, rollout: str | None = None) -> RolloutRecord:
    """The rollout that is meant: by id, else the open one of an environment.

    Raises:
        UnknownNameError: There is none.
    """
    if rollout is not None:
        return tx.rollouts.get(rollout)
    found = tx.rollouts.open(environment)
    if found is None:
        raise UnknownNameError(
            f"no rollout is open in '{environment}'",
            hint="soroi rollout start, or soroi rollout list",
            name=environment,
        )
    return found


def _check_key(begun: Begun) -> None:
    key = begun.plan.key
    lacking = [name for name, one in begun.asked.items() if key != EACH_ANSWER and key not in one.columns]
    if lacking:
        columns = sorted(set.intersection(*(set(one.columns) for one in begun.asked.values())))
        raise ConfigError(
            f"the rows of {', '.join(lacking)} have no column '{key}' that an arm could stick to",
            hint=f"one of {', '.join(columns)}; or '{EACH_ANSWER}' when every request is drawn by itself",
        )
    if not begun.asked:
        raise RefusedError(f"{begun.challenger} has no decision that is live: there is nothing to compare")
