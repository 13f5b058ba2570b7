"""The open project: declarations, store, and what can be done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soroi.base.display import Display, Shown
from soroi.base.runtime import Runtime
from soroi.build.reference import PRODUCTION
from soroi.codebase import find_project, read_config
from soroi.project.approving import approve_case, list_approvals, read_case
from soroi.project.doing import Doing
from soroi.project.governing import Audit, Keys, Roles, Tokens
from soroi.project.housekeeping import Housekeeping
from soroi.project.listing import Listing
from soroi.release import (
    ReleaseOutcome,
)
from soroi.release.approvals import Judged, Wanted
from soroi.release.case import Case
from soroi.release.heads import promote
from soroi.release.manifest import Manifest
from soroi.store import (
    ApprovalRecord,
    HeadRecord,
)

if TYPE_CHECKING:
    from soroi.project.rehearsing import RollbackRehearsal
    from soroi.project.rolling import Rollout
    from soroi.release.rollout import Guard
    from soroi.store import RolloutRecord, VersionLine


class Project(Housekeeping, Doing, Shown):
    """A project: its declarations as they are on disk now, and its store.

    Args:
        config: What ``soroi.toml`` says.
        runtime: Clock, ids and actor.
    """

    @cached_property
    def keys(self) -> Keys:
        """Public keys that are known to be somebody's."""
        return Keys(self)

    @cached_property
    def roles(self) -> Roles:
        """Who was given which role."""
        return Roles(self)

    @cached_property
    def tokens(self) -> Tokens:
        """Tokens by which somebody is known."""
        return Tokens(self)

    @cached_property
    def audit(self) -> Audit:
        """Checks of the record."""
        return Audit(self)

    def rehearse(self, environment: str = PRODUCTION, *, to: str | None = None) -> RollbackRehearsal:
        """Do all of a rollback but the move: load and answer in a fresh process, and say how long it took.

        Raises:
            RefusedError: There is nothing to go back to.
        """
        from soroi.project.rehearsing import rehearse_rollback

        return rehearse_rollback(self, environment, to)

    def rollout(
        self,
        manifest: str | None = None,
        *,
        key: str,
        mode: str = "canary",
        steps: Sequence[Any] = (),
        guards: Sequence[Guard | str] | None = None,
        advance: str = "by hand",
        environment: str = PRODUCTION,
        error: float = 0.05,
        reason: str = "",
    ) -> Rollout:
        """Let a challenger answer for a share of requests, step by step, ended by itself when it is worse.

        Args:
            manifest: Id of the challenger, or the beginning of it; default: what is staged.
            key: Column that an arm sticks to; ``"answer id"`` when every request is drawn by itself.
            mode: ``canary``, ``split`` or ``shadow``.
            steps: ``(share, time, answers)`` each, shares rising; default: 1 %, 5 %, 25 %, an hour each.
            guards: What ends it; default: errors, latency and actions.
            advance: ``auto``: steps are taken when they are due; default: by hand.
            environment: Which head is on its way.
            error: With what probability guards ever end it though the challenger is as good.
            reason: Why.

        Raises:
            RefusedError: Nothing is live, the manifest is live already, or it does not load and answer.
            OutOfStepError: Staging is not sealed.
            ConflictError: Another rollout is open there.
            ConfigError: What was asked for makes no sense.
        """
        from soroi.project.rolling import begin
        from soroi.release.rollout import RolloutPlan

        plan = RolloutPlan.of(key, mode=mode, steps=steps, guards=guards, advance=advance, error=error)
        return begin(self, manifest, plan, environment=environment, not_sealed=self._why_not_sealed, reason=reason)

    def promote(
        self, manifest: Manifest, head: HeadRecord, *, reason: str, acting: str | None = None
    ) -> ReleaseOutcome:
        """Make the challenger of a rollout live, through the gates of a release.

        Args:
            manifest: The challenger.
            head: The head as it was looked at.
            reason: Why.
            acting: Who said that it happens by itself; default: the actor says so now.

        Raises:
            RefusedError: A gate does not hold.
            ForbiddenError: The actor, or who said that it happens by itself, may not release there.
            ConflictError: Somebody else moved the head meanwhile.
        """
        runtime = self.runtime if acting is None else replace(self.runtime, actor=acting, scopes=None)
        asks = self.gating.asks(head.environment)
        return promote(self.store, manifest, head, judges=self.gating.judges, runtime=runtime, reason=reason, asks=asks)

    def find(self, **known: Any) -> Listing[VersionLine]:
        """The versions of which something is known, newest first; at most 100, or as many as ``limit`` says.

        Args:
            **known: Fields of :class:`soroi.store.Wanted`: ``node``, ``kind``, ``by``, ``run``, ``since``, ``until``,
                ``digest``, ``recipe``, ``definition``, ``output``, ``behind`` (a version: the next page behind it),
                ``limit``. Moments may be text; runs and versions may be given by their beginning.

        Raises:
            UnknownNameError: There is no such field, node, kind, run or version.
            ConfigError: A digest, a moment or the limit is none.
        """
        from soroi.project.seeking import seek

        return seek(self, known)

    def rollouts(self, environment: str | None = None) -> Listing[RolloutRecord]:
        """All rollouts, newest first."""
        from soroi.project.rolling import listed

        return listed(self, environment)

    def case(self, environment: str = PRODUCTION, *, manifest: str | None = None) -> Case:
        """What is to be approved or released: a manifest, what it goes over, and the verdicts on it.

        Args:
            environment: Where it is to go.
            manifest: Id of the manifest, or the beginning of it; default: what is staged.

        Raises:
            OutOfStepError: Staging is not sealed.
            UnknownNameError: There is no such manifest.
        """
        return read_case(self, environment, manifest)

    def approvals(self, environment: str = PRODUCTION, *, plan: str | None = None) -> Listing[Judged]:
        """The approvals for a plan, each with why it does not count if it does not.

        Args:
            environment: Where it is to go.
            plan: Beginning of the plan's digest or of the id of a manifest; default: what is staged.

        Raises:
            OutOfStepError: Staging is not sealed.
            UnknownNameError: There is no such plan or manifest.
        """
        return list_approvals(self, plan, environment)

    def approve(
        self,
        plan: str | None = None,
        *,
        environment: str = PRODUCTION,
        kind: str = "release",
        expires: str | timedelta | None = None,
        note: str = "",
    ) -> ApprovalRecord:
        """Sign a plan and the verdicts that it shows. When either changes, the approval no longer counts: let the
        gates be judged first (:meth:`judge`).

        Args:
            plan: Beginning of the plan's digest or of the id of a manifest; default: what is staged.
            environment: Where it is to go.
            kind: As what: ``release``, ``owner``, ``audit``, ``security``, ``ethics`` or ``legal``.
            expires: How long it counts, as ``7d``; default: as long as nothing changes.
            note: What you have to say; it is signed too.

        Raises:
            OutOfStepError: Staging is not sealed.
            UnknownNameError: There is no such plan or manifest.
            ForbiddenError: You may not approve it.
            RefusedError: Your key is not registered, or was revoked.
        """
        return approve_case(self, plan, environment, Wanted(kind, expires, note)).record

    def display(self) -> Display:
        """The status of every node."""
        return self.status().display()


def open_project(path: Path | str | None = None, *, runtime: Runtime | None = None) -> Project:
    """Open the project in a folder or above it.

    Args:
        path: Where to look; default: the working directory.
        runtime: Clock, ids and actor; default: the machine's.

    Raises:
        ConfigError: There is no ``soroi.toml``, or it is wrong.
    """
    return Project(read_config(find_project(path)), runtime)
