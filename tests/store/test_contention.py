"""Eight processes that want the same: one wins each time, and the others are told who."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from soroi.store import Catalogue, ManifestRecord, VersionRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROCESSES, ROUNDS = 8, 12

RIVAL = """
import json, sys
from datetime import datetime, UTC
from soroi.base.errors import ConflictError
from soroi.store import open_catalogue
address, me, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
catalogue, seen = open_catalogue(address, "demo"), []

def revision(tx, what):
    if what == "staging":
        return tx.staging.get().revision
    head = tx.heads.get("production")
    return head.revision if head else 0

def swap(tx, what, expected):
    now = datetime.now(UTC)
    if what == "staging":
        tx.staging.change({"a": "a@1", "b": "b@1"}, expected, by=me, at=now)
    else:
        tx.heads.move("production", "m", expected_revision=expected, by=me, at=now)
    tx.events.append(what, str(expected), {}, by=me, at=now)

print("ready", flush=True)
input()
for what in ("head", "staging"):
    for expected in range(rounds):
        while True:
            with catalogue.read() as tx:
                if revision(tx, what) >= expected:
                    break
        try:
            with catalogue.write() as tx:
                swap(tx, what, expected)
            seen.append([what, expected, None])
        except ConflictError as error:
            seen.append([what, expected, {**error.fields, "message": error.message}])
catalogue.close()
print(json.dumps(seen))
"""


def test_of_eight_processes_exactly_one_wins_each_swap_and_the_others_are_told_who(catalogue: Catalogue) -> None:
    common: dict[str, Any] = {"kind": "model", "recipe": "r", "definition": "d", "output": "o", "run": "r", "by": "x"}
    with catalogue.write() as tx:
        tx.manifests.add(ManifestRecord("m", {}, NOW, "ann"))
        for name in ("a@1", "b@1"):
            tx.versions.add(VersionRecord(id=name, digest=name, node=name[0], at=NOW, **common))
    outcomes = race(catalogue.place)
    with catalogue.read() as tx:
        winners = {("head", one.revision): one.by for one in tx.heads.history("production")}
        winners |= {("staging", one.revision): one.by for one in tx.staging.history()}
        events = [(one.kind, int(one.subject or -1), one.by) for one in tx.events.list()]
        assert tx.events.verify() == []
    won = Counter((what, expected) for seen in outcomes.values() for what, expected, lost in seen if lost is None)
    assert won == dict.fromkeys([(what, n) for what in ("head", "staging") for n in range(ROUNDS)], 1)
    assert sorted(events) == sorted((what, revision - 1, by) for (what, revision), by in winners.items())
    close = 0
    for me, seen in outcomes.items():
        for what, expected, lost in seen:
            if lost is None:
                assert winners[what, expected + 1] == me
                continue
            assert lost["expected"] == expected < lost["revision"]
            assert lost["by"] == winners[what, lost["revision"]]
            assert lost["by"] in lost["message"]
            close += lost["revision"] == expected + 1
    assert close > ROUNDS, "hardly anything was contended"


def race(address: str) -> dict[str, list[Any]]:
    """What each process saw, by its name; they begin together."""
    running = {
        f"rival-{n}": subprocess.Popen(
            [sys.executable, "-W", "error", "-c", RIVAL, address, f"rival-{n}", str(ROUNDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    }
    for one in running.values():
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n", one.communicate()[1]
    for one in running.values():
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    ends = {name: one.communicate(timeout=120) for name, one in running.items()}
    assert [one.returncode for one in running.values()] == [0] * PROCESSES, ends
    return {name: json.loads(out) for name, (out, _) in ends.items()}
