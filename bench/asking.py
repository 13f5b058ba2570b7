"""One company's two questions, asked of soroi in a warm process and from the shell."""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.company import apply_edit, edits, one_edit

ROOT = Path(__file__).resolve().parents[1]
REPEATS, ENOUGH = 5, 20.0
"""How often a question is asked; no more once that took so many seconds."""

LONG = 60.0
"""Seconds of a first call from the shell after which it is not repeated for the other question."""

KEPT = ("catalogue", "objects", "answers", "rows")
"""How the names begin of what a store cannot do without; all else in its folder is derived, and made again."""

MIB = 1024.0

Figures = dict[str, float]
"""``wall`` and ``cpu`` seconds (medians), ``best`` (least wall seconds), ``rss`` (peak, MiB), ``repeats``."""


@dataclass
class Shell:
    """Asks from the shell, each time in a new process.

    Args:
        folder: The company.
        nodes: How many nodes it has.
        scratch: Folder for the answers and for what the user's caches would hold.
    """

    folder: Path
    nodes: int
    scratch: Path
    _turn: int = field(default=0, init=False)

    def ask(self, names: Sequence[str]) -> dict[str, dict[str, Figures]]:
        """Questions asked before anything is kept of the declarations, then again and again, then after an edit.

        Only the first question is asked before and after when that takes longer than :data:`LONG`: what it spends that
        time on is the same for each.
        """
        found: dict[str, dict[str, Figures]] = {name: {} for name in names}
        some = list(names)
        for name in names:
            if name in some:
                found[name]["first"] = self._several(name, self.forget, 1)
                some = some if found[name]["first"]["wall"] < LONG else some[:1]
        for name in names:
            found[name]["again"] = self._several(name, lambda: None, REPEATS)
        for name in some:
            found[name]["after one edit"] = self._several(name, self.edit, 2)
        return found

    def forget(self) -> None:
        """Remove what soroi derived and kept."""
        shutil.rmtree(self.scratch / "cache", ignore_errors=True)
        for one in (self.folder / ".soroi").iterdir():
            if not one.name.startswith(KEPT):
                shutil.rmtree(one) if one.is_dir() else one.unlink()
        for one in self.folder.rglob("__pycache__"):
            shutil.rmtree(one)

    def edit(self) -> None:
        """Edit the body of one more model."""
        apply_edit(self.folder, one_edit(self.nodes, self._turn))
        self._turn += 1

    def _several(self, name: str, before: Callable[[], None], repeats: int) -> Figures:
        took: list[Figures] = []
        while len(took) < repeats and sum(one["wall"] for one in took) < ENOUGH:
            before()
            took.append(self._call(name))
        return together(took)

    def _call(self, name: str) -> Figures:
        script = Path(sys.executable).with_name("soroi")
        program = [str(script)] if script.is_file() else [sys.executable, "-m", "soroi.cli.main"]
        out = self.scratch / "answer.json"
        with out.open("wb") as target:
            started = time.perf_counter()
            command = [*program, name, "--json", "--project", str(self.folder)]
            child = subprocess.Popen(command, stdout=target, env=environment(self.scratch))
            _, code, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - started
            child.returncode = os.waitstatus_to_exitcode(code)
        if child.returncode not in (0, 1) or not out.stat().st_size:
            raise RuntimeError(f"soroi {name} ended with {child.returncode}")
        return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss / MIB}


def together(took: Sequence[Mapping[str, float]]) -> Figures:
    """Medians of several measurements, and the best."""
    found = {key: median(one[key] for one in took) for key in took[0]}
    return {**found, "best": min(one["wall"] for one in took), "repeats": float(len(took))}


def environment(scratch: Path) -> dict[str, str]:
    """The environment of child processes: caches of the user are left alone."""
    return {**os.environ, "XDG_CACHE_HOME": str(scratch / "cache"), "SOROI_ACTOR": "bench"}


def run_module(name: str, *arguments: str, scratch: Path) -> str:
    """Run a module of this package in a process of its own, wherever this one was started; gives what it printed."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-P", "-m", name, *arguments],
        check=True,
        env={**environment(scratch), "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def ask_all(kept: Path, nodes: int, scratch: Path, *, profile: bool) -> dict[str, Any]:
    """All figures of one company, after a week's edits.

    Args:
        kept: The company with its past; a copy of it is edited.
        nodes: How many nodes it has.
        scratch: Folder for the copy.
        profile: Print what takes the time in a warm process.
    """
    folder = scratch / f"run-{nodes}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder)
    for edit in edits(nodes):
        apply_edit(folder, edit)
    try:
        warm = ask_warm(folder, nodes, scratch, profile=profile)
        return {"warm": warm, "shell": Shell(folder, nodes, scratch).ask(["status", "plan"])}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ask_warm(folder: Path, nodes: int, scratch: Path, *, profile: bool) -> dict[str, Any]:
    """What :func:`warm` finds in processes of their own: the first keeps the declarations, the second reads them."""
    Shell(folder, nodes, scratch).forget()
    found: list[dict[str, Any]] = []
    for options in (["--parts"], ["--profile"] if profile else []):
        *said, last = run_module("bench.asking", str(folder), *options, scratch=scratch).splitlines()
        print("".join(f"{one}\n" for one in said), end="")
        found.append(json.loads(last))
    return {**found[1], "parts": {"first": found[0]["parts"], "again": found[1]["parts"]}}


def warm(folder: Path, *, only_parts: bool, profile: bool) -> dict[str, Any]:
    """The parts of a first answer in this process, then the questions asked again and again.

    Args:
        folder: The company.
        only_parts: Ask no more than once.
        profile: Print what takes the time.
    """
    started = time.perf_counter()
    import soroi

    parts: dict[str, Figures] = {"import soroi": {"wall": time.perf_counter() - started, "rss": peak()}}

    def part(name: str, call: Callable[[], Any]) -> None:
        parts[name] = {**measured(call), "rss": peak()}

    with soroi.open(folder) as project:
        part("open the store", lambda: project.store)
        part("declarations", lambda: project.graph)
        part("fingerprints", lambda: project.fingerprints)
        part("first statuses()", project.statuses)
        result: dict[str, Any] = {"parts": parts}
        if only_parts:
            return result
        result["states"] = dict(Counter(str(one.state) for one in project.statuses().values()))
        for name, call in (("status", project.statuses), ("plan", project.plan)):
            result[name] = {**together(repeated(call)), "rss": peak()}
            if profile:
                show_profile(name, call)
    return result


def measured(call: Callable[[], Any]) -> Figures:
    """Wall and CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def repeated(call: Callable[[], Any]) -> list[Figures]:
    """A call measured several times; fewer when it is slow."""
    took: list[Figures] = []
    while len(took) < REPEATS and sum(one["wall"] for one in took) < ENOUGH:
        took.append(measured(call))
    return took


def show_profile(name: str, call: Callable[[], Any]) -> None:
    """Print which functions a call spends its time in."""
    profiler = cProfile.Profile()
    profiler.runcall(call)
    print(f"\n{name}, warm:")
    pstats.Stats(profiler).sort_stats("cumulative").print_stats("soroi", 30)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(15)


def peak() -> float:
    """Peak resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


if __name__ == "__main__":
    print(json.dumps(warm(Path(sys.argv[1]), only_parts="--parts" in sys.argv, profile="--profile" in sys.argv)))
