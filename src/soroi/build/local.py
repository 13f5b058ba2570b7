"""The local executor: a pool of processes on this machine."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from loky.process_executor import ProcessPoolExecutor, TerminatedWorkerError

from soroi.base.errors import BuildError
from soroi.build.task import Draft, Task

_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


def _prepare_worker(parent: int) -> None:
    """In each worker: die with the parent, and leave the keyboard to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with(parent)


def _die_with(parent: int) -> None:
    """Ask Linux to end this process when its parent ends; elsewhere the pool's own watch must do."""
    import ctypes

    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(1)


class LocalExecutor:
    """Runs tasks in processes of their own, so that a crash or a leak ends one node and not the run.

    Args:
        workers: Number of processes; default: one per core.
    """

    def __init__(self, workers: int | None = None) -> None:
        cores = os.cpu_count() or 1
        self.workers = workers or cores
        self._threads = max(1, cores // self.workers)
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, task: Task) -> Future[Draft]:
        """Begin a task in a free process."""
        from soroi.build.worker import run_task

        outer: Future[Draft] = Future()
        try:
            inner = self._open().submit(run_task, task)
        except Exception:  # the pool broke with an earlier task: this one gets a new pool
            self._pool = None
            inner = self._open().submit(run_task, task)

        def finish(done: Future[Draft]) -> None:
            error = done.exception()
            if error is None:
                outer.set_result(done.result())
            elif isinstance(error, TerminatedWorkerError):
                self._pool = None
                outer.set_exception(
                    BuildError(
                        f"the process that built '{task.node}', or one beside it, ended without a word",
                        hint="it may have run out of memory, or its code crashed the interpreter; "
                        "see the node's log, and build again: what was finished is kept",
                    )
                )
            else:
                outer.set_exception(error)

        inner.add_done_callback(finish)
        return outer

    def _open(self) -> ProcessPoolExecutor:
        if self._pool is None:
            limits = {name: os.environ.get(name, str(self._threads)) for name in _THREAD_LIMITS}
            self._pool = ProcessPoolExecutor(
                max_workers=self.workers,
                initializer=_prepare_worker,
                initargs=(os.getpid(),),
                timeout=60,
                env=limits,
            )
        return self._pool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=error is not None)
            self._pool = None
