"""How often the promises of soroi.evidence are kept: violation rates, coverages and power by simulation.

    python bench/statistics.py [--scale 1.0]

A violation rate should be at most .05 and a coverage at least .95, give or take what the number of samples allows
(the column "±" is two standard errors of a rate of .05).
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a script: Python's own module of this name would be hidden
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import math
import time

import numpy as np

from soroi.declare.objective import Constraint, Metric, Objective
from soroi.evidence import action_figures, fit_threshold, score_figures, sure_band
from soroi.evidence.curve import candidates
from soroi.evidence.sequence import accepted
from soroi.evidence.worlds import Binormal, Hovering, World

TINY = 1e-9


def violations(world: World, constraint: Constraint, samples: int, error: float = 0.05) -> tuple[float, float]:
    """Share of samples in which any accepted threshold breaks the constraint, and in which one is accepted."""
    rng = np.random.default_rng(2026)
    sign = 1.0 if constraint.operator == ">=" else -1.0
    broken = met = 0
    for _ in range(samples):
        cuts = candidates(*world.draw(rng))
        found, _ = accepted(cuts, constraint, error)
        truth = world.truth(constraint.metric, cuts.thresholds[found])
        met += bool(found.size)
        broken += bool((sign * (truth - constraint.level) < -TINY).any())
    return broken / samples, met / samples


def power(world: Binormal, objective: Objective, samples: int) -> tuple[float, float, float]:
    """Share of samples whose chosen threshold breaks the constraint; mean true recall; the best possible recall."""
    rng = np.random.default_rng(7)
    constraint = objective.subject_to
    assert constraint is not None
    sign = 1.0 if constraint.operator == ">=" else -1.0
    values = np.asarray([fit_threshold(*world.draw(rng), objective, what="bench").value for _ in range(samples)])
    # NEVER keeps any constraint: nothing is acted on.
    acts = values < 1e300
    truth = world.truth(constraint.metric, values)
    broken = float((acts & (sign * (truth - constraint.level) < -TINY)).mean())
    grid = np.linspace(-8.0, 12.0, 40001)
    keeps = sign * (world.truth(constraint.metric, grid) - constraint.level) >= 0
    best = float(world.truth("recall", grid[keeps]).max()) if keeps.any() else 0.0
    return broken, float(np.where(acts, world.truth("recall", values), 0.0).mean()), best


def band_violations(world: Binormal, error: float, samples: int) -> tuple[float, float]:
    """Share of samples in which a side of the sure band errs too often, and the mean coverage."""
    rng = np.random.default_rng(11)
    broken, coverage = 0, 0.0
    for _ in range(samples):
        band = sure_band(*world.draw(rng), threshold=1.0, error=error, confidence=0.95)
        ends = np.asarray([band.high, band.low])
        right = world.truth("precision", ends)[0]
        above = world.base_rate * world.truth("recall", ends)[1]
        below = 1.0 - world.truth("alert_rate", ends)[1]
        wrong_low = (world.base_rate - above) / below if below > TINY else 0.0
        broken += bool((band.high < 1e300 and 1.0 - right > error + TINY) or wrong_low > error + TINY)
        coverage += band.coverage.value or 0.0
    return broken / samples, coverage / samples


def coverages(world: Binormal, samples: int) -> dict[str, float]:
    """Share of samples whose interval holds the true value, for each figure."""
    rng = np.random.default_rng(13)
    large = Binormal(2_000_000, world.base_rate, world.auc)
    labels, raw = large.draw(rng)
    score = large.probability(raw)
    precision = np.cumsum(labels[np.argsort(-score)]) / np.arange(1, labels.size + 1)
    at = np.asarray([1.0])
    truth = {
        "roc_auc": world.auc,
        "average_precision": float(precision[labels[np.argsort(-score)]].mean()),
        "brier": float(((score - labels) ** 2).mean()),
        "log_loss": float(-np.log(np.where(labels, score, 1 - score)).mean()),
        "base_rate": world.base_rate,
        **{one: float(world.truth(one, at)[0]) for one in ("recall", "precision", "alert_rate")},
    }
    held = dict.fromkeys(truth, 0)
    for seed in range(samples):
        y, raw = world.draw(rng)
        figures = score_figures(y, world.probability(raw), seed=seed, bootstrap=200) + action_figures(y, raw >= 1.0)
        for one in figures:
            if one.name in truth:
                held[one.name] += one.low <= truth[one.name] <= one.high
    return {name: count / samples for name, count in held.items()}


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print one table."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    print(f"\n{title}")
    for row in [columns, *rows]:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)), flush=True)


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="times the number of samples")
    scale = parser.parse_args().scale
    started = time.perf_counter()
    rows = []
    for positives in (50, 200, 1000, 5000):
        for base, auc, wanted in (
            (0.25, 0.75, [Metric("precision") >= 0.5, Metric("recall") >= 0.9]),
            (0.05, 0.95, [Metric("precision") >= 0.5, Metric("recall") >= 0.9]),
            (0.005, 0.98, [Metric("precision") >= 0.3, Metric("recall") >= 0.8]),
            (0.25, 0.9, [Metric("false_positive_rate") <= 0.05, Metric("alert_rate") <= 0.1]),
        ):
            world = Binormal(round(positives / base), base, auc)
            samples = max(20, round(scale * min(2000, 6e8 / (world.rows * 30 + 1e5))))
            for one in wanted:
                broken, met = violations(world, one, samples)
                noise = 2 * math.sqrt(0.05 * 0.95 / samples)
                rows.append(
                    [
                        str(positives),
                        f"{base:g}",
                        f"{auc:g}",
                        str(one),
                        str(samples),
                        f"{broken:.3f}",
                        f"{noise:.3f}",
                        f"{met:.2f}",
                    ]
                )
    table(
        "Any accepted threshold breaks the constraint (confidence .95)",
        ["positives", "base rate", "AUC", "constraint", "samples", "violations", "±", "met"],
        rows,
    )
    rows = []
    for level in (0.5, 0.8):
        for alerts in (12, 38, 150):
            for width in (0.1, 0.5, 2.0):
                samples = max(20, round(2000 * scale))
                broken, _ = violations(Hovering(3000, level, alerts, width), Metric("precision") >= level, samples)
                rows.append([f"{level:g}", str(alerts), f"{width:g}", str(samples), f"{broken:.3f}"])
    table("Precision hovering about the level", ["level", "alerts", "width", "samples", "violations"], rows)
    rows = []
    for world, one in (
        (Binormal(200, 0.25, 0.75), Metric("precision") >= 0.5),
        (Binormal(2000, 0.25, 0.75), Metric("precision") >= 0.5),
        (Binormal(40000, 0.25, 0.75), Metric("precision") >= 0.5),
        (Binormal(10000, 0.25, 0.95), Metric("precision") >= 0.95),
        (Binormal(40000, 0.005, 0.98), Metric("precision") >= 0.3),
        (Binormal(2000, 0.25, 0.9), Metric("false_positive_rate") <= 0.05),
    ):
        samples = max(20, round(scale * min(1000, 1e7 / world.rows)))
        broken, recall, best = power(world, Objective(Metric("recall"), one), samples)
        rows.append(
            [
                str(world.rows),
                f"{world.base_rate:g}",
                f"{world.auc:g}",
                str(one),
                str(samples),
                f"{broken:.3f}",
                f"{recall:.3f}",
                f"{best:.3f}",
            ]
        )
    table(
        "Power: maximise recall",
        ["rows", "base rate", "AUC", "constraint", "samples", "violations", "mean recall", "best recall"],
        rows,
    )
    rows = []
    for world, error in (
        (Binormal(2000, 0.25, 0.9), 0.1),
        (Binormal(20000, 0.25, 0.75), 0.1),
        (Binormal(20000, 0.25, 0.95), 0.02),
    ):
        samples = max(20, round(1000 * scale))
        broken, coverage = band_violations(world, error, samples)
        rows.append([str(world.rows), f"{world.auc:g}", f"{error:g}", str(samples), f"{broken:.3f}", f"{coverage:.3f}"])
    table("Sure band", ["rows", "AUC", "error", "samples", "violations", "mean coverage"], rows)
    rows, names = [], []
    for world in (
        Binormal(200, 0.25, 0.75), Binormal(1000, 0.05, 0.9), Binormal(10000, 0.005, 0.98),
        Binormal(4000, 0.25, 0.75), Binormal(20000, 0.05, 0.95),
    ):  # fmt: skip
        held = coverages(world, max(20, round(500 * scale)))
        names = list(held)
        rows.append(
            [str(world.rows), f"{world.base_rate:g}", f"{world.auc:g}", *(f"{one:.3f}" for one in held.values())]
        )
    table("Coverage of intervals (confidence .95)", ["rows", "base rate", "AUC", *names], rows)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
