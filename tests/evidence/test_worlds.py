from __future__ import annotations

import numpy as np
import pytest

from soroi.evidence.scores import delong
from soroi.evidence.worlds import Binormal, Hovering


def test_the_truth_of_a_binormal_world_is_what_large_samples_show() -> None:
    world, at = Binormal(400_000, 0.1, 0.85), np.asarray([1.0])
    y, score = world.draw(np.random.default_rng(0))
    act = score >= 1.0
    assert delong(y, score)[0] == pytest.approx(0.85, abs=0.005)
    shown = {
        "recall": act[y].mean(),
        "precision": y[act].mean(),
        "false_positive_rate": act[~y].mean(),
        "alert_rate": act.mean(),
    }
    for metric, value in shown.items():
        assert float(world.truth(metric, at)[0]) == pytest.approx(value, abs=0.006)
    near = np.abs(score - 1.0) < 0.05
    assert float(world.probability(np.asarray([1.0]))[0]) == pytest.approx(y[near].mean(), abs=0.02)


def test_a_hovering_world_swings_about_its_level() -> None:
    world = Hovering(300_000, 0.5, 100_000, 3.0)
    y, score = world.draw(np.random.default_rng(0))
    for share in (0.2, 1 / 3, 0.9):
        act = score >= 1 - share
        assert float(world.truth("precision", np.asarray([1 - share]))[0]) == pytest.approx(y[act].mean(), abs=0.006)
    with pytest.raises(KeyError):
        world.truth("recall", np.asarray([0.5]))
    near = world.truth("precision", 1.0 - np.linspace(99_500, 101_500, 500) / 300_000)
    assert near.min() < 0.5 <= near.max()
