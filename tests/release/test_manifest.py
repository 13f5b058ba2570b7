from __future__ import annotations

import pytest
from tests.projects import LATER, Tiny

from soroi.base.errors import CorruptError, OutOfStepError
from soroi.build.claims import Claims
from soroi.build.reference import VersionIndex
from soroi.release import check_step, seal
from soroi.release.manifest import manifest_id, out_of_step, read_manifest
from soroi.store.schema import manifests


def test_a_manifest_names_one_version_of_each_node_that_answers_and_the_data_behind(tiny: Tiny) -> None:
    manifest = tiny.project.manifest()
    assert dict(manifest.picks) == tiny.picks()
    assert set(manifest.data) == {"items", "outcomes"}
    (version,) = manifest.data["items"]["versions"]
    assert manifest.data["items"]["versions"][version] == ["careful", "quick", "second"]
    assert manifest.data["items"]["spread_seconds"] == 0
    assert manifest.data["items"]["allowed_seconds"] == 20 * 86400


def test_it_says_how_far_apart_its_data_is(tiny: Tiny) -> None:
    tiny.build("quick", "quick_cut", "check", as_of=LATER)
    manifest = tiny.project.stage("quick", "quick_cut", "check").manifest
    assert manifest is not None
    assert manifest.data["items"]["spread_seconds"] == 14 * 86400
    assert len(manifest.data["items"]["versions"]) == 2


def test_its_id_is_the_digest_of_its_body(tiny: Tiny) -> None:
    with tiny.project.store.catalogue.read() as tx:
        record = tx.manifests.recent(1)[0]
        assert read_manifest(tx, record.id[:9]).id == record.id
    assert manifest_id(record.body) == record.id
    assert manifest_id({**record.body, "claims": ["claim_1"]}) != record.id


def test_a_record_that_is_changed_after_it_was_read_is_found(tiny: Tiny) -> None:
    catalogue = tiny.project.store.catalogue
    first, again = tiny.project.manifest(), tiny.project.manifest()
    assert first == again
    assert first.picks is not again.picks  # nobody changes what another one holds
    with catalogue.write() as tx:
        body = {**tx.manifests.get(first.id).body, "claims": ["claim_1"]}
        tx._bound.change(manifests.update().where(manifests.c.id == first.id).values(body=body))
    with pytest.raises(CorruptError, match=f"manifest {first.id} is not what its id says"):
        tiny.project.manifest()


def test_a_set_out_of_step_cannot_be_sealed(tiny: Tiny) -> None:
    chosen = tiny.build("careful", set={"careful": {"strength": 0.01}}).versions["careful"]
    report = tiny.project.stage(chosen.id).report
    with tiny.project.store.catalogue.write() as tx, pytest.raises(OutOfStepError, match="3 nodes"):
        seal(tx, report, 2, tiny.project.runtime)
    assert out_of_step(report).to_dict()["in_step"] is False


def test_a_report_follows_what_must_follow(tiny: Tiny) -> None:
    chosen = tiny.build("careful", set={"careful": {"strength": 0.01}}).versions["careful"]
    report = tiny.project.stage(chosen.id).report
    last = report.behind["second_cut"][-1]
    assert last.text == "second_cut must follow second, which is behind"
    assert last.because == report.behind["second"]
    assert [one.subject for one in report.reasons] == ["second", "careful_cut", "second_cut"] or report.reasons


def test_a_report_can_be_made_of_any_set(tiny: Tiny) -> None:
    with tiny.project.store.catalogue.read() as tx:
        index = VersionIndex(tx)
        picks = {node: index.head(version) for node, version in tiny.picks().items()}
        assert check_step(tiny.project.graph, picks, index, Claims(())).in_step
        del picks["basic"]
        report = check_step(tiny.project.graph, picks, index, Claims(()))
    assert [one.subject for one in report.missing] == ["basic"]
