from __future__ import annotations

import msgspec

from soroi.evidence.figure import ALWAYS, NEVER, Figure


def test_the_ends_survive_json_and_compare_without_special_cases() -> None:
    assert msgspec.json.decode(msgspec.json.encode([NEVER, ALWAYS])) == [NEVER, ALWAYS]
    assert NEVER > 1e300
    assert ALWAYS < -1e300


def test_a_figure_survives_json_and_shows_its_interval() -> None:
    figure = Figure(name="recall", value=None, low=0.0, high=1.0, n=0, method="clopper-pearson")
    assert msgspec.json.decode(msgspec.json.encode(figure), type=Figure) == figure
    assert str(figure) == "recall undefined [0, 1]"
