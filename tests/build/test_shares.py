"""Nodes of other projects: what they stand for, what keeps them from being used, and how they are taken over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.pairs import BASE, USING, Pair, copy_pair, release, write_pair
from tests.projects import InlineExecutor, Tiny, edit, names_of

from soroi.base.errors import DeclarationError, OutOfStepError, RefusedError, UnknownNameError
from soroi.base.reason import Reason
from soroi.build.adoption import TAKEN_OVER, take_over
from soroi.build.shares import Share, Shares, name_here
from soroi.build.users import outside_uses
from soroi.declare.lifecycle import OutsideUse
from soroi.store import VersionRecord

SHARED = ("base:basic", "base:items")


@pytest.fixture(scope="module")
def _released(tmp_path_factory: pytest.TempPathFactory, few_threads: None) -> Path:
    folder = tmp_path_factory.mktemp("pairs") / "pair"
    pair = write_pair(folder)
    release(pair.base)
    release(pair.shop)
    pair.close()
    return folder


@pytest.fixture
def pair(_released: Path, tmp_path: Path) -> Iterator[Pair]:
    """Two projects in one store, both released; the shop uses features and the source of the base."""
    opened = copy_pair(_released, tmp_path / "pair")
    yield opened
    opened.close()


@pytest.fixture
def write(tmp_path: Path, few_threads: None) -> Iterator[Callable[..., Pair]]:
    made: list[Pair] = []

    def go(**options: str) -> Pair:
        made.append(write_pair(tmp_path / f"written{len(made)}", **options))
        return made[-1]

    yield go
    for one in made:
        one.close()


def share_of(pair: Pair, name: str) -> Share:
    with pair.shop.project.store.catalogue.read() as tx:
        found = Shares(tx, pair.shop.project.graph).get(name)
    assert found is not None
    return found


def problem_of(pair: Pair, name: str) -> Reason:
    """The one reason why a node cannot be used, which its status tells too."""
    problem = share_of(pair, name).problem
    assert problem is not None
    pair.shop.project.reload()
    status = pair.shop.project.statuses()[name]
    assert status.state.value in ("unknown", "missing")
    assert status.reasons == (problem,)
    return problem


def refusal(pair: Pair, *nodes: str) -> DeclarationError:
    with pytest.raises(DeclarationError) as caught:
        pair.shop.attempt(*nodes)
    return caught.value


# ── what a name stands for ────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_here_has_the_project_in_front_unless_it_has_one_or_comes_home() -> None:
    assert name_here("conditions@12", "weather", "shop") == "weather:conditions@12"
    assert name_here("storm[a:b]", "weather", "shop") == "weather:storm[a:b]"
    assert name_here("geo:grid", "weather", "shop") == "geo:grid"
    assert name_here("shop:orders", "weather", "shop") == "orders"


def test_it_stands_for_what_their_production_answers_with_or_rests_on(pair: Pair) -> None:
    live = pair.base.project.manifest()
    share = share_of(pair, "base:basic")
    assert share.id == f"base:{live.picks['basic']}"
    assert share_of(pair, "base:items").id in {f"base:{one}" for one in live.data["items"]["versions"]}
    assert share.group is not None
    assert share.group.owner == "sky@example.com"


def test_a_candidate_there_and_a_staged_one_change_nothing_here(pair: Pair) -> None:
    before = share_of(pair, "base:basic").id
    edit(pair.base.folder, 'items.select("id", "x")', 'items.select("id", "x", z=pl.col("x") * 2.0)')
    pair.base.build()
    pair.base.project.stage(everything=True)
    assert share_of(pair, "base:basic").id == before
    assert set(pair.shop.statuses().values()) == {"fresh"}
    pair.base.project.release()
    assert share_of(pair, "base:basic").id != before
    found = pair.shop.statuses()
    assert found == dict.fromkeys(found, "stale") | {"base:items": "fresh", "ask": "fresh"}


def test_a_pin_stays_whatever_is_released_there_and_a_wrong_one_is_told(pair: Pair) -> None:
    pin = pair.base.project.manifest().picks["basic"]
    edit(pair.shop.folder, 'features="basic"', f'features="{pin}"', name="shop.py")
    assert set(pair.shop.statuses().values()) == {"fresh"}
    edit(pair.base.folder, 'items.select("id", "x")', 'items.select("id", "x", z=pl.col("x") * 2.0)')
    release(pair.base)
    assert set(pair.shop.statuses().values()) == {"fresh"}
    wrong = f"basic@{'0' * 12}"
    edit(pair.shop.folder, pin, wrong, name="shop.py")
    pair.shop.project.reload()
    assert problem_of(pair, "base:basic").text == f"project 'base' has no version {wrong}"
    assert refusal(pair).where == "shop.py:10"


# ── what keeps it from being used ─────────────────────────────────────────────────────────────────────────────────


def test_a_project_that_is_not_there_is_told_with_the_nearest(pair: Pair) -> None:
    edit(pair.shop.folder, 'so.shared("base", features', 'so.shared("bass", features', name="shop.py")
    pair.shop.project.reload()
    assert problem_of(pair, "bass:basic").kind == "missing"
    error = refusal(pair)
    assert "nothing of a project 'bass' is in this store" in error.message
    assert "'base'" in str(error.hint)


def test_a_node_that_is_not_there_is_told_with_the_nearest(pair: Pair) -> None:
    edit(pair.shop.folder, 'features="basic"', 'features="basics"', name="shop.py")
    pair.shop.project.reload()
    assert problem_of(pair, "base:basics").kind == "missing"
    error = refusal(pair)
    assert "project 'base' never built a node 'basics'" in error.message
    assert "'basic'" in str(error.hint)


def test_another_kind_is_told_with_the_right_one(pair: Pair) -> None:
    edit(pair.shop.folder, 'source="items"', 'source="guess"', name="shop.py")
    pair.shop.project.reload()
    assert problem_of(pair, "base:guess").kind == "unknown"
    assert refusal(pair).hint == "so.shared('base', model='guess')"


def test_what_was_built_and_not_released_there_is_told_with_whom_to_ask(write: Callable[..., Pair]) -> None:
    pair = write()
    pair.base.build()
    assert problem_of(pair, "base:basic").kind == "missing"
    error = refusal(pair)
    assert "project 'base' has no 'basic' in production" in error.message
    assert "ask sky@example.com" in str(error.hint)


def test_this_project_itself_is_no_other(pair: Pair) -> None:
    edit(pair.shop.folder, 'so.shared("base", features', 'so.shared("shop", features', name="shop.py")
    pair.shop.project.reload()
    assert problem_of(pair, "shop:basic").text == "'shop' is this project itself"


@pytest.mark.parametrize("access", ["protected", "private"])
def test_what_is_not_public_is_refused_naming_both_nodes_both_groups_and_the_owner(
    write: Callable[..., Pair], access: str
) -> None:
    pair = write(
        base=BASE.replace(
            '@so.features(items, group=team, access="public")', f"@so.features(items, group=team, access='{access}')"
        )
    )
    release(pair.base)
    problem = problem_of(pair, "base:basic")
    assert problem.kind == "access"
    assert problem.facts == {"project": "base", "node": "basic", "owner": "sky@example.com"}
    error = refusal(pair)
    for text in ("'base:basic'", "dataset 'examples' (shop)", "sky of project 'base' has 'basic' as " + access):
        assert text in error.message
    assert "ask sky@example.com" in str(error.hint)
    assert not pair.shop.attempt("base:items").failed, "what is public may be used"


def test_access_taken_back_before_anything_is_live_makes_all_below_unknown_and_refuses_builds(
    write: Callable[..., Pair],
) -> None:
    pair = write()
    release(pair.base)
    pair.shop.build()
    pair.shop.project.stage(everything=True)
    edit(pair.base.folder, '@so.features(items, group=team, access="public")', "@so.features(items, group=team)")
    assert {one.status for one in pair.base.build().nodes.values()} == {"reused"}, "a description builds nothing"
    found = pair.shop.statuses()
    assert found == dict.fromkeys(found, "unknown") | {"base:items": "fresh", "ask": "fresh"}
    assert problem_of(pair, "base:basic").kind == "access"
    assert "has 'basic' as protected" in refusal(pair, "mine").message, "also when it would be taken as it is"
    with pytest.raises(UnknownNameError, match="has 'basic' as protected"):
        pair.shop.project.stage("base:basic")
    plan = pair.shop.project.plan()
    assert all("base:basic" not in command for command in plan.commands)


def test_a_score_of_another_project_must_be_honest(write: Callable[..., Pair]) -> None:
    scored = USING.replace(
        'test="7d"), group=ours', 'test="7d"), scores=[so.shared("base", model="guess")], group=ours'
    )
    pair = write(base=BASE.replace(", out_of_fold=2", ""), shop=scored)
    release(pair.base)
    error = refusal(pair)
    assert "model 'mine' learns from the score of 'base:guess'" in error.message
    assert "ask sky@example.com to declare out_of_fold=3 on 'guess' in project 'base'" in str(error.hint)
    edit(pair.base.folder, 'test="7d"), group', 'test="7d"), out_of_fold=2, group')
    release(pair.base)
    pair.shop.build()
    release(pair.shop)


# ── taking over ───────────────────────────────────────────────────────────────────────────────────────────────────


def versions(pair: Pair) -> dict[str, VersionRecord]:
    with pair.shop.project.store.catalogue.read() as tx:
        return {one.id: one for one in tx.versions.all()}


def test_what_is_taken_over_has_the_same_outputs_under_the_names_of_this_project(pair: Pair) -> None:
    here = {one.node: one for one in versions(pair).values()}
    assert set(here) == {*SHARED, "examples", "mine", "cut", "ask"}
    for name in SHARED:
        there = pair.base.project.version(here[name].id.removeprefix("base:"))
        mine = here[name]
        assert (mine.digest, mine.output, mine.outputs, mine.definition) == (
            there.digest,
            there.output,
            there.outputs,
            there.definition,
        )
        assert (mine.code, mine.run, mine.by, mine.at) == (there.code, there.run, there.by, there.at)
        assert mine.recipe != there.recipe, "an own node of an equal recipe is another node"
        assert mine.environment == {**there.environment, "project": "base"}
        assert mine.environment["module"] == "tiny"
    assert here["base:basic"].facts["spine"] == "base:items"
    assert [edge.producer for edge in here["base:basic"].edges] == [here["base:items"].id]
    assert here["examples"].facts["features"] == {"x": "base:basic"}


def test_taking_over_again_changes_nothing_and_is_one_event(pair: Pair) -> None:
    before = versions(pair)
    share = share_of(pair, "base:basic")
    with pair.shop.project.store.catalogue.write() as tx:
        again = take_over(tx, share, "run_again", pair.shop.project.runtime)
        taken = names_of(tx.events.list(kind=TAKEN_OVER), TAKEN_OVER)
    assert again == before[str(share.id)]
    assert versions(pair) == before
    assert sorted(name for body in taken for name in body["taken_over"]).count(str(share.id)) == 1


def test_the_other_project_sees_nothing_of_it(pair: Pair) -> None:
    with pair.base.project.store.catalogue.read() as tx:
        assert all(":" not in one.id for one in tx.versions.all())
        assert tx.events.list(kind=TAKEN_OVER) == []
        assert tx.events.verify() == []


def test_a_version_that_knows_too_much_for_a_build_as_of_a_moment_fails_its_node(write: Callable[..., Pair]) -> None:
    pair = write()
    release(pair.base)
    result = pair.shop.attempt(as_of="2026-02-01")
    assert {one.node for one in result.failed} == set(SHARED)
    assert "knows what was known until 2026-02-19" in str(result.nodes["base:items"].reason)
    release(pair.base, as_of="2026-02-01")
    assert pair.shop.attempt(as_of="2026-02-01").ok


def test_a_build_of_one_node_takes_what_is_staged_and_a_build_of_all_what_they_answer_with_now(pair: Pair) -> None:
    edit(pair.base.folder, 'items.select("id", "x")', 'items.select("id", "x", z=pl.col("x") * 2.0)')
    release(pair.base)
    held = pair.shop.picks()["base:basic"]
    one = pair.shop.build("mine", set={"mine": {"strength": 0.5}})
    assert set(one.nodes) == {"mine"}
    executor = InlineExecutor()
    every = pair.shop.build(executor=executor)
    assert every.versions["base:basic"].id != held
    assert executor.ran == ["examples", "mine", "cut"]
    used = pair.shop.build("mine", "examples", use=[held])
    assert [edge.producer for edge in used.versions["examples"].edges if edge.name == "base:basic"] == [held]


def test_own_nodes_and_theirs_of_equal_names_and_code_are_never_mistaken(write: Callable[..., Pair]) -> None:
    alike = BASE[BASE.index("@so.source") : BASE.index("@so.dataset")].replace(', group=team, access="public"', "")
    both = USING.replace('items = so.shared("base", source="items")\n', "")
    both = both.replace(
        'basic = so.shared("base", features="basic")\n', 'theirs = so.shared("base", model="guess")\n\n\n' + alike
    )
    pair = write(shop=both + "more = so.threshold(theirs, maximise=so.recall)\n")
    pair.shop.close()
    (pair.shop.folder / "shop.py").rename(pair.shop.folder / "tiny.py")  # the name of the module is in definitions
    edit(pair.shop.folder, 'module = "shop"', 'module = "tiny"', name="soroi.toml")
    pair = Pair(pair.base, Tiny(pair.shop.folder))
    release(pair.base)
    executor = InlineExecutor()
    result = pair.shop.build(executor=executor)
    assert {"items", "basic"} <= set(executor.ran)
    assert {name: one.node for name, one in result.versions.items()} == {name: name for name in result.versions}
    here = {one.node: one for one in versions(pair).values()}
    for name in ("items", "basic"):
        assert here[name].output == here[f"base:{name}"].output
        assert here[name].definition == here[f"base:{name}"].definition
    assert set(pair.shop.statuses().values()) == {"fresh"}
    pair.shop.close()


def test_what_comes_from_a_third_project_keeps_its_name_and_what_is_ours_comes_home(
    write: Callable[..., Pair], tmp_path: Path
) -> None:
    pair = write(shop=USING.replace("@so.model(examples,", "@so.model(examples, access='public',"))
    release(pair.base)
    release(pair.shop)
    theirs = (
        'import soroi as so\nmine = so.shared("shop", model="mine")\ncut = so.threshold(mine, maximise=so.recall)\n'
    )
    answer = 'ask = so.decision(cascade=[cut], deadline="1s", positive="a", negative="b", fail_safe="a")\n'
    (pair.base.folder / "tiny.py").write_text(BASE + theirs.replace("cut", "cut2") + answer.replace("cut", "cut2"))
    release(pair.base)
    with pair.base.project.store.catalogue.read() as tx:
        own = {one.node for one in tx.versions.all()}
        mine = tx.versions.newest(["shop:mine"])["shop:mine"]
        names = {edge.name for edge in mine.edges}
    assert {name for name in own if ":" in name} == {"shop:mine", "shop:examples"}
    assert names == {"shop:examples", "basic"}, "features of the base are its own again"
    assert set(pair.base.statuses().values()) == {"fresh"}


# ── the end of a node's life ──────────────────────────────────────────────────────────────────────────────────────


def test_a_deprecation_there_is_told_here_and_refuses_new_consumers(pair: Pair) -> None:
    end = 'access="public", deprecated=so.deprecated(since="2026-01-01", use_instead="better"))\ndef basic'
    edit(pair.base.folder, 'access="public")\ndef basic', end)
    with pytest.raises(RefusedError, match="is new and may not use"):
        pair.base.build()
    edit(pair.base.folder, "2026-01-01", "2200-01-01")
    pair.base.build()
    notes = {name: one.notes for name, one in pair.shop.project.statuses().items()}
    assert any("mine (shop@example.com) rests on 'base:basic', which is deprecated" in one for one in notes["mine"])
    assert any("use 'base:better' instead" in one for one in notes["mine"])


def test_the_base_knows_which_projects_answer_with_its_nodes_and_whom_to_ask(pair: Pair) -> None:
    with pair.base.project.store.catalogue.read() as tx:
        assert outside_uses(tx) == [
            OutsideUse("basic", "shop", ("shop@example.com",)),
            OutsideUse("items", "shop", ("shop@example.com",)),
        ]
    with pair.shop.project.store.catalogue.read() as tx:
        assert outside_uses(tx) == []


def test_a_threshold_in_a_cascade_is_a_use(write: Callable[..., Pair]) -> None:
    asked = 'import soroi as so\nours = so.group("shop", owner="shop@example.com")\n'
    asked += 'cut = so.shared("base", threshold="cut")\n'
    asked += 'ask = so.decision(cascade=[cut], deadline="1s", positive="a", negative="b", fail_safe="a", group=ours)\n'
    pair = write(shop=asked)
    release(pair.base)
    release(pair.shop)
    manifest = pair.shop.project.manifest()
    assert set(manifest.picks) == {"ask", "base:cut", "base:guess", "base:basic"}, "what it needs comes along"
    with pair.base.project.store.catalogue.read() as tx:
        assert outside_uses(tx) == [OutsideUse("cut", "shop", ("shop@example.com",))]


def test_removing_or_unpublishing_what_another_project_answers_with_is_refused_until_it_released_without(
    pair: Pair,
) -> None:
    published = '@so.features(items, group=team, access="public")'
    edit(pair.base.folder, published, "@so.features(items, group=team)")
    with pytest.raises(RefusedError, match="features 'basic' must stay access='public'") as caught:
        pair.base.build()
    assert "'shop' (shop@example.com)" in caught.value.message
    edit(pair.base.folder, "@so.features(items, group=team)", published)
    code = (pair.base.folder / "tiny.py").read_text()
    renamed = code.replace("def basic(", "def other(").replace("@so.dataset(basic,", "@so.dataset(other,")
    (pair.base.folder / "tiny.py").write_text(renamed)
    with pytest.raises(RefusedError, match="'basic' may not be removed: it is live in the production of 'shop'"):
        pair.base.build()
    own = '@so.features(items, group=ours)\ndef basic(items):\n    return items.select("id", "x")\n'
    edit(pair.shop.folder, 'basic = so.shared("base", features="basic")', own, name="shop.py")
    release(pair.shop)
    assert pair.base.attempt().ok


# ── what is in step there ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_signed_waiver_covers_there_is_in_step_here(
    write: Callable[..., Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOROI_KEYS", str(tmp_path / "keys"))
    asked = 'import soroi as so\nguess = so.shared("base", model="guess")\ncut = so.shared("base", threshold="cut")\n'
    asked += "own = so.threshold(guess, maximise=so.recall)\n"
    asked += (
        'ask = so.decision(cascade=[so.when_sure(own, error=0.4), cut], deadline="1s", positive="a", negative="b", '
    )
    asked += 'fail_safe="a")\n'
    pair = write(shop=asked)
    release(pair.base)
    made = pair.base.build("guess", set={"guess": {"strength": 0.01}})
    assert pair.base.project.stage(made.versions["guess"].id).manifest is None
    pair.base.project.waive("cut", reason="checked by hand")
    assert pair.base.project.stage("cut").manifest is not None
    pair.base.project.release()
    pair.shop.build()
    outcome = pair.shop.project.stage(everything=True)
    assert outcome.manifest is not None, outcome.report.reasons
    assert len(outcome.manifest.claims) == 1


def test_a_pinned_threshold_beside_followed_features_says_what_can_be_done(write: Callable[..., Pair]) -> None:
    pair = write()
    release(pair.base)
    picks = pair.base.project.manifest().picks
    cut = f'theirs = so.shared("base", threshold="{picks["cut"]}")\n'
    asked = USING.replace("cut = so.threshold", cut + "cut = so.threshold").replace("[cut]", "[theirs, cut]")
    (pair.shop.folder / "shop.py").write_text(asked.replace("[theirs,", "[so.when_sure(theirs, error=0.4),"))
    release(pair.shop)
    edit(pair.base.folder, 'items.select("id", "x")', 'items.select("id", x=pl.col("x") * 2.0)')
    release(pair.base)
    pair.shop.build()
    report = pair.shop.project.stage(everything=True).report
    assert {"base:guess", "base:cut"} <= set(report.behind)
    with pytest.raises(OutOfStepError) as caught:
        pair.shop.project.release()
    assert "base:guess" in str(caught.value.hint)
    assert "pin all of them" in str(caught.value.hint)
    pair.shop.build(behind=True)
    assert pair.shop.project.stage(behind=True).manifest is None, "it cannot be mended here"


def test_objects_that_are_elsewhere_are_refused_with_the_remedy(write: Callable[..., Pair]) -> None:
    pair = write()
    release(pair.base)
    pair.shop.close()
    toml = pair.shop.folder / "soroi.toml"
    toml.write_text(re.sub(r'objects = ".*"\n', "", toml.read_text()))
    apart = Pair(pair.base, type(pair.shop)(pair.shop.folder))
    result = apart.shop.attempt()
    assert {one.node for one in result.failed} == set(SHARED)
    assert "are not at" in str(result.nodes["base:basic"].reason)
    apart.shop.close()
