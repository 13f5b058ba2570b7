"""Choose the candidate with the best figure, among those that were judged on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from soroi.base.errors import RefusedError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    from soroi.store import VersionRecord

LOWER_IS_BETTER = frozenset({"brier", "log_loss", "false_positive_rate"})
"""Figures of which less is better."""

WITHOUT_ORDER = frozenset({"base_rate", "alert_rate"})
"""Figures that are neither good nor bad."""


@dataclass(frozen=True)
class Choice:
    """The best of several candidates."""

    best: VersionRecord
    """The one with the best figure."""

    figure: dict[str, Any]
    """Its figure, with the interval."""

    among: int
    """How many candidates were judged on the same rows, itself among them."""

    left_out: int
    """How many others were judged on other rows, so that their figures do not compare."""


def best_of(records: Sequence[VersionRecord], metric: str) -> Choice:
    """The best candidate of a node, among those judged on the same rows as the newest one.

    Figures of one test part say nothing against those of another, so candidates on other data are left out.

    Args:
        records: The versions of a node, newest first.
        metric: Name of the figure, such as ``roc_auc``.

    Raises:
        RefusedError: They have no figures, or the figure has no better and worse.
        UnknownNameError: They have no figure of that name.
    """
    judged = [one for one in records if one.facts.get("figures")]
    if not judged:
        node = records[0].node if records else "it"
        raise RefusedError(f"no version of '{node}' has figures to choose by", hint="models and thresholds have")
    names = [figure["name"] for figure in judged[0].facts["figures"]]
    if metric in WITHOUT_ORDER:
        raise RefusedError(
            f"'{metric}' is neither good nor bad, so nothing is best by it",
            hint=f"known: {', '.join(name for name in names if name not in WITHOUT_ORDER)}",
        )
    if metric not in names:
        raise UnknownNameError(f"'{judged[0].node}' has no figure '{metric}'", hint=did_you_mean(metric, names))
    rows = _judged_on(judged[0])
    rivals = [one for one in judged if _judged_on(one) == rows and _figure(one, metric)["value"] is not None]
    if not rivals:
        raise RefusedError(f"'{metric}' of {judged[0].id} is undefined: there is nothing to choose by")
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    best = max(rivals, key=lambda one: sign * _figure(one, metric)["value"])
    return Choice(best, _figure(best, metric), len(rivals), len(judged) - len(rivals))


def _figure(record: VersionRecord, metric: str) -> dict[str, Any]:
    for figure in record.facts["figures"]:
        if figure["name"] == metric:
            return dict(figure)
    return {"value": None}


def _judged_on(record: VersionRecord) -> tuple[Any, ...]:
    """What the rows of the test part follow from: the data, and where it was parted."""
    data = tuple(sorted(edge.producer for edge in record.edges if edge.role in ("trains on", "cuts")))
    starts = record.facts.get("parts", {}).get("starts", {})
    return data, starts.get("test"), starts.get("end")
