"""Keeping house: what is needed, what is not, and what must stay."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from soroi.base.errors import ConfigError
from soroi.base.reason import Reason
from soroi.project.opened import Opened

if TYPE_CHECKING:
    from soroi.release.collect import Collector, Progress
    from soroi.release.collected import Collected
    from soroi.release.unused import Unused
    from soroi.store import HoldRecord


class Housekeeping(Opened):
    """The part of a project that keeps house."""

    def collect(self, *, apply: bool = False, progress: Progress | None = None) -> Collected:
        """What nothing needs, by how long ``[retention]`` keeps things; removes its bytes when asked to.

        Records stay, and tell what was removed. Safe beside everything else, and may be killed at any moment.

        Args:
            apply: Remove it.
            progress: Told of each step: what, how many are done, how many there are.

        Raises:
            ForbiddenError: The actor may not.
        """
        made = self._collector(progress)
        return made.apply() if apply else made.survey()

    def why_kept(self, version: str) -> Reason:
        """Why the bytes of a version stay, or that they go, as a tree.

        Args:
            version: Its id, or the beginning of it.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        from soroi.release.explained import explain

        made = self._collector(None)
        with self.store.catalogue.read() as tx:
            return explain(tx, made.judge(tx), tx.versions.get(version))

    def unused(self, since: str | timedelta = "30d") -> Unused:
        """Versions that were neither staged nor live lately, by node, with owner, time and cost of building them.

        Args:
            since: How far back use counts; what was built within it is too young to tell.

        Raises:
            ConfigError: It is not a span of time.
        """
        from soroi.codebase.retention import span
        from soroi.release.unused import unused

        try:
            back = span(since)
        except (ValueError, OverflowError):
            hint = "a number and h, d, w or y, such as 30d"
            raise ConfigError(f"'{since}' is not a span of time", hint=hint) from None
        with self.store.catalogue.read() as tx:
            now = self.runtime.clock.now()
            return unused(tx, now=now, since=back, cost_per_hour=self.config.cost_per_hour)

    def hold(self, subject: str, *, reason: str) -> HoldRecord:
        """Keep a version, manifest, run or node, with all that it rests on, until the hold is released.

        Args:
            subject: Its id.
            reason: Why, for those who ask later.

        Raises:
            UnknownNameError: There is nothing of that id.
            RefusedError: No reason is given.
            CollectedError: Some of it was removed already.
            ForbiddenError: The actor may not.
        """
        from soroi.release.holding import hold

        return hold(self.store, subject, reason=reason, runtime=self.runtime)

    def holds(self, *, open_only: bool = True) -> list[HoldRecord]:
        """The holds, oldest first.

        Args:
            open_only: Only those that were not released.
        """
        with self.store.catalogue.read() as tx:
            return tx.holds.all(open_only=open_only)

    def release_hold(self, hold: str) -> HoldRecord:
        """End a hold.

        Args:
            hold: Its id, or the beginning of it.

        Raises:
            UnknownNameError: There is none, or there are several.
            RefusedError: It has ended already.
            ForbiddenError: The actor may not.
        """
        from soroi.release.holding import release_hold

        return release_hold(self.store, hold, runtime=self.runtime)

    def _collector(self, progress: Progress | None) -> Collector:
        from soroi.release.collect import Collecting, Collector, silent

        shared = self.config.catalogue is not None
        how = Collecting(self.config.retention, shared=shared, progress=progress or silent)
        return Collector(self.store, how, self.runtime)
