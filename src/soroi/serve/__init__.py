"""The decision engine: a manifest loaded and proven, rows in, answers out, everything written down. No HTTP in it."""

from soroi.serve.answer import Answer, Detail, Outcome, Step
from soroi.serve.engine import Engine, NotReadyError
from soroi.serve.follower import Follower
from soroi.serve.judge import judge_loads, rehearse
from soroi.serve.loading import load_snapshot
from soroi.serve.rows import MAX_ROWS, RowSchema
from soroi.serve.runner import Runner, ThreadRunner
from soroi.serve.snapshot import DecisionPart, Snapshot
from soroi.serve.tables import Ingested, OnlineTables, SourceBase
from soroi.serve.trial import Trial, Trying
from soroi.serve.view import Serving, View

__all__ = [
    "MAX_ROWS",
    "Answer",
    "DecisionPart",
    "Detail",
    "Engine",
    "Follower",
    "Ingested",
    "NotReadyError",
    "OnlineTables",
    "Outcome",
    "RowSchema",
    "Runner",
    "Serving",
    "Snapshot",
    "SourceBase",
    "Step",
    "ThreadRunner",
    "Trial",
    "Trying",
    "View",
    "judge_loads",
    "load_snapshot",
    "rehearse",
]
