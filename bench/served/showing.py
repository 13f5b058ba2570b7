"""Tables of what was measured, and which goals are met."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.served.examples import MODELS
from bench.served.systems import OURS
from bench.tables import table

CONNECTIONS = (1, 16, 64)
GOALS = {"a": (30.0, 10.0, 25.0), "b": (45.0, 30.0, 45.0), "c": (90.0, 6.0, 13.0)}
"""By model: microseconds of CPU for a request at 16 connections, how many times less than FastAPI, than MLflow."""

RECORD = 0.2
"""Share of the rate that recording may cost."""

BUSY = 0.9
"""Share of its core above which the load, not the server, may be what limits a rate."""

Found = Mapping[str, Any]


def show(found: Sequence[Found]) -> None:
    """Print everything."""
    for model in MODELS:
        mine = [one for one in found if one["model"] == model]
        if mine:
            _show_model(model, mine)
    _show_goals(found)
    for one in found:
        for count, run in one.get("runs", {}).items():
            if run["errors"]:
                print(f"  {one['model']} {one['name']}, {count} connections: {run['errors']} errors: {run['said']!r}")


def _show_model(model: str, found: Sequence[Found]) -> None:
    ours = next((one for one in found if one["system"] == "soroi" and "runs" in one), None)
    counts = [count for count in map(str, CONNECTIONS) if any(count in one.get("runs", {}) for one in found)]
    head = ["", *(f"{what} {count}" for count in counts for what in ("us", "x", "/s", "p50", "p99")), "errors"]
    rows = []
    for one in found:
        if "left_out" in one:
            rows.append([f"{one['name']}: {one['left_out'][:80]}", *[""] * (len(head) - 1)])
            continue
        cells = []
        for count in counts:
            run = one["runs"].get(count)
            cells += _cells(run, ours["runs"].get(count) if ours else None) if run else [""] * 5
        errors = sum(run["errors"] for run in one["runs"].values())
        rows.append([one["name"], *cells, f"{errors:,}"])
    table(
        f"Model {model}, by connections: CPU us for a request, times soroi's, requests/s, ms (*: the load was busy)",
        head,
        rows,
    )
    rest = [
        [one["name"], one["tool"], f"{one['start']:.2f}", f"{one['idle']:,.0f}", f"{one['memory']:,.0f}"]
        for one in found
        if "runs" in one
    ]
    table(f"Model {model}, start and memory", ["", "version", "start s", "MiB at first", "MiB after"], rest)


def _cells(run: Found, ours: Found | None) -> list[str]:
    times = f"{run['cpu'] / ours['cpu']:,.1f}" if ours else ""
    mark = "*" if run["load"] > BUSY else ""
    return [f"{run['cpu']:,.0f}", times, f"{run['rate']:,.0f}{mark}", f"{run['p50']:.2f}", f"{run['p99']:.2f}"]


def _show_goals(found: Sequence[Found]) -> None:
    by = {(one["system"], one["model"]): one["runs"] for one in found if "runs" in one}
    rows: list[list[str]] = []

    def line(what: str, value: float, goal: float, text: Callable[[float], str], *, least: bool = False) -> None:
        met = value >= goal if least else value <= goal
        word = "at least" if least else "at most"
        rows.append([what, text(value), f"{word} {text(goal)}", "met" if met else "missed"])

    for model, (cpu, fastapi, mlflow) in GOALS.items():
        ours = by.get(("soroi", model))
        if ours is None:
            continue
        if "16" in ours:
            line(f"{model}: CPU for a request, 16 connections", ours["16"]["cpu"], cpu, lambda x: f"{x:,.0f} us")
            for peer, goal in (("fastapi", fastapi), ("mlflow", mlflow)):
                theirs = by.get((peer, model), {}).get("16")
                if theirs:
                    ratio = theirs["cpu"] / ours["16"]["cpu"]
                    line(f"{model}: less CPU than {peer}", ratio, goal, lambda x: f"{x:,.1f}x", least=True)
        for count in ("1", "64"):
            peers = [
                runs[count]["p99"] for (key, which), runs in by.items() if which == model and _peer(key, runs, count)
            ]
            if count in ours and peers:
                what = f"{model}: p99, {count} connections, beside the best peer"
                line(what, ours[count]["p99"], min(peers), lambda x: f"{x:.2f} ms")
        bare = by.get(("bare", model), {})
        for count in ("16", "64"):
            if count in ours and count in bare:
                cost = 1.0 - ours[count]["rate"] / bare[count]["rate"]
                line(f"{model}: rate that recording costs, {count} connections", cost, RECORD, lambda x: f"{x:.0%}")
    if rows:
        table("Goals", ["", "measured", "goal", ""], rows)


def _peer(key: str, runs: Found, count: str) -> bool:
    return key not in OURS and count in runs
