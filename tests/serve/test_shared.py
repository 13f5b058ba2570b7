"""Features and models of other projects answer as one's own do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.http.conftest import answering
from tests.pairs import CONFIG, release
from tests.projects import Tiny, edit
from tests.serve.serving_project import CODE, END, visit, write

from soroi.base.errors import RefusedError, RequestError
from soroi.base.runtime import ManualClock, Runtime
from soroi.codebase import read_config
from soroi.http import open_service
from soroi.serve import Answer, Engine, judge_loads, load_snapshot
from soroi.store import AnswerLog, RowLog

PUBLIC = re.sub(r"@so\.(source|features|model)\((.*)\)\n", r'@so.\1(\2, access="public")\n', CODE)

NAMES = {"source": ("visits", "results", "shops"), "features": ("plain", "basket", "recent")}
SHARED = "".join(f'{name} = so.shared("base", {kind}="{name}")\n' for kind, names in NAMES.items() for name in names)
OWN = "\n".join(
    block
    for block in CODE.split("\n\n\n")
    if not block.startswith(("@so.source", "@so.features", "def read", "def counted"))
)
USING = OWN.replace("import soroi as so\n", f"import soroi as so\n\n{SHARED}\n", 1)
"""The same project, with every source and all features taken from the other one."""


@dataclass
class Both:
    """The project, and one that answers the same with its features."""

    own: Tiny
    using: Tiny

    def engine(self, tiny: Tiny) -> Engine:
        """An engine that answers with what is live."""
        project = tiny.project
        module = project.config.module
        snapshot = load_snapshot(project.store, project.manifest(), module=module, home=tiny.folder)
        root = project.config.store
        made = Engine(AnswerLog(root), RowLog(root), runtime=Runtime(clock=ManualClock(END)))
        made.switch(snapshot, environment="production", revision=1)
        return made


@pytest.fixture(scope="module")
def _written(tmp_path_factory: pytest.TempPathFactory, few_threads: None) -> Path:
    root = tmp_path_factory.mktemp("both")
    own = write(root / "base", PUBLIC)
    (own / "soroi.toml").write_text(CONFIG.format(name="base", module="shops", store=root))
    (root / "asks").mkdir()
    (root / "asks" / "asks.py").write_text(USING)
    (root / "asks" / "soroi.toml").write_text(CONFIG.format(name="asks", module="asks", store=root))
    for folder in (own, root / "asks"):
        tiny = Tiny(folder)
        release(tiny)
        tiny.close()
    return root


@pytest.fixture
def both(_written: Path, tmp_path: Path) -> Iterator[Both]:
    shutil.copytree(_written, tmp_path / "both")
    for toml in (tmp_path / "both").glob("*/soroi.toml"):
        toml.write_text(toml.read_text().replace(str(_written), str(tmp_path / "both")))
    opened = Both(Tiny(tmp_path / "both" / "base"), Tiny(tmp_path / "both" / "asks"))
    yield opened
    opened.own.close()
    opened.using.close()


def said(answers: list[Answer]) -> list[tuple[object, ...]]:
    """All that an answer says, but for ids and names."""
    return [
        (one.action, one.score, one.threshold, one.confidence, [(step.kind, step.outcome) for step in one.path])
        for one in answers
    ]


def seen(engine: Engine) -> int:
    """How many earlier visits the features of a row counted."""
    (answer,) = engine.decide("hold", [visit()])
    engine.answers.flush()
    record = engine.answers.find(answer.id)
    assert record is not None
    return int(record["features"]["seen"])


ROWS = [visit(visit=f"n{at}", shop=f"s{at % 4}", amount=at / 7 - 1.5, items=at % 9 + 1) for at in range(24)]
ROWS += [visit(visit="odd", items=666), visit(visit="none", amount=None), visit(visit="rude", shop="rude")]


def test_the_answers_are_the_same_whether_features_are_own_or_shared(both: Both) -> None:
    own, using = both.engine(both.own), both.engine(both.using)
    for decision in ("check", "hold"):
        expected = said(own.decide(decision, ROWS))
        assert said(using.decide(decision, ROWS)) == expected
        assert len({one[1] for one in expected}) > 5, "they are not all alike"
    own.close()
    using.close()


def test_rows_of_their_sources_are_taken_in_and_count(both: Both) -> None:
    own, using = both.engine(both.own), both.engine(both.using)
    before = seen(own), seen(using)
    assert before[0] == before[1]
    late = [
        {"visit": f"r{at}", "at": "2026-02-05T10:00:00Z", "known": "2026-02-05T11:00:00Z", "shop": "s1"}
        | {"loss": 40.0, "bad": True}
        for at in range(5)
    ]
    assert own.ingest("results", late).accepted == 5
    assert using.ingest("base:results", late).accepted == 5
    assert (seen(own), seen(using)) == (before[0] + 5, before[0] + 5)
    assert said(using.decide("hold", ROWS)) == said(own.decide("hold", ROWS))
    with pytest.raises(RequestError):
        using.ingest("base:results", [{"visit": "x"}])
    own.close()
    using.close()
    again = both.engine(both.using)
    assert seen(again) == before[0] + 5, "the rows are there after a restart"
    again.close()


def test_they_are_taken_in_and_answered_over_http(both: Both) -> None:
    service = open_service(read_config(both.using.folder))
    service.follower.look()
    with answering(service) as client:
        names = {one["name"] for one in client.get("/sources").json()["sources"]}
        assert names == {"base:visits", "base:results", "base:shops"}
        row = {"visit": "w", "at": "2026-02-05T10:00:00Z", "known": "2026-02-05T11:00:00Z", "shop": "s1"}
        body = {"rows": [row | {"loss": 40.0, "bad": True}]}
        reply = client.post("/sources/base:results/rows", json=body)
        assert (reply.status_code, reply.json()) == (200, {"accepted": 1, "known": 0})
        assert client.post("/sources/base%3Aresults/rows", json=body).json()["known"] == 1
        assert client.get("/decisions/check").json()["source"] == "base:visits"
        answer: httpx.Response = client.post("/decisions/check", json={"row": visit()})
        assert answer.status_code == 200
        versions = {node for step in answer.json()["answer"]["path"] for node in step["versions"]}
        assert "base:plain" in versions


def test_code_of_the_other_project_is_read_from_what_was_captured_and_not_from_its_folder(both: Both) -> None:
    before = both.engine(both.using)
    expected = said(before.decide("check", ROWS))
    before.close()
    (both.own.folder / "shops.py").write_text("raise RuntimeError('broken meanwhile')\n")
    again = both.engine(both.using)
    assert said(again.decide("check", ROWS)) == expected
    again.close()
    shutil.rmtree(both.own.folder)
    gone = both.engine(both.using)
    assert said(gone.decide("check", ROWS)) == expected
    gone.close()


def test_a_manifest_with_shared_features_is_judged_like_any_other(both: Both) -> None:
    project = both.using.project
    found = judge_loads(project.store, project.manifest().id, module="asks", home=both.using.folder)
    assert found.passed, list(found.reason.lines())


def test_a_version_that_does_not_say_its_module_is_refused_with_a_remedy(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soroi.serve.loading import _Loading

    record = both.using.project.version(both.using.project.manifest().picks["base:plain"])
    loading = _Loading(both.using.project.store, both.using.project.manifest(), "asks", both.using.folder)
    record.environment.pop("module")
    with pytest.raises(RefusedError, match="does not say in which module") as caught:
        loading._place(record)
    assert "--force" in str(caught.value.hint)


def test_a_model_on_models_of_the_other_project_answers_as_there(both: Both) -> None:
    asked = '"""Only asks."""\n\nimport soroi as so\n\nsecond = so.shared("base", model="second")\n'
    asked += "second_cut = so.threshold(second, maximise=so.f1)\n"
    asked += CODE[CODE.index("hold = so.decision(") :]
    (both.using.folder / "asks.py").write_text(asked)
    release(both.using)
    picks = both.using.project.manifest().picks
    expected = {"base:second", "base:careful", "base:plain", "base:recent", "second_cut", "hold"}
    assert set(picks) == expected, "the models it scores with and their features come along"
    own, using = both.engine(both.own), both.engine(both.using)
    assert said(using.decide("hold", ROWS)) == said(own.decide("hold", ROWS))
    own.close()
    using.close()


def test_another_release_there_is_answered_with_only_when_it_is_released_here(both: Both) -> None:
    edit(both.own.folder, "return float(items)", "return 2.0 * float(items)", name="shops.py")
    release(both.own)
    using = both.engine(both.using)
    held = said(using.decide("check", ROWS))
    release(both.using)
    own, fresh = both.engine(both.own), both.engine(both.using)
    assert said(fresh.decide("check", ROWS)) == said(own.decide("check", ROWS))
    assert said(using.decide("check", ROWS)) == held
    for engine in (own, using, fresh):
        engine.close()
