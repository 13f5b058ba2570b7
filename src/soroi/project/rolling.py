"""Rollouts of a project as one works with them: begun, looked at, advanced, ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from soroi.base.display import Display, Shown
from soroi.base.errors import OutOfStepError, RefusedError, UnknownNameError
from soroi.project.listing import Listing, when
from soroi.release.manifest import Manifest, differing, read_manifest
from soroi.release.roles import require
from soroi.release.rollout import BASE, Guard, RolloutPlan
from soroi.release.rollout_moves import (
    Asked,
    Begun,
    Promote,
    abort_rollout,
    advance_rollout,
    find_rollout,
    pause_rollout,
    resume_rollout,
    start_rollout,
)
from soroi.release.rollout_outcomes import tables
from soroi.release.rollout_watch import Counter, RolloutReport, Watcher
from soroi.store import AnswerLog, HeadRecord, RolloutRecord, Transaction

if TYPE_CHECKING:
    from soroi.project.project import Project

USUAL_ANSWERS = 200
"""Answers of the base from which on its usual latency is taken from them."""

_USUAL_SPAN = timedelta(days=1)
_USUAL_SHARE = 0.95


class Rollout(Shown):
    """One rollout of a project.

    Args:
        project: The project.
        rollout: Its id.
    """

    def __init__(self, project: Project, rollout: str) -> None:
        self._project = project
        self.id = rollout

    @property
    def record(self) -> RolloutRecord:
        """How it stands now, by the catalogue alone."""
        with self._project.store.catalogue.read() as tx:
            return tx.rollouts.get(self.id)

    def report(self) -> RolloutReport:
        """How it stands now, with what the recorded answers say. Changes nothing."""
        project, record = self._project, self.record
        return Counter(project.store, record).report(record, project.runtime.clock.now())

    def advance(self) -> Rollout:
        """Take the next step; behind the last one the challenger becomes the head, through the gates of a release.

        Raises:
            RefusedError: It is not running, a guard is broken, or a gate does not hold.
            ConflictError: Somebody else was first.
        """
        project, report = self._project, self.report()
        if report.broken:
            raise RefusedError(
                f"{self.id} may not advance: " + "; ".join(one.text for one in report.broken),
                hint="soroi rollout abort; a watcher would have ended it",
            )
        advance_rollout(project.store, report.record, project.runtime, promoting(project, by_hand=True))
        return self

    def pause(self, reason: str = "") -> Rollout:
        """Stay at the present share until it is resumed. Guards go on watching.

        Raises:
            RefusedError: It is not running.
            ConflictError: Somebody else was first.
        """
        pause_rollout(self._project.store, self.record, self._project.runtime, reason=reason)
        return self

    def resume(self) -> Rollout:
        """Go on after a pause.

        Raises:
            RefusedError: It is not paused.
            ConflictError: Somebody else was first.
        """
        resume_rollout(self._project.store, self.record, self._project.runtime)
        return self

    def abort(self, reason: str = "") -> Rollout:
        """End it: the base answers everything again.

        Raises:
            RefusedError: It ended already.
            ConflictError: Somebody else was first.
        """
        abort_rollout(self._project.store, self.record, self._project.runtime, reason=reason)
        return self

    def watch(self, told: Callable[[RolloutReport], object] = lambda report: None) -> RolloutReport:
        """Look after it until it ends: ends it when a guard breaks, takes steps that are due where it says ``auto``.

        Args:
            told: Given the report of each look.
        """
        project = self._project
        watcher = Watcher(project.store, self.record.environment, runtime=project.runtime, promote=promoting(project))
        return watcher.run(told) or self.report()

    def display(self) -> Display:
        """How it stands."""
        return self.report().display()

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return self.report().to_dict()


def begin(
    project: Project,
    manifest: str | None,
    plan: RolloutPlan,
    *,
    environment: str,
    not_sealed: Callable[[Transaction], OutOfStepError | None],
    reason: str = "",
) -> Rollout:
    """Begin a rollout of a sealed manifest, once it was seen to load and answer here.

    Args:
        project: The project.
        manifest: Id of the manifest, or the beginning of it; default: what is staged.
        plan: How.
        environment: Which head is on its way.
        not_sealed: Tells why staging is not sealed.
        reason: Why.

    Raises:
        RefusedError: Nothing is live, the manifest is live already, or it does not load and answer.
        OutOfStepError: Staging is not sealed.
        ConflictError: Another rollout is open there.
        ConfigError: A decision has no column of the key's name.
        ForbiddenError: The actor may not, or may not release there when it is to advance by itself.
    """
    with project.store.catalogue.read() as tx:
        staged = tx.staging.get().manifest
        if manifest is None and staged is None:
            raise not_sealed(tx) or OutOfStepError(
                "staging is empty: there is nothing to roll out", hint="soroi build, then soroi stage --all"
            )
        head = tx.heads.get(environment)
        if head is None:
            raise RefusedError(
                f"nothing was ever released to '{environment}', so there is nothing to compare with",
                hint="soroi release",
            )
        base, challenger = read_manifest(tx, head.manifest), read_manifest(tx, manifest or str(staged))
        changed = differing(tx, head.manifest, challenger)
    if plan.advance == "auto":  # its last step releases with nobody there to be asked
        project._require("release", environment, lambda: changed)
    groups = project.groups(changed)
    with project.store.catalogue.read() as tx:  # before the long look at whether it answers
        require(tx, project.runtime, "rollout", environment=environment, groups=groups)
    tables(project.store, base.id, challenger.id, plan)  # or guards would wait for outcomes that never come
    asked = _asked(project, base, challenger, plan.guards)
    begun = Begun(environment, challenger.id, plan, asked, reason, groups)
    return Rollout(project, start_rollout(project.store, begun, project.runtime).id)


def find(project: Project, environment: str, rollout: str | None = None) -> Rollout:
    """The rollout that is meant: by id, else the open one of an environment, else the last one.

    Raises:
        UnknownNameError: There is none.
    """
    with project.store.catalogue.read() as tx:
        try:
            return Rollout(project, find_rollout(tx, environment, rollout).id)
        except UnknownNameError:
            last = tx.rollouts.all(environment) if rollout is None else []
            if not last:
                raise
            return Rollout(project, last[0].id)


def listed(project: Project, environment: str | None = None) -> Listing[RolloutRecord]:
    """All rollouts, newest first."""
    with project.store.catalogue.read() as tx:
        records = tuple(tx.rollouts.all(environment))
    head = ("rollout", "environment", "mode", "status", "base", "challenger", "begun", "by", "ended")

    def row(one: RolloutRecord) -> Sequence[str]:
        ends = (when(one.at), one.by, when(one.ended_at))
        return (one.id, one.environment, one.mode, one.status, one.base, one.challenger, *ends)

    return Listing("rollouts", head, records, row)


def promoting(project: Project, *, by_hand: bool = False) -> Promote:
    """Makes a challenger the head through the gates of a release.

    Args:
        project: The project.
        by_hand: Whether the actor says so now; else who began the rollout did, when they let it advance by itself.
    """

    def promote(record: RolloutRecord, head: HeadRecord) -> object:
        with project.store.catalogue.read() as tx:
            manifest = read_manifest(tx, record.challenger)
        return project.promote(manifest, head, reason=_reason(record), acting=None if by_hand else record.by)

    return promote


def _reason(record: RolloutRecord) -> str:
    return f"{record.id}: {record.mode} begun by {record.by} went through all its steps"


def _asked(project: Project, base: Manifest, challenger: Manifest, guards: Sequence[Guard]) -> dict[str, Asked]:
    from soroi.serve import load_snapshot
    from soroi.serve.judge import answer_apart

    config = project.config
    old, new = (load_snapshot(project.store, one, module=config.module, home=config.root) for one in (base, challenger))
    bad = [one for one in answer_apart(new) if one.kind != "answers"]
    if bad:
        told = "; ".join(line for one in bad for line in one.lines())
        raise RefusedError(f"{challenger.id} loads, but does not answer: {told}", hint="mend it, and build it again")
    usual = any(one.measure == "latency" and one.over is None for one in guards)
    found = {}
    for name, part in new.decisions.items():
        if name in old.decisions:
            columns = [one for one in old.decisions[name].spine.names if one in part.spine.schema]
            limit = _usual_latency(project, name, base.id) if usual else None
            found[name] = Asked(tuple(columns), limit if limit is not None else part.deadline * 1000.0)
    return found


def _usual_latency(project: Project, decision: str, manifest: str) -> float | None:
    """What most of the base's last answers stayed within, in milliseconds; ``None``: too few are known."""
    since = project.runtime.clock.now() - _USUAL_SPAN
    log = AnswerLog(project.config.store)
    taken = sorted(
        one["milliseconds"]
        for one in log.scan(decision, since)
        if one["manifest"] == manifest and one.get("arm", BASE) == BASE
    )
    return float(taken[int(_USUAL_SHARE * len(taken))]) if len(taken) >= USUAL_ANSWERS else None
