from __future__ import annotations

import threading

import pytest
from tests.projects import FEBRUARY, SMALL, Maker, Tiny, edit, names_of

from soroi.base.errors import ConflictError, OutOfStepError, RefusedError, SoroiError, UnknownNameError


def test_a_set_is_gathered_and_sealed_when_it_is_whole(make: Maker) -> None:
    tiny = make(SMALL)
    tiny.build()
    first = tiny.project.stage("basic", "guess")
    assert first.manifest is None
    assert {one.subject for one in first.report.missing} >= {"check"}
    second = tiny.project.stage("cut", "check")
    assert second.manifest is not None
    assert set(second.manifest.picks) == {"basic", "guess", "cut", "check"}
    assert (first.revision, second.revision) == (1, 2)


def test_what_is_missing_is_told_with_who_needs_it(make: Maker) -> None:
    tiny = make(SMALL)
    tiny.build()
    outcome = tiny.project.stage("check")
    assert [one.text for one in outcome.report.missing] == ["'cut' has no version in staging, and 'check' needs it"]


def test_nodes_that_no_decision_needs_are_not_in_the_manifest(make: Maker) -> None:
    tiny = make(SMALL + "\nspare = so.threshold(guess, maximise=so.f1)\n")
    tiny.build()
    outcome = tiny.project.stage(everything=True)
    assert outcome.manifest is not None
    assert "spare" in tiny.picks()
    assert "spare" not in outcome.manifest.picks


def test_a_project_without_a_decision_has_nothing_to_seal(make: Maker) -> None:
    tiny = make(SMALL[: SMALL.index("check = ")])
    tiny.build()
    assert tiny.project.stage(everything=True).manifest is None
    with pytest.raises(OutOfStepError, match="no decision is declared"):
        tiny.project.release()


def test_staging_the_same_again_changes_nothing(tiny: Tiny) -> None:
    outcome = tiny.project.stage(everything=True)
    assert outcome.changed == {}
    assert outcome.revision == 1
    assert outcome.manifest is not None
    assert outcome.manifest.id == tiny.live()


def test_the_same_set_has_the_same_manifest_whoever_seals_it(make: Maker) -> None:
    found = []
    for name in ("one", "other"):
        tiny = make(SMALL, name=name)
        tiny.build()
        manifest = tiny.project.stage(everything=True).manifest
        assert manifest is not None
        found.append(manifest.to_dict())
    assert found[0] == found[1]


def test_by_name_the_newest_built_as_declared_is_meant(tiny: Tiny) -> None:
    before = tiny.picks()["quick"]
    tiny.build("quick", set={"quick": {"strength": 0.1}})
    assert tiny.project.stage("quick").changed == {}, "one tried by choice must be named"
    edit(tiny.folder, "strength: float = 1.0", "strength: float = 0.5")
    new = tiny.build("quick").versions["quick"]
    assert tiny.project.stage("quick").changed == {"quick": (before, new.id)}


def test_by_name_the_version_that_fits_what_is_picked_above_is_meant(tiny: Tiny) -> None:
    cut = tiny.picks()["careful_cut"]
    other = tiny.build("careful", "careful_cut", set={"careful": {"strength": 0.01}}).versions
    tiny.project.stage(other["careful"].id, "careful_cut")
    assert tiny.picks()["careful_cut"] == other["careful_cut"].id != cut
    tiny.project.stage("careful", "careful_cut")
    assert tiny.picks()["careful_cut"] == cut


def test_a_version_is_named_by_its_beginning(tiny: Tiny) -> None:
    record = tiny.build("quick", set={"quick": {"strength": 0.1}}).versions["quick"]
    tiny.project.stage(record.id[:-4])
    assert tiny.picks()["quick"] == record.id


def test_a_node_not_built_as_declared_is_refused_and_the_versions_are_named(tiny: Tiny) -> None:
    edit(tiny.folder, "strength: float = 1.0", "strength: float = 0.5")
    tiny.project.reload()
    with pytest.raises(RefusedError, match="no version of 'quick' was built as it is declared now") as told:
        tiny.project.stage("quick")
    assert tiny.picks()["quick"] in str(told.value)
    assert told.value.where is not None


