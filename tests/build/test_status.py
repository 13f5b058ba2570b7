"""How nodes stand: stale when in doubt, and training is free."""

from __future__ import annotations

import os

import pytest
from tests.projects import CODE, FEBRUARY, LATER, Maker, Tiny, edit, write_data

from soroi.base.errors import OutOfStepError
from soroi.build.status import State

BEHIND = {"careful_cut", "second", "second_cut"}


def reasons(tiny: Tiny, node: str) -> str:
    tiny.project.reload()
    return "\n".join(line for one in tiny.project.statuses()[node].reasons for line in one.lines())


def test_nothing_built_is_missing(make: Maker) -> None:
    assert set(make().statuses().values()) == {"missing"}


def test_what_is_built_staged_and_live_is_fresh(tiny: Tiny) -> None:
    assert set(tiny.statuses().values()) == {"fresh"}
    one = tiny.project.statuses()["careful"]
    assert one.staged == one.live == one.version
    assert one.state.is_fresh


def test_what_is_built_and_nowhere_staged_is_fresh_too(make: Maker) -> None:
    tiny = make()
    tiny.build()
    assert set(tiny.statuses().values()) == {"fresh"}


# ── a candidate that is staged alone ──────────────────────────────────────────────────────────────────────────────


def test_after_careful_alone_is_staged_exactly_what_was_fitted_to_it_is_behind(tiny: Tiny) -> None:
    chosen = tiny.build("careful", set={"careful": {"strength": 0.01}}).versions["careful"]
    outcome = tiny.project.stage(chosen.id)
    assert outcome.manifest is None
    assert set(outcome.report.behind) == BEHIND
    assert set(tiny.project.plan().behind) == BEHIND
    assert {node for node, state in tiny.statuses().items() if state == "stale"} == BEHIND
    assert f"careful_cut was built against {outcome.changed['careful'][0]}, not against {chosen.id}" in reasons(
        tiny, "careful_cut"
    )


def test_release_refuses_what_is_out_of_step_and_changes_nothing(tiny: Tiny) -> None:
    chosen = tiny.build("careful", set={"careful": {"strength": 0.01}}).versions["careful"]
    tiny.project.stage(chosen.id)
    before = (tiny.live(), tiny.picks())
    with tiny.project.store.catalogue.read() as tx:
        history, events = tx.heads.history("production"), tx.events.list()
    with pytest.raises(OutOfStepError) as told:
        tiny.project.release()
    assert "soroi build careful_cut second second_cut" in (told.value.hint or "")
    assert all(node in told.value.message for node in BEHIND)
    assert (tiny.live(), tiny.picks()) == before
    with tiny.project.store.catalogue.read() as tx:
        assert (tx.heads.history("production"), tx.events.list()) == (history, events)


def test_ten_more_candidates_change_no_status_but_their_own(tiny: Tiny) -> None:
    def others() -> dict[str, object]:
        return {name: one.to_dict() for name, one in tiny.project.statuses().items() if name != "careful"}

    before = others()
    for number in range(10):
        tiny.build("careful", set={"careful": {"strength": 0.01 * (number + 1)}})
    assert others() == before
    own = tiny.project.statuses()["careful"]
    assert (own.state, own.candidates) == (State.FRESH, 11)


def test_building_and_staging_what_is_behind_seals_the_set_and_it_is_released(tiny: Tiny) -> None:
    chosen = tiny.build("careful", set={"careful": {"strength": 0.01}}).versions["careful"]
    tiny.project.stage(chosen.id)
    result = tiny.build(behind=True)
    assert set(result.nodes) == BEHIND
    outcome = tiny.project.stage(*(record.id for record in result.versions.values()))
    assert outcome.manifest is not None
    assert outcome.manifest.picks["careful"] == chosen.id
    assert tiny.project.release().moved
    assert tiny.live() == outcome.manifest.id
    assert set(tiny.statuses().values()) == {"fresh"}
    assert tiny.project.statuses()["careful"].notes == ("built with strength=0.01, by choice",)


def test_there_is_nothing_to_build_behind_a_set_in_step(tiny: Tiny) -> None:
    assert tiny.build(behind=True).nodes == {}


# ── what makes a node stale ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("old", "new", "stale", "says"),
    [
        (
            '    """A fast guess."""\n',
            '    """A fast guess."""\n    train = train.head(100_000)\n',
            {"quick", "quick_cut", "check"},
            "quick",
        ),
        (
            "strength: float = 2.0",
            "strength: float = 2.5",
            {"careful", "careful_cut", "second", "second_cut"},
            "strength=2.0 is now strength=2.5",
        ),
        (
            "quick_cut = so.threshold(quick, maximise=so.recall, subject_to=so.precision >= 0.5)",
            "quick_cut = so.threshold(quick, maximise=so.recall, subject_to=so.precision >= 0.6)",
            {"quick_cut", "check"},
            "subject_to",
        ),
        ('deadline="100ms",\n', 'deadline="200ms",\n', {"check"}, "deadline=0.1 is now deadline=0.2"),
        ('row["x"] > 1', 'row["x"] > 2', {"check"}, "rule"),
        (
            'return items.select("id", "x", "y")',
            'return items.select("id", "x", z=pl.col("y"))',
            {"basic", "examples", "quick", "careful", "second", "quick_cut", "careful_cut", "second_cut", "check"},
            "basic",
        ),
        (
            '    rows = pl.scan_csv(name, schema_overrides={"at": pl.String})',
            '    rows = pl.scan_csv(name, schema_overrides={"at": pl.String}).head(2000)',
            {
                "items",
                "outcomes",
                "basic",
                "examples",
                "quick",
                "careful",
                "second",
                "quick_cut",
                "careful_cut",
                "second_cut",
                "check",
            },
            "read",
        ),
    ],
)
def test_a_change_makes_stale_what_rests_on_it_and_nothing_else(
    tiny: Tiny, old: str, new: str, stale: set[str], says: str
) -> None:
    edit(tiny.folder, old, new)
    now = tiny.statuses()
    assert {node for node, state in now.items() if state == "stale"} == stale
    assert set(now.values()) == {"stale", "fresh"}
    assert says in reasons(tiny, next(node for node in now if node in stale))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('    """A slower guess."""\n', '    """A slower guess, and a better one."""\n    # with a remark\n'),
        ('so.group("team", owner="team@example.com")', 'so.group("team", owner="else@example.com")'),
        ('in_step="20d", group=team)', 'in_step="25d", group=team)'),
        ("def rule(row):", "\n\n\ndef rule(row):"),
    ],
)
def test_a_change_of_words_makes_nothing_stale(tiny: Tiny, old: str, new: str) -> None:
    edit(tiny.folder, old, new)
    assert set(tiny.statuses().values()) == {"fresh"}


