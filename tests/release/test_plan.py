from __future__ import annotations

import msgspec
from tests.projects import SMALL, Maker, Tiny, edit, write_data


def actions(tiny: Tiny) -> dict[str, str]:
    tiny.project.reload()
    return {one.node: one.action.value for one in tiny.project.plan().nodes if one.action.is_work}


def test_at_first_everything_is_to_be_built_and_staged(make: Maker) -> None:
    tiny = make(SMALL)
    assert set(actions(tiny).values()) == {"build"}
    assert tiny.project.plan().commands == ("soroi build", "soroi stage --all")


def test_what_is_built_is_to_be_staged(make: Maker) -> None:
    tiny = make(SMALL)
    tiny.build()
    assert tiny.project.plan().commands[-1].startswith("soroi stage")


def test_what_is_staged_is_to_be_released(make: Maker) -> None:
    tiny = make(SMALL)
    tiny.build()
    tiny.project.stage(everything=True)
    plan = tiny.project.plan()
    assert (plan.commands, plan.releasable, plan.live) == (("soroi release",), True, None)
    assert {old for old, _ in plan.changes.values()} == {None}


def test_what_is_live_leaves_nothing_to_do(tiny: Tiny) -> None:
    plan = tiny.project.plan()
    assert (plan.commands, plan.releasable, plan.changes, plan.behind) == ((), False, {}, ())
    assert actions(tiny) == {}


def test_a_plan_names_exactly_what_is_behind_and_leads_to_a_release(tiny: Tiny) -> None:
    chosen = tiny.build("careful", set={"careful": {"strength": 0.01}}).versions["careful"]
    tiny.project.stage(chosen.id)
    plan = tiny.project.plan()
    assert set(plan.behind) == {"careful_cut", "second", "second_cut"}
    assert actions(tiny) == {"careful_cut": "refit", "second": "build", "second_cut": "refit"}
    follow = plan.commands[0].removeprefix("soroi build ").split()
    tiny.build(*follow)
    tiny.project.stage(*plan.commands[1].removeprefix("soroi stage ").split())
    assert tiny.project.plan().commands == ("soroi release",)
    tiny.project.release()
    assert tiny.project.plan().commands == ()


def test_a_changed_threshold_is_to_be_refitted_and_what_rests_on_it_built(tiny: Tiny) -> None:
    edit(
        tiny.folder,
        "quick_cut = so.threshold(quick, maximise=so.recall",
        "quick_cut = so.threshold(quick, maximise=so.f1",
    )
    assert actions(tiny) == {"quick_cut": "refit", "check": "build"}
    reached = {one.node: one.reaches for one in tiny.project.plan().nodes}
    assert reached["quick_cut"] == reached["check"] == ("check",)
    assert reached["careful"] == (), "there is nothing to do for it"


def test_commands_of_a_plan_carry_changed_code_to_production(tiny: Tiny) -> None:
    edit(tiny.folder, "strength: float = 2.0", "strength: float = 0.02")
    for _ in range(4):
        tiny.project.reload()
        commands = tiny.project.plan().commands
        if not commands:
            break
        for command in commands:
            _, verb, *names = command.split()
            if verb == "build":
                tiny.build(*names)
            elif verb == "stage":
                tiny.project.stage(*names)
            else:
                tiny.project.release()
    assert tiny.project.plan().commands == ()
    assert set(tiny.statuses().values()) == {"fresh"}
    live = tiny.project.version(tiny.project.manifest().picks["careful"])
    assert live.facts["parameters"] == {"strength": 0.02}


def test_new_data_asks_for_builds_from_the_source_down(tiny: Tiny) -> None:
    write_data(tiny.folder, 2450)
    assert actions(tiny)["items"] == "build"
    assert actions(tiny)["careful_cut"] in ("build", "refit")


def test_what_cannot_be_told_is_to_be_looked_at(tiny: Tiny) -> None:
    (tiny.folder / "items.csv").unlink()
    assert actions(tiny)["items"] == "look"


def test_a_plan_tells_owner_time_and_reasons_as_plain_data(tiny: Tiny) -> None:
    chosen = tiny.build("careful", set={"careful": {"strength": 0.01}}).versions["careful"]
    tiny.project.stage(chosen.id)
    body = tiny.project.plan().to_dict()
    assert msgspec.json.decode(msgspec.json.encode(body)) == body
    nodes = {one["node"]: one for one in body["nodes"]}
    assert nodes["items"]["owner"] == "team@example.com"
    assert nodes["careful_cut"]["because"]
    assert nodes["careful"]["seconds"] is not None
    assert body["changes"]["careful"]["staged"] == chosen.id


def test_looking_changes_nothing(tiny: Tiny) -> None:
    with tiny.project.store.catalogue.read() as tx:
        before = tx.events.list()
    tiny.project.plan()
    tiny.project.status()
    with tiny.project.store.catalogue.read() as tx:
        assert tx.events.list() == before
