"""What a gate is asked about: one decision of one manifest, with its versions, figures and judged rows at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from soroi.base.errors import RefusedError
from soroi.base.reason import Reason
from soroi.release.manifest import Manifest
from soroi.store import Store, Transaction, VersionRecord

if TYPE_CHECKING:
    import polars as pl

    from soroi.evidence import Figure
    from soroi.release.judged_rows import JudgedRows


@dataclass(frozen=True)
class Trial:
    """What a real serving process said of one decision."""

    milliseconds: tuple[float, ...] = ()
    """How long each answer took."""

    late: int = 0
    """How many answers came by a fallback because a model was not done in time."""

    problem: Reason | None = None
    """Why it said nothing; ``None``: it did."""


@dataclass(frozen=True)
class Subject:
    """One decision of a manifest that is to go to an environment. Everything is read when it is first asked for."""

    store: Store
    """The store of the project."""

    environment: str
    """Which head would move."""

    manifest: Manifest
    """What it would move to."""

    live: Manifest | None
    """What it points at now; ``None``: nothing was ever released there."""

    decision: str
    """Id of the decision."""

    now: datetime
    """The time."""

    root: Path = field(default_factory=Path)
    """Folder of the project."""

    tried: Callable[[str], Trial] | None = None
    """Asks a real serving process about a decision; ``None``: there is none."""

    @cached_property
    def versions(self) -> Mapping[str, VersionRecord]:
        """The version of every node that the decision rests on, by node."""
        return self._resting(self.manifest)

    @cached_property
    def live_versions(self) -> Mapping[str, VersionRecord]:
        """The same of the live manifest; empty when it has no such decision."""
        return self._resting(self.live) if self.live is not None and self.decision in self.live.picks else {}

    @property
    def version(self) -> VersionRecord:
        """The version of the decision itself."""
        return self.versions[self.decision]

    @property
    def is_live(self) -> bool:
        """Whether the very same versions answer already."""
        mine = {node: one.id for node, one in self.versions.items()}
        return bool(self.live_versions) and mine == {node: one.id for node, one in self.live_versions.items()}

    def of_kind(self, kind: str) -> list[VersionRecord]:
        """The versions of one kind that the decision rests on, such as ``model``.

        Args:
            kind: ``source``, ``features``, ``dataset``, ``model``, ``threshold`` or ``decision``.
        """
        return [one for one in self.versions.values() if one.kind == kind]

    def behind(self, *kinds: str) -> list[VersionRecord]:
        """What its models were made from: datasets and, behind them, sources.

        Args:
            *kinds: Kinds of versions; none: all.
        """
        found: dict[str, VersionRecord] = {}
        wanted = {edge.producer for one in self.of_kind("model") for edge in one.edges}
        wanted |= {edge.producer for one in self.of_kind("features") for edge in one.edges}
        with self.store.catalogue.read() as tx:
            while wanted:
                read = tx.versions.get_many(wanted)
                found |= read
                wanted = {edge.producer for one in read.values() for edge in one.edges} - found.keys()
        return [one for one in found.values() if not kinds or one.kind in kinds]

    @cached_property
    def rows(self) -> JudgedRows:
        """The test rows, which none of its models learned from, and what the decision would have done.

        Raises:
            RefusedError: Its steps share no test rows.
        """
        from soroi.release.judged_rows import judged_rows

        return judged_rows(self.store, self.versions, self.decision)

    def test_rows(self) -> pl.DataFrame:
        """The test rows as a table: key, time, ``target`` (what turned out) and ``acted`` (what it would have done).

        Raises:
            RefusedError: Its steps share no test rows.
        """
        return self.rows.frame

    def figures(self, confidence: float = 0.95) -> list[Figure]:
        """Recall, precision, false positive rate, accuracy and alert rate on the test rows, with exact intervals.

        Args:
            confidence: Of the two-sided intervals.
        """
        from soroi.evidence import action_figures

        frame = self.rows.frame
        return action_figures(frame["target"].to_numpy(), frame["acted"].to_numpy(), confidence=confidence)

    def figure(self, name: str, confidence: float = 0.95) -> Figure:
        """One of :meth:`figures`.

        Args:
            name: Such as ``recall``.
            confidence: Of the two-sided interval.
        """
        return next(one for one in self.figures(confidence) if one.name == name)

    def _resting(self, manifest: Manifest) -> dict[str, VersionRecord]:
        with self.store.catalogue.read() as tx:
            return resting_on(tx, manifest, self.decision)


def resting_on(tx: Transaction, manifest: Manifest, decision: str) -> dict[str, VersionRecord]:
    """The versions of a manifest that one of its decisions rests on, by node, with that of the decision.

    Args:
        tx: A transaction that reads.
        manifest: The manifest.
        decision: Id of the decision.

    Raises:
        RefusedError: The manifest has no such decision.
    """
    if decision not in manifest.picks:
        raise RefusedError(f"manifest {manifest.id} has no decision '{decision}'")
    found: dict[str, VersionRecord] = {}
    wanted = {decision}
    while wanted:
        read = tx.versions.get_many({manifest.picks[node] for node in wanted})
        for node in wanted:
            if manifest.picks[node] in read:
                found[node] = read[manifest.picks[node]]
        below = {name for record in read.values() for name in _below(record, manifest)}
        wanted = {name for name in below if name in manifest.picks} - found.keys()
    return {node: found[node] for node in manifest.picks if node in found}


def _below(record: VersionRecord, manifest: Manifest) -> list[str]:
    """The nodes that a version rests on; of a decision the thresholds it asks, which it binds late, by name."""
    names = [edge.name for edge in record.edges]
    for step in record.facts.get("steps", ()) if record.kind == "decision" else ():
        asked = step["threshold"]
        family = [node for node in manifest.picks if node.startswith(f"{asked}[")] if step.get("per") else []
        names += [asked, *family]
    return names
