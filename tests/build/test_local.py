"""The executor of real processes: each task apart from the others."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from tests.projects import FEBRUARY, SMALL, InlineExecutor, Maker, Tiny, edit, ids, states

from soroi.build.local import LocalExecutor

GUESS = '    """A slower guess."""\n'


@pytest.fixture(autouse=True)
def _workers_find_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(one for one in sys.path if one))


def test_it_builds_what_the_process_itself_would_build(make: Maker) -> None:
    here = make(SMALL, name="here").build(executor=InlineExecutor())
    there = make(SMALL, name="there").build(executor=LocalExecutor(2))
    assert ids(there.versions) == ids(here.versions)


@pytest.mark.parametrize(
    "end",
    [
        "import os; os._exit(7)",
        "import ctypes; ctypes.string_at(0)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ],
    ids=["exit", "segfault", "killed"],
)
def test_a_process_that_ends_fails_its_own_node_and_no_other(tiny: Tiny, end: str) -> None:
    edit(tiny.folder, GUESS, f"    import time; time.sleep(0.5)\n    {end}\n")
    edit(tiny.folder, '    """A fast guess."""\n', "    import time; time.sleep(1)\n    train = train.head(9999)\n")
    result = tiny.attempt("quick", "quick_cut", "careful", "careful_cut", executor=LocalExecutor(2))
    assert states(result) == {"quick": "built", "quick_cut": "reused", "careful": "failed", "careful_cut": "skipped"}
    error = result.nodes["careful"].error or {}
    assert "the process that built 'careful' ended without a word" in error["message"]
    assert "out of memory" in error["hint"]


def test_after_a_crash_the_same_process_takes_the_next_task(tiny: Tiny) -> None:
    edit(tiny.folder, GUESS, "    import os; os._exit(7)\n")
    result = tiny.attempt("careful", "quick", force=True, executor=LocalExecutor(1))
    assert states(result) == {"careful": "failed", "quick": "built"}


def test_what_a_function_prints_and_warns_is_its_log(tiny: Tiny) -> None:
    edit(
        tiny.folder,
        GUESS,
        '    import os, warnings\n    print("by python")\n'
        '    os.system("echo from below")\n    warnings.warn("careful now")\n',
    )
    result = tiny.attempt("careful", executor=LocalExecutor(1))
    assert result.ok
    log = result.nodes["careful"].log
    assert log is not None
    text = tiny.project.store.objects.get(log, what="the log").decode()
    assert "by python" in text
    assert "from below" in text
    assert "careful now" in text


def test_the_log_of_a_failure_holds_the_traceback(tiny: Tiny) -> None:
    edit(tiny.folder, GUESS, '    print("so far")\n    raise ValueError("no luck")\n')
    result = tiny.attempt("careful", executor=LocalExecutor(1))
    log = result.nodes["careful"].log
    assert log is not None
    text = tiny.project.store.objects.get(log, what="the log").decode()
    assert text.index("so far") < text.index("Traceback") < text.index("ValueError: no luck")
    assert str(tiny.folder / "tiny.py") in text


def test_an_error_that_cannot_travel_fails_its_node_only(tiny: Tiny) -> None:
    edit(
        tiny.folder,
        GUESS,
        '    class Odd(Exception):\n        def __init__(self, a, b): super().__init__("odd")\n    raise Odd(1, 2)\n',
    )
    result = tiny.attempt("careful", "quick", force=True, executor=LocalExecutor(2))
    assert states(result) == {"careful": "failed", "quick": "built"}
    assert "raised Odd: odd" in str(result.nodes["careful"].reason)


def test_a_function_runs_in_the_projects_folder(tiny: Tiny) -> None:
    edit(tiny.folder, GUESS, '    import pathlib\n    pathlib.Path("here.txt").write_text("x")\n')
    tiny.attempt("careful", executor=LocalExecutor(1))
    assert (tiny.folder / "here.txt").exists()


def test_workers_are_gone_when_the_build_ends_or_is_interrupted(tiny: Tiny) -> None:
    edit(tiny.folder, GUESS, "    import time; time.sleep(60)\n")
    mine = psutil.Process()
    before = {one.pid for one in mine.children(recursive=True)}

    def stop(node: str, status: str, note: str) -> None:
        if status == "running" and node == "quick":
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        tiny.attempt("careful", "quick", force=True, progress=stop, executor=LocalExecutor(2))
    assert time.monotonic() - started < 30
    left = [
        one
        for one in mine.children(recursive=True)
        if one.pid not in before and "resource_tracker" not in str(one.cmdline())
    ]
    assert left == []


# ── what ran is what is stamped ───────────────────────────────────────────────────────────────────────────────────


def test_code_edited_while_a_build_runs_is_not_stamped_on_it(tiny: Tiny) -> None:
    edit(tiny.folder, GUESS, '    import pathlib, time\n    pathlib.Path("begun").touch()\n    time.sleep(1.5)\n')
    written = (tiny.folder / "tiny.py").read_text()

    def change() -> None:
        while not (tiny.folder / "begun").exists():
            time.sleep(0.01)
        edit(tiny.folder, "strength: float = 2.0", "strength: float = 0.001")
        edit(tiny.folder, "so.precision >= 0.5)\nsecond_cut", "so.precision >= 0.9)\nsecond_cut")

    editor = threading.Thread(target=change)
    editor.start()
    result = tiny.attempt("careful", "careful_cut", executor=LocalExecutor(1))
    editor.join()
    careful, cut = result.versions["careful"], result.versions["careful_cut"]
    assert careful.facts["parameters"] == {"strength": 2.0}
    assert cut.facts["objective"]["subject_to"]["level"] == 0.5
    archive = tiny.project.store.objects.get(careful.code, what="code")
    assert written.encode() in archive
    now = tiny.statuses()
    assert now["careful"] == now["careful_cut"] == "stale"
    edit(tiny.folder, "strength: float = 0.001", "strength: float = 2.0")
    edit(tiny.folder, "so.precision >= 0.9)\nsecond_cut", "so.precision >= 0.5)\nsecond_cut")
    assert states(tiny.attempt("careful", "careful_cut")) == {"careful": "reused", "careful_cut": "reused"}


def test_a_second_builder_beside_the_first_does_no_harm(tiny: Tiny) -> None:
    other = Tiny(tiny.folder)
    results: list[dict[str, str]] = []

    def build(one: Tiny) -> None:
        results.append(
            ids(one.attempt("careful", "careful_cut", as_of=FEBRUARY, force=True, executor=LocalExecutor(1)).versions)
        )

    threads = [threading.Thread(target=build, args=(one,)) for one in (tiny, other)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    other.close()
    assert results[0] == results[1]
    assert {"careful", "careful_cut"} <= set(results[0])


def test_the_store_may_lie_among_the_code(make: Maker) -> None:
    config = '[project]\nname = "tiny"\nmodule = "tiny"\n[store]\npath = "kept"\n'
    tiny = make(SMALL, config=config)
    first = tiny.build().versions["guess"].code
    assert tiny.build("guess", force=True).versions["guess"].code == first
    assert len(list(Path(tiny.folder / "kept" / "code").iterdir())) == 1
