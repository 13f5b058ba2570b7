"""How long a registry of 100,000 versions takes to be asked and changed, beside MLflow's on the same database.

    python bench/registry.py [--versions 100000] [--nodes 100] [--back-ends sqlite,postgresql] [--no-peer] [--work DIR]

A company of some nodes (bench/company.py) gets a recorded past (bench/history.py); then each operation is repeated,
and its median and 99th percentile are told. MLflow gets as many registered models and versions on the same kind of
database, the same server for PostgreSQL, and is asked for what comes nearest. MLflow knows no set of models that
belong together: staging and releasing one is as many moves of an alias, which are not one change. The two are asked in
turns, a part of the calls at a time, so that what else the machine does troubles both alike. ``--work`` keeps MLflow's
environment.
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
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import quote

from tests.backends import PASSWORD, SECRETS, Postgres

from bench.company import AREA, write_company
from bench.history import History
from bench.peers.runner import PEERS, QUIET, ROOT, environment
from bench.tables import table
from bench.timing import Often, figures, taken
from soroi.base.reason import Reason
from soroi.base.runtime import Runtime
from soroi.codebase import read_config
from soroi.project import Project
from soroi.release import LOADS
from soroi.rules import Finding
from soroi.store import VersionLine, Wanted

GOAL = 0.1
"""Seconds that every operation may take, at the 99th percentile."""

TIMES = 10.0
"""How many times as long MLflow may take."""

ROUNDS = 4
"""Turns in which the two are asked."""

PAGE = 100
"""Versions on a page of a list."""


WARM, ENOUGH = 3, 15.0
"""Calls of each operation that are not counted, and seconds after which it is not repeated any more."""

Figures = dict[str, dict[str, float]]
"""What :func:`bench.timing.figures` gives, by name of the operation."""


@dataclass(frozen=True)
class Place:
    """Databases of one kind."""

    ours: str | None
    """Address of soroi's; ``None``: in the folder of the project."""

    theirs: str
    """Address of MLflow's."""

    analyze: Callable[[], None] = lambda: None
    """Makes the database of MLflow look at how its rows are spread, as it would by itself in the next minute."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=100_000, help="of all nodes together; default: %(default)s")
    parser.add_argument("--nodes", type=int, default=AREA, help=f"a multiple of {AREA}; default: %(default)s")
    parser.add_argument("--repeats", type=int, default=300, help="of each operation; default: %(default)s")
    parser.add_argument("--back-ends", default="sqlite,postgresql", help="which databases; default: %(default)s")
    parser.add_argument("--no-peer", action="store_true", help="only soroi")
    parser.add_argument("--work", type=Path, help="folder that keeps MLflow's environment; default: a temporary one")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--profile", help="print what takes the time in one operation, by its name")
    given = parser.parse_args()
    os.environ.update(SECRETS)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    found = []
    with tempfile.TemporaryDirectory(prefix="soroi-registry-", ignore_cleanup_errors=True) as scratch:
        for back_end in given.back_ends.split(","):
            folder = Path(scratch) / back_end
            with places(back_end, folder) as place:
                found.append({"back end": back_end, **measure(place, folder, given)})
            show(found[-1])
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


@contextmanager
def places(back_end: str, folder: Path) -> Iterator[Place]:
    """Fresh databases of a kind, for both."""
    folder.mkdir()
    if back_end == "sqlite":
        yield Place(None, f"sqlite:///{folder / 'mlflow.db'}")
        return
    with Postgres() as server:
        theirs = server.empty().replace("://soroi@", f"://soroi:{quote(PASSWORD)}@")
        yield Place(server.fresh(), theirs, lambda: server.admin("ANALYZE", database=server.name_of(theirs)))


def measure(place: Place, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Both registries on one kind of database."""
    write_company(folder / "company", given.nodes)
    config = replace(read_config(folder / "company"), catalogue=place.ours)
    with Project(config, Runtime(actor="bench")) as project:
        began = time.perf_counter()
        History(project, given.versions // given.nodes).write()
        project.store.catalogue.analyze()
        print(f"  filled {given.versions:,} versions in {time.perf_counter() - began:.0f} s", flush=True)
        asked = Asked(project, given.repeats)
        if given.profile:
            asked.profile(given.profile)
        of_a_set = len(asked.generations[0])
        with nobody() if given.no_peer else mlflow(place, folder, given, of_a_set) as peer:
            ours, theirs = asked.figures(peer)
    told = {"mlflow version": peer.version if peer else None, "load": os.getloadavg()[0]}
    return {
        "versions": given.versions,
        "nodes": given.nodes,
        "set": of_a_set,
        **told,
        "soroi": ours,
        "mlflow": theirs,
    }


class Asked:
    """Asks a project.

    Args:
        project: The project, with its past.
        repeats: How often.
    """

    def __init__(self, project: Project, repeats: int) -> None:
        project._judges = lambda: {  # type: ignore[method-assign]
            LOADS: lambda one: Finding(True, Reason("loads", "not what is measured", one.id))
        }
        self._project = project
        self._repeats = repeats
        self._chance = random.Random(1)
        self._nodes = [node.name for node in project.graph]
        with project.store.catalogue.read() as tx:
            self._all = tx.versions.lines(Wanted(limit=1_000_000))
        self.generations = self._sets()

    def _sets(self) -> list[list[str]]:
        """Versions of each generation that answer: each generation is in step."""
        by_node: dict[str, list[str]] = {}
        for one in reversed(self._all):
            if one.kind not in ("source", "dataset"):
                by_node.setdefault(one.node, []).append(one.id)
        return [list(several) for several in zip(*by_node.values(), strict=True)]

    def figures(self, peer: Mlflow | None) -> tuple[Figures, Figures]:
        """Every operation, by name: ours, and the peer's of those that it has."""
        ours: Figures = {}
        theirs: Figures = {}
        for name, (call, draw, times) in self.operations().items():
            own, other = list[float](), list[float]()
            for place in range(ROUNDS):
                often = Often(times // ROUNDS, least=2, enough=ENOUGH / ROUNDS, warm=WARM if place == 0 else 0)
                own += taken(call, draw, often)
                if peer is not None and name in peer.operations:
                    other += peer.ask(name, often)
            ours[name] = figures(own)
            if other:
                theirs[name] = figures(other)
            told = f"; MLflow {1000 * theirs[name]['p50']:.1f} ms" if other else ""
            took = f"{1000 * ours[name]['p50']:.2f} ms, p99 {1000 * ours[name]['p99']:.1f} ms"
            print(f"  {name}: {took}{told}", flush=True)
        return ours, theirs

    def profile(self, name: str) -> None:
        """Print what takes the time in an operation."""
        import cProfile
        import pstats

        call, draw, times = self.operations()[name]
        profiler = cProfile.Profile()
        for _ in range(times):
            given = draw()
            profiler.runcall(call, given)
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)

    def operations(self) -> Mapping[str, tuple[Callable[[Any], Any], Callable[[], Any], int]]:
        """What is done, with what is drawn for it, and how often."""
        many, few = self._repeats, max(self._repeats // 3, 10)
        project, some = self._project, self._some
        asked: dict[str, tuple[Callable[[Any], Any], Callable[[], Any], int]] = {
            "list a node": (lambda one: self._find(node=one), lambda: self._chance.choice(self._nodes), many),
            "list all": (lambda _: self._find(), lambda: None, many),
            "list all, deep page": (lambda one: self._find(behind=one), lambda: some().id, many),
            "by id": (project.version, lambda: some().id, many),
            "by part of the id": (project.version, lambda: some().id[:-3], many),
        }
        for name in ("digest", "recipe", "definition", "output", "run", "by", "kind"):
            asked[f"by {name}"] = (lambda one: self._find(**one), self._field(name), many)
        asked["by time"] = (lambda one: self._find(since=one, until=None), lambda: some().at, many)
        asked["by kind and time"] = (lambda one: self._find(kind=one.kind, until=one.at), some, many)
        asked["head of a node"] = (lambda one: project.manifest().picks.get(one), lambda: self._nodes[0], many)
        asked["heads"] = (lambda _: project.manifest().picks, lambda: None, many)
        asked["stage one"] = (self._seal, self._one, few)
        asked["stage a set"] = (self._seal, self._set, few)
        asked["release a set"] = (lambda _: project.release(), self._staged, few)
        asked["roll back a set"] = (lambda _: project.rollback(), lambda: None, few)
        return asked

    def _find(self, **wanted: Any) -> list[VersionLine]:
        with self._project.store.catalogue.glance() as tx:
            return tx.versions.lines(Wanted(limit=PAGE, **wanted))

    def _some(self) -> VersionLine:
        return self._chance.choice(self._all)

    def _field(self, name: str) -> Callable[[], dict[str, Any]]:
        def draw() -> dict[str, Any]:
            with self._project.store.catalogue.read() as tx:
                return {name: getattr(tx.versions.get(self._some().id), name)}

        return draw

    def _one(self) -> list[str]:
        """Features of the same definition as those that are staged, so that the set stays in step and is sealed."""
        newer = self.generations[len(self.generations) // 2 + 1 :] or self.generations[-1:]
        return [self._chance.choice([one for one in self._chance.choice(newer) if one.startswith("features")])]

    def _set(self) -> list[str]:
        return self._chance.choice(self.generations)

    def _staged(self) -> None:
        self._seal(self._set())

    def _seal(self, versions: list[str]) -> None:
        done = self._project.stage(*versions)
        if done.manifest is None:
            raise RuntimeError(f"not sealed: {done.report.reasons[0].text}")


class Mlflow:
    """MLflow's registry in a process of its own, filled, and asked one operation at a time.

    Args:
        process: The process.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        told = self._answer()
        self.version: str = told["version"]
        self.operations: set[str] = set(told["operations"])

    def ask(self, name: str, often: Often) -> list[float]:
        """Seconds of each call of an operation."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, asdict(often)]) + "\n")
        self._process.stdin.flush()
        found: list[float] = self._answer()
        return found

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ANSWER "):
                return json.loads(line.removeprefix("ANSWER "))
        raise RuntimeError("MLflow's process has ended")


@contextmanager
def nobody() -> Iterator[None]:
    """No peer."""
    yield None


@contextmanager
def mlflow(place: Place, folder: Path, given: argparse.Namespace, of_a_set: int) -> Iterator[Mlflow | None]:
    """MLflow in an environment of its own; nothing when it cannot be installed or does not start."""
    peer, log = PEERS["mlflow"], folder / "mlflow.log"
    try:
        python = environment(given.work or folder, peer)
        drivers = folder / "drivers"
        install = [str(python), "-m", "pip", "install", "--quiet", "--target", str(drivers), "psycopg[binary]"]
        subprocess.run(install, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        print(f"  MLflow is left out: {(error.stderr or error.stdout).strip()[-2000:]}", flush=True)
        yield None
        return
    command = [
        *(str(python), "-P", "-m", "bench.peers.mlflow_operations", "--address", place.theirs),
        *("--nodes", str(given.nodes), "--versions", str(given.versions // given.nodes), "--set", str(of_a_set)),
    ]
    surroundings = {**os.environ, **QUIET, "HOME": str(folder), "PYTHONPATH": f"{ROOT}{os.pathsep}{drivers}"}
    pipe = subprocess.PIPE
    began = time.perf_counter()
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=errors, text=True, cwd=folder, env=surroundings
        ) as process,
    ):
        try:
            found = Mlflow(process)
            place.analyze()
            print(f"  filled MLflow {found.version} in {time.perf_counter() - began:.0f} s", flush=True)
        except RuntimeError:
            print(f"  MLflow is left out: {log.read_text()[-2000:]}", flush=True)
            yield None
            return
        try:
            yield found
        finally:
            process.kill()


def show(found: dict[str, Any]) -> None:
    """Print both, and which goals are met."""
    rows = []
    for name, ours in found["soroi"].items():
        theirs = found["mlflow"].get(name)
        cells = [_ms(ours["p50"]), _ms(ours["p99"]), "met" if ours["p99"] < GOAL else "missed"]
        if theirs:
            times = theirs["p50"] / ours["p50"]
            cells += [_ms(theirs["p50"]), _ms(theirs["p99"]), f"{times:,.1f}x", "met" if times >= TIMES else "missed"]
        rows.append([name, *cells, *[""] * (7 - len(cells))])
    head = ["milliseconds", "p50", "p99", "under 100", "MLflow p50", "p99", "times", "10x"]
    title = f"{found['back end']}: {found['versions']:,} versions of {found['nodes']:,} nodes, sets of {found['set']}"
    missed = [
        *(f"{row[0]}: p99 {row[2]} ms" for row in rows if row[3] == "missed"),
        *(f"{row[0]}: only {row[6]}" for row in rows if row[7] == "missed"),
    ]
    table(f"{title}, load {found['load']:.1f}", head, rows)
    print("missed: " + "; ".join(missed) if missed else "every goal is met", flush=True)


def _ms(value: float) -> str:
    return f"{1000 * value:.2f}" if value < 0.001 else f"{1000 * value:.1f}"


if __name__ == "__main__":
    main()
