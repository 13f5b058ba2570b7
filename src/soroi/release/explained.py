"""Why a version stays, or goes: the rule of what is needed, told as a tree."""

from __future__ import annotations

from soroi.base.reason import Reason
from soroi.release.collect import Judged
from soroi.store import Transaction, VersionRecord
from soroi.store.present import named, told


def explain(tx: Transaction, judged: Judged, version: VersionRecord) -> Reason:
    """Why the bytes of a version stay, or that they go.

    Args:
        tx: A transaction of the project.
        judged: What is needed in all projects of the catalogue, judged within it.
        version: The version.
    """
    own = judged.needed[tx.project]
    why = own.why(version.id)
    if why:
        return Reason("needed", f"{version.id} stays", version.id, because=why)
    mark = tx.tombstones.marked([version.id]).get(version.id)
    if mark is not None:
        return Reason("collected", f"{version.id} {told(mark, version.id)[0]}", version.id)
    shared = _shared(judged, tx.project, version)
    if shared and named(version.outputs, version.code) <= judged.names:
        return Reason("shared", f"nothing needs {version.id}, but its bytes stay", version.id, because=shared)
    return Reason(
        "unneeded", f"nothing needs {version.id}: it goes when it is older than the grace period", version.id, shared
    )


def _shared(judged: Judged, project: str, version: VersionRecord) -> tuple[Reason, ...]:
    """The needed versions, in any project, that hold some of the same bytes."""
    mine = set(version.outputs.values())
    found = []
    for other, several in judged.held.items():
        for one in several:
            needs = one.id in judged.needed[other].versions
            if needs and (other, one.id) != (project, version.id) and not mine.isdisjoint(one.outputs.values()):
                where = "" if other == project else f" of project '{other}'"
                text = f"{one.id}{where}, which is needed, holds the same bytes"
                found.append(Reason("shared", text, one.id, because=judged.needed[other].why(one.id)))
    return tuple(found)
