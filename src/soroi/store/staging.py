"""Staging in the catalogue: one picked version per node, changed by compare-and-swap, every pick recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, collate, select

from soroi.base.errors import ConflictError, DataError, UnknownNameError
from soroi.store.manifests import Manifests, there
from soroi.store.records import Pick, StagingChange, StagingState
from soroi.store.schema import picks, staging, staging_changes, versions
from soroi.store.sql import Bound, mine, without

CHUNK = 500
"""How many nodes or versions one statement names: under the limit of parameters of every database."""

_STATE = select(staging).where(mine(staging))
_UNORDERED = select(*(picks.c[name] for name in Pick.__struct_fields__)).where(mine(picks))
_PICKS = {
    "sqlite": _UNORDERED.order_by(picks.c.node),
    "postgresql": _UNORDERED.order_by(collate(picks.c.node, "C")),
}
_NODES = select(versions.c.id, versions.c.node).where(
    mine(versions), versions.c.id.in_(bindparam("ids", expanding=True))
)
_AT = (staging.c.project == bindparam("of")) & (staging.c.revision == bindparam("expected"))
_SWAP = staging.update().where(_AT).values(revision=staging.c.revision + 1, manifest=None)
_SEAL = staging.update().where(_AT, there(bindparam("of"), bindparam("sealed"))).values(manifest=bindparam("sealed"))
_TAKE = picks.delete().where(picks.c.project == bindparam("of"), picks.c.node.in_(bindparam("nodes", expanding=True)))


class Staging:
    """The staging of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def get(self) -> StagingState:
        """The set as it stands; revision 0 and no picks before the first change."""
        state = self._bound.row(_STATE)
        rows = self._bound.rows(_PICKS[self._bound.connection.dialect.name])
        found = {pick.node: pick for pick in (Pick(*tuple(row)) for row in rows)}
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
        if expected == 0:
            self._bound.insert_if_absent(staging, {"revision": 0, "manifest": None}, [])
        if self._bound.change(_SWAP, {"of": self._bound.project, "expected": expected}) != 1:
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

    def author(self) -> str | None:
        """Who picked the last of what is in the set; ``None``: nothing is."""
        query = select(picks.c.by).where(picks.c.project == self._bound.project)
        last = self._bound.row(query.order_by(picks.c.at.desc(), self._bound.alphabetical(picks.c.node)).limit(1))
        return last.by if last is not None else None

    def revision(self) -> int:
        """Its revision; 0 before the first change."""
        state = self._bound.row(_STATE)
        return state.revision if state is not None else 0

    def seal(self, manifest: str, expected: int) -> None:
        """Record that a manifest was sealed from exactly the picks of a revision, which stays as it is.

        Raises:
            ConflictError: Staging is not at the expected revision.
            UnknownNameError: There is no such manifest.
        """
        if expected == 0:
            self._bound.insert_if_absent(staging, {"revision": 0, "manifest": None}, [])
        given = {"of": self._bound.project, "expected": expected, "sealed": manifest}
        if self._bound.change(_SEAL, given) != 1:
            if not Manifests(self._bound).known(manifest):
                raise UnknownNameError(f"there is no manifest '{manifest}'", name=manifest)
            raise self._conflict(expected)

    def history(self, limit: int | None = None) -> list[StagingChange]:
        """All recorded changes, newest first; those made together in order of node."""
        order = (staging_changes.c.revision.desc(), self._bound.alphabetical(staging_changes.c.node))
        query = self._bound.select(staging_changes).order_by(*order).limit(limit)
        return [StagingChange(**without(row)) for row in self._bound.rows(query)]

    def _put(self, chosen: Mapping[str, str | None], record: Mapping[str, object], revision: int) -> None:
        """Write picks in place of those of the same nodes: many at once, since everybody waits."""
        nodes = [node for node, version in chosen.items() if version is None]
        for start in range(0, len(nodes), CHUNK):
            self._bound.change(_TAKE, {"of": self._bound.project, "nodes": nodes[start : start + CHUNK]})
        rows = [{"node": node, "version": version, **record} for node, version in chosen.items()]
        self._bound.put(picks, [row for row in rows if row["version"] is not None], ["node"])
        self._bound.insert(staging_changes, [{"revision": revision, **row} for row in rows])

    def _check(self, wanted: Mapping[str, str | None]) -> None:
        ids = list({version for version in wanted.values() if version is not None})
        nodes: dict[str, str] = {}
        for start in range(0, len(ids), CHUNK):
            nodes |= dict(map(tuple, self._bound.rows(_NODES, ids=ids[start : start + CHUNK])))
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
