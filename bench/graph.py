"""How long ``status`` and ``plan`` take on a company's whole graph, beside the nearest questions to other tools.

    python bench/graph.py [--sizes 1000:10,10000:10,100000:1] [--no-peers] [--work DIR [--reuse]] [--json FILE]

For each size (nodes, and recorded versions of each) a company is generated (bench/company.py), its store is filled
with its past (bench/history.py) and a week's edits are made. Then both questions are asked in a warm process and from
the shell: before anything is kept of the declarations, again, and after one more edit. The same is asked of other tools
(bench/peers) at the same sizes, each in an environment of its own, as far as an answer takes at most three minutes.
``--work`` keeps environments, and stores for as long as what fills them is the same (``--reuse``: even if not).
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a script: its folder holds a module called statistics, which hides Python's own
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import hashlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.asking import ROOT, ask_all, run_module
from bench.company import AREA, write_company
from bench.peers.runner import PEERS, ask_peer, own_figures, show_peers
from bench.tables import fit, per_node, seconds, table

SIZES = "1000:10,10000:10,100000:1"
GOAL_NODES = 10_000
WARM_GOAL, SHELL_GOAL = 1.0, 2.0
"""Seconds that a question may take at that size."""

QUESTIONS = {"status": "statuses", "plan": "plan"}
"""The method of a project that answers each command."""


@dataclass(frozen=True)
class Size:
    """How large a company is."""

    nodes: int
    """Number of nodes; a multiple of :data:`AREA`."""

    generations: int
    """Number of recorded versions of each node."""

    @property
    def versions(self) -> int:
        """How many versions there are."""
        return self.nodes * self.generations


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=SIZES, help="nodes:versions of each node, …; default: %(default)s")
    parser.add_argument("--no-peers", action="store_true", help="only soroi")
    parser.add_argument("--peers", default=",".join(PEERS), help="which other tools; default: %(default)s")
    parser.add_argument("--work", type=Path, help="folder that keeps stores and environments; default: a temporary one")
    parser.add_argument("--reuse", action="store_true", help="use kept stores though soroi has changed since")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--profile", action="store_true", help="print what takes the time in a warm process")
    parser.add_argument("--fill", nargs=2, metavar=("FOLDER", "GENERATIONS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill:
        fill(Path(options.fill[0]), int(options.fill[1]))
    elif options.work is not None:
        options.work.mkdir(parents=True, exist_ok=True)
        run(options, options.work.resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="soroi-graph-") as folder:
            run(options, Path(folder))


def run(options: argparse.Namespace, work: Path) -> None:
    """Measure all sizes, then the peers, and print the tables."""
    began = time.perf_counter()
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} at the start", flush=True)
    print("Medians of up to 5 calls. On a busy machine the best and the CPU seconds are the surer figures.")
    sizes = list(read_sizes(options.sizes))
    found = []
    for size in sizes:
        kept = company_folder(size, work, reuse=options.reuse)
        figures = ask_all(kept, size.nodes, work, profile=options.profile)
        found.append({"nodes": size.nodes, "versions": size.versions, **figures})
        show_size(found[-1])
    if len({one["nodes"] for one in found}) > 1:
        show_growth(found)
    show_goals(found)
    peers = []
    wanted = [] if options.no_peers else options.peers.split(",")
    for name in wanted:
        peers += ask_peer(PEERS[name], work, [(size.nodes, size.generations) for size in sizes])
    if peers:
        show_peers(peers, found)
    print(f"\n{time.perf_counter() - began:,.0f} s, load {os.getloadavg()[0]:.1f} at the end")
    if options.json:
        about = {"python": platform.python_version(), "cores": os.cpu_count(), "load": [load, os.getloadavg()[0]]}
        options.json.write_text(json.dumps({**about, "soroi": found, "peers": peers}, indent=2) + "\n", "utf-8")


def read_sizes(text: str) -> Iterator[Size]:
    """The sizes that an option names, smallest first.

    Raises:
        SystemExit: It is not a list of ``nodes:versions``, or nodes do not make whole areas.
    """
    for one in sorted(text.split(","), key=lambda one: int(one.partition(":")[0])):
        nodes, _, generations = one.partition(":")
        if int(nodes) <= 0 or int(nodes) % AREA:
            raise SystemExit(f"{nodes} nodes are not a multiple of {AREA}")
        yield Size(int(nodes), int(generations or "1"))


# ── making ────────────────────────────────────────────────────────────────────────────────────────────────────────


def company_folder(size: Size, work: Path, *, reuse: bool) -> Path:
    """The folder of a company with its past, before the week's edits; made when it is not there."""
    key = made_with()
    kept = sorted(work.glob(f"company-{size.nodes}-{size.generations}-*/done"), key=lambda one: one.stat().st_mtime)
    fitting = [one for one in kept if reuse or one.parent.name.endswith(key)]
    if fitting:
        return fitting[-1].parent
    folder = work / f"company-{size.nodes}-{size.generations}-{key}"
    write_company(folder, size.nodes)
    started = time.perf_counter()
    run_module("bench.graph", "--fill", str(folder), str(size.generations), scratch=work)
    took = time.perf_counter() - started
    (folder / "done").touch()
    print(f"  filled {size.versions:,} versions of {size.nodes:,} nodes in {took:.0f} s", flush=True)
    return folder


