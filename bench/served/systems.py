"""The systems that serve, each in an environment of its own; started on one core, and asked whether it is right."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from bench.peers.runner import QUIET, ROOT

SERVER_CORE = 0
START_LIMIT, STOP_LIMIT, FILL_LIMIT = 180.0, 20.0, 900.0
"""Seconds that a system may take to answer first, to end, and to fit and save a model."""

TOLERANCE = 1e-6
"""By how much an answer may differ from what the model alone says."""


class LeftOutError(Exception):
    """A system cannot be measured; the message says why."""


@dataclass(frozen=True)
class System:
    """A system that serves."""

    name: str
    """What it is called in the tables."""

    module: str
    """Its script."""

    packages: tuple[str, ...] = ()
    """What pip installs for it; none: it runs in the environment of the benchmark."""

    variant: str = ""
    """In which way it is run."""

    @property
    def short(self) -> str:
        """Name of its script, which names its folders."""
        return self.module.rpartition(".")[2]


FASTAPI = ("fastapi", "uvicorn[standard]", "numpy", "scikit-learn")
MLSERVER = ("mlserver", "mlserver-sklearn", "scikit-learn", "uvloop<0.22")  # with a newer one its worker does not start
SYSTEMS = {
    "soroi": System("soroi, native", "bench.served.project", variant="native"),
    "bare": System("soroi, native, no record", "bench.served.project", variant="bare"),
    "asgi": System("soroi, asgi", "bench.served.project", variant="asgi"),
    "echo": System("echo", "bench.served.echo"),
    "fastapi": System("FastAPI by hand", "bench.peers.serving_fastapi", FASTAPI),
    "mlflow": System("MLflow", "bench.peers.serving_mlflow", ("mlflow", "scikit-learn", "pandas")),
    "mlserver": System("MLServer", "bench.peers.serving_mlserver", MLSERVER),
    "mlserver-workers": System("MLServer, worker process", "bench.peers.serving_mlserver", MLSERVER, "workers"),
    "litserve": System("LitServe", "bench.peers.serving_litserve", ("litserve", "scikit-learn")),
    "bentoml": System("BentoML", "bench.peers.serving_bentoml", ("bentoml", "scikit-learn")),
    "ray": System("Ray Serve", "bench.peers.serving_ray", ("ray[serve]", "scikit-learn")),
}
"""All of them, by the name an option has for them."""

OURS = ("soroi", "bare", "asgi", "echo")
"""Those that are no peers."""


@dataclass(frozen=True)
class Running:
    """A system that answers."""

    process: int
    """Its first process."""

    port: int
    """Its port."""

    start: float
    """Seconds from its command to its first answer."""

    about: dict[str, Any]
    """What its script told of it."""

    bodies: Path
    """The file of bodies that it is asked with."""

    difference: float | None
    """The largest difference of an answer from what the model alone says; ``None``: it answers nothing."""

    def memory(self) -> float:
        """MiB that its processes hold; what they share is counted once."""
        first = psutil.Process(self.process)
        total = 0
        for one in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += one.memory_full_info().pss
        return total / (1 << 20)


def environment(work: Path, system: System) -> Path:
    """The Python of a system's own environment, made when it is not there.

    Raises:
        LeftOutError: It cannot be installed.
    """
    if not system.packages:
        return Path(sys.executable)
    folder = work / "environments" / system.short.replace("_", "-")
    python = folder / "bin" / "python"
    if not (folder / "done").is_file():
        print(f"  installing {', '.join(system.packages)} …", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *system.packages]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            version = ".".join(map(str, sys.version_info[:2]))
            raise LeftOutError(f"not installed on Python {version}: {last(done.stderr or done.stdout)}")
        (folder / "done").touch()
    return python


def filled(work: Path, system: System, python: Path, model: str, *, anew: bool = True) -> Path:
    """The folder in which a system has a model; made when it is not there.

    Raises:
        LeftOutError: Its script failed.
    """
    folder = work / "served" / f"{system.short}-{model}"
    if anew or not (folder / "asked.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = [*_command(system, python, "fill", model, folder)]
        try:
            done = subprocess.run(
                command, cwd=folder, env=_environment(folder), capture_output=True, text=True, timeout=FILL_LIMIT
            )
        except subprocess.TimeoutExpired:
            raise LeftOutError(f"stopped after {FILL_LIMIT:.0f} s of saving the model") from None
        if done.returncode:
            raise LeftOutError(last(done.stderr or done.stdout))
    return folder


@contextlib.contextmanager
def running(system: System, python: Path, model: str, folder: Path) -> Iterator[Running]:
    """A system that answers, on its core; ended afterwards.

    Raises:
        LeftOutError: It does not answer, or not what the model says.
    """
    port = free_port()
    about = json.loads((folder / "asked.json").read_text("utf-8"))
    bodies = folder / "bodies.json"
    command = [*_command(system, python, "serve", model, folder), "--port", str(port), "--variant", system.variant]
    log = folder / "serve.log"
    with log.open("wb") as out:
        began = time.perf_counter()
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
        )
    try:
        texts = json.loads(bodies.read_text("utf-8"))
        _first(server, port, about["path"], texts[0], log)
        start = time.perf_counter() - began
        yield Running(server.pid, port, start, about, bodies, difference(port, about, texts))
    finally:
        end(server)


def difference(port: int, about: dict[str, Any], bodies: list[str]) -> float | None:
    """The largest difference of an answer from what the model alone says.

    Raises:
        LeftOutError: It is not what the model says.
    """
    if not about["expected"]:
        return None
    worst = 0.0
    for body, expected in zip(bodies, about["expected"], strict=True):
        status, data = ask(port, about["path"], body)
        if status != 200:
            raise LeftOutError(f"answered {status}: {data[:160].decode('utf-8', 'replace')}")
        said = reduce(lambda value, key: value[key], about["where"], json.loads(data))
        worst = max(worst, abs(float(said) - expected))
    if not worst <= TOLERANCE:
        raise LeftOutError(f"its answers differ from the model's by up to {worst:.2g}")
    return worst


def ask(port: int, path: str, body: str) -> tuple[int, bytes]:
    """The status and the body of a reply."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, {"content-type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def end(server: subprocess.Popen[bytes]) -> None:
    """End a server with all that it began."""
    began: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        began = psutil.Process(server.pid).children(recursive=True)
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(STOP_LIMIT)
    for one in began:
        with contextlib.suppress(psutil.NoSuchProcess):  # psutil knows it by when it began, too
            one.kill()
    if server.poll() is None:
        server.kill()
        server.wait()


