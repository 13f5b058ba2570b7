"""Runs the scripts of the peers, each in an environment that pip makes, and shows what they took."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.tables import per_node, seconds, table

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 180.0
"""Seconds that a peer's slowest answer may take."""

STEP_LIMIT = 900.0
"""Seconds that filling it may take, and all questions at one size."""


@dataclass(frozen=True)
class Peer:
    """Another tool, and the script that asks it."""

    name: str
    """What it is called."""

    package: str
    """What pip installs."""

    module: str
    """The script."""


PEERS = {
    "mlflow": Peer("MLflow", "mlflow", "mlflow_registry"),
    "dagster": Peer("Dagster", "dagster", "dagster_staleness"),
    "sqlmesh": Peer("SQLMesh", "sqlmesh", "sqlmesh_plan"),
}
"""The peers, by the name an option has for them."""

QUIET = {
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "1",
    "DO_NOT_TRACK": "1",
}


def ask_peer(peer: Peer, work: Path, sizes: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Ask a peer at every size, smallest first, for as long as that takes no longer than the limits.

    Args:
        peer: The peer.
        work: Folder that keeps the environments.
        sizes: Numbers of nodes, and of versions of each.

    Returns:
        One entry for each size: the figures, or why there are none (``left_out``).
    """
    try:
        python = environment(work, peer)
    except subprocess.CalledProcessError as error:
        return [{"peer": peer.name, "left_out": f"not installed: {_last(error.stderr or error.stdout)}"}]
    found: list[dict[str, Any]] = []
    for nodes, versions in sizes:
        print(f"  asking {peer.name} at {nodes:,} nodes …", flush=True)
        before = found[-1] if found else {}
        size = {"peer": peer.name, "nodes": nodes}
        if "left_out" in before:
            found.append({**size, "left_out": "not tried: the size before took too long"})
            continue
        said = _too_slow(before, nodes)
        found.append({**size, **({"left_out": said} if said else ask(work, peer, python, nodes, versions))})
    return found


def _too_slow(before: dict[str, Any], nodes: int) -> str:
    """Why a size is not tried: even in proportion it would pass the limits."""
    if not before:
        return ""
    growth = nodes / before["nodes"]
    for key, limit, what in (("slowest", LIMIT, "to answer"), ("filling", STEP_LIMIT, "to fill")):
        if before[key] * growth > limit:
            return f"not tried: {before['nodes']:,} nodes took {before[key]:.0f} s {what}"
    return ""


def environment(work: Path, peer: Peer) -> Path:
    """The Python of a peer's own environment, made when it is not there."""
    folder = work / "environments" / peer.package
    python = folder / "bin" / "python"
    if not (folder / "done").is_file():
        print(f"  installing {peer.package} …", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", peer.package]
        subprocess.run(command, check=True, capture_output=True, text=True)
        (folder / "done").touch()
    return python


def ask(work: Path, peer: Peer, python: Path, nodes: int, versions: int) -> dict[str, Any]:
    """One size: fill, then ask, each in a process of its own."""
    folder = work / "peer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        filling, _ = _step("fill", STEP_LIMIT, folder, peer, python, nodes, versions)
        _, printed = _step("ask", STEP_LIMIT, folder, peer, python, nodes, versions)
    except subprocess.TimeoutExpired as error:
        return {"left_out": f"stopped after {error.timeout:.0f} s"}
    except subprocess.CalledProcessError as error:
        return {"left_out": _last(error.stderr or error.stdout)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    line = next(one for one in reversed(printed.splitlines()) if one.startswith("RESULT "))
    result: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return {**result, "filling": filling, "slowest": max(one["best"] for one in result["figures"])}


def _step(
    step: str, limit: float, folder: Path, peer: Peer, python: Path, nodes: int, versions: int
) -> tuple[float, str]:
    began = time.time()
    options = {"nodes": nodes, "versions": versions, "work": folder, "began": began}
    done = subprocess.run(
        [
            *(str(python), "-P", "-m", f"bench.peers.{peer.module}", step),
            *(text for name, value in options.items() for text in (f"--{name}", str(value))),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=limit,
        cwd=folder,
        env={**os.environ, **QUIET, "HOME": str(folder), "PYTHONPATH": str(ROOT)},
    )
    return time.time() - began, done.stdout


def _last(text: str | None) -> str:
    lines = [one.strip() for one in (text or "").splitlines() if one.strip()]
    return lines[-1][:160] if lines else "no output"


# ── showing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def show_peers(found: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]]) -> None:
    """Print the peers beside soroi, size by size; what a peer was not measured at is said, not estimated.

    ``times`` is the ratio of the best wall seconds or of the CPU seconds, whichever is better for the peer.
    """
    head = ["", "s", "best s", "CPU s", "peak MiB", "us/node", "beside soroi's", "is", "times"]
    for one in ours:
        own = own_figures(one)
        rows = [
            [f"soroi: {name}", *_figures(figures, one["nodes"]), "", "", ""]
            for name, figures in own.items()
            if name.endswith((", warm", ", again"))
        ]
        for peer in found:
            if peer.get("nodes", one["nodes"]) == one["nodes"]:
                rows += _rows(peer, own)
        table(f"Beside other tools, {one['nodes']:,} nodes", head, rows)


def own_figures(one: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Soroi's figures of one size, by the name that the peers' scripts have for them."""
    found: dict[str, dict[str, float]] = {}
    for name, asked in one["shell"].items():
        found[f"{name}, warm"] = one["warm"][name]
        found |= {f"{name}, shell, {when}": took for when, took in asked.items()}
    return found


def _rows(peer: dict[str, Any], own: dict[str, dict[str, float]]) -> list[list[str]]:
    if "left_out" in peer:
        return [[f"{peer['peer']}: {peer['left_out']}", *[""] * 8]]
    rows = []
    for one in peer["figures"]:
        name = f"{peer['peer']} {peer['tool']}, {peer['versions']:,} versions: {one['what']}"
        ratio = ["", "", ""]
        if one["beside"]:
            beside = own[one["beside"]]
            times = min(one[key] / beside[key] for key in ("best", "cpu"))
            ratio = [one["beside"], seconds(beside["best"]), f"{times:,.1f}x"]
        rows.append([name, *_figures(one, peer["nodes"]), *ratio])
    return rows


def _figures(one: dict[str, float], nodes: int) -> list[str]:
    times = [seconds(one["wall"]), seconds(one["best"]), seconds(one["cpu"])]
    return [*times, f"{one['rss']:,.0f}", per_node(one["best"], nodes)]