def made_with() -> str:
    """What a filled store depends on: the generator, and the rooms that fingerprint and record."""
    files = [ROOT / "bench" / name for name in ("company.py", "history.py", "bulk.py")]
    for room in ("base", "declare", "codebase", "store"):
        files += sorted((ROOT / "src" / "soroi" / room).rglob("*.py"))
    return hashlib.sha256(b"".join(one.read_bytes() for one in files)).hexdigest()[:10]


def fill(folder: Path, generations: int) -> None:
    """In a process of its own: write the past of a company into its store."""
    import soroi
    from bench.history import History

    with soroi.open(folder) as project:
        History(project, generations).write()


# ── showing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def show_size(found: dict[str, Any]) -> None:
    """Print what one size took."""
    nodes, warm = found["nodes"], found["warm"]
    rows = []
    for name, method in QUESTIONS.items():
        rows.append(_row(f"Project.{method}(), warm", warm[name], nodes))
        for when, one in found["shell"][name].items():
            rows.append(_row(f"soroi {name} --json, {when}", one, nodes))
    for when, parts in warm["parts"].items():
        rows += [_row(f"  in a new process, {when}: {name}", one, nodes) for name, one in parts.items()]
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(warm["states"].items()))
    head = ["", "s", "best s", "CPU s", "peak MiB", "us/node"]
    table(f"{nodes:,} nodes, {found['versions']:,} versions ({states})", head, rows)
    if warm["states"].get("fresh", 0) < nodes * 0.5:
        print("  Most is not fresh: the kept store was filled by another soroi. Leave --reuse out.")


def _row(name: str, one: dict[str, float], nodes: int) -> list[str]:
    wall = one["wall"]
    best, cpu = one.get("best", wall), one.get("cpu")
    figures = [seconds(wall), seconds(best), seconds(cpu) if cpu is not None else "", f"{one['rss']:,.0f}"]
    return [name, *figures, per_node(best, nodes)]


def show_growth(found: Sequence[dict[str, Any]]) -> None:
    """Print what each node costs at each size, and how well a straight line fits; by CPU seconds, which others that use
    the machine change least.
    """
    nodes = [one["nodes"] for one in found]
    rows = []
    for title in own_figures(found[0]):
        values = {one["nodes"]: own_figures(one)[title]["cpu"] for one in found if title in own_figures(one)}
        if len(values) < 2:
            continue
        line = fit(list(values), list(values.values()))
        costs = [per_node(values[n], n) if n in values else "not asked" for n in nodes]
        text = f"{line.fixed:.2f} s + {1e6 * line.slope:,.0f} us"
        rows.append([title, *costs, f"{line.exponent:.2f}", text, f"{line.worst:.0%}"])
    memory = [one["warm"]["plan"]["rss"] for one in found]
    line = fit(nodes, memory)
    costs = [f"{1024 * value / n:,.0f} KiB" for value, n in zip(memory, nodes, strict=True)]
    text = f"{line.fixed:,.0f} MiB + {1024 * line.slope:,.1f} KiB"
    rows.append(["peak memory, warm", *costs, f"{line.exponent:.2f}", text, f"{line.worst:.0%}"])
    head = ["CPU microseconds for each node", *(f"{one:,}" for one in nodes), "exponent", "fixed + each node", "off"]
    table("Growth with the number of nodes (exponent 1: linear; below 1: a fixed cost weighs)", head, rows)


def show_goals(found: Sequence[dict[str, Any]]) -> None:
    """Print which goals are met."""
    rows = []
    for one in found:
        if one["nodes"] != GOAL_NODES:
            continue
        for name in QUESTIONS:
            lines = [(f"{name}, warm process", one["warm"][name], WARM_GOAL)]
            lines += [(f"{name}, shell, {when}", took, SHELL_GOAL) for when, took in one["shell"][name].items()]
            for what, took, goal in lines:
                verdict = "met" if took["wall"] < goal else "met by the best" if took["best"] < goal else "missed"
                rows.append([what, seconds(took["wall"]), seconds(took["best"]), f"{goal:.0f}", verdict])
    if rows:
        table(f"Goals at {GOAL_NODES:,} nodes", ["", "s", "best s", "under", ""], rows)


if __name__ == "__main__":
    main()
