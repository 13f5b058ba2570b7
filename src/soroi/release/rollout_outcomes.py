"""Where the outcomes of a rollout's answers are known from: a source or a dataset of the project.

A guard ``quality:COLUMN`` or ``business:COLUMN`` names a column of a source or dataset that base or challenger rest on
and whose key is the key of the rollout, so that a row is about one unit. Its newest version is asked: what was built
since says more. A row without a value, and a unit without a row, is not mature yet: it is neither good nor bad.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soroi.base.errors import CollectedError, ConfigError
from soroi.release.manifest import read_manifest
from soroi.release.rollout import BASE, CHALLENGER, RolloutPlan, terms_of, unit_of
from soroi.release.rollout_tally import Known
from soroi.store import RolloutRecord, Store, Transaction, Wanted
from soroi.store.tail import AnswerTail

TELLING = ("source", "dataset")
"""Kinds of nodes that outcomes are known from, those that are asked first in front."""

NUMBERS = ("Boolean", "Int", "UInt", "Float")
"""Types of columns that guards can ask for begin so."""

Values = Mapping[str, Mapping[str, float]]
"""The known values, by column and unit."""


def measures(plan: RolloutPlan) -> dict[str, str]:
    """The columns that guards ask for, each with what it is asked for: ``quality`` or ``business``.

    Raises:
        ConfigError: One column is asked for as both.
    """
    found: dict[str, str] = {}
    for guard in plan.guards:
        if guard.waits_for_outcomes:
            name = str(guard.outcome)
            if found.setdefault(name, guard.measure) != guard.measure:
                raise ConfigError(f"'{name}' cannot be both what was right and a business figure")
    return found


def tables(store: Store, base: str, challenger: str, plan: RolloutPlan) -> dict[str, tuple[str, str]]:
    """The version and the table that each column is known from.

    Args:
        store: The store.
        base: Id of the manifest that is live.
        challenger: Id of the other.
        plan: The plan of the rollout.

    Raises:
        ConfigError: A column is in no source or dataset by the rollout's key, or holds no numbers; names them.
    """
    wanted = measures(plan)
    if not wanted:
        return {}
    with store.catalogue.read() as tx:
        newest = _newest(tx, base, challenger)
    found: dict[str, tuple[str, str]] = {}
    looked: list[str] = []
    for node, version, root in newest:
        table = store.tables.describe(root)
        if list(table.key) != [plan.key]:
            continue
        looked.append(node)
        for name, kind in table.columns:
            if name in wanted:
                if not kind.startswith(NUMBERS):
                    raise ConfigError(
                        f"'{name}' of {node} is of type {kind}", hint="guards ask for yes or no, or numbers"
                    )
                found.setdefault(name, (version, root))
    lacking = sorted(wanted.keys() - found.keys())
    if lacking:
        raise ConfigError(
            f"the guard '{wanted[lacking[0]]}' asks for '{lacking[0]}', which no source or dataset by '{plan.key}' has",
            hint=f"looked at: {', '.join(looked)}" if looked else f"none of them has the key '{plan.key}'",
        )
    return found


class RecordedOutcomes:
    """Gives the outcomes of a rollout's answers that are known by now. What it keeps in memory only spares reading.

    Args:
        store: The store; answers are those that are recorded in its folder.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rollout = ""
        self._begin("", None)

    def _begin(self, rollout: str, tail: AnswerTail | None) -> None:
        self._rollout, self._tail = rollout, tail
        self._answers: list[Mapping[str, Any]] = []
        self._asked: dict[str, tuple[str, str]] = {}
        self._values: Values = {}
        self._known: list[Known] = []

    def __call__(self, record: RolloutRecord) -> list[Known]:
        """All outcomes that are known.

        Args:
            record: The rollout.
        """
        plan = terms_of(record).plan
        wanted = measures(plan)
        if not wanted:
            return []
        if self._tail is None or self._rollout != record.id:
            self._begin(record.id, AnswerTail(Path(self._store.config.root), record.at))
        assert self._tail is not None
        fresh = self._tail.look()
        new: list[Mapping[str, Any]] = [
            one for one in fresh.answers if one.get("rollout") == record.id and one["arm"] in (BASE, CHALLENGER)
        ]
        self._answers = new if fresh.again else [*self._answers, *new]
        if self._look(record, plan) or fresh.again:
            self._known, new = [], self._answers
        for one in new:
            for name, measure in wanted.items():
                value = self._values.get(name, {}).get(one["unit"])
                if value is not None:
                    told = float(bool(one["positive"]) != (value > 0.0)) if measure == "quality" else value
                    place = (one["decision"], one["unit"], one["rollout_step"], one["arm"], one["at"])
                    self._known.append(Known(*place, name, told))
        return self._known

    def _look(self, record: RolloutRecord, plan: RolloutPlan) -> bool:
        """Read what was built since the last look. Tells whether there was something."""
        try:
            asked = tables(self._store, record.base, record.challenger, plan)
            if asked == self._asked:
                return False
            self._values = {name: self._read(record, plan.key, name, root) for name, (_, root) in asked.items()}
        except CollectedError:  # nothing is known until it is built again
            return False
        self._asked = asked
        return True

    def _read(self, record: RolloutRecord, key: str, name: str, root: str) -> dict[str, float]:
        rows = self._store.tables.read(root, [key, name]).drop_nulls()
        return {unit_of(record.id, unit): float(value) for unit, value in rows.iter_rows()}


def _newest(tx: Transaction, base: str, challenger: str) -> list[tuple[str, str, str]]:
    """The newest version of each source and dataset that two manifests rest on: node, id and table."""
    picks = {one for manifest in (base, challenger) for one in read_manifest(tx, manifest).picks.values()}
    below = tx.versions.heads(tx.versions.closure(picks)).values()
    nodes = sorted({(TELLING.index(one.kind), one.node) for one in below if one.kind in TELLING})
    found = []
    for _, node in nodes:
        last = tx.versions.find(Wanted(node=node, limit=1))
        outputs = tx.versions.get(last[0].id).outputs if last else {}
        if "table" in outputs:
            found.append((node, last[0].id, outputs["table"]))
    return found
