"""Following a head: what it points at is loaded beside what answers, then takes its place, without a restart.

The challenger of a rollout is followed likewise: loaded, warmed, and only then given its share.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from pathlib import Path

from soroi.base.errors import SoroiError
from soroi.base.runtime import Runtime
from soroi.release.manifest import read_manifest
from soroi.release.rollout import SHADOW, step_of, terms_of
from soroi.serve.engine import Engine
from soroi.serve.judge import rehearse
from soroi.serve.loading import load_snapshot
from soroi.serve.snapshot import Snapshot
from soroi.serve.trial import Trying
from soroi.serve.view import Serving
from soroi.store import HeadRecord, RolloutRecord, Store

POLL_SECONDS = 0.2
"""How often the head is looked at."""

ALONE_SECONDS = 10.0
"""Once the catalogue could not be read for so long, nobody could end a rollout: its challenger takes no part."""

_RETRY_FIRST = 1.0
_RETRY_MOST = 30.0
_LOG = logging.getLogger("soroi.serve")


class Attempts:
    """When to try again what failed: with growing pauses; something else at once.

    Args:
        runtime: The clock.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._what: object = None
        self._count = 0
        self._at: datetime | None = None

    def due(self, what: object) -> bool:
        """Whether it is time to try something."""
        if self._at is None or self._what != what:
            return True
        pause: float = min(_RETRY_FIRST * 2.0 ** (self._count - 1), _RETRY_MOST)
        return (self._clock.now() - self._at).total_seconds() >= pause

    def failed(self, what: object) -> None:
        """Note that it failed."""
        self._count = self._count + 1 if self._what == what else 1
        self._what, self._at = what, self._clock.now()

    def forget(self) -> None:
        """Note that nothing failed."""
        self._what, self._count, self._at = None, 0, None


