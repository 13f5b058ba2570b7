"""Claims and verdicts: immutable, found by their subjects."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from soroi.base.errors import UnknownNameError
from soroi.store import Catalogue, ClaimRecord, VerdictRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VERDICT = VerdictRecord(
    id="verdict_1",
    gate="beats banned_words",
    gate_digest="d" * 40,
    subjects=["careful@1", "dataset@1"],
    outcome="pass",
    figures=[{"name": "recall", "value": 0.5, "low": 0.4, "high": 0.6}],
    data={"rows": 100},
    judged_by="soroi",
    at=NOW,
)


def test_claims_are_added_once(catalogue: Catalogue) -> None:
    claim = ClaimRecord("c1", "equal-output", "careful", "careful@1", "careful@2", {"output": "o"}, "ann", NOW)
    other = msgspec.structs.replace(claim, id="c2", kind="waiver")
    with catalogue.write() as tx:
        assert tx.claims.add(claim)
        assert not tx.claims.add(claim)
        assert tx.claims.add(other)
        assert tx.claims.all() == [claim, other]


def test_verdicts_are_added_once_and_found_by_subject(catalogue: Catalogue) -> None:
    later = msgspec.structs.replace(VERDICT, id="verdict_2", outcome="fail", subjects=["careful@1"])
    with catalogue.write() as tx:
        assert tx.verdicts.add(VERDICT)
        assert not tx.verdicts.add(msgspec.structs.replace(VERDICT, outcome="fail"))
        assert tx.verdicts.add(later)
        assert tx.verdicts.of("careful@1") == [later, VERDICT]
        assert tx.verdicts.of("dataset@1") == [VERDICT]
        assert tx.verdicts.of("nobody") == []
        assert tx.verdicts.get("verdict_1") == VERDICT
        with pytest.raises(UnknownNameError, match="no verdict 'x'"):
            tx.verdicts.get("x")
