"""Prompts: a decision asked with bytes and answered with bytes, on the calling thread, in some microseconds.

One row is decoded into typed values, asked of the row plan, and written down and replied from the same objects. What a
plan cannot answer (user code stands behind it, several rows, a shadow, an answer that must be on the disk) is handed
back as a :class:`Rest`, for a thread that may wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from soroi.release.rollout import CHALLENGER
from soroi.serve.answer import Answer
from soroi.serve.asking import Path
from soroi.serve.body import decode_rows
from soroi.serve.cascade import Budget, reserve
from soroi.serve.decoding import Decoded, RowDecoder
from soroi.serve.giving import Question
from soroi.serve.rowplan import RowState
from soroi.serve.rows import Rows, RowSchema
from soroi.serve.snapshot import DecisionPart
from soroi.serve.trial import ALONE, Arm
from soroi.serve.view import Serving, View

if TYPE_CHECKING:
    from soroi.serve.engine import Engine

MOST_BYTES = 65_536
"""Longest body that is looked at on the calling thread."""

MANIFEST_HEADER = b"soroi-manifest"
"""Header of a reply that names the manifest an answer comes from."""

ARM_HEADER = b"soroi-arm"
"""Header of a reply that says which arm of a rollout an answer is of."""

REVISION_HEADER = b"soroi-revision"
"""Header of a reply with the revision of the head that an answer is of."""

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Reply:
    """What is sent back."""

    status: int
    """Status of HTTP; 200: what went wrong is raised."""

    headers: Headers
    """Names in lower case, and values."""

    body: bytes
    """A JSON document."""


@dataclass(frozen=True)
class Rest:
    """What is left to do of a request, by a thread that may wait."""

    finish: Callable[[], Reply]
    """Does it. Raises what :meth:`soroi.serve.engine.Engine.decide` raises."""


class _Told(msgspec.Struct, gc=False):
    """An answer as :class:`soroi.serve.answer.Answer` is encoded, its path encoded already."""

    id: str
    decision: str
    action: str
    positive: bool
    score: float | None
    threshold: float | None
    confidence: float | None
    path: msgspec.Raw
    manifest: str
    revision: int
    at: datetime
    deadline_missed: bool
    arm: str


class _Body(msgspec.Struct, gc=False):
    """The body of a reply about one row."""

    answer: _Told


class _Record(_Told, gc=False):
    """An answer as :func:`soroi.serve.answer.record_of` has it."""

    fell: bool
    inputs: Any
    features: Any
    scores: dict[str, float]
    environment: str
    milliseconds: float


class _TrialRecord(_Record, gc=False):
    """The same of a request that takes part in a rollout."""

    rollout: str | None
    rollout_step: int | None
    unit: str | None


class Lane:
    """One decision of one manifest, ready to be asked about one row.

    Args:
        serving: The manifest.
        part: The decision.
    """

    def __init__(self, serving: Serving, part: DecisionPart) -> None:
        self.serving = serving
        self.part = part
        self.asker = part.asker
        self.allowed = part.deadline - reserve(part.deadline)
        manifest = serving.snapshot.manifest
        self.headers: dict[str, Headers] = {
            arm: _headers(manifest, serving.revision, arm) for arm in ("base", CHALLENGER)
        }


class Prompt:
    """Asks one decision of one view.

    Args:
        engine: What answers where this cannot, and writes down.
        view: What is answered with.
        node: Id of the decision.

    Raises:
        ValueError: Rows of the decision cannot be decoded by type.
    """

    def __init__(self, engine: Engine, view: View, node: str) -> None:
        self._engine = engine
        self._view = view
        self._node = node
        self._base = Lane(view.base, view.base.snapshot.decisions[node])
        part = self._base.part
        self._schema: RowSchema = part.spine
        self._needed = frozenset(part.spine.key)
        self._decoder = RowDecoder(part.spine, part.plan.needed)
        self._challenger = self._challenging()
        self._json = msgspec.json.Encoder()
        self._msgpack = msgspec.msgpack.Encoder()

    def _challenging(self) -> Lane | None:
        trial = self._view.trial
        if trial is None:
            return None
        part = trial.challenger.snapshot.decisions.get(self._node)
        if part is None or part.spine != self._schema or not part.plan.steps:
            return None
        return Lane(trial.challenger, part)

    def decide_bytes(self, body: bytes, started: float) -> Reply | Rest:
        """Answer the body of a request, or say what is left to do.

        Args:
            body: ``{"row": {…}}`` or ``{"rows": [{…}, …]}``, in JSON.
            started: When the request arrived, by ``time.perf_counter``.

        Raises:
            RequestError: The body, or a row, is malformed.
            StorageFullError: As :meth:`soroi.serve.engine.Engine.decide`.
        """
        if len(body) > MOST_BYTES:
            return Rest(lambda: self._slowly(body, started))
        now = self._engine.runtime.clock.now()
        row = self._decoder.decode(body, now)
        if row is None:
            row = self._checked(body, now)
            if row is None:
                return Rest(lambda: self._slowly(body, started))
        return self._decide(row, now, started)

    def _checked(self, body: bytes, now: datetime) -> Decoded | None:
        """The row of a body as the checker takes it; ``None``: there are several."""
        rows, single = decode_rows(body, single=True)
        if not single:
            return None
        at = now.astimezone(UTC)
        schema = self._schema
        defaults = {schema.time: at} if schema.time else {}
        values = schema.check_row(0, rows[0], defaults, self._needed)
        return Decoded(values, self._decoder.inputs(values), False)

    def _decide(self, row: Decoded, now: datetime, started: float) -> Reply | Rest:
        lane, arm = self._base, ALONE
        first = self._engine.runtime.ids.new("answer")
        trial = self._view.trial
        if trial is not None:
            arm = trial.arm(self._node, dict(zip(self._schema.names, row.values, strict=True)), first)
            if arm.name == CHALLENGER or (trial.trying.is_shadow and arm.rollout is not None):
                if arm.name != CHALLENGER or self._challenger is None:
                    return self._in_thread(row, now, started, first)
                lane = self._challenger
        path = Path(RowState(row.values, row.whole and lane is self._base))
        lane.asker.one(path, started + lane.allowed)
        if path.by is None and not lane.part.plan.whole:
            return Rest(lambda: self._finish(lane, path, now, started, arm, first))
        told, record = self._write(lane, path, row, now, started, arm, first)
        if lane.part.durable:
            return Rest(lambda: self._record(lane, told, record))
        return self._record(lane, told, record)

    def _write(
        self, lane: Lane, path: Path, row: Decoded, now: datetime, started: float, arm: Arm, first: str
    ) -> tuple[_Told, bytes]:
        """The answer as it is told and as it is written down."""
        part, serving = lane.part, lane.serving
        yes = path.positive
        by = path.by
        if by is None:
            action, score, threshold, confidence = part.fail_safe, None, None, None
        else:
            action = part.positive if yes else part.negative
            score, threshold = path.score, by.threshold
            likely = by.calibration.probability(score)
            confidence = likely if yes else 1.0 - likely
        spent = time.perf_counter() - started
        noted = path.noted
        fell = noted[0].fell or (len(noted) > 1 and any(one.fell for one in noted))
        answer = (first, part.node, action, action == part.positive, score, threshold, confidence)
        packed = msgspec.Raw(bytes((0x90 + len(noted),)) + b"".join([one.msgpack for one in noted]))
        rest = (serving.snapshot.manifest, serving.revision, now, spent > part.deadline, arm.name)
        state = path.state
        detail: tuple[bool, Any, Any, dict[str, float], str, float] = (
            fell,
            row.inputs,
            part.plan.recorded(state).packed(state),
            state.scores,
            serving.environment,
            round(spent * 1000.0, 3),
        )
        trial = () if arm.rollout is None else (arm.rollout, arm.step, arm.unit)
        kind: Any = _TrialRecord if trial else _Record
        record = kind(*answer, packed, *rest, *detail, *trial)
        told = msgspec.Raw(b"[" + b",".join([one.json for one in noted]) + b"]")
        return _Told(*answer, told, *rest), self._msgpack.encode(record)

    def _record(self, lane: Lane, told: _Told, record: bytes) -> Reply:
        self._engine.recorder.keep(lane.part, record)
        return Reply(200, lane.headers[told.arm], self._json.encode(_Body(told)))

    def _finish(self, lane: Lane, path: Path, now: datetime, started: float, arm: Arm, first: str) -> Reply:
        """Go on behind the plan."""
        rows = Rows(self._schema, (path.state.values,))
        budget = Budget(lane.part.deadline, started)
        question = Question(lane.serving, lane.part, rows, now.astimezone(UTC), budget, arm, [first])
        return self._reply(self._engine.go_on(question, path).answers, single=True)

    def _in_thread(self, row: Decoded, now: datetime, started: float, first: str) -> Rest:
        """Leave a checked row to the general way: it is asked twice, or of a challenger with other columns."""
        values = dict(zip(self._schema.names, row.values, strict=True))

        def finish() -> Reply:
            answers = self._engine.decide_in(self._view, self._node, [values], now=now, started=started, first=first)
            return self._reply(answers, single=True)

        return Rest(finish)

    def _slowly(self, body: bytes, started: float) -> Reply:
        rows, single = decode_rows(body, single=True)
        return self._reply(self._engine.decide_in(self._view, self._node, rows, started=started), single=single)

    def _reply(self, answers: list[Answer], *, single: bool) -> Reply:
        return reply_of(answers, single=single)


def reply_of(answers: list[Answer], *, single: bool) -> Reply:
    """The reply to a request.

    Args:
        answers: What was answered.
        single: Whether the request asked about one row.
    """
    headers: Headers = ()
    if answers:
        headers = _headers(answers[0].manifest, answers[0].revision, answers[0].arm)
    document: dict[str, Any] = {"answer": answers[0]} if single else {"answers": answers}
    return Reply(200, headers, msgspec.json.encode(document))


def _headers(manifest: str, revision: int, arm: str) -> Headers:
    return (
        (MANIFEST_HEADER, manifest.encode()),
        (REVISION_HEADER, b"%d" % revision),
        (ARM_HEADER, arm.encode()),
    )