@pytest.mark.parametrize(
    ("wanted", "kind", "says"),
    [
        ("quik", UnknownNameError, "quik"),
        ("quick@000000", UnknownNameError, "quick@000000"),
        ("items", RefusedError, "is data, and data is not staged"),
        ("examples", RefusedError, "is data, and data is not staged"),
    ],
)
def test_what_cannot_be_staged_changes_nothing(tiny: Tiny, wanted: str, kind: type[SoroiError], says: str) -> None:
    record = tiny.build("quick", set={"quick": {"strength": 0.1}}).versions["quick"]
    before = tiny.picks()
    with pytest.raises(kind, match=says):
        tiny.project.stage(record.id, wanted)
    assert tiny.picks() == before


def test_a_node_never_built_says_what_to_do(make: Maker) -> None:
    with pytest.raises(UnknownNameError, match="'guess' was never built") as told:
        make(SMALL).project.stage("guess")
    assert told.value.hint == "soroi build guess"


def test_a_node_is_taken_out(tiny: Tiny) -> None:
    outcome = tiny.project.stage(remove=["careful_cut"])
    assert outcome.manifest is None
    assert [one.subject for one in outcome.report.missing] == ["careful_cut"]
    assert "careful_cut" not in tiny.picks()
    assert tiny.project.stage("careful_cut").manifest is not None


def test_every_pick_is_recorded_with_who_and_why(tiny: Tiny) -> None:
    record = tiny.build("quick", set={"quick": {"strength": 0.1}}).versions["quick"]
    before = tiny.picks()["quick"]
    tiny.project.stage(record.id, note="better on Mondays")
    with tiny.project.store.catalogue.read() as tx:
        pick = tx.staging.get().picks["quick"]
        body = names_of(tx.events.list(), "staging.changed")[-1]
    assert (pick.note, pick.by) == ("better on Mondays", tiny.project.runtime.actor)
    assert body == {"changed": {"quick": [before, record.id]}, "note": "better on Mondays"}


def test_a_node_no_longer_declared_leaves_staging_with_the_next_change(tiny: Tiny) -> None:
    edit(tiny.folder, "other = so.decision(", "another = so.decision(")
    tiny.build("another", as_of=FEBRUARY)
    outcome = tiny.project.stage("another")
    assert outcome.manifest is not None
    assert "other" not in outcome.manifest.picks
    assert outcome.changed["other"][1] is None


def test_the_head_of_staging_moves_with_each_sealed_set(tiny: Tiny) -> None:
    with tiny.project.store.catalogue.read() as tx:
        first = tx.heads.get("staging")
    tiny.build("quick", "quick_cut", "check", set={"quick": {"strength": 0.1}})
    records = [tiny.project.versions(node)[0] for node in ("quick", "quick_cut", "check")]
    manifest = tiny.project.stage(*(one.id for one in records)).manifest
    assert manifest is not None
    with tiny.project.store.catalogue.read() as tx:
        head = tx.heads.get("staging")
    assert first is not None
    assert head is not None
    assert (head.manifest, head.revision) == (manifest.id, first.revision + 1)


def test_of_two_who_stage_at_once_both_are_kept_or_one_is_told(tiny: Tiny) -> None:
    names = [tiny.build(n, set={n: {"strength": 0.1}}).versions[n].id for n in ("quick", "careful")]
    others = [Tiny(tiny.folder) for _ in names]
    told: list[Exception] = []

    def stage(one: Tiny, version: str) -> None:
        try:
            one.project.stage(version)
        except ConflictError as error:
            told.append(error)

    threads = [threading.Thread(target=stage, args=pair) for pair in zip(others, names, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in others:
        one.close()
    assert len(told) + len(set(names) & set(tiny.picks().values())) == 2


def test_an_outcome_is_plain_data(tiny: Tiny) -> None:
    body = tiny.project.stage(remove=["check"]).to_dict()
    assert body["changed"]["check"]["to"] is None
    assert body["in_step"] is False
    assert body["manifest"] is None
