from __future__ import annotations

from typing import Any

import msgspec
import polars as pl
import pytest
from tests.projects import CODE, Maker, Tiny

from soroi.base.errors import RefusedError
from soroi.build.builders import model as builder
from soroi.scoring import Canary, Choice, RowScorer, Scorer, load_scorer
from soroi.scoring.compiled import CompiledScorer
from soroi.store import VersionRecord

TREES = CODE.replace(
    "from sklearn.linear_model import LogisticRegression",
    "from sklearn.ensemble import HistGradientBoostingClassifier\nfrom sklearn.linear_model import LogisticRegression",
).replace("LogisticRegression(C=strength)", "HistGradientBoostingClassifier(max_iter=5)")


def version(tiny: Tiny, node: str) -> VersionRecord:
    found: VersionRecord = tiny.project.versions(node)[0]
    return found


def scorer_of(tiny: Tiny, record: VersionRecord, **facts: Any) -> Scorer:
    objects = tiny.project.store.objects

    def read(name: str) -> bytes:
        return objects.get(record.outputs[name], what=name)

    return load_scorer({**record.facts, **facts}, record.outputs, read, what=record.id)


def examples(tiny: Tiny, record: VersionRecord) -> pl.DataFrame:
    rows = tiny.project.store.tables.read(version(tiny, "examples").outputs["table"])
    return rows.sort("id")


def test_a_model_keeps_its_compiled_scorer_and_the_proof(tiny: Tiny) -> None:
    record = version(tiny, "careful")
    facts = record.facts["scorer"]
    assert facts["kind"] == "linear"
    assert facts["compiler"] == 1
    assert facts["parity"] <= 1e-9
    assert facts["rows"] == sum(record.facts["parts"][part]["rows"] for part in ("calibration", "test"))
    assert facts["probes"] > 0
    assert isinstance(scorer_of(tiny, record), RowScorer)


def test_canaries_and_the_scores_that_thresholds_are_cut_on_are_those_of_the_compiled_scorer(tiny: Tiny) -> None:
    record = version(tiny, "careful")
    scorer = scorer_of(tiny, record)
    assert isinstance(scorer, CompiledScorer)
    rows = examples(tiny, record)
    for part in ("calibration", "test"):
        scores = tiny.project.store.tables.read(record.facts["scores"][part]).sort("id")
        taken = rows.filter(pl.col("id").is_in(scores["id"].implode()))
        again = scorer.score(taken.select(scorer.columns)).tolist()
        assert again == scores["score"].to_list()
        assert [scorer.one(values) for values in taken.select(scorer.columns).rows()] == again
    canary = msgspec.json.decode(tiny.project.store.objects.get(record.outputs["canary"], what="canary"), type=Canary)
    assert scorer.score(canary.frame(what="canary")).tolist() == canary.scores


def test_models_on_models_and_trees_are_compiled_too(make: Maker) -> None:
    tiny = make(TREES)
    tiny.build()
    assert version(tiny, "careful").facts["scorer"]["kind"] == "trees"
    assert version(tiny, "second").facts["scorer"]["kind"] == "linear"
    assert version(tiny, "second").facts["inputs"][-1]["name"] == "careful"


def test_a_version_without_a_compiled_scorer_answers_by_its_estimator(tiny: Tiny) -> None:
    record = version(tiny, "careful")
    old = scorer_of(tiny, record, scorer={})
    assert not isinstance(old, RowScorer)
    rows = examples(tiny, record).select(column["name"] for column in record.facts["inputs"])
    assert abs(old.score(rows) - scorer_of(tiny, record).score(rows)).max() <= 1e-9


def test_what_is_not_proven_is_built_with_the_estimator_and_says_why(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unproven(scorer: Scorer, *_rows: object, what: str) -> Choice:
        return Choice(scorer, None, {"kind": "estimator", "compiler": 1, "reason": f"{what}: told to"})

    monkeypatch.setattr(builder, "choose_scorer", unproven)
    tiny = make()
    tiny.build("careful_cut")
    record = version(tiny, "careful")
    assert record.facts["scorer"]["reason"] == "model 'careful': told to"
    assert "scorer" not in record.outputs
    assert not isinstance(scorer_of(tiny, record), RowScorer)
    with pytest.raises(RefusedError, match="which it does not have"):
        scorer_of(tiny, record, scorer={"kind": "linear"})


def test_the_choice_of_a_scorer_makes_nothing_stale(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(scorer: Scorer, *_rows: object, what: str) -> Choice:
        return Choice(scorer, None, {"kind": "estimator", "compiler": 2, "reason": what})

    monkeypatch.setattr(builder, "choose_scorer", other)
    before = version(tiny, "careful").id
    tiny.build("careful")
    assert version(tiny, "careful").id == before
