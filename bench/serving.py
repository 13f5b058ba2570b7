"""What an answer costs over HTTP: soroi whole beside other servers, with three models, one row for each request.

    python bench/serving.py [--systems soroi,fastapi,…] [--models a,b,c] [--seconds 5] [--repeats 3]
                            [--work DIR [--reuse]] [--json FILE]

Every system runs in an environment of its own (``--work`` keeps them), on one core. The load is made by a process on
another one, over 1, 16 and 64 connections that stay open; it stays awake while it waits (``--sleep``: it does not, and
servers pay to wake it with every reply). The processor's time is that of the server with all its children. Before it
is measured, every system must give the model's own probability for each row. soroi is measured whole, by ``soroi
serve``: decode, domain, score, calibrate, threshold, path, record, encode. Figures are medians of repeated runs.

Models: ``a`` a scaler and a logistic regression on 30 numbers; ``b`` histogram boosting with 200 rounds on 30 numbers;
``c`` TF-IDF of 20,000 words and a logistic regression on short texts.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a script: its folder holds a module called statistics, which hides Python's own
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
import os
import platform
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict
from statistics import median
from typing import Any

from bench.peers.runner import ROOT
from bench.served.examples import MODELS
from bench.served.load import Load
from bench.served.showing import CONNECTIONS, show
from bench.served.systems import SERVER_CORE, SYSTEMS, LeftOutError, Running, environment, filled, last, running

LOAD_CORE = 1
WARM = 1.0
"""Seconds of requests before those that are measured."""

MORE = 600.0
"""Seconds that a load may take beyond what it should."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="which; default: %(default)s")
    parser.add_argument("--models", default=",".join(MODELS), help="which; default: %(default)s")
    parser.add_argument("--connections", default=",".join(map(str, CONNECTIONS)), help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measured run; default: %(default)s")
    parser.add_argument("--repeats", type=int, default=3, help="measured runs; default: %(default)s")
    parser.add_argument("--sleep", action="store_true", help="the load sleeps while it waits; servers pay to wake it")
    parser.add_argument("--work", type=Path, help="folder that keeps environments; default: a temporary one")
    parser.add_argument("--reuse", action="store_true", help="use saved models and built projects of that folder")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended with it
    if not {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        raise SystemExit("this takes two cores: one for the server, one for the load")
    if options.work is not None:
        options.work.mkdir(parents=True, exist_ok=True)
        run(options, options.work.resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="soroi-serving-", ignore_cleanup_errors=True) as folder:
            run(options, Path(folder))


def run(options: argparse.Namespace, work: Path) -> None:
    """Measure all, and print the tables."""
    began, load = time.perf_counter(), os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} at the start", flush=True)
    found = []
    for key in options.systems.split(","):
        for model in options.models.split(","):
            found.append(
                {"system": key, "name": SYSTEMS[key].name, "model": model, **measure(key, model, work, options)}
            )
            tell(found[-1])
    show(found)
    print(f"\n{time.perf_counter() - began:,.0f} s, load {os.getloadavg()[0]:.1f} at the end")
    if options.json:
        about = {"python": platform.python_version(), "cores": os.cpu_count(), "load": [load, os.getloadavg()[0]]}
        options.json.write_text(json.dumps({**about, "found": found}, indent=2) + "\n", "utf-8")


def measure(key: str, model: str, work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The figures of a system with a model, or why there are none (``left_out``)."""
    system = SYSTEMS[key]
    try:
        python = environment(work, system)
        folder = filled(work, system, python, model, anew=not options.reuse)
        with running(system, python, model, folder) as server:
            idle = server.memory()
            runs = {one: under(server, int(one), options) for one in options.connections.split(",")}
            kept = {"start": server.start, "idle": idle, "memory": server.memory(), "difference": server.difference}
            return {"tool": server.about["tool"], **kept, "runs": runs}
    except LeftOutError as error:
        return {"left_out": str(error)}


def under(server: Running, connections: int, options: argparse.Namespace) -> dict[str, Any]:
    """What a server takes with some connections: medians, and every run."""
    about = server.about
    load = Load(
        port=server.port,
        process=server.process,
        path=about["path"],
        bodies=str(server.bodies),
        wrong=about["wrong"],
        connections=connections,
        seconds=options.seconds,
        warm=min(WARM, options.seconds),
        repeats=options.repeats,
        spin=not options.sleep,
    )
    limit = MORE + (options.seconds + 1.0) * (options.repeats + 1)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench.served.load", json.dumps(asdict(load))],
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}),
    )
    if done.returncode:
        raise LeftOutError(f"with {connections} connections: {last(done.stderr)}")
    line = next(one for one in reversed(done.stdout.splitlines()) if one.startswith("RESULT "))
    runs: list[dict[str, Any]] = json.loads(line.removeprefix("RESULT "))
    return {**together(runs), "all": runs}


def together(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of repeated runs; errors are added up."""
    return {
        "cpu": 1e6 * median(one["cpu"] / max(one["requests"], 1) for one in runs),
        "rate": median(one["requests"] / one["seconds"] for one in runs),
        "p50": 1e3 * median(one["p50"] for one in runs),
        "p99": 1e3 * median(one["p99"] for one in runs),
        "most": 1e3 * max(one["most"] for one in runs),
        "load": median(1.0 - one["idle"] / one["seconds"] for one in runs),
        "errors": sum(one["errors"] for one in runs),
        "said": next((one["said"] for one in runs if one["said"]), ""),
    }


def tell(one: dict[str, Any]) -> None:
    """Print what was found, as soon as it is."""
    if "left_out" in one:
        print(f"  {one['model']} {one['name']}: {one['left_out']}", flush=True)
        return
    said = "; ".join(f"{count}: {got['cpu']:,.0f} us, {got['rate']:,.0f}/s" for count, got in one["runs"].items())
    print(f"  {one['model']} {one['tool']} ({one['name']}): {said}", flush=True)


if __name__ == "__main__":
    main()
