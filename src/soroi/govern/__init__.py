"""Looking back: whether the record is whole, what was live when, and by whom."""

from soroi.govern.audit import audit
from soroi.govern.export import check_export, export_history
from soroi.govern.log import Asked, Between, LiveAt, Log, Move, between, live_at, read_log
from soroi.govern.report import AuditReport

__all__ = [
    "Asked",
    "AuditReport",
    "Between",
    "LiveAt",
    "Log",
    "Move",
    "audit",
    "between",
    "check_export",
    "export_history",
    "live_at",
    "read_log",
]