def last(text: str | None) -> str:
    """The last line of what a program said."""
    lines = [one.strip() for one in (text or "").splitlines() if one.strip()]
    return lines[-1][:200] if lines else "no output"


def _first(server: subprocess.Popen[bytes], port: int, path: str, body: str, log: Path) -> None:
    """Wait for the first good answer."""
    until = time.monotonic() + START_LIMIT
    said = "no answer"
    while time.monotonic() < until:
        if server.poll() is not None:
            raise LeftOutError(f"ended at once: {last(log.read_text('utf-8', 'replace'))}")
        try:
            status, data = ask(port, path, body)
            if status == 200:
                return
            said = f"{status} {data[:160].decode('utf-8', 'replace')}"
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.02)
    raise LeftOutError(f"did not answer within {START_LIMIT:.0f} s: {said}")


def _command(system: System, python: Path, step: str, model: str, folder: Path) -> list[str]:
    return [str(python), "-P", "-m", system.module, step, "--model", model, "--work", str(folder)]


def _environment(folder: Path) -> dict[str, str]:
    """Nobody's own settings; one thread for sums, as there is one core."""
    own = {"HOME": str(folder), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    more = {"BENTOML_DO_NOT_TRACK": "True", "RAY_USAGE_STATS_ENABLED": "0", "SOROI_ACTOR": "bench"}
    return {**os.environ, **QUIET, **own, **more}
