from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.commands import Run

from soroi.base.errors import ConflictError, DeclarationError, OutOfStepError, SoroiError
from soroi.cli.failure import report


def test_an_error_is_told_as_message_place_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    error = DeclarationError("'quick' has no target", hint="give target=", where="shop.py:12")
    assert report(error, []) == 2
    said = capsys.readouterr().err
    assert "error (declaration) 'quick' has no target" in said
    assert "at   shop.py:12" in said
    assert "hint give target=" in said


@pytest.mark.parametrize(("kind", "status"), [(SoroiError, 1), (OutOfStepError, 3), (ConflictError, 4)])
def test_the_status_is_that_of_the_kind_of_error(
    kind: type[SoroiError], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(kind("no"), []) == status


def test_an_unforeseen_error_shows_no_traceback_unless_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOROI_TRACEBACK", raising=False)
    assert report(KeyError("lost"), []) == 70
    assert "Traceback" not in capsys.readouterr().err
    try:
        raise KeyError("lost")
    except KeyError as error:
        report(error, ["--traceback"])
    assert "Traceback" in capsys.readouterr().err


def test_brackets_in_a_message_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    report(SoroiError("careful[part] and [bold]x[/bold]"), [])
    assert "careful[part] and [bold]x[/bold]" in capsys.readouterr().err


def test_with_json_an_error_is_the_document(run: Run, tmp_path: Path) -> None:
    done = run("status", "--json", "--project", tmp_path)
    assert done.code == 2
    assert done.data["error"]["code"] == "config"
    assert done.data["error"]["hint"]
    assert done.err == ""


def test_a_wrong_option_names_the_help(run: Run) -> None:
    done = run("build", "--nope")
    assert done.code == 2
    assert "--nope" in done.err
    assert "soroi build --help" in done.err


def test_a_wrong_command_names_the_nearest(run: Run) -> None:
    done = run("bild")
    assert done.code == 2
    assert "did you mean 'build'?" in done.err


def test_a_stop_from_the_keyboard_has_its_own_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(KeyboardInterrupt(), []) == 130
    assert "what was finished is kept" in capsys.readouterr().err
