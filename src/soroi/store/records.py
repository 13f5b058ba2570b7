"""Records of the catalogue: frozen values, one per row that can be written or read.

All times are aware and in UTC. Mappings hold JSON-encodable data.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

RunStatus = Literal["running", "done", "failed", "interrupted"]
"""How a run stands."""

RunNodeStatus = Literal["waiting", "running", "built", "reused", "failed", "skipped"]
"""How a node of a run stands."""


class EdgeRecord(msgspec.Struct, frozen=True):
    """One typed dependency of a version on the version it was built from."""

    role: str
    """What the producer is to the consumer: ``reads``, ``trains on``, ``uses feature``…"""

    name: str
    """Name under which the consumer knows the producer, usually the parameter's name."""

    producer: str
    """Version id of the producer."""


class VersionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable result of building a node."""

    id: str
    """``<node>@<first 12 hexadecimal characters of the digest>``."""

    digest: str
    """Full digest, 40 hexadecimal characters."""

    node: str
    """Node id, such as ``careful`` or ``careful[part]``."""

    kind: str
    """Kind of the node: ``source``, ``features``, ``dataset``, ``model``, ``threshold``, ``decision``."""

    recipe: str
    """Digest of own behaviour, parameters and the outputs of the upstreams. Same recipe, same result."""

    definition: str
    """Digest of the behaviour, with that of upstream features."""

    output: str
    """Digest over the output artefacts."""

    fingerprint: dict[str, Any] = {}
    """Named components behind ``recipe`` and ``definition``, so that a difference can be named."""

    edges: list[EdgeRecord] = []
    """The versions it was built from, in declared order."""

    outputs: dict[str, str] = {}
    """Digest (object) or root (table) of each output artefact, by name."""

    overrides: dict[str, Any] = {}
    """Parameters given for this build instead of the declared ones."""

    code: str = ""
    """Source text or revision of the code that built it."""

    environment: dict[str, Any] = {}
    """Interpreter, platform and package versions of the build."""

    facts: dict[str, Any] = {}
    """Further facts about the result: row counts, times, figures."""

    watermark: datetime | None = None
    """Greatest time at which any of its data was known, where that makes sense."""

    run: str
    """Id of the run that built it."""

    by: str
    """Who built it."""

    at: datetime
    """When it was built."""


class VersionHead(msgspec.Struct, frozen=True):
    """The part of a version that tells how it stands, without what it is made of: quick to read by the thousand."""

    id: str
    """``<node>@<first 12 hexadecimal characters of the digest>``."""

    node: str
    """Node id."""

    kind: str
    """Kind of the node."""

    recipe: str
    """Digest of own behaviour, parameters and the outputs of the upstreams."""

    definition: str
    """Digest of the behaviour."""

    output: str
    """Digest over the output artefacts."""

    at: datetime
    """When it was built."""

    overrides: dict[str, Any] = {}
    """Parameters given for this build instead of the declared ones."""

    watermark: datetime | None = None
    """Greatest time at which any of its data was known."""

    edges: list[EdgeRecord] = []
    """The versions it was built from."""


class VersionLine(msgspec.Struct, frozen=True):
    """What a list tells of a version."""

    id: str
    """``<node>@<first 12 hexadecimal characters of the digest>``."""

    node: str
    """Node id."""

    kind: str
    """Kind of the node."""

    recipe: str
    """Digest of own behaviour, parameters and the outputs of the upstreams."""

    definition: str
    """Digest of the behaviour."""

    output: str
    """Digest over the output artefacts."""

    run: str
    """Id of the run that built it."""

    by: str
    """Who built it."""

    at: datetime
    """When it was built."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One build, from request to end."""

    id: str
    """Id of the run."""

    request: dict[str, Any] = {}
    """What was asked for."""

    by: str
    """Who asked."""

    host: str
    """Machine it runs on."""

    pid: int
    """Process it runs in."""

    started_at: datetime
    """When it started."""

    finished_at: datetime | None = None
    """When it ended; ``None`` while it is running."""

    status: RunStatus = "running"
    """How it stands."""


class RunNodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one node in one run."""

    run: str
    """Id of the run."""

    node: str
    """Node id."""

    status: RunNodeStatus
    """How the node stands."""

    version: str | None = None
    """Version built or reused."""

    seconds: float | None = None
    """How long it took."""

    reason: str | None = None
    """Why it was built, reused or skipped, as one sentence."""

    error: dict[str, Any] | None = None
    """The error as data, when it failed."""

    log: str | None = None
    """Digest of the object that holds its log."""


class Pick(msgspec.Struct, frozen=True):
    """The version of one node that somebody put in staging."""

    node: str
    """Node id."""

    version: str
    """Version id."""

    by: str
    """Who picked it."""

    at: datetime
    """When it was picked."""

    note: str = ""
    """Why, in the picker's words."""


class StagingState(msgspec.Struct, frozen=True):
    """The set being gathered, at one revision."""

    revision: int
    """Counts the changes; 0 before the first. Give it back as ``expected`` to change the set."""

    picks: dict[str, Pick]
    """The pick of each node, by node id, in alphabetical order."""

    manifest: str | None = None
    """Manifest sealed from exactly these picks; ``None`` when they were not sealed since the last change."""


class StagingChange(msgspec.Struct, frozen=True):
    """One recorded change of staging."""

    revision: int
    """Revision that the change led to. Changes made together share it."""

    node: str
    """Node id."""

    version: str | None
    """Version picked, or ``None`` when the node was taken out."""

    by: str
    """Who changed it."""

    at: datetime
    """When."""

    note: str
    """Why."""


class ManifestRecord(msgspec.Struct, frozen=True):
    """An immutable, sealed set of versions."""

    id: str
    """Id, from the digest of the body."""

    body: dict[str, Any]
    """What the set holds."""

    created_at: datetime
    """When it was sealed."""

    by: str
    """Who sealed it."""


class HeadRecord(msgspec.Struct, frozen=True):
    """Where an environment's head points, or pointed."""

    environment: str
    """Name of the environment."""

    manifest: str
    """Manifest it points at."""

    revision: int
    """Counts the moves of this head, from 1. Give it back as ``expected_revision`` to move it."""

    moved_at: datetime
    """When it was moved there."""

    by: str
    """Who moved it."""

    reason: str
    """Why."""


class ClaimRecord(msgspec.Struct, frozen=True):
    """A recorded statement that one version may stand for another."""

    id: str
    """Id of the claim."""

    kind: str
    """Ground of the claim: ``equal-output``, ``waiver``…"""

    node: str
    """Node both versions belong to."""

    a: str
    """Version that may be replaced."""

    b: str
    """Version that may stand for it."""

    evidence: dict[str, Any]
    """What the claim rests on."""

    by: str
    """Who claims it."""

    at: datetime
    """When."""


class VerdictRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable judgement of versions by a gate."""

    id: str
    """Id of the verdict."""

    gate: str
    """Name of the gate."""

    gate_digest: str
    """Digest of the gate's definition."""

    subjects: list[str]
    """Ids of what was judged."""

    outcome: str
    """``pass``, ``fail``, ``inconclusive``, ``error`` or ``not applicable``."""

    figures: list[dict[str, Any]] = []
    """Figures with their intervals."""

    data: dict[str, Any] = {}
    """The data that was used."""

    judged_by: str
    """Who or what judged."""

    at: datetime
    """When."""


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the hash-chained history of a project."""

    seq: int
    """Place in the history, from 1, without holes."""

    kind: str
    """Kind of event, such as ``staged`` or ``released``."""

    subject: str | None
    """What it is about."""

    body: dict[str, Any]
    """What happened."""

    by: str
    """Who did it."""

    at: datetime
    """When."""

    prev: str
    """Digest of the entry before; empty for the first."""

    digest: str
    """Digest of this entry, which covers ``prev``."""
