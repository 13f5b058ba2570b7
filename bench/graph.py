"""How long ``status`` and ``plan`` take on a company's whole graph, in a warm process and from the shell.

    python bench/graph.py [--nodes 10000] [--versions 100000] [--large 100000] [--peers] [--work DIR] [--reuse]

A company is generated (bench/company.py), its store is filled with its past (bench/history.py), a week's edits are
made, and then the two questions are asked at several sizes. With ``--peers`` the nearest questions are asked of
other tools on graphs of the same size (bench/peers), each in an environment of its own. Filling a store takes about
2 ms for each version; ``--work`` keeps it for the next run, as long as what it was made with has not changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from company import AREA, apply_edit, edits, one_edit, write_company

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src" / "soroi"
REPEATS = 5
WARM_GOAL, SHELL_GOAL = 1.0, 2.0
"""Seconds that a question may take at the size asked for."""

MIB = 1024.0


@dataclass(frozen=True)
class Size:
    """How large a company is."""

    nodes: int
    generations: int

    @property
    def versions(self) -> int:
        """How many versions there are."""
        return self.nodes * self.generations


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--versions", type=int, default=100_000, help="recorded versions at --nodes")
    parser.add_argument("--only", action="store_true", help="only --nodes, not the sizes around it")
    parser.add_argument(
        "--large", type=int, nargs="?", const=100_000, help="a still larger size, with 3 versions a node"
    )
    parser.add_argument("--peers", action="store_true", help="the other tools as well")
    parser.add_argument("--work", type=Path, help="folder that keeps stores and environments; default: a temporary one")
    parser.add_argument("--reuse", action="store_true", help="use kept stores though soroi has changed since")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--fill", nargs=2, metavar=("FOLDER", "GENERATIONS"), help=argparse.SUPPRESS)
    parser.add_argument("--ask", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill:
        fill(Path(options.fill[0]), int(options.fill[1]))
    elif options.ask:
        print(json.dumps(ask(Path(options.ask))))
    elif options.work is not None:
        options.work.mkdir(parents=True, exist_ok=True)
        run(options, options.work.resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="soroi-graph-") as folder:
            run(options, Path(folder))


def run(options: argparse.Namespace, work: Path) -> None:
    """Measure all sizes, and the peers, and print the tables."""
    generations = max(1, round(options.versions / options.nodes))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start: CPU seconds are the surer figures")
    around = [options.nodes // 4, options.nodes // 2, options.nodes, options.nodes * 2]
    wanted = [options.nodes] if options.only else around
    sizes = [Size(rounded(one), generations) for one in wanted]
    if options.large:
        sizes.append(Size(rounded(options.large), min(3, generations)))
    found = []
    for size in sizes:
        found.append(measure(size, work, reuse=options.reuse))
        show_size(found[-1])
    show_linearity(found)
    main_size = next(one for one in found if one["nodes"] == rounded(options.nodes))
    show_goals(main_size)
    peers = []
    if options.peers:
        from peers.runner import run_peers, show_peers

        peers = run_peers(work, rounded(options.nodes), generations)
        show_peers(peers, main_size)
    if options.json:
        options.json.write_text(json.dumps({"soroi": found, "peers": peers}, indent=2))


def rounded(nodes: int) -> int:
    """A number of nodes that makes whole areas."""
    return max(AREA, nodes // AREA * AREA)


# ── making ────────────────────────────────────────────────────────────────────────────────────────────────────────


def company_folder(size: Size, work: Path, *, reuse: bool) -> Path:
    """The folder of a company with its past, before the week's edits; made when it is not there."""
    key = made_with()
    kept = sorted(work.glob(f"company-{size.nodes}-{size.generations}-*/done"))
    fitting = [one for one in kept if reuse or one.parent.name.endswith(key)]
    if fitting:
        return fitting[-1].parent
    folder = work / f"company-{size.nodes}-{size.generations}-{key}"
    write_company(folder, size.nodes)
    started = time.perf_counter()
    command = [sys.executable, __file__, "--fill", str(folder), str(size.generations)]
    subprocess.run(command, check=True, env=environment(work))
    seconds = time.perf_counter() - started
    (folder / "done").write_text(f"{seconds:.1f}")
    print(f"  filled {size.versions:,} versions of {size.nodes:,} nodes in {seconds:.0f} s", flush=True)
    return folder


