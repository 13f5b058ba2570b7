"""Rows that were kept back from training, scored when the models were built; and the scores of answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from soroi.store import AnswerLog

if TYPE_CHECKING:
    from soroi.project import Project

TIME = "scheduled_departure"


def kept_back(project: Project, picks: Mapping[str, str], decision: str) -> pl.DataFrame:
    """What a decision with two steps would have answered about rows that both its models were tested on.

    Neither the models nor their thresholds saw these rows.

    Args:
        project: The project.
        picks: The versions of a manifest, by node.
        decision: Id of the decision.

    Returns:
        ``flight_id``, ``day``, ``turned_out``, the score of the ``first`` model, that of the ``second`` on the rows
        that the first is not sure of (null elsewhere), ``positive``.
    """
    with project.store.catalogue.read() as tx:
        records = {node: tx.versions.get(version) for node, version in picks.items()}
    quick, careful = records[decision].facts["steps"]
    cuts = [records[step["threshold"]].facts for step in (quick, careful)]
    tables = [project.store.tables.read(facts["scores"]["test"]) for facts in cuts]
    day = pl.col(TIME).dt.truncate("1d").alias("day")
    joined = tables[0].select("flight_id", day, turned_out="target", first="score")
    joined = joined.join(tables[1].select("flight_id", second="score"), on="flight_id", maintain_order="left")
    sure = (pl.col("first") <= quick["band"]["low"]) | (pl.col("first") >= quick["band"]["high"])
    return joined.filter(sure | pl.col("second").is_not_null()).with_columns(
        positive=pl.when(sure).then(_cut("first", cuts[0]["value"])).otherwise(_cut("second", cuts[1]["value"])),
        second=pl.when(~sure).then("second"),
    )


def _cut(column: str, value: float | None) -> pl.Expr:
    return pl.lit(False) if value is None else pl.col(column) >= value


def recorded_scores(project: Project, decision: str, manifest: str, models: tuple[str, str]) -> pl.DataFrame:
    """The scores that the answers log keeps of a decision under a manifest.

    Args:
        project: The project.
        decision: Id of the decision.
        manifest: Id of the manifest.
        models: The models of its two steps.

    Returns:
        ``answer``, ``first``, ``second``: id of the answer, and the score of each model, null where it was not asked.
    """
    log = AnswerLog(project.config.store)
    try:
        rows = [
            (record["id"], record["scores"].get(models[0]), record["scores"].get(models[1]))
            for record in log.scan(decision)
            if record["manifest"] == manifest
        ]
    finally:
        log.close()
    schema = {"answer": pl.String, "first": pl.Float64, "second": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")
