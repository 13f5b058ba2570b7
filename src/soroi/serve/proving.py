"""Rehearsals: a real serving process of this machine loads a manifest, answers with it, and is timed.

The process is one of its own, so that a manifest that takes it down takes nothing else with it; it reads what it is
told from its standard input, and writes what it found to a file.
"""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from soroi.base.errors import SoroiError
from soroi.base.reason import Reason
from soroi.release.manifest import read_manifest
from soroi.rules import Finding
from soroi.store import Store, StoreConfig, open_store

LIMIT = 180.0
"""Seconds after which a rehearsal is given up."""

_ENOUGH = 299
"""Answers that can say something about the 99th percentile."""

_WARM_UP = 20
_MOST_SECONDS = 3.0
_LINES = 6


class Wish(msgspec.Struct, frozen=True):
    """What a rehearsal is told."""

    root: str
    """Folder of the store."""

    project: str
    """Name of the project."""

    catalogue: str | None
    """Address of the catalogue, without its password."""

    objects: str | None
    """Address of the objects, without keys."""

    manifest: str
    """Id of the manifest."""

    module: str
    """Name of the module with the declarations."""

    home: str
    """Folder of the project."""

    asked: dict[str, int]
    """How many answers are timed, by decision."""


class Timing(msgspec.Struct, frozen=True):
    """The answers of one decision."""

    milliseconds: list[float] = []
    """How long each took."""

    late: int = 0
    """How many came by a fallback because a model was not done in time."""


class Told(msgspec.Struct, frozen=True):
    """What a rehearsal tells."""

    loads: bool
    """Whether the manifest loads and answers."""

    reason: dict[str, Any]
    """Why, as a tree of reasons."""

    timings: dict[str, Timing] = {}
    """The answers that were timed, by decision."""


@dataclass(frozen=True)
class Rehearsal:
    """What came of a rehearsal."""

    finding: Finding
    """Whether the manifest loads and answers; ``error`` when the process did not come to an end."""

    timings: Mapping[str, Timing] = field(default_factory=dict)
    """The answers that were timed, by decision."""


def rehearse_apart(
    store: Store, manifest: str, *, module: str, home: Path, asked: Mapping[str, int], limit: float = LIMIT
) -> Rehearsal:
    """Rehearse a manifest in a process of its own.

    Args:
        store: The store.
        manifest: Id of the manifest.
        module: Name of the module with the declarations.
        home: Folder of the project.
        asked: How many answers are timed, by decision.
        limit: Seconds after which it is given up.
    """
    config = store.config
    wish = Wish(
        str(config.root), config.project, config.catalogue, config.objects, manifest, module, str(home), dict(asked)
    )
    with tempfile.TemporaryDirectory(prefix="soroi-rehearsal-") as folder:
        told = Path(folder) / "told.json"
        command = [sys.executable, "-m", "soroi.serve.proving", str(told)]
        try:
            ended = subprocess.run(
                command, input=msgspec.json.encode(wish), capture_output=True, timeout=limit, cwd=home, check=False
            )
        except subprocess.TimeoutExpired as error:
            return _broken(manifest, f"was not done after {limit:g} s", error.stderr or b"")
        if ended.returncode != 0 or not told.is_file():
            return _broken(manifest, _ending(ended.returncode), ended.stderr)
        found = msgspec.json.decode(told.read_bytes(), type=Told)
    return Rehearsal(Finding(found.loads, Reason.from_dict(found.reason)), found.timings)


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with the exit status {code}"


def _broken(manifest: str, how: str, said: bytes) -> Rehearsal:
    lines = said.decode("utf-8", "replace").strip().splitlines()[-_LINES:]
    because = tuple(Reason("said", line, manifest) for line in lines if line.strip())
    reason = Reason("loads", f"the serving process that loaded {manifest} {how}", manifest, because)
    return Rehearsal(Finding.of("error", reason))


# ── within the process ────────────────────────────────────────────────────────────────────────────────────────────


def main() -> int:
    """Rehearse as standard input says, and write what came of it to the file that is named."""
    wish = msgspec.json.decode(sys.stdin.buffer.read(), type=Wish)
    config = StoreConfig(Path(wish.root), wish.project, wish.catalogue, wish.objects)
    with open_store(config) as store:
        told = rehearse_here(store, wish)
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(told))
    return 0


def rehearse_here(store: Store, wish: Wish) -> Told:
    """Load a manifest in this process, ask every decision for real, and time its answers.

    Args:
        store: The store.
        wish: What is asked.
    """
    from soroi.serve.engine import Engine
    from soroi.serve.evaluation import describe
    from soroi.serve.judge import rehearse, verify_files
    from soroi.serve.loading import load_snapshot
    from soroi.store import AnswerLog, RowLog

    manifest = wish.manifest
    try:
        with store.catalogue.read() as tx:
            found = read_manifest(tx, manifest)
        verify_files(store, found)
        snapshot = load_snapshot(store, found, module=wish.module, home=Path(wish.home))
        with tempfile.TemporaryDirectory(prefix="soroi-rehearsal-") as folder:
            engine = Engine(AnswerLog(Path(folder)), RowLog(Path(folder)))
            try:
                serving = engine.switch(snapshot, environment="rehearsal", revision=0)
                reasons = rehearse(engine, serving)
                bad = tuple(one for one in reasons if one.kind != "answers")
                timings = {} if bad else _timings(engine, serving, wish.asked)
            finally:
                engine.close()
    except Exception as error:  # whatever keeps it from loading here keeps it from being released
        facts = error.to_dict() if isinstance(error, SoroiError) else {}
        why = Reason("error", describe(error), manifest, facts=facts)
        return Told(False, Reason("loads", f"{manifest} does not load here", manifest, because=(why,)).to_dict())
    text = f"{manifest} loads, but does not answer" if bad else f"{manifest} loads and answers"
    return Told(not bad, Reason("loads", text, manifest, because=bad or tuple(reasons)).to_dict(), timings)


def _timings(engine: Any, serving: Any, asked: Mapping[str, int]) -> dict[str, Timing]:
    gc.collect()
    known = serving.snapshot.decisions
    return {name: _timed(engine, serving, known[name], count) for name, count in asked.items() if name in known}


def _timed(engine: Any, serving: Any, part: Any, count: int) -> Timing:
    """Answers asked one by one about rows of the spine, each within the deadline of the decision."""
    from soroi.serve.answer import Outcome
    from soroi.serve.cascade import Budget

    rows = [part.spine.trusted(part.sample[place : place + 1]) for place in range(part.sample.height)]
    if not rows:
        return Timing()
    times: list[float] = []
    late = 0
    begun = time.perf_counter()
    for turn in range(-_WARM_UP, count):
        one = rows[turn % len(rows)]
        started = time.perf_counter()
        given = engine.answer(serving, part, one, engine.runtime.clock.now(), Budget(part.deadline, started))
        ended = time.perf_counter()
        if turn < 0:
            continue
        times.append((ended - started) * 1000.0)
        late += any(step.outcome is Outcome.LATE for step in given.answers[0].path)
        if len(times) >= _ENOUGH and ended - begun > _MOST_SECONDS:
            break
    return Timing(times, late)


if __name__ == "__main__":
    sys.exit(main())