def made_with() -> str:
    """What a filled store depends on: the generator, and the rooms that fingerprint and record."""
    files = [HERE / "company.py", HERE / "history.py"]
    for room in ("base", "declare", "codebase", "store"):
        files += sorted((SOURCE / room).rglob("*.py"))
    return hashlib.sha256(b"".join(one.read_bytes() for one in files)).hexdigest()[:10]


def fill(folder: Path, generations: int) -> None:
    """In a process of its own: write the past of a company into its store."""
    from history import History

    import soroi

    with soroi.open(folder) as project:
        History(project, generations).write()


def environment(work: Path) -> dict[str, str]:
    """The environment of child processes: caches of the user are left alone."""
    return {**os.environ, "XDG_CACHE_HOME": str(work / "cache"), "SOROI_ACTOR": "bench"}


# ── measuring ─────────────────────────────────────────────────────────────────────────────────────────────────────


def measure(size: Size, work: Path, *, reuse: bool) -> dict[str, Any]:
    """All figures of one size."""
    kept = company_folder(size, work, reuse=reuse)
    folder = work / f"run-{size.nodes}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder)
    for edit in edits(size.nodes):
        apply_edit(folder, edit)
    try:
        shell = {name: ask_shell(name, folder, size, work) for name in ("status", "plan")}
        command = [sys.executable, __file__, "--ask", str(folder)]
        warm = json.loads(subprocess.run(command, check=True, env=environment(work), stdout=subprocess.PIPE).stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"nodes": size.nodes, "versions": size.versions, "shell": shell, "warm": warm}


def ask_shell(name: str, folder: Path, size: Size, work: Path) -> dict[str, Any]:
    """A question from the shell: the first time, again, and after one more edit."""
    first = shell_call(name, folder, work)
    later = [shell_call(name, folder, work) for _ in range(3 if first["wall"] < 10.0 else 1)]
    apply_edit(folder, one_edit(size.nodes, 0 if name == "status" else 1))
    edited = shell_call(name, folder, work)
    middle = {key: median(one[key] for one in later) for key in later[0]}
    return {"first": first, "later": middle, "edited": edited}


