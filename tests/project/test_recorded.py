"""A new format of fingerprints alone makes nothing stale, and nothing falsely fresh."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from tests.projects import CODE, Maker, Tiny, built, edit

from soroi.base.digest import digest
from soroi.build.status import NodeStatus
from soroi.declare import behaviour_reach, fingerprint
from soroi.declare.behaviour import FORMAT
from soroi.declare.fingerprint import FIRST_FORMAT, format_of

STEP = '''"""A helper that is imported late."""

from math import floor as rounded


def step(frame):
    return frame if rounded(1.5) else frame
'''


def forged(kind: str, value: Any) -> str:
    """How an older format may have digested."""
    return digest(f"older-{kind}", {"older": value})


@pytest.fixture
def older(make: Maker, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """A project that was built and staged when fingerprints had another format."""
    code = CODE.replace('    return items.select("id", "x", "y")\n', "    return step(items).select('id', 'x', 'y')\n")
    assert code != CODE
    tiny = make(code.replace("import soroi as so\n", "import soroi as so\nfrom steps import step\n"))
    (tiny.folder / "steps.py").write_text(STEP)
    with monkeypatch.context() as patched:
        patched.setattr(fingerprint, "FORMAT", "behaviour/0")
        patched.setattr(fingerprint, "digest", forged)
        patched.setattr(behaviour_reach, "digest", forged)
        tiny.build()
        tiny.project.stage(everything=True)
    shutil.rmtree(tiny.project.config.store / "declared", ignore_errors=True)  # of another soroi, so not read again
    return tiny


def statuses(tiny: Tiny) -> dict[str, NodeStatus]:
    tiny.project.reload()
    return tiny.project.statuses()


def states(tiny: Tiny) -> set[str]:
    return {one.state.value for one in statuses(tiny).values()}


def test_a_version_says_in_which_format_it_was_fingerprinted(older: Tiny, make: Maker) -> None:
    record = older.project.versions("basic").records[0]
    assert record.fingerprint["format"] == "behaviour/0"
    tiny = make(name="present")
    assert tiny.build("basic").versions["basic"].fingerprint["format"] == FORMAT
    assert format_of({}) == FIRST_FORMAT


def test_a_change_of_format_alone_makes_nothing_stale(older: Tiny) -> None:
    assert states(older) == {"fresh"}


def test_what_does_not_count_does_not_count_across_formats_either(older: Tiny) -> None:
    edit(older.folder, '    """What is known of a thing."""\n', '    """Known things."""  # reworded\n')
    assert states(older) == {"fresh"}


@pytest.mark.parametrize(
    ("old", "new", "name", "told"),
    [
        ("C=strength).fit(X, y)", "C=strength / 2).fit(X, y)", "tiny.py", ""),
        ("else frame", "else frame.head(3)", "steps.py", "`step()` in steps.py, called by `basic`, changed"),
        ("import floor as", "import ceil as", "steps.py", "reads the same, but what a name in it stands for changed"),
    ],
)
def test_a_change_is_seen_across_formats(older: Tiny, old: str, new: str, name: str, told: str) -> None:
    path = older.folder / name
    path.write_text(path.read_text().replace(old, new, 1))
    node = "basic" if name == "steps.py" else "quick"
    found = statuses(older)[node]
    assert found.state == "stale"
    assert told in found.reasons[0].text


def test_parameters_and_options_are_compared_across_formats(older: Tiny) -> None:
    edit(older.folder, "train: pl.DataFrame, strength: float = 1.0", "train: pl.DataFrame, strength: float = 1.5")
    edit(older.folder, "out_of_fold=2", "out_of_fold=3")
    found = statuses(older)
    assert found["quick"].reasons[0].text == "the parameter strength=1.0 is now strength=1.5"
    assert found["careful"].reasons[0].text == "the option out_of_fold=2 is now out_of_fold=3"
    assert found["basic"].state == "fresh"


def test_a_library_is_compared_by_the_version_on_record(older: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    from soroi.project import parts

    monkeypatch.setattr(parts, "library_version", lambda top: f"{top}==9999")
    found = statuses(older)["quick"]
    assert found.state == "stale"
    assert any(one.text.startswith("the library sklearn changed: sklearn scikit-learn==") for one in found.reasons)


def test_what_cannot_be_compared_is_unknown_and_says_what_to_do(older: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    from soroi.base.errors import CorruptError
    from soroi.project import recorded

    def gone(*_: object) -> None:
        raise CorruptError("the captured code is gone")

    monkeypatch.setattr(recorded, "lay_out", gone)
    found = statuses(older)["basic"]
    assert found.state == "unknown"
    assert (
        "the format of fingerprints changed since it was built (behaviour/0, now behaviour/1)" in found.reasons[0].text
    )
    assert "the captured code is gone" in found.reasons[0].text
    assert found.reasons[0].facts["hint"] == "soroi build basic"


def test_a_build_after_the_format_changed_builds_once_with_equal_outputs_and_leaves_staging_in_step(
    older: Tiny,
) -> None:
    before = older.picks()
    result = older.build()
    assert "basic" in built(result)
    outputs = {one.id: one.output for name in before for one in older.project.versions(name).records}
    for name, version in before.items():
        assert outputs[version] == result.versions[name].output, name
    assert older.picks() == before
    assert older.project.plan().behind == ()
    assert states(older) == {"fresh"}
    assert built(older.build()) == set()
