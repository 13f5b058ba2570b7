"""Manifests: immutable, content-addressed sets, sealed from staging only when it is in step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from soroi.base.digest import digest
from soroi.base.errors import CorruptError, OutOfStepError
from soroi.base.runtime import Runtime
from soroi.declare.node import project_of
from soroi.release.step import StepReport
from soroi.store import ManifestRecord, Transaction

FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """A sealed set."""

    id: str
    """Id: the beginning of the digest of its body."""

    picks: Mapping[str, str]
    """The version of every node that is needed to answer, by node."""

    data: Mapping[str, Any]
    """For each source: the versions the set rests on, which nodes rest on each, and how far apart they are."""

    claims: tuple[str, ...]
    """Ids of the compatibility claims that it relies on."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"id": self.id, "picks": dict(self.picks), "data": dict(self.data), "claims": list(self.claims)}


def seal(tx: Transaction, report: StepReport, revision: int, runtime: Runtime) -> Manifest:
    """Seal the staged set into a manifest.

    Args:
        tx: A transaction that writes, in which the report was made.
        report: The judgement of the staged set.
        revision: Revision of staging that was judged.
        runtime: Clock and actor.

    Raises:
        OutOfStepError: The set is not in step; the hint names who is behind whom.
        ConflictError: Staging changed since.
    """
    if not report.in_step:
        raise out_of_step(report)
    body = {
        "format": FORMAT,
        "picks": {node: record.id for node, record in sorted(report.needed.items())},
        "data": {source: _data(use) for source, use in sorted(report.data.items())},
        "claims": list(report.claims),
    }
    record = ManifestRecord(id=manifest_id(body), body=body, created_at=runtime.clock.now(), by=runtime.actor)
    if tx.manifests.add(record):
        tx.events.append("manifest.sealed", record.id, {"picks": body["picks"]}, record.by, record.created_at)
    tx.staging.seal(record.id, revision)
    return _manifest(record)


def differing(tx: Transaction, old: str | None, new: Manifest) -> list[str]:
    """Ids of the nodes whose versions differ between two manifests; all when the old one is none."""
    before = read_manifest(tx, old).picks if old is not None else {}
    return [name for name in sorted(before.keys() | new.picks.keys()) if before.get(name) != new.picks.get(name)]


def read_manifest(tx: Transaction, text: str) -> Manifest:
    """A manifest by its id or the beginning of it.

    Raises:
        UnknownNameError: There is none, or there are several.
        CorruptError: Its body is not what its id says.
    """
    stored = tx.manifests.text(text)
    known = _TRUE.get(text)
    if known is not None and known[0] == stored:
        return replace(known[1], picks=dict(known[1].picks), data=dict(known[1].data))
    record = tx.manifests.get(text)
    if manifest_id(record.body) != record.id:
        raise CorruptError(
            f"manifest {record.id} is not what its id says: its record was changed",
            hint="restore the catalogue from a backup; soroi doctor checks the rest",
        )
    if stored is not None:
        while len(_TRUE) >= _MOST:
            _TRUE.pop(next(iter(_TRUE)), None)
        _TRUE[record.id] = (stored, _manifest(record))
    return _manifest(record)


_TRUE: dict[str, tuple[str, Manifest]] = {}
"""Manifests whose bodies were found to be what their ids say, with the bodies as they were stored then."""

_MOST = 64


def manifest_id(body: Mapping[str, Any]) -> str:
    """The id that belongs to a body."""
    return f"m{digest('manifest', body)[:15]}"


def out_of_step(report: StepReport) -> OutOfStepError:
    """The error that says who is missing and who is behind whom."""
    names = [*(r.subject for r in report.missing), *report.behind]
    text = "; ".join(reason.text for reason in report.reasons[:12])
    behind = " ".join(report.behind)
    hint = f"soroi build {behind}, then soroi stage {behind}" if behind else "soroi build, then soroi stage --all"
    theirs = [name for name in report.behind if project_of(name) is not None]
    if theirs:
        hint = f"let {', '.join(theirs)} and what it rests on follow one release of their project, or pin all of them"
    return OutOfStepError(
        f"staging is out of step ({len(names)} nodes): {text}",
        hint=f"{hint}; soroi plan shows the whole picture",
        **report.to_dict(),
    )


def _manifest(record: ManifestRecord) -> Manifest:
    return Manifest(record.id, record.body["picks"], record.body["data"], tuple(record.body["claims"]))


def _data(use: Any) -> dict[str, Any]:
    return {
        "versions": {version: list(nodes) for version, nodes in sorted(use.users.items())},
        "spread_seconds": use.spread.total_seconds(),
        "allowed_seconds": use.allowed.total_seconds() if use.allowed is not None else None,
    }
