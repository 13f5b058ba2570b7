from __future__ import annotations

import json
from pathlib import Path

from tests.cli.commands import Run


def test_a_file_is_decided_on_and_its_answers_are_replayed(run: Run, released: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    done = run("decide", "show_expert", "--input", "tickets", "--output", output, "-p", released, "--json")
    assert done.code == 0, done.err
    answers = [json.loads(line) for line in output.read_text().splitlines()]
    assert done.data["rows"] == len(answers) > 10
    assert sum(done.data["actions"].values()) == len(answers)
    again = run("trace", answers[0]["answer"], "--replay", "-p", released)
    assert again.code == 0, again.out
    assert "to the last bit" in again.out
    assert run("trace", answers[1]["answer"], "--replay", "-p", released, "--json").data["equal"] is True


def test_it_says_in_words_what_was_decided(run: Run, released: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    done = run("decide", "show_expert", "--input", "tickets", "--output", output, "-p", released, "--no-record")
    assert "rows decided by m" in done.out
    assert "share" in done.out


def test_a_file_that_is_not_there_is_named(run: Run, released: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    done = run("decide", "show_expert", "--input", "nowhere.csv", "--output", output, "-p", released)
    assert done.code == 2
    assert "no file nowhere.csv" in done.err
