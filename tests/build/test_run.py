from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import polars as pl
import pytest
from tests.projects import FEBRUARY, LATER, SMALL, InlineExecutor, Maker, Tiny, built, edit, ids, names_of, states

from soroi.base.errors import BuildError, DeclarationError, UnknownNameError
from soroi.base.runtime import CountingIds, ManualClock, Runtime
from soroi.build.request import BuildRequest
from soroi.build.run import Run
from soroi.build.work import WorkPlan
from soroi.project.building import Building
from soroi.store import RunRecord

ALL = {
    "items", "outcomes", "basic", "examples", "quick", "careful", "second",
    "quick_cut", "careful_cut", "second_cut", "check", "other",
}  # fmt: skip


# ── what is run, and what is reused ───────────────────────────────────────────────────────────────────────────────


def test_a_first_build_runs_every_node_and_a_second_runs_none(make: Maker) -> None:
    tiny = make()
    first = tiny.build()
    assert built(first) == ALL
    second = tiny.build()
    assert states(second) == dict.fromkeys(ALL, "reused")
    assert ids(second.versions) == ids(first.versions)


def test_another_process_reuses_what_was_built(tiny: Tiny) -> None:
    program = (
        "import soroi as so\n"
        f"from tests.projects import InlineExecutor\np = so.open({str(tiny.folder)!r})\n"
        f"r = p.build(as_of='{FEBRUARY}', executor=InlineExecutor())\n"
        "print(sorted(one.version for one in r.nodes.values()), {one.status for one in r.nodes.values()})"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert told.stdout == f"{sorted(ids(tiny.build(as_of=FEBRUARY).versions).values())} {{'reused'}}\n"


def test_forced_to_run_again_the_same_inputs_give_the_same_versions(tiny: Tiny) -> None:
    before = ids(tiny.build(as_of=FEBRUARY).versions)
    again = tiny.build(as_of=FEBRUARY, force=True)
    assert {one.status for one in again.nodes.values()} == {"built", "reused"}
    assert ids(again.versions) == before
    assert len(tiny.project.versions("careful")) == 1


def test_the_same_inputs_give_the_same_versions_in_another_place_and_process(make: Maker, tmp_path: Path) -> None:
    here = make(name="here").build(as_of=FEBRUARY)
    make(name="there").close()
    program = (
        "import os; os.environ['PYTHONHASHSEED'] = '7'\n"
        f"from tests.projects import Tiny, ids\nfrom pathlib import Path\nt = Tiny(Path({str(tmp_path / 'there')!r}))\n"
        f"print(sorted(ids(t.build(as_of='{FEBRUARY}').versions).values()))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "7"},
    )
    assert told.stdout == f"{sorted(ids(here.versions).values())}\n"


def test_rows_in_another_order_and_other_chunks_are_the_same_data(tiny: Tiny) -> None:
    before = ids(tiny.build(as_of=FEBRUARY).versions)
    for name in ("items.csv", "outcomes.csv"):
        rows = pl.read_csv(tiny.folder / name)
        rows.sample(fraction=1.0, shuffle=True, seed=3).write_csv(tiny.folder / name)
    edit(
        tiny.folder,
        'return read("items.csv").select',
        'half = read("items.csv")\n    return pl.concat([half.tail(900), half.head(1500)]).select',
    )
    result = tiny.build(as_of=FEBRUARY)
    assert built(result) == {"items"}, "its function is another one, and its output is not"
    assert {node: v for node, v in ids(result.versions).items() if node != "items"} == {
        node: v for node, v in before.items() if node != "items"
    }


def test_a_source_whose_files_did_not_change_is_not_read(tiny: Tiny) -> None:
    executor = InlineExecutor()
    tiny.build(as_of=FEBRUARY, executor=executor)
    assert executor.ran == []


def test_a_refresh_reads_the_sources_again_and_finds_the_same_data(tiny: Tiny) -> None:
    executor = InlineExecutor()
    result = tiny.build(as_of=FEBRUARY, refresh=True, executor=executor)
    assert sorted(executor.ran) == ["items", "outcomes"]
    assert result.nodes["items"].reason == "the data did not change"
    assert built(result) == set()


def test_a_touched_file_is_read_again_and_stops_there(tiny: Tiny) -> None:
    os.utime(tiny.folder / "items.csv", (1, 1))
    executor = InlineExecutor()
    assert built(tiny.build(as_of=FEBRUARY, executor=executor)) == set()
    assert executor.ran == ["items"]


# ── equal output stops the chain ──────────────────────────────────────────────────────────────────────────────────


def test_a_refactored_source_with_equal_rows_stops_the_chain(tiny: Tiny) -> None:
    edit(
        tiny.folder,
        'return read("items.csv").select("id", "at", "x", "y")',
        'rows = read("items.csv")\n    return rows.select("id", "at", "x", "y")',
    )
    assert tiny.statuses()["items"] == "stale"
    assert built(tiny.build(as_of=FEBRUARY)) == {"items"}
    assert set(tiny.statuses().values()) == {"fresh"}


def test_refactored_features_with_equal_rows_leave_a_claim_and_build_nothing_below(tiny: Tiny) -> None:
    edit(tiny.folder, 'return items.select("id", "x", "y")', 'return items.select("id", pl.col("x") * 1, "y")')
    result = tiny.build("careful", upstream=True, as_of=FEBRUARY)
    assert built(result) == {"basic"}
    with tiny.project.store.catalogue.read() as tx:
        (claim,) = tx.claims.all()
        events = tx.events.list(kind="claim.recorded")
    assert (claim.kind, claim.node) == ("equal-output", "basic")
    assert result.versions["basic"].id in claim.evidence["versions"]
    assert [one.subject for one in events] == [claim.id]


def test_a_claim_lets_the_refactored_features_be_staged_alone(tiny: Tiny) -> None:
    edit(tiny.folder, 'return items.select("id", "x", "y")', 'return items.select("id", pl.col("x") * 1, "y")')
    proof = tiny.build("basic").versions["basic"]
    newer = tiny.build("basic", as_of=LATER).versions["basic"]
    assert newer.output != proof.output
    outcome = tiny.project.stage(newer.id)
    assert outcome.manifest is not None
    assert outcome.manifest.picks["basic"] == newer.id
    assert len(outcome.manifest.claims) == 1


def test_features_that_compute_something_else_put_everything_behind(tiny: Tiny) -> None:
    edit(tiny.folder, 'return items.select("id", "x", "y")', 'return items.select("id", pl.col("x") + 1, "y")')
    new = tiny.build("basic").versions["basic"]
    outcome = tiny.project.stage(new.id)
    assert outcome.manifest is None
    assert set(outcome.report.behind) == {
        "quick",
        "careful",
        "second",
        "quick_cut",
        "careful_cut",
        "second_cut",
        "check",
    }


# ── from where inputs are taken ───────────────────────────────────────────────────────────────────────────────────


def test_a_build_takes_what_is_staged_and_runs_only_what_was_asked(tiny: Tiny) -> None:
    result = tiny.build("careful", set={"careful": {"strength": 0.1}})
    assert states(result) == {"careful": "built"}
    assert result.versions["careful"].overrides == {"strength": 0.1}
    assert result.versions["careful"].facts["parameters"] == {"strength": 0.1}


def test_what_the_same_run_built_comes_before_what_is_staged(tiny: Tiny) -> None:
    result = tiny.build("careful", "careful_cut", set={"careful": {"strength": 0.1}})
    (edge,) = result.versions["careful_cut"].edges
    assert edge.producer == result.versions["careful"].id


def test_what_lies_between_two_nodes_is_built_too(tiny: Tiny) -> None:
    result = tiny.build("careful", "second_cut", set={"careful": {"strength": 0.1}})
    assert set(result.nodes) == {"careful", "second", "second_cut"}
    assert built(result) == {"careful", "second", "second_cut"}


def test_between_a_source_and_a_model_the_other_inputs_are_taken_from_staging(tiny: Tiny) -> None:
    result = tiny.build("items", "careful", as_of=None)
    assert set(result.nodes) == {"items", "basic", "examples", "careful"}


def test_what_the_caller_names_comes_first(tiny: Tiny) -> None:
    other = tiny.build("careful", set={"careful": {"strength": 0.1}}).versions["careful"]
    result = tiny.build("careful_cut", use=[other.id])
    assert states(result) == {"careful_cut": "built"}
    assert result.versions["careful_cut"].edges[0].producer == other.id


def test_a_data_version_that_the_caller_names_is_used_all_the_way_down(tiny: Tiny) -> None:
    newer = tiny.build("items", "outcomes", as_of=LATER).versions
    result = tiny.build("careful", use=[newer["items"].id, newer["outcomes"].id])
    assert set(result.nodes) == {"basic", "examples", "careful"}
    assert result.versions["examples"].watermark == newer["outcomes"].watermark


def test_production_is_taken_where_staging_has_nothing(tiny: Tiny) -> None:
    tiny.project.stage(remove=["careful", "careful_cut", "check"])
    result = tiny.build("careful_cut", force=True)
    assert set(result.nodes) == {"careful_cut"}


def test_what_is_nowhere_is_built_first(make: Maker) -> None:
    assert built(make().build("quick_cut")) == {"items", "outcomes", "basic", "examples", "quick", "quick_cut"}


def test_upstream_brings_everything_above_up_to_date(tiny: Tiny) -> None:
    result = tiny.build("second_cut", upstream=True, as_of=LATER)
    assert built(result) == {"items", "outcomes", "basic", "examples", "careful", "second", "second_cut"}


def test_as_of_looks_at_the_data_again_but_leaves_other_models_alone(tiny: Tiny) -> None:
    before = tiny.picks()
    result = tiny.build("second", as_of=LATER)
    assert built(result) == {"items", "outcomes", "basic", "examples", "second"}
    assert before["careful"] in {edge.producer for edge in result.versions["second"].edges}


def test_only_what_was_known_before_as_of_is_used(make: Maker) -> None:
    tiny = make()
    versions = tiny.build("examples", as_of=FEBRUARY).versions
    rows = tiny.project.store.tables.read(versions["outcomes"].outputs["table"])
    assert str(rows["known"].max()) == "2026-01-31 23:30:00+00:00"
    assert rows.height == versions["items"].facts["rows"] - 10, "what became of the last five hours is not known yet"


# ── nothing but candidates ────────────────────────────────────────────────────────────────────────────────────────


def test_training_moves_nothing_that_is_staged_or_live(tiny: Tiny) -> None:
    picks, live = tiny.picks(), tiny.live()
    for strength in (0.1, 0.2, 0.3):
        tiny.build("careful", set={"careful": {"strength": strength}})
    assert (tiny.picks(), tiny.live()) == (picks, live)


def test_a_failed_node_stops_only_what_depends_on_it(tiny: Tiny) -> None:
    edit(tiny.folder, '    """A slower guess."""', '    raise ValueError("no luck")')
    result = tiny.attempt(as_of=LATER)
    assert states(result) == {
        "items": "built", "outcomes": "built", "basic": "built", "examples": "built", "quick": "built",
        "quick_cut": "built", "check": "built", "other": "reused",
        "careful": "failed", "careful_cut": "skipped", "second": "skipped", "second_cut": "skipped",
    }  # fmt: skip
    assert not result.ok
    assert result.nodes["second_cut"].reason == "'second', which it rests on, was not built"


def test_the_next_build_goes_on_where_a_failed_one_stopped(tiny: Tiny) -> None:
    edit(tiny.folder, '    """A slower guess."""', '    raise ValueError("no luck")')
    tiny.attempt(as_of=LATER)
    edit(tiny.folder, '    raise ValueError("no luck")', '    """A slower guess."""')
    assert built(tiny.build(as_of=LATER)) == {"careful", "careful_cut", "second", "second_cut"}


def test_a_library_that_panics_fails_its_node_only(tiny: Tiny) -> None:
    panic = '    raise type("PanicException", (BaseException,), {})("index out of bounds")'
    edit(tiny.folder, '    """A slower guess."""', panic)
    result = tiny.attempt("quick", "careful", force=True)
    assert states(result) == {"quick": "built", "careful": "failed"}
    assert "PanicException: index out of bounds" in (result.nodes["careful"].reason or "")


def test_a_function_that_ends_the_process_fails_its_node_only(tiny: Tiny) -> None:
    edit(tiny.folder, '    """A slower guess."""', "    raise SystemExit(3)")
    result = tiny.attempt("quick", "careful", force=True)
    assert states(result) == {"quick": "built", "careful": "failed"}


# ── what is recorded ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_is_recorded_with_what_was_asked_and_what_came_of_it(tiny: Tiny) -> None:
    result = tiny.build("careful", "careful_cut", set={"careful": {"strength": 0.1}})
    with tiny.project.store.catalogue.read() as tx:
        run = tx.runs.get(result.id)
        nodes = {one.node: one for one in tx.runs.nodes(result.id)}
        events = tx.events.list(kind="version.built")
    assert run.status == "done"
    assert run.request["nodes"] == ["careful", "careful_cut"]
    assert run.request["scope"] == ["careful", "careful_cut"]
    assert run.request["overrides"] == {"careful": {"strength": 0.1}}
    assert run.finished_at is not None
    assert {node: one.version for node, one in nodes.items()} == ids(result.versions)
    assert [one.subject for one in events][-2:] == list(ids(result.versions).values())


def test_a_failed_run_is_recorded_with_the_error_and_the_log(tiny: Tiny) -> None:
    edit(tiny.folder, '    """A slower guess."""', '    raise ValueError("no luck")')
    result = tiny.attempt("careful")
    with tiny.project.store.catalogue.read() as tx:
        run = tx.runs.get(result.id)
        (node,) = tx.runs.nodes(result.id)
    assert run.status == "failed"
    assert node.error is not None
    assert node.error["code"] == "build"
    line = next(n for n, text in enumerate((tiny.folder / "tiny.py").read_text().split("\n"), 1) if "no luck" in text)
    assert node.error["where"] == f"tiny.py:{line}"
    assert node.log is not None or "traceback" not in node.error


def test_progress_is_told_of_each_change(tiny: Tiny) -> None:
    told: list[tuple[str, str, str]] = []
    tiny.build("careful", "careful_cut", set={"careful": {"strength": 0.1}}, progress=lambda *one: told.append(one))
    assert [one[:2] for one in told] == [
        ("careful", "running"),
        ("careful", "built"),
        ("careful_cut", "running"),
        ("careful_cut", "built"),
    ]
    assert told[1][2].startswith("roc_auc 0.")


def test_a_result_is_plain_data(tiny: Tiny) -> None:
    body = tiny.build("careful").to_dict()
    assert body["ok"] is True
    assert body["nodes"]["careful"]["status"] == "reused"
    msgspec.json.encode(body)


def test_a_run_whose_process_is_gone_is_marked_by_the_next(tiny: Tiny) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    store, now = tiny.project.store, tiny.project.runtime.clock.now()
    import socket

    with store.catalogue.write() as tx:
        for name, pid in (("gone", dead.pid), ("mine", os.getpid())):
            tx.runs.start(
                RunRecord(id=f"run_{name}", request={}, by="x", host=socket.gethostname(), pid=pid, started_at=now)
            )
        tx.runs.start(RunRecord(id="run_elsewhere", request={}, by="x", host="elsewhere", pid=dead.pid, started_at=now))
    tiny.build("careful")
    with store.catalogue.read() as tx:
        assert tx.runs.get("run_gone").status == "interrupted"
        assert {one.id for one in tx.runs.open()} == {"run_mine", "run_elsewhere"}
        assert names_of(tx.events.list(), "run.interrupted") == [{"pid": dead.pid}]


def test_a_build_that_is_interrupted_says_so_and_keeps_what_was_finished(make: Maker) -> None:
    tiny = make(SMALL)

    def stop(node: str, status: str, note: str) -> None:
        if (node, status) == ("examples", "built"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny.build(progress=stop)
    with tiny.project.store.catalogue.read() as tx:
        assert [one.status for one in tx.runs.recent(1)] == ["interrupted"]
    assert built(tiny.build()) == {"guess", "cut"}


def test_ids_and_times_come_from_the_runtime(make: Maker, tmp_path: Path) -> None:
    make(SMALL).close()
    tiny = Tiny(tmp_path / "tiny", runtime=Runtime(clock=ManualClock(), ids=CountingIds(), actor="ann"))
    result = tiny.build()
    assert result.id.startswith("run_0")
    record = result.versions["guess"]
    assert (record.by, record.at, record.run) == ("ann", ManualClock().at, result.id)
    tiny.close()


def test_a_plan_that_cannot_go_on_is_an_error_and_no_endless_loop(tiny: Tiny) -> None:
    project = tiny.project
    code = Building(project.config, project.store, project.runtime)._run_code
    broken = WorkPlan(("careful",), {}, frozenset({"careful"}))
    run = Run(tiny.project.store, code, broken, BuildRequest(("careful",)), {}, runtime=tiny.project.runtime)
    with pytest.raises(BuildError, match="cannot go on: careful"):
        run.go(InlineExecutor())


# ── what is asked wrongly ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("nodes", "options", "kind", "says"),
    [
        (("carful",), {}, UnknownNameError, "did you mean 'careful'?"),
        ((), {"use": ["careful@000000000000"]}, UnknownNameError, "careful@000000000000"),
        (("careful",), {"set": {"carful": {"strength": 1}}}, UnknownNameError, "did you mean 'careful'?"),
        (("careful",), {"set": {"careful": {"strngth": 1.0}}}, DeclarationError, "did you mean 'strength'?"),
        (("careful",), {"set": {"careful": {"strength": "much"}}}, DeclarationError, "give a float"),
        (("careful",), {"set": {"careful": {"strength": True}}}, DeclarationError, "give a float"),
        (("second",), {"set": {"second": {"depth": 1}}}, DeclarationError, "a keyword parameter with a default"),
    ],
)
def test_a_request_that_cannot_be_is_refused_before_anything_runs(
    tiny: Tiny, nodes: tuple[str, ...], options: dict[str, object], kind: type[Exception], says: str
) -> None:
    with tiny.project.store.catalogue.read() as tx:
        before = len(tx.runs.recent(10))
    with pytest.raises(kind, match=says):
        tiny.build(*nodes, **options)
    with tiny.project.store.catalogue.read() as tx:
        assert len(tx.runs.recent(10)) == before


def test_a_whole_number_will_do_for_a_fraction(tiny: Tiny) -> None:
    assert tiny.build("careful", set={"careful": {"strength": 3}}).versions["careful"].overrides == {"strength": 3}


def test_code_that_does_not_load_stops_a_build_before_it_begins(tiny: Tiny) -> None:
    (tiny.folder / "tiny.py").write_text(textwrap.dedent("import soroi as so\n1 / 0\n"))
    with pytest.raises(DeclarationError, match=r"tiny\.py:2"):
        tiny.build()