def shell_call(name: str, folder: Path, work: Path) -> dict[str, float]:
    """One call of the command: wall seconds, CPU seconds, peak memory in MiB, size of the answer in bytes."""
    script = Path(sys.executable).with_name("soroi")
    program = [str(script)] if script.is_file() else [sys.executable, "-m", "soroi.cli.main"]
    out = work / "answer.json"
    with out.open("wb") as target:
        started = time.perf_counter()
        child = subprocess.Popen(
            [*program, name, "--json", "--project", str(folder)], stdout=target, env=environment(work)
        )
        _, code, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(code)
    if child.returncode not in (0, 1) or not out.stat().st_size:
        raise RuntimeError(f"soroi {name} ended with {child.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return {"wall": wall, "cpu": cpu, "rss": usage.ru_maxrss / MIB, "bytes": float(out.stat().st_size)}


def ask(folder: Path) -> dict[str, Any]:
    """In a process of its own: the parts of a first answer, then the questions asked again and again."""
    import soroi

    with soroi.open(folder) as project:
        parts = {"open store": timed(lambda: project.store)}
        parts["load declarations"] = timed(lambda: project.code)
        parts["fingerprints"] = timed(lambda: project.fingerprints)
        rss_loaded = peak()
        parts["first statuses()"] = timed(project.statuses)
        found = project.statuses()
        states = Counter(str(one.state) for one in found.values())
        result: dict[str, Any] = {"parts": parts, "states": dict(states), "rss_loaded": rss_loaded}
        for name, call in (("status", project.statuses), ("plan", project.plan)):
            result[name] = repeated(call)
        result["rss"] = peak()
    return result


def timed(call: Callable[[], Any]) -> float:
    """Wall seconds of a call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def repeated(call: Callable[[], Any]) -> dict[str, Any]:
    """Median wall and CPU seconds of a call; fewer repeats when it is slow."""
    walls: list[float] = []
    cpus: list[float] = []
    while len(walls) < REPEATS and sum(walls) < 30.0:
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"wall": median(walls), "cpu": median(cpus), "repeats": len(walls)}


def median(values: Iterable[float]) -> float:
    """The middle value (bench/statistics.py hides the module of that name here)."""
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2.0


def peak() -> float:
    """Peak resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


# ── showing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    print(f"\n{title}")
    for row in [head, ["-" * width for width in widths], *rows]:
        cells = [one.ljust(w) if i == 0 else one.rjust(w) for i, (one, w) in enumerate(zip(row, widths, strict=True))]
        print("  " + "  ".join(cells).rstrip())
    sys.stdout.flush()


def per_node(seconds: float, nodes: int) -> str:
    """Microseconds for each node."""
    return f"{1e6 * seconds / nodes:,.0f}"


def show_size(found: dict[str, Any]) -> None:
    """Print what one size took."""
    nodes, warm = found["nodes"], found["warm"]
    rows = []
    for name in ("status", "plan"):
        one = warm[name]
        row = [f"Project.{'statuses' if name == 'status' else 'plan'}(), warm", f"{one['wall']:.3f}"]
        rows.append([*row, f"{one['cpu']:.3f}", f"{warm['rss']:,.0f}", per_node(one["wall"], nodes)])
        for when, said in (("first", "first"), ("later", "again"), ("edited", "after one edit")):
            one = found["shell"][name][when]
            row = [f"soroi {name} --json, {said}", f"{one['wall']:.3f}", f"{one['cpu']:.3f}", f"{one['rss']:,.0f}"]
            rows.append([*row, per_node(one["wall"], nodes)])
    for name, seconds in warm["parts"].items():
        rows.append([f"  in a new process: {name}", f"{seconds:.3f}", "", "", per_node(seconds, nodes)])
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(warm["states"].items()))
    title = f"{nodes:,} nodes, {found['versions']:,} versions ({states})"
    table(title, ["", "wall s", "CPU s", "peak MiB", "us/node"], rows)


def show_linearity(found: Sequence[dict[str, Any]]) -> None:
    """Print how the time for each node grows with their number; 1.0 throughout is linear."""
    rows = []
    for title, key in (("status, warm", "status"), ("plan, warm", "plan")):
        rows.append([title, *growth([one["warm"][key]["wall"] for one in found], found)])
    for title, key in (("status, shell, again", "status"), ("plan, shell, again", "plan")):
        rows.append([title, *growth([one["shell"][key]["later"]["wall"] for one in found], found)])
    rows.append(["peak memory, warm", *growth([one["warm"]["rss"] for one in found], found)])
    head = ["", *(f"{one['nodes']:,} ({one['versions']:,} v.)" for one in found)]
    table("Growth: seconds or MiB (and per node, against the smallest)", head, rows)


def growth(values: Sequence[float], found: Sequence[dict[str, Any]]) -> list[str]:
    """Each value, and how it stands for each node against the first."""
    base = values[0] / found[0]["nodes"]
    return [f"{value:,.2f} (x{value / one['nodes'] / base:.2f})" for value, one in zip(values, found, strict=True)]


def show_goals(found: dict[str, Any]) -> None:
    """Print which goals are met."""
    rows = []
    for name in ("status", "plan"):
        warm, shell = found["warm"][name]["wall"], found["shell"][name]
        for what, took, goal in (
            (f"{name}, warm process", warm, WARM_GOAL),
            (f"{name}, shell, first call", shell["first"]["wall"], SHELL_GOAL),
            (f"{name}, shell, again", shell["later"]["wall"], SHELL_GOAL),
            (f"{name}, shell, after one edit", shell["edited"]["wall"], SHELL_GOAL),
        ):
            rows.append([what, f"{took:.2f}", f"{goal:.0f}", "met" if took < goal else "missed"])
    table(f"Goals at {found['nodes']:,} nodes, {found['versions']:,} versions", ["", "s", "under", ""], rows)


if __name__ == "__main__":
    main()
