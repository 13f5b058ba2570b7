"""Staging in the catalogue: one picked version per node, changed by compare-and-swap, every pick recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from soroi.base.errors import ConflictError, DataError, UnknownNameError
from soroi.store.records import Pick, StagingChange, StagingState
from soroi.store.schema import manifests, picks, staging, staging_changes, versions
from soroi.store.sql import Bound, without

CHUNK = 500
"""How many nodes or versions one statement names: under the limit of parameters of every database."""


class Staging:
    """The staging of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def get(self) -> StagingState:
        """The set as it stands; revision 0 and no picks before the first change."""
        state = self._bound.row(self._bound.select(staging))
        rows = self._bound.rows(self._bound.select(picks).order_by(self._bound.alphabetical(picks.c.node)))
        found = {row.node: Pick(row.node, row.version, row.by, row.at, row.note) for row in rows}
        return StagingState(state.revision if state else 0, found, state.manifest if state else None)

    def change(
        self,
        set: Mapping[str, str | None],  # noqa: A002
        expected: int,
        by: str,
        at: datetime,
        note: str = "",
    ) -> int:
        """Pick versions and take nodes out, all or nothing. Gives the new revision.

        Picking what is picked already is recorded as a change too. The set counts as not sealed afterwards.

        Args:
            set: Version id by node id; ``None`` takes the node out.
            expected: Revision that the change was decided on.
            by: Who changes it.
            at: When.
            note: Why.

        Raises:
            ConflictError: Staging is not at the expected revision; names who was first, and with what.
            UnknownNameError: A version is not in the catalogue.
            DataError: A version belongs to another node.
        """
        self._check(set)
        self._bound.insert_if_absent(staging, {"revision": 0, "manifest": None}, [])
        mine = (staging.c.project == self._bound.project) & (staging.c.revision == expected)
        swap = staging.update().where(mine).values(revision=staging.c.revision + 1, manifest=None)
        if self._bound.change(swap) != 1:
            raise self._conflict(expected)
        self._put(set, {"by": by, "at": at, "note": note}, expected + 1)
        return expected + 1

    def expect(self, revision: int, meanwhile: str) -> None:
        """Go on only if staging is as it was looked at.

        Args:
            revision: Its revision then.
            meanwhile: What to say if it is not.

        Raises:
            ConflictError: It is not; names who was first, and with what.
        """
        if self.revision() != revision:
            raise self._conflict(revision, f"{meanwhile}: ")

    def revision(self) -> int:
        """Its revision; 0 before the first change."""
        state = self._bound.row(self._bound.select(staging))
        return state.revision if state is not None else 0

    def seal(self, manifest: str, expected: int) -> None:
        """Record that a manifest was sealed from exactly the picks of a revision, which stays as it is.

        Raises:
            ConflictError: Staging is not at the expected revision.
            UnknownNameError: There is no such manifest.
        """
        if self._bound.row(self._bound.select(manifests).where(manifests.c.id == manifest)) is None:
            raise UnknownNameError(f"there is no manifest '{manifest}'", name=manifest)
        self._bound.insert_if_absent(staging, {"revision": 0, "manifest": None}, [])
        mine = (staging.c.project == self._bound.project) & (staging.c.revision == expected)
        if self._bound.change(staging.update().where(mine).values(manifest=manifest)) != 1:
            raise self._conflict(expected)

    def history(self, limit: int | None = None) -> list[StagingChange]:
        """All recorded changes, newest first; those made together in order of node."""
        order = (staging_changes.c.revision.desc(), self._bound.alphabetical(staging_changes.c.node))
        query = self._bound.select(staging_changes).order_by(*order).limit(limit)
        return [StagingChange(**without(row)) for row in self._bound.rows(query)]

    def _put(self, chosen: Mapping[str, str | None], record: Mapping[str, object], revision: int) -> None:
        """Write picks in place of those of the same nodes: many at once, since everybody waits."""
        nodes = list(chosen)
        for start in range(0, len(nodes), CHUNK):
            mine = (picks.c.project == self._bound.project) & picks.c.node.in_(nodes[start : start + CHUNK])
            self._bound.change(picks.delete().where(mine))
        rows = [{"node": node, "version": version, **record} for node, version in chosen.items()]
        self._bound.insert(picks, [row for row in rows if row["version"] is not None])
        self._bound.insert(staging_changes, [{"revision": revision, **row} for row in rows])

    def _check(self, wanted: Mapping[str, str | None]) -> None:
        ids = {version for version in wanted.values() if version is not None}
        query = select(versions.c.id, versions.c.node)
        query = query.where(versions.c.project == self._bound.project, versions.c.id.in_(ids))
        nodes = {row.id: row.node for row in self._bound.rows(query)} if ids else {}
        for node, version in wanted.items():
            if version is not None and version not in nodes:
                raise UnknownNameError(f"there is no version '{version}' to stage for '{node}'", name=version)
            if version is not None and nodes[version] != node:
                raise DataError(f"version '{version}' is one of '{nodes[version]}', not of '{node}'")

    def _conflict(self, expected: int, meanwhile: str = "") -> ConflictError:
        revision = self.revision()
        last = [one for one in self.history(limit=50) if one.revision == revision]
        text = f"{meanwhile}staging is at revision {revision}, not {expected}"
        if last:
            done = ", ".join(f"{c.node} = {c.version or '(taken out)'}" for c in last)
            text += f": {last[0].by} was first at {last[0].at:%Y-%m-%d %H:%M:%S} UTC with {done}"
        return ConflictError(
            text,
            hint="look at the set as it stands now, then decide again",
            expected=expected,
            revision=revision,
            by=last[0].by if last else None,
        )
