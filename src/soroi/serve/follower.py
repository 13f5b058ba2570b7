"""Following a head: what it points at is loaded beside what answers, then takes its place, without a restart."""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from pathlib import Path

from soroi.base.errors import SoroiError
from soroi.release.manifest import read_manifest
from soroi.serve.engine import Engine, Serving
from soroi.serve.judge import rehearse
from soroi.serve.loading import load_snapshot
from soroi.store import HeadRecord, Store

POLL_SECONDS = 0.2
"""How often the head is looked at."""

_RETRY_FIRST = 1.0
_RETRY_MOST = 30.0
_LOG = logging.getLogger("soroi.serve")


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
        self._thread: threading.Thread | None = None
        self._catalogue_problem: str | None = None
        self._load_problem: str | None = None
        self._failed: tuple[int, int] | None = None
        self._waits = 0
        self._tried_at: datetime | None = None

    def start(self) -> None:
        """Begin to follow, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="soroi-follow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following. What answers goes on answering."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def problems(self) -> list[str]:
        """What is wrong at present, in sentences."""
        return [one for one in (self._catalogue_problem, self._load_problem) if one is not None]

    def look(self) -> bool:
        """Look at the head once, and load what it points at when that is new.

        Returns:
            Whether the engine answers with something new.
        """
        try:
            with self._store.catalogue.read() as tx:
                head = tx.heads.get(self.environment)
            self._catalogue_problem = None
        except Exception as error:  # whatever keeps us from reading it, we go on from memory
            if self._catalogue_problem is None:
                _LOG.error("the catalogue cannot be read; going on from memory: %s", error)
            self._catalogue_problem = f"the catalogue cannot be read: {error}"
            return False
        if head is None:
            self._load_problem = f"nothing was ever released to '{self.environment}'"
            return False
        serving = self._engine.serving
        if serving is not None and serving.revision == head.revision:
            self._load_problem = None
            return False
        return self._due(head.revision) and self._load(head)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception:  # a thread that dies silently would freeze the release for ever
                _LOG.exception("following '%s' failed", self.environment)
            self._stop.wait(self._poll)

    def _due(self, revision: int) -> bool:
        """Whether it is time to try a revision: at once when it is new, with growing pauses when it failed."""
        if self._failed is None or self._failed[0] != revision or self._tried_at is None:
            return True
        pause: float = min(_RETRY_FIRST * 2.0 ** (self._failed[1] - 1), _RETRY_MOST)
        return (self._engine.runtime.clock.now() - self._tried_at).total_seconds() >= pause

    def _load(self, head: HeadRecord) -> bool:
        try:
            with self._store.catalogue.read() as tx:
                manifest = read_manifest(tx, head.manifest)
            snapshot = load_snapshot(self._store, manifest, module=self._module, home=self._home)
            self._engine.switch(snapshot, environment=self.environment, revision=head.revision, warm=self._warm)
        except Exception as error:  # any failure keeps the manifest that answers
            return self._not_loaded(head, error)
        self._failed = None
        self._load_problem = None
        _LOG.info("answering with %s (revision %d of '%s')", head.manifest, head.revision, self.environment)
        return True

    def _warm(self, serving: Serving) -> None:
        """Ask every decision once before it counts: what is slow the first time is slow now."""
        for reason in rehearse(self._engine, serving):
            if reason.kind != "answers":
                _LOG.warning("%s", "; ".join(reason.lines()))

    def _not_loaded(self, head: HeadRecord, error: Exception) -> bool:
        before = self._failed[1] if self._failed and self._failed[0] == head.revision else 0
        self._failed = (head.revision, before + 1)
        self._tried_at = self._engine.runtime.clock.now()
        said = error.message if isinstance(error, SoroiError) else f"{type(error).__name__}: {error}"
        serving = self._engine.serving
        kept = f"; {serving.snapshot.manifest} goes on answering" if serving is not None else ""
        self._load_problem = f"{head.manifest} (revision {head.revision}) cannot be loaded: {said}{kept}"
        _LOG.error("%s", self._load_problem, exc_info=not isinstance(error, SoroiError))
        return False
