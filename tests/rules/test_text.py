from __future__ import annotations

import pytest

from soroi.rules import approved_by, not_during, passed, since, traffic
from soroi.rules.text import parse_condition


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ('passed("latency")', passed("latency")),
        ('so.approved_by("owner", n=2, not_author=True)', approved_by("owner", 2, not_author=True)),
        ('passed("a") & ~passed("b") | not_during("freeze")', passed("a") & ~passed("b") | not_during("freeze")),
        ('traffic("answers", least=10)', traffic("answers", least=10)),
        ('since("2026-01-01")', since("2026-01-01")),
        (' (passed("a")\n | passed("b")) ', passed("a") | passed("b")),
    ],
)
def test_a_condition_is_read_as_it_would_be_written_in_python(text: str, condition: object) -> None:
    assert parse_condition(text) == condition


@pytest.mark.parametrize(
    "text",
    [
        "",
        "passed(",
        "passed",
        "True",
        'passed("a") and passed("b")',
        '__import__("os").system("true")',
        'passed(open("/etc/passwd").read())',
        'os.passed("a")',
        'approved_by("owner", m=2)',
        'approved_by("owner", n=0)',
        'since("tomorrow")',
        'passed("a") + passed("b")',
    ],
)
def test_what_is_no_condition_is_refused_and_nothing_is_run(text: str) -> None:
    with pytest.raises(ValueError, match=r"condition|understood"):
        parse_condition(text)
