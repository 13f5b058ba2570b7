"""Waivers and equal-enough claims: recorded, signed, and named by the manifest that relies on them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.projects import Tiny, edit

from soroi.base.errors import RefusedError
from soroi.build.claims import Claims
from soroi.store import ClaimRecord


@pytest.fixture(autouse=True)
def _keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOROI_KEYS", str(tmp_path / "keys"))


def stage_another(tiny: Tiny, strength: float = 0.001) -> None:
    """Stage a candidate of careful beside what was built against the first."""
    made = tiny.build("careful", set={"careful": {"strength": strength}})
    assert tiny.project.stage(made.versions["careful"].id).manifest is None


def test_a_waiver_lets_a_set_be_sealed_and_is_named_by_its_manifest(tiny: Tiny) -> None:

    stage_another(tiny)
    for node in ("careful_cut", "second"):
        tiny.project.waive(node, reason="the same shape of scores")
    outcome = tiny.project.stage("careful_cut")
    assert outcome.manifest is not None
    assert len(outcome.manifest.claims) == 2
    with tiny.project.store.catalogue.read() as tx:
        recorded = {one.id: one for one in tx.claims.all()}
        assert tx.events.verify() == []
    assert {recorded[one].evidence["reason"] for one in outcome.manifest.claims} == {"the same shape of scores"}


def test_a_waiver_holds_for_these_versions_only(tiny: Tiny) -> None:

    stage_another(tiny)
    tiny.project.waive("careful_cut", reason="checked")
    stage_another(tiny, 0.002)
    assert "careful_cut" in tiny.project.plan().behind


def test_a_waiver_whose_words_were_changed_does_not_count(tiny: Tiny) -> None:

    stage_another(tiny)
    (claim,) = tiny.project.waive("careful_cut", reason="checked").claims
    with tiny.project.store.catalogue.read() as tx:
        heads = tx.versions.heads([claim.a, claim.b])
    changed = msgspec.structs.replace(claim, evidence={**claim.evidence, "reason": "nobody said so"})
    stolen = msgspec.structs.replace(claim, by="somebody else")

    def counts(record: ClaimRecord) -> bool:
        return Claims([record]).waiving(heads[claim.a], heads[claim.b]) is not None

    assert counts(claim)
    assert not counts(changed)
    assert not counts(stolen)


@pytest.mark.parametrize(
    ("node", "reason", "what"),
    [
        ("careful_cut", " ", "needs a reason"),
        ("quick_cut", "why not", "not behind"),
        ("items", "why not", "no version"),
    ],
)
def test_a_waiver_without_need_or_reason_is_refused(tiny: Tiny, node: str, reason: str, what: str) -> None:

    stage_another(tiny)
    with pytest.raises(RefusedError, match=what):
        tiny.project.waive(node, reason=reason)


def test_a_version_with_nearly_the_same_scores_keeps_its_dependents_in_step_by_a_claim(tiny: Tiny) -> None:
    edit(tiny.folder, "out_of_fold=2)", "out_of_fold=2, equal_within=0.01)")

    made = tiny.build("careful", set={"careful": {"strength": 2.001}}).versions["careful"]
    assert made.facts["compared"]["difference"] <= 0.01
    outcome = tiny.project.stage(made.id)
    assert outcome.manifest is not None
    assert len(outcome.manifest.claims) == 1
    far = tiny.build("careful", set={"careful": {"strength": 0.001}}).versions["careful"]
    assert far.facts["compared"]["difference"] > 0.01
    assert tiny.project.stage(far.id).manifest is None
