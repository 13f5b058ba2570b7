"""Terms: until when something holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from soroi.base.errors import ConfigError
from soroi.release.terms import ends

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_term_ends_so_long_after_now_or_never() -> None:
    assert ends(NOW, "7d") == NOW + timedelta(days=7)
    assert ends(NOW, timedelta(hours=2)) == NOW + timedelta(hours=2)
    assert ends(NOW, None) is None


@pytest.mark.parametrize("term", ["soon", "7", "0s", "99999999d"])
def test_what_is_no_term_is_refused(term: str) -> None:
    with pytest.raises(ConfigError, match="--expires"):
        ends(NOW, term)
