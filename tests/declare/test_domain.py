from __future__ import annotations

from typing import Any

import pytest

import soroi as so
from soroi.base.errors import DeclarationError
from soroi.declare.domain import Domain, valid_domain


@pytest.mark.parametrize(
    ("domain", "inside", "outside", "text"),
    [
        (so.between(0, 120), [0, 120, 3.5, None], [-0.1, 121], "between 0 and 120"),
        (so.between(2), [2, 1e9], [1.9], "at least 2"),
        (so.between(high=2), [-5, 2], [2.1], "at most 2"),
        (so.one_of("US", "NO"), ["US", None], ["DE", ""], "one of 'US', 'NO'"),
    ],
)
def test_a_domain_holds_its_values(domain: Domain, inside: list[Any], outside: list[Any], text: str) -> None:
    assert all(domain.holds(value) for value in inside)
    assert not any(domain.holds(value) for value in outside)
    assert str(domain) == text
    assert Domain.from_dict(domain.to_dict()) == domain


@pytest.mark.parametrize("make", [lambda: so.between(), lambda: so.between(2, 1), lambda: so.one_of()])
def test_a_domain_without_values_is_refused(make: Any) -> None:
    with pytest.raises(DeclarationError):
        make()


def test_a_decision_declares_domains_of_columns() -> None:
    with pytest.raises(DeclarationError, match="not understood"):
        valid_domain({"age": (0, 120)}, "here")
    assert valid_domain({"b": so.one_of(1), "a": so.between(1)}, "here")[0][0] == "a"
    assert valid_domain(None, "here") == ()
