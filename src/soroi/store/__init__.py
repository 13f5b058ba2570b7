"""The store: catalogue (SQL), objects (content-addressed), tables (Merkle lists of Parquet), journals."""

from soroi.store.answers import AnswerLog, Compaction
from soroi.store.catalogue import Catalogue, Transaction, open_catalogue
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
    VersionRecord,
)
from soroi.store.rowlog import RowLog
from soroi.store.store import Store, StoreConfig, open_store
from soroi.store.tables import Part, TableRef, Tables

__all__ = [
    "AnswerLog",
    "Catalogue",
    "ClaimRecord",
    "Compaction",
    "Damage",
    "EdgeRecord",
    "EventRecord",
    "HeadRecord",
    "ManifestRecord",
    "Objects",
    "Part",
    "Pick",
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
    "Transaction",
    "VerdictRecord",
    "VersionHead",
    "VersionRecord",
    "open_catalogue",
    "open_store",
]
