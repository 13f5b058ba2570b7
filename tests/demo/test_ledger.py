from __future__ import annotations

from pathlib import Path

from soroi.demo.ledger import Ledger, grounds


def test_a_result_is_found_on_the_same_grounds_only(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "ledger.json"
    Ledger(path).put("build", "k1", {"rows": 3})
    assert Ledger(path).find("build", "k1") == {"rows": 3}
    assert Ledger(path).find("build", "k2") is None
    assert Ledger(path).find("release", "k1") is None


def test_a_file_that_cannot_be_read_counts_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    path.write_text("{torn")
    ledger = Ledger(path)
    assert ledger.find("build", "k") is None
    ledger.put("build", "k", {})
    assert Ledger(path).find("build", "k") == {}


def test_grounds_differ_with_every_part() -> None:
    keys = {grounds("a", 1), grounds("a", 2), grounds("b", 1), grounds("a", 1, None)}
    assert len(keys) == 4
