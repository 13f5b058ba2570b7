from __future__ import annotations

import numpy as np
import pytest

from soroi.declare.objective import Objective, precision, recall
from soroi.evidence.curve import candidates
from soroi.evidence.needed import needed_more
from soroi.evidence.threshold import fit_threshold
from soroi.evidence.worlds import Binormal


@pytest.mark.parametrize("positives", [5, 28])
def test_one_row_fewer_than_needed_is_not_enough_for_recall(positives: int) -> None:
    short = candidates(np.arange(100) >= 100 - positives, np.arange(100.0))
    more = needed_more(short, recall >= 0.9, 0.05)
    assert more == 29 - positives
    for extra, met in ((more - 1, False), (more, True)):
        total = positives + extra
        fit = fit_threshold(
            np.arange(200) >= 200 - total, np.arange(200.0), Objective(recall, recall >= 0.9), what="cut"
        )
        assert fit.met is met


def test_the_rows_advised_for_precision_are_usually_enough() -> None:
    rng, met, tried = np.random.default_rng(4), 0, 0
    for _ in range(60):
        cuts = candidates(*Binormal(150, 0.25, 0.8).draw(rng))
        more = needed_more(cuts, precision >= 0.5, 0.05)
        if more is not None:
            tried += 1
            rows = round(150 * (1 + more / cuts.positives))
            objective = Objective(recall, precision >= 0.5)
            met += fit_threshold(*Binormal(rows, 0.25, 0.8).draw(rng), objective, what="cut").met
    assert tried >= 40
    assert met / tried >= 0.6


def test_certainty_and_no_positives_need_no_number() -> None:
    cuts = candidates(np.arange(50) >= 25, np.arange(50.0))
    assert needed_more(cuts, precision >= 1.0, 0.05) is None
    assert needed_more(candidates(np.zeros(50, dtype=bool), np.arange(50.0)), precision >= 0.5, 0.05) is None
