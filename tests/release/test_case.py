from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from soroi.release.case import Case, release_digest, verdict_digest, verdict_digests
from soroi.release.manifest import Manifest
from soroi.store import HeadRecord, VerdictRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VERDICT = VerdictRecord(
    id="verdict_1",
    gate="latency:check",
    gate_digest="d" * 40,
    subjects=["check@1"],
    outcome="pass",
    figures=[{"name": "latency p99", "value": 3.0, "low": 2.5, "high": 4.0}],
    data={"bound": {}},
    judged_by="soroi for ann",
    at=NOW,
)
CASE = Case("production", Manifest("m1", {}, {}, ()), None, "g" * 40, (VERDICT,))


def test_a_plan_is_named_by_environment_manifest_base_and_gates() -> None:
    head = HeadRecord("production", "m0", 3, NOW, "ann", "release")
    others = [
        replace(CASE, environment="trial"),
        replace(CASE, manifest=Manifest("m2", {}, {}, ())),
        replace(CASE, base=head),
        replace(CASE, gates_digest="h" * 40),
    ]
    assert len({CASE.digest, *(one.digest for one in others)}) == 5
    assert CASE.digest == release_digest("production", "m1", None, "g" * 40)
    assert replace(CASE, verdicts=()).digest == CASE.digest, "verdicts are signed beside it"


def test_any_word_of_a_verdict_changes_its_digest() -> None:
    changed: list[dict[str, Any]] = [
        {"outcome": "fail"},
        {"gate_digest": "e" * 40},
        {"subjects": ["check@2"]},
        {"figures": [{"name": "latency p99", "value": 3.0, "low": 2.5, "high": 4.1}]},
        {"data": {"bound": {"live": "x"}}},
        {"judged_by": "soroi for bob"},
        {"at": NOW.replace(hour=1)},
        {"id": "verdict_2"},
    ]
    digests = {verdict_digest(msgspec.structs.replace(VERDICT, **one)) for one in changed}
    assert len({*digests, verdict_digest(VERDICT)}) == len(changed) + 1


def test_what_is_signed_does_not_depend_on_the_order_of_verdicts() -> None:
    other = msgspec.structs.replace(VERDICT, id="verdict_2")
    one, two = replace(CASE, verdicts=(VERDICT, other)), replace(CASE, verdicts=(other, VERDICT))
    assert one.signed() == two.signed()
    assert one.signed() == {"plan": CASE.digest, "verdicts": list(verdict_digests([VERDICT, other]))}
