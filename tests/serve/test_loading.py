from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from tests.projects import flip, object_path
from tests.serve.conftest import Shop
from tests.serve.serving_project import ROWS

from soroi.base.errors import CorruptError, RefusedError
from soroi.scoring import Canary
from soroi.serve import load_snapshot, loading
from soroi.store import VersionRecord


def record(shop: Shop, node: str) -> VersionRecord:
    return shop.tiny.project.version(shop.manifest.picks[node])


@pytest.fixture
def apart(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is shared with what was loaded before."""
    monkeypatch.setattr(loading, "_SHARED", loading._Shared())


def test_a_snapshot_holds_every_part_of_its_manifest(shop: Shop) -> None:
    assert set(shop.snapshot.decisions) == {"check", "hold"}
    assert shop.snapshot.picks == shop.manifest.picks
    check, hold = (shop.snapshot.decisions[name] for name in ("check", "hold"))
    assert [step.name for step in check.asked] == ["quick_cut", "careful_cut"]
    assert [rule.name for rule in check.rules] == ["large", "busy"]
    assert (check.deadline, check.durable, hold.durable) == (2.0, False, True)
    assert check.spine.source == "visits"
    assert check.sample.height == 8
    for part in (check, hold):
        for step in part.asked:
            assert step.versions.items() <= shop.manifest.picks.items()
    assert set(hold.asked[0].versions) == {"hold", "second_cut", "second", "careful", "plain", "recent"}


def test_only_tables_that_are_looked_up_are_read(shop: Shop) -> None:
    rows = {name: base.frame.height for name, base in shop.snapshot.bases.items()}
    assert rows == {"visits": 0, "results": ROWS, "shops": 4}


def test_two_snapshots_share_what_is_the_same(shop: Shop) -> None:
    again = shop.load()
    assert again is not shop.snapshot
    mine, theirs = (one.decisions["check"].asked[0].model for one in (again, shop.snapshot))
    assert mine.scorer is theirs.scorer
    assert again.bases["results"] is shop.snapshot.bases["results"]


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize(
    ("node", "name"),
    [("quick", "scorer"), ("careful", "canary"), ("careful_cut", "fit"), ("check", "plan")],
)
def test_a_changed_byte_is_found_before_use_and_named(shop: Shop, node: str, name: str) -> None:
    version = record(shop, node)
    flip(object_path(shop.tiny.project, version.outputs[name]))
    with pytest.raises(CorruptError, match=version.id):
        shop.load()


@pytest.mark.usefixtures("apart")
def test_a_changed_byte_in_a_context_table_is_found_and_its_partition_named(shop: Shop) -> None:
    tables = shop.tiny.project.store.tables
    root = shop.snapshot.bases["results"].version
    part = tables.describe(shop.tiny.project.version(root).outputs["table"]).parts[0]
    flip(object_path(shop.tiny.project, part.object))
    with pytest.raises(CorruptError, match="partition '2026-01'"):
        shop.load()


@pytest.mark.usefixtures("apart")
def test_a_changed_byte_in_the_captured_code_is_found(shop: Shop) -> None:
    flip(object_path(shop.tiny.project, record(shop, "plain").code))
    with pytest.raises(CorruptError, match="code"):
        shop.load()


@pytest.mark.usefixtures("apart")
def test_canary_rows_that_score_otherwise_refuse_the_version(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    version = record(shop, "careful")
    objects = shop.tiny.project.store.objects
    canary = msgspec.json.decode(objects.get(version.outputs["canary"], what="canary"), type=Canary)
    other = replace_struct(canary, scores=[canary.scores[0] + 1e-6, *canary.scores[1:]])
    true_get = objects.get

    def get(digest: str, *, what: str) -> bytes:
        return msgspec.json.encode(other) if digest == version.outputs["canary"] else true_get(digest, what=what)

    monkeypatch.setattr(objects, "get", get)
    with pytest.raises(RefusedError, match=f"{version.id}: canary row 0 scores"):
        shop.load()


def replace_struct(struct: Canary, **changes: Any) -> Canary:
    return msgspec.structs.replace(struct, **changes)


def test_a_manifest_that_lacks_a_node_is_refused(shop: Shop) -> None:
    picks = {node: version for node, version in shop.manifest.picks.items() if node != "careful"}
    with pytest.raises(RefusedError, match="no version of 'careful'"):
        load_snapshot(
            shop.tiny.project.store, replace(shop.manifest, picks=picks), module="shops", home=shop.tiny.folder
        )


@pytest.mark.usefixtures("apart")
def test_the_functions_come_from_the_captured_code_and_not_from_the_disk(shop: Shop, shop_folder: Path) -> None:
    before = shop.snapshot.decisions["check"].asked[0].model.features[0]
    (shop_folder / "shops.py").write_text("raise RuntimeError('not this one')")
    part = shop.load().decisions["check"].asked[0].model.features[0]
    assert part.version == before.version
    frame = shop.snapshot.decisions["check"].sample
    contexts = [shop.snapshot.bases["shops"].frame.lazy()]
    made, wanted = (one.function(frame.lazy(), *contexts).collect() for one in (part, before))
    assert made.equals(wanted)


def test_a_threshold_that_keeps_no_constraint_is_never_positive(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    step = shop.snapshot.decisions["check"].asked[1]
    shop.alter(steps=(replace(step, threshold=None),))
    rows = [{"visit": str(n), "amount": float(n), "shop": "s1", "items": 1} for n in range(5)]
    answers = shop.engine.decide("check", rows)
    assert [(one.positive, one.threshold) for one in answers] == [(False, None)] * 5
    assert all(one.score is not None for one in answers)


def test_loaded_scorers_give_the_scores_of_the_build(shop: Shop) -> None:
    version = record(shop, "careful")
    model = shop.snapshot.decisions["check"].asked[1].model
    stored = shop.tiny.project.store.tables.read(version.outputs["scores:test"]).sort("visit")
    rows = pl.concat([_features(shop, node) for node in ("plain", "recent")], how="align").filter(
        pl.col("visit").is_in(stored["visit"].to_list())
    )
    made = model.scorer.score(rows.sort("visit").select([one.name for one in model.inputs]))
    assert np.array_equal(made, stored["score"].to_numpy())


def _features(shop: Shop, node: str) -> pl.DataFrame:
    return shop.tiny.project.store.tables.read(record(shop, node).outputs["table"])