def test_a_change_taken_back_is_fresh_again(tiny: Tiny) -> None:
    edit(tiny.folder, "strength: float = 2.0", "strength: float = 2.5")
    assert tiny.statuses()["careful"] == "stale"
    edit(tiny.folder, "strength: float = 2.5", "strength: float = 2.0")
    assert set(tiny.statuses().values()) == {"fresh"}


def test_new_data_makes_a_source_stale_with_the_file_that_changed(tiny: Tiny) -> None:
    write_data(tiny.folder, 2401)
    assert tiny.statuses()["items"] == "stale"
    assert "its files changed since it was read: items.csv" in reasons(tiny, "items")
    assert tiny.statuses()["careful"] == "stale"


def test_a_file_that_is_gone_is_unknown_and_never_fresh(tiny: Tiny) -> None:
    (tiny.folder / "items.csv").unlink()
    now = tiny.statuses()
    assert {node for node, state in now.items() if state == "fresh"} == {"outcomes", "other"}
    assert now["items"] == now["careful"] == "unknown"
    assert "'items.csv', and no such file is there" in reasons(tiny, "items")


def test_a_source_without_files_is_unknown_until_it_is_read(make: Maker) -> None:
    tiny = make(CODE.replace('files=so.file("items.csv"), ', ""))
    tiny.build()
    now = tiny.statuses()
    assert now["items"] == now["basic"] == now["careful"] == "unknown"
    assert "no files= is declared" in reasons(tiny, "careful")


def test_a_copied_project_is_fresh(tiny: Tiny) -> None:
    moved = tiny.folder.rename(tiny.folder.with_name("moved"))
    again = Tiny(moved)
    assert set(again.statuses().values()) == {"fresh"}
    again.close()


def test_a_touched_file_is_stale_until_it_is_read_again(tiny: Tiny) -> None:
    os.utime(tiny.folder / "items.csv", (1, 1))
    assert tiny.statuses()["items"] == "stale"
    tiny.build("items", as_of=FEBRUARY)
    assert set(tiny.statuses().values()) == {"fresh"}


def test_a_ready_candidate_is_named(tiny: Tiny) -> None:
    edit(tiny.folder, "strength: float = 2.0", "strength: float = 2.5")
    made = tiny.build("careful").versions["careful"]
    assert tiny.project.statuses()["careful"].ready == made.id


# ── data in step ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_models_may_rest_on_data_as_far_apart_as_declared(tiny: Tiny) -> None:
    chosen = tiny.build("quick", "quick_cut", as_of=LATER)
    outcome = tiny.project.stage("quick", "quick_cut")
    assert set(outcome.report.behind) == {"check"}, "its levels were fitted to another threshold"
    assert chosen.versions["quick"].id == outcome.changed["quick"][1]
    notes = tiny.project.statuses()["careful"].notes
    assert any("behind the newest, which in_step allows" in note for note in notes)


def test_models_farther_apart_are_behind(tiny: Tiny) -> None:
    edit(
        tiny.folder,
        'known_at="known", partition="1mo", files=so.file("outcomes.csv"), in_step="20d"',
        'known_at="known", partition="1mo", files=so.file("outcomes.csv"), in_step="5d"',
    )
    tiny.build("quick", "quick_cut", as_of=LATER)
    outcome = tiny.project.stage("quick", "quick_cut")
    assert {"careful", "second"} <= set(outcome.report.behind)
    text = outcome.report.behind["careful"][0].text
    assert "careful rests on outcomes@" in text
    assert "14 d behind" in text
    assert "more than in_step=5 d" in text


def test_without_in_step_no_distance_is_allowed(tiny: Tiny) -> None:
    edit(tiny.folder, 'files=so.file("outcomes.csv"), in_step="20d"', 'files=so.file("outcomes.csv")')
    tiny.build("quick", "quick_cut", as_of=LATER)
    outcome = tiny.project.stage("quick", "quick_cut")
    assert "it declares no in_step=" in outcome.report.behind["careful"][0].text


def test_a_table_tells_all_of_it(tiny: Tiny) -> None:
    table = tiny.project.status()
    assert [one.node for one in table] == tiny.project.graph.names
    assert table["careful"].to_dict()["state"] == "fresh"
    assert len(table.to_dict()["nodes"]) == 12