class Follower:
    """Keeps an engine on the manifest that a head points at.

    A manifest that does not load leaves the one before it in place, and is tried again now and then. While the
    catalogue cannot be read, answers go on from memory.

    Args:
        store: The store.
        engine: What answers.
        module: Name of the module with the declarations.
        home: Folder of the project.
        environment: Name of the head.
        poll: Seconds between two looks.
    """

    def __init__(
        self, store: Store, engine: Engine, *, module: str, home: Path, environment: str, poll: float = POLL_SECONDS
    ) -> None:
        self._store = store
        self._engine = engine
        self._module = module
        self._home = home
        self.environment = environment
        self._poll = poll
        self._stop = threading.Event()
        self._soon = threading.Event()
        self._thread: threading.Thread | None = None
        self._catalogue_problem: str | None = None
        self._load_problem: str | None = None
        self._trial_problem: str | None = None
        self._heads = Attempts(engine.runtime)
        self._trials = Attempts(engine.runtime)
        self._read_at: datetime | None = None

    def start(self) -> None:
        """Begin to follow, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="soroi-follow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following. What answers goes on answering."""
        self._stop.set()
        self._soon.set()
        if self._thread is not None:
            self._thread.join()

    def look_soon(self) -> None:
        """Look at once instead of after the pause, in the thread that follows. Does not wait for it."""
        self._soon.set()

    def problems(self) -> list[str]:
        """What is wrong at present, in sentences."""
        return [one for one in (self._catalogue_problem, self._load_problem, self._trial_problem) if one is not None]

    def look(self) -> bool:
        """Look at the head and its rollout once, and load what they point at when that is new.

        Returns:
            Whether the engine answers with something new.
        """
        now = self._engine.runtime.clock.now()
        try:
            with self._store.catalogue.read() as tx:
                head = tx.heads.get(self.environment)
                rollout = tx.rollouts.open(self.environment)
            self._catalogue_problem = None
            self._read_at = now
        except Exception as error:  # whatever keeps us from reading it, we go on from memory
            if self._catalogue_problem is None:
                _LOG.error("the catalogue cannot be read; going on from memory: %s", error)
            self._catalogue_problem = f"the catalogue cannot be read: {error}"
            return self._alone(now)
        if head is None:
            self._load_problem = f"nothing was ever released to '{self.environment}'"
            return False
        moved = self._follow_head(head)
        return self._follow_rollout(head, rollout) or moved

    def _alone(self, now: datetime) -> bool:
        """Give a challenger up that nobody could end any more."""
        if self._engine.trial is None or self._read_at is None:
            return False
        if (now - self._read_at).total_seconds() < ALONE_SECONDS:
            return False
        self._engine.retry(None)
        _LOG.error("the challenger takes no part: nobody could end its rollout while the catalogue is away")
        return True

    def _follow_head(self, head: HeadRecord) -> bool:
        serving = self._engine.serving
        if serving is not None and serving.revision == head.revision:
            self._load_problem = None
            return False
        return self._heads.due(head.revision) and self._load(head)

    def _follow_rollout(self, head: HeadRecord, rollout: RolloutRecord | None) -> bool:
        engine = self._engine
        serving, trial = engine.serving, engine.trial
        at_base = serving is not None and serving.revision == head.revision
        if rollout is None or not at_base or terms_of(rollout).base_revision != head.revision:
            self._trial_problem = None
            engine.retry(None)
            return trial is not None
        trying = trying_of(rollout)
        if trial is not None and trial.trying.rollout == rollout.id:
            if trial.trying == trying:
                return False
            engine.retry(trying)
            return True
        engine.retry(None)
        return self._trials.due(rollout.id) and self._load_trial(rollout, trying)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception:  # a thread that dies silently would freeze the release for ever
                _LOG.exception("following '%s' failed", self.environment)
            self._soon.wait(self._poll)
            self._soon.clear()

    def _load(self, head: HeadRecord) -> bool:
        trial = self._engine.trial
        try:
            if trial is not None and trial.challenger.snapshot.manifest == head.manifest:
                snapshot = trial.challenger.snapshot
            else:
                snapshot = self._snapshot(head.manifest)
            self._engine.switch(snapshot, environment=self.environment, revision=head.revision, warm=self._warm)
        except Exception as error:  # any failure keeps the manifest that answers
            return self._not_loaded(head, error)
        self._heads.forget()
        self._load_problem = None
        _LOG.info("answering with %s (revision %d of '%s')", head.manifest, head.revision, self.environment)
        return True

    def _load_trial(self, rollout: RolloutRecord, trying: Trying) -> bool:
        """Load and warm a challenger, then let it take part. One that fails takes no part here."""
        try:
            self._engine.try_out(trying, self._snapshot(rollout.challenger), warm=self._warm)
        except Exception as error:
            self._trials.failed(rollout.id)
            self._trial_problem = (
                f"{rollout.challenger} cannot be loaded, so this server takes no part in {rollout.id}: {_told(error)}"
            )
            _LOG.error("%s", self._trial_problem, exc_info=not isinstance(error, SoroiError))
            return False
        self._trials.forget()
        self._trial_problem = None
        _LOG.info("%s takes part in %s", rollout.challenger, rollout.id)
        return True

    def _snapshot(self, manifest: str) -> Snapshot:
        with self._store.catalogue.read() as tx:
            found = read_manifest(tx, manifest)
        return load_snapshot(self._store, found, module=self._module, home=self._home)

    def _warm(self, serving: Serving) -> None:
        """Ask every decision once before it counts: what is slow the first time is slow now."""
        for reason in rehearse(self._engine, serving):
            if reason.kind != "answers":
                _LOG.warning("%s", "; ".join(reason.lines()))

    def _not_loaded(self, head: HeadRecord, error: Exception) -> bool:
        self._heads.failed(head.revision)
        serving = self._engine.serving
        kept = f"; {serving.snapshot.manifest} goes on answering" if serving is not None else ""
        self._load_problem = f"{head.manifest} (revision {head.revision}) cannot be loaded: {_told(error)}{kept}"
        _LOG.error("%s", self._load_problem, exc_info=not isinstance(error, SoroiError))
        return False


def trying_of(rollout: RolloutRecord) -> Trying:
    """How the challenger of a rollout takes part at its present step."""
    terms, step = terms_of(rollout), step_of(rollout)
    return Trying(
        rollout=rollout.id,
        is_shadow=rollout.mode == SHADOW,
        key=terms.plan.key,
        step=step,
        share=terms.plan.steps[step].share,
        decisions=frozenset(terms.latency),
    )


def _told(error: Exception) -> str:
    return error.message if isinstance(error, SoroiError) else f"{type(error).__name__}: {error}"
