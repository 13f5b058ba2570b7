"""A byte changed in any artefact is told by name before it is used, and what can be made again is mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.projects import FEBRUARY, Tiny, flip, object_path

from soroi.base.errors import CorruptError, SoroiError
from soroi.build.code import lay_out
from soroi.store import VersionRecord


def record(tiny: Tiny, node: str) -> VersionRecord:
    found: VersionRecord = tiny.project.versions(node)[0]
    return found


def parts(tiny: Tiny, root: str) -> list[Path]:
    return [object_path(tiny.project, part.object) for part in tiny.project.store.tables.describe(root).parts]


def rows(node: str) -> Callable[[Tiny], Path]:
    return lambda tiny: parts(tiny, record(tiny, node).outputs["table"])[0]


def scores(part: str) -> Callable[[Tiny], Path]:
    return lambda tiny: parts(tiny, record(tiny, "careful").facts["scores"][part])[0]


def model_file(tiny: Tiny) -> Path:
    """What it scores with: the compiled scorer, not the estimator it was compiled from."""
    return object_path(tiny.project, record(tiny, "careful").outputs["scorer"])


@pytest.mark.parametrize(
    ("damaged", "node", "says"),
    [
        (rows("items"), "basic", "items@{items}: partition '2026-01' of table"),
        (rows("basic"), "examples", "basic@{basic}: partition"),
        (rows("examples"), "quick", "examples@{examples}: partition"),
        (scores("calibration"), "careful_cut", "the calibration scores of careful@{careful}"),
        (scores("test"), "careful_cut", "the test scores of careful@{careful}"),
        (scores("out_of_fold"), "second", "the out_of_fold scores of careful@{careful}"),
        (model_file, "second", "scorer of careful@{careful} is damaged"),
    ],
)
def test_a_damaged_input_is_named_and_nothing_is_built_from_it(
    tiny: Tiny, damaged: Callable[[Tiny], Path], node: str, says: str
) -> None:
    path = damaged(tiny)
    flip(path)
    result = tiny.attempt(node, force=True)
    (failed,) = result.failed
    assert failed.node == node
    assert failed.error is not None
    assert failed.error["code"] == "corrupt"
    known = {one: record(tiny, one).id.partition("@")[2] for one in tiny.project.graph.names}
    assert says.format(**known) in failed.error["message"]
    assert str(path) in failed.error["message"]
    assert failed.error["hint"]


@pytest.mark.parametrize("damaged", [rows("items"), rows("examples"), scores("calibration"), model_file])
def test_an_artefact_that_is_gone_is_named(tiny: Tiny, damaged: Callable[[Tiny], Path]) -> None:
    path = damaged(tiny)
    path.unlink()
    nodes = ["basic", "quick", "careful_cut", "second"]
    result = tiny.attempt(*nodes, force=True)
    assert any(str(path) in str(one.reason) for one in result.failed)


@pytest.mark.parametrize("at", [0, 100, -1])
@pytest.mark.parametrize("damaged", [rows("examples"), model_file])
def test_building_it_again_mends_it_under_the_same_id(tiny: Tiny, damaged: Callable[[Tiny], Path], at: int) -> None:
    before = record(tiny, "second").id
    flip(damaged(tiny), at)
    assert tiny.attempt("examples", "careful", force=True, as_of=FEBRUARY).ok
    assert tiny.build("second", force=True).versions["second"].id == before


def test_damaged_code_is_named_before_it_runs(tiny: Tiny) -> None:
    code = record(tiny, "careful").code
    flip(object_path(tiny.project, code))
    with pytest.raises(CorruptError, match=f"captured code {code[:12]} is damaged"):
        lay_out(tiny.project.store.objects, tiny.project.config.store, code)


def test_code_laid_out_and_changed_since_is_mended_before_it_runs(tiny: Tiny) -> None:
    code = record(tiny, "careful").code
    folder = lay_out(tiny.project.store.objects, tiny.project.config.store, code)
    (folder / "tiny.py").write_text("raise SystemExit\n")
    assert (lay_out(tiny.project.store.objects, tiny.project.config.store, code) / "tiny.py").read_text() == (
        tiny.folder / "tiny.py"
    ).read_text()


@pytest.mark.parametrize(
    ("node", "output"),
    [
        ("careful", "scorer"),
        ("careful", "canary"),
        ("careful_cut", "fit"),
        ("check", "plan"),
        ("basic", "code"),
    ],
)
def test_a_manifest_with_a_damaged_part_is_not_released(tiny: Tiny, node: str, output: str) -> None:
    from soroi.serve import judge_loads

    live = tiny.live()
    tiny.build("other", set={}, force=True)
    edit_and_stage(tiny)
    picked = tiny.project.version(tiny.picks()[node])
    digest = picked.code if output == "code" else picked.outputs[output]
    flip(object_path(tiny.project, digest))
    tiny.judge = lambda manifest: judge_loads(
        tiny.project.store, manifest.id, module=tiny.project.config.module, home=tiny.project.config.root
    )
    with pytest.raises(SoroiError) as told:
        tiny.project.release()
    assert told.value.code == "refused"
    wanted = picked.code[:12] if output == "code" else picked.id
    assert wanted in told.value.message
    assert tiny.live() == live


def edit_and_stage(tiny: Tiny) -> None:
    """Make a manifest that differs from the live one by a model."""
    result = tiny.build("quick", "quick_cut", "check", set={"quick": {"strength": 0.5}})
    assert tiny.project.stage(*(one.id for one in result.versions.values())).manifest is not None


def test_a_changed_manifest_is_named(tiny: Tiny) -> None:
    import sqlite3

    name = tiny.live()
    assert name is not None
    body = msgspec.json.encode({"format": 1, "picks": {}, "data": {}, "claims": []}).decode()
    tiny.close()
    with sqlite3.connect(tiny.folder / ".soroi" / "catalogue.sqlite") as direct:
        direct.execute("update manifests set body = ? where id = ?", (body, name))
    direct.close()
    with pytest.raises(CorruptError, match=f"manifest {name} is not what its id says"):
        tiny.project.manifest()
