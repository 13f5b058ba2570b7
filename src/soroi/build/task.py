"""One node's work, as it is sent to a worker, and the draft of a version that comes back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from soroi.store.records import EdgeRecord, VersionRecord


class Task(msgspec.Struct, frozen=True):
    """What a worker needs to build one node."""

    node: str
    """Id of the node."""

    project_root: str
    """Folder of the project: what relative paths of its functions are relative to."""

    module: str
    """Module with the declarations."""

    code: str
    """Digest of the captured code, the object to load it from."""

    store_root: str
    """Folder of the store."""

    project: str
    """Name of the project."""

    objects: str | None
    """Address of the object store, when it is not in the store's folder."""

    inputs: dict[str, VersionRecord]
    """The version taken for each producer."""

    overrides: dict[str, Any]
    """Hyper-parameters that the caller named."""

    as_of: datetime | None
    """Use only what was known before this moment."""

    parts: dict[str, dict[str, list[str]]] = {}
    """The values of columns that part families: by dataset, then by column."""

    compare: VersionRecord | None = None
    """Of a model: the version to compare its scores on the canary rows with."""

    part_columns: list[str] = []
    """Of a dataset: the columns whose values part families."""


class Draft(msgspec.Struct, frozen=True):
    """What a worker made of a task; the run turns it into a version."""

    outputs: dict[str, str]
    """Digest of each output, by name: what identifies the result."""

    facts: dict[str, Any]
    """What is known about the result: columns, rows, figures, notes. JSON-encodable."""

    edges: list[EdgeRecord]
    """What the result rests on."""

    watermark: datetime | None
    """For data: up to when it was known."""

    environment: dict[str, str]
    """What it ran on."""

    seconds: float
    """How long it took."""

    log: str
    """What was printed and warned while it ran."""
