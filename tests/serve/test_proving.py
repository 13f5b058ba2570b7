from __future__ import annotations

import os

import pytest
from tests.projects import Tiny, edit, flip, object_path

from soroi.serve.proving import Rehearsal, rehearse_apart


def rehearse(tiny: Tiny, limit: float = 120.0, asked: int = 0) -> Rehearsal:
    """Rehearse what is live."""
    manifest = tiny.project.manifest().id
    timed = {"check": asked} if asked else {}
    return rehearse_apart(tiny.project.store, manifest, module="tiny", home=tiny.folder, asked=timed, limit=limit)


def with_code(tiny: Tiny, line: str) -> None:
    """Release a set whose code does something at the top when a serving process loads it."""
    edit(tiny.folder, "import soroi as so\n", f"import soroi as so\nimport os, sys, time\n{line}\n")
    result = tiny.build("basic", upstream=True, force=True)
    assert result.ok
    tiny.build()
    tiny.project.stage(everything=True)
    tiny.project.release()


def test_a_process_of_its_own_loads_answers_and_is_timed(tiny: Tiny) -> None:
    found = rehearse(tiny, asked=320)
    assert found.finding.passed, list(found.finding.reason.lines())
    timing = found.timings["check"]
    assert 299 <= len(timing.milliseconds) <= 320
    assert all(0 < one < 10_000 for one in timing.milliseconds)
    assert set(found.timings) == {"check"}


def test_a_damaged_model_does_not_load_and_it_is_named(tiny: Tiny) -> None:
    model = tiny.project.version(tiny.project.manifest().picks["quick"])
    flip(object_path(tiny.project, next(v for k, v in model.outputs.items() if k.startswith("file:"))))
    found = rehearse(tiny)
    assert found.finding.outcome == "fail"
    assert "does not load here" in found.finding.reason.text
    assert model.id in " ".join(found.finding.reason.lines())


GUARD = "if os.environ.get('SOROI_TEST_TROUBLE'): "


@pytest.mark.parametrize(
    ("trouble", "says", "last"),
    [
        ("os.kill(os.getpid(), 9)", "was ended by SIGKILL", None),
        ("sys.stderr.write('the last word\\n'); sys.stderr.flush(); os._exit(7)", "exit status 7", "the last word"),
        ("time.sleep(60)", "was not done after", None),
    ],
)
def test_a_process_that_is_taken_down_or_hangs_is_an_error_with_its_last_words(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, trouble: str, says: str, last: str | None
) -> None:
    with_code(tiny, GUARD + trouble)
    monkeypatch.setenv("SOROI_TEST_TROUBLE", "1")
    found = rehearse(tiny, limit=15.0 if "sleep" in trouble else 120.0)
    assert found.finding.outcome == "error"
    assert says in found.finding.reason.text
    assert last is None or last in " ".join(found.finding.reason.lines())
    assert os.getpid() > 0, "and here we are"


def test_the_project_judges_by_a_process_and_starts_one_for_loading_and_latency(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(
        tiny.folder,
        "    fallbacks=[rule],\n",
        '    fallbacks=[rule],\n    judged_by=[so.latency("5s", requests=300)],\n',
    )
    monkeypatch.delattr(tiny.project, "_judges")
    tiny.project.reload()
    started: list[str] = []
    from soroi.serve import proving

    real = rehearse_apart

    def counting(*arguments: object, **options: object) -> Rehearsal:
        started.append("one")
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(proving, "rehearse_apart", counting)
    made, standing = tiny.project.judge(again=True)
    outcomes = {one.gate: one.outcome for one in made}
    assert outcomes == {"in step": "pass", "loads and answers": "pass", "latency:check": "pass"}
    assert started == ["one"]
    assert standing.holds
    (figure,) = next(one.figures for one in made if one.gate == "latency:check")
    assert figure["low"] <= figure["value"] <= figure["high"]
