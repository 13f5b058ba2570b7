from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from soroi.cli.common import Common
from soroi.cli.output import guarded, show, table


def test_with_json_only_the_document_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded(True):
        print("noise of a project's own code")
        show(Common(json=True), {"a": np.float64(1.5)}, "not shown")
    out, err = capsys.readouterr()
    assert out == '{\n  "a": 1.5\n}\n'
    assert err == "noise of a project's own code\n"


def test_text_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show(Common(), {}, "interval [0.1, 0.2] :smile:", table(("a", "b"), [["[x]", "1"]]))
    out = capsys.readouterr().out
    assert "interval [0.1, 0.2] :smile:" in out
    assert "[x]" in out


def test_standard_output_is_given_back() -> None:
    before = sys.stdout
    sys.stdout = io.StringIO()
    try:
        with guarded(True):
            assert sys.stdout is sys.stderr
        assert isinstance(sys.stdout, io.StringIO)
    finally:
        sys.stdout = before
