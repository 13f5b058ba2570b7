"""The store: catalogue (SQL), objects (content-addressed), tables (Merkle lists of Parquet), journals."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from soroi.store.catalogue import Catalogue, Transaction, open_catalogue
from soroi.store.finding import Wanted
from soroi.store.governed import ApprovalRecord, GrantRecord, KeyRecord, TokenRecord
from soroi.store.holds import HoldRecord
from soroi.store.incidents import IncidentRecord
from soroi.store.journal import Damage
from soroi.store.objects import Objects
from soroi.store.records import (
    ClaimRecord,
    EdgeRecord,
    EventRecord,
    HeadRecord,
    ManifestRecord,
    Pick,
    RunNodeRecord,
    RunNodeStatus,
    RunRecord,
    RunStatus,
    StagingChange,
    StagingState,
    VerdictRecord,
    VersionHead,
    VersionLine,
    VersionRecord,
)
from soroi.store.rollouts import RolloutMove, RolloutRecord
from soroi.store.rowlog import RowLog
from soroi.store.store import Store, StoreConfig, open_store
from soroi.store.tombstones import Tombstone

if TYPE_CHECKING:
    from soroi.store.answers import AnswerLog, Compaction
    from soroi.store.tables import Part, TableRef, Tables

_LATER = {
    "AnswerLog": "answers",
    "Compaction": "answers",
    "Part": "tables",
    "TableRef": "tables",
    "Tables": "tables",
}
"""What needs Polars, which takes long to import: imported when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)


__all__ = [
    "AnswerLog",
    "ApprovalRecord",
    "Catalogue",
    "ClaimRecord",
    "Compaction",
    "Damage",
    "EdgeRecord",
    "EventRecord",
    "GrantRecord",
    "HeadRecord",
    "HoldRecord",
    "IncidentRecord",
    "KeyRecord",
    "ManifestRecord",
    "Objects",
    "Part",
    "Pick",
    "RolloutMove",
    "RolloutRecord",
    "RowLog",
    "RunNodeRecord",
    "RunNodeStatus",
    "RunRecord",
    "RunStatus",
    "StagingChange",
    "StagingState",
    "Store",
    "StoreConfig",
    "TableRef",
    "Tables",
    "TokenRecord",
    "Tombstone",
    "Transaction",
    "VerdictRecord",
    "VersionHead",
    "VersionLine",
    "VersionRecord",
    "Wanted",
    "open_catalogue",
    "open_store",
]
