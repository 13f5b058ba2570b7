"""Runs the scripts of the peers, each in an environment that pip makes, and shows what they took."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BUDGET = 300.0
"""Seconds that a peer may take at one size, with its setting up."""

SHARES = (0.05, 0.25, 1.0)
"""Sizes tried, as shares of the size asked for; the next is tried when it will probably fit into the budget."""


@dataclass(frozen=True)
class Peer:
    """Another tool, and the script that asks it."""

    name: str
    package: str
    script: str
    question: str


PEERS = (
    Peer("MLflow", "mlflow", "mlflow_registry.py", "registry: live version of every model"),
    Peer("Dagster", "dagster", "dagster_staleness.py", "staleness of every asset"),
    Peer("SQLMesh", "sqlmesh", "sqlmesh_plan.py", "plan against prod, models loaded"),
)


def run_peers(work: Path, nodes: int, versions: int) -> list[dict[str, Any]]:
    """Ask every peer at the largest size that fits the budget; errors are told, never dropped.

    Args:
        work: Folder that keeps the environments.
        nodes: Size asked for.
        versions: Versions of each node, for those that read them.
    """
    found = []
    for peer in PEERS:
        print(f"\n  asking {peer.name} …", flush=True)
        try:
            python = environment(work, peer)
        except subprocess.CalledProcessError as error:
            found.append({"peer": peer.name, "error": f"not installed: {_last(error.stderr or error.stdout)}"})
            continue
        found.append({"peer": peer.name, "question": peer.question, **largest(work, peer, python, nodes, versions)})
    return found


def environment(work: Path, peer: Peer) -> Path:
    """The Python of a peer's own environment, made when it is not there."""
    folder = work / "environments" / peer.package
    python = folder / "bin" / "python"
    if not (folder / "done").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", peer.package]
        subprocess.run(command, check=True, capture_output=True, text=True)
        (folder / "done").touch()
    return python


def largest(work: Path, peer: Peer, python: Path, nodes: int, versions: int) -> dict[str, Any]:
    """What a peer took at the largest size that fits the budget."""
    best: dict[str, Any] = {}
    took = 0.0
    sizes = [max(100, int(nodes * share) // 100 * 100) for share in SHARES]
    for size in dict.fromkeys(sizes):
        growth = size / best["nodes"] if best else 1.0
        if took * growth > BUDGET:
            return {**best, "stopped": f"{size:,} would take about {took * growth:,.0f} s or more"}
        try:
            best = ask(work, peer, python, size, versions)
        except subprocess.TimeoutExpired:
            return {**best, "stopped": f"{size:,} took more than {BUDGET:.0f} s"}
        except subprocess.CalledProcessError as error:
            said = _last(error.stderr or error.stdout)
            return {**best, "stopped": f"{size:,}: {said}"} if best else {"error": said}
        took = best["whole"]
    return best


def ask(work: Path, peer: Peer, python: Path, nodes: int, versions: int) -> dict[str, Any]:
    """One run of a peer's script."""
    folder = work / "peer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command = [str(python), str(HERE / peer.script), "--nodes", str(nodes), "--versions", str(versions)]
    quiet = {
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
        "HOME": str(folder),
    }
    try:
        done = subprocess.run(
            [*command, "--work", str(folder)],
            check=True,
            capture_output=True,
            text=True,
            timeout=BUDGET,
            cwd=folder,
            env={**os.environ, **quiet},
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    line = next(one for one in reversed(done.stdout.splitlines()) if one.startswith("RESULT "))
    result: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    figures = [*result["figures"].values(), result["setup"]]
    return {**result, "whole": sum(wall for wall, _ in figures)}


def _last(text: str | None) -> str:
    lines = [one.strip() for one in (text or "").splitlines() if one.strip()]
    return lines[-1][:160] if lines else "no output"


def show_peers(found: Sequence[dict[str, Any]], ours: dict[str, Any]) -> None:
    """Print the peers beside soroi; what was measured at a smaller size is also scaled, and marked so."""
    from graph import table

    nodes = ours["nodes"]
    rows = []
    for name in ("status", "plan"):
        one = ours["warm"][name]
        figures = [f"{one['wall']:.3f}", f"{one['cpu']:.3f}", f"{ours['warm']['rss']:,.0f}"]
        rows.append([f"soroi: {name}, warm", f"{nodes:,}", f"{ours['versions']:,}", *figures, "measured"])
    for peer in found:
        if "error" in peer:
            rows.append([f"{peer['peer']}: {peer['error']}", "", "", "", "", "", "not measured"])
            continue
        title = f"{peer['peer']} {peer['version']}"
        for what, (wall, cpu) in peer["figures"].items():
            size = [f"{peer['nodes']:,}", f"{peer['versions']:,}"]
            rows.append([f"{title}: {what}", *size, f"{wall:.3f}", f"{cpu:.3f}", f"{peer['rss']:,.0f}", "measured"])
            if peer["nodes"] != nodes:
                by = nodes / peer["nodes"]
                scaled = [f"{nodes:,}", "", f"{wall * by:.3f}", f"{cpu * by:.3f}", "", f"SCALED x{by:.0f}"]
                rows.append([f"  the same, if linear: {what}", *scaled])
        if "stopped" in peer:
            rows.append([f"  {peer['peer']} stopped: {peer['stopped']}", "", "", "", "", "", ""])
    table("Beside other tools", ["", "nodes", "versions", "wall s", "CPU s", "peak MiB", ""], rows)


if __name__ == "__main__":
    sys.exit("run bench/graph.py --peers")
