"""The local executor: processes on this machine, each apart from the others."""

from __future__ import annotations

import os
import queue
import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

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

    A pool that loses a process gives up all of its tasks. So each process has a pool of its own, and a thread that
    hands it one task at a time: a crash ends the task that crashed, and no other.

    Args:
        workers: Number of processes; default: one per core.
    """

    def __init__(self, workers: int | None = None) -> None:
        cores = os.cpu_count() or 1
        self.workers = workers or cores
        self._threads = max(1, cores // self.workers)
        self._feeders: ThreadPoolExecutor | None = None
        self._idle: queue.SimpleQueue[ProcessPoolExecutor | None] = queue.SimpleQueue()
        self._pools: set[ProcessPoolExecutor] = set()
        self._lock = threading.Lock()
        self._closing = False

    def submit(self, task: Task) -> Future[Draft]:
        """Begin a task in a free process."""
        if self._feeders is None:
            # Linux ends a process with the thread that started it: these threads live as long as the executor
            self._feeders = ThreadPoolExecutor(self.workers, thread_name_prefix="soroi-build")
            for _ in range(self.workers):
                self._idle.put(None)
        return self._feeders.submit(self._run, task)

    def _run(self, task: Task) -> Draft:
        """Run a task in a process that does nothing else meanwhile."""
        from soroi.build.worker import run_task

        pool = self._idle.get() or self._open()
        try:
            draft: Draft = pool.submit(run_task, task).result()
        except BrokenProcessPool:
            self._discard(pool)
            self._idle.put(None)
            raise BuildError(
                f"the process that built '{task.node}' ended without a word",
                hint="it may have run out of memory, or its code crashed the interpreter; "
                "build again: what was finished is kept",
                node=task.node,
            ) from None
        except BaseException:
            self._idle.put(pool)
            raise
        self._idle.put(pool)
        return draft

    def _open(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._closing:
                raise BuildError("the build was stopped")
            limits = {name: os.environ.get(name, str(self._threads)) for name in _THREAD_LIMITS}
            pool = ProcessPoolExecutor(max_workers=1, initializer=_prepare_worker, initargs=(os.getpid(),), env=limits)
            self._pools.add(pool)
            return pool

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            self._pools.discard(pool)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._feeders is None:
            return
        with self._lock:
            self._closing = error is not None
            pools = list(self._pools)
        if error is not None:
            self._feeders.shutdown(wait=False, cancel_futures=True)
            for pool in pools:
                pool.shutdown(wait=True, kill_workers=True)
        self._feeders.shutdown(wait=True)
        for pool in pools:
            pool.shutdown(wait=True)
        self._feeders = None
        self._pools.clear()
        self._idle = queue.SimpleQueue()
        self._closing = False
