"""Kill -9 at random moments: what was acknowledged is there, what is there is whole."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from soroi.store import AnswerLog, RowLog, Store, StoreConfig, open_store

WRITERS = 6

WRITER = """
import sys
from datetime import datetime, UTC
from pathlib import Path
import polars as pl
from soroi.store import *

root, me = Path(sys.argv[1]), sys.argv[2]
store, answers, rows = open_store(StoreConfig(root, "demo")), AnswerLog(root), RowLog(root)
for turn in range(100_000):
    name, now = f"{me}-{turn:05}", datetime.now(UTC)
    answers.append([{"id": name, "decision": "warn", "at": now, "text": name * 50}], durable=True)
    print("answer", name, flush=True)
    rows.append("flights", [{"id": name}, {"id": name}], durable=True)
    print("rows", name, flush=True)
    table = store.tables.write(pl.DataFrame({"id": [name, me], "n": [turn, turn % 5]}), key=["id"])
    big = store.objects.put(name.encode() * 20_000)
    with store.catalogue.write() as tx:
        tx.versions.add(VersionRecord(id=name, digest=name, node=me, kind="model", recipe=name, definition="d",
                                      output=big, outputs={"table": table.root, "big": big}, run=me, by=me, at=now))
        tx.manifests.add(ManifestRecord(name, {"versions": [name]}, now, me))
        picked = tx.staging.change({me: name}, tx.staging.get().revision, me, now)
        head = tx.heads.get("production")
        moved = tx.heads.move("production", name, expected_revision=head.revision if head else 0, by=me, at=now)
        tx.events.append("released", name, {"head": moved.revision, "staging": picked}, me, now)
    print("release", name, flush=True)
"""


class Victim:
    """A writer, what it has acknowledged so far, and its end."""

    def __init__(self, root: Path, name: str) -> None:
        command = [sys.executable, "-c", WRITER, str(root), name]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.acknowledged: list[list[str]] = []
        self.started = threading.Event()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.acknowledged.append(line.split())
                self.started.set()
        self.started.set()

    def kill(self) -> None:
        self.process.kill()
        self.reader.join()
        _, errors = self.process.communicate()
        assert self.process.returncode == -9, errors

    def names(self, kind: str) -> set[str]:
        return {name for what, name in self.acknowledged if what == kind}


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Victim]]:
    root, chance = tmp_path_factory.mktemp("store"), random.Random(7)
    victims = [Victim(root, f"w{n}") for n in range(WRITERS)]
    for one in victims:
        assert one.started.wait(60)
        time.sleep(chance.random() * 0.4)
        one.kill()
    return root, victims


@pytest.fixture
def store(aftermath: tuple[Path, list[Victim]]) -> Store:
    return open_store(StoreConfig(aftermath[0], "demo"))


def acknowledged(aftermath: tuple[Path, list[Victim]], kind: str) -> set[str]:
    names = {name for one in aftermath[1] for name in one.names(kind)}
    assert names
    return names


def test_every_change_of_the_catalogue_is_there_whole_or_not_at_all(
    aftermath: tuple[Path, list[Victim]], store: Store
) -> None:
    with store.catalogue.read() as tx:
        assert tx._bound.connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert tx.events.verify() == []
        events, history = tx.events.list(), tx.heads.history("production")[::-1]
        names = [one.subject for one in events]
        assert names == [one.manifest for one in history]
        assert [one.body["head"] for one in events] == list(range(1, len(events) + 1))
        assert [one.body["staging"] for one in events] == list(range(1, len(events) + 1))
        assert tx.staging.get().revision == len(events)
        assert tx.heads.get("production") == history[-1]
        assert {one.id for one in tx.versions.all()} == set(names)
        assert {one.id for one in tx.manifests.recent(100_000)} == set(names)
    assert acknowledged(aftermath, "release") <= set(names)


def test_everything_the_catalogue_speaks_of_is_whole(store: Store) -> None:
    with store.catalogue.read() as tx:
        versions = tx.versions.all()
    for one in versions:
        assert store.objects.get(one.output, what=one.id) == one.id.encode() * 20_000
        assert one.node in store.tables.read(one.outputs["table"])["id"].to_list()
        store.tables.verify(one.outputs["table"])


def test_no_object_is_half_there(store: Store) -> None:
    digests = list(store.objects.iter())
    assert digests
    for digest in digests:
        store.objects.verify(digest, digest)


def test_every_acknowledged_answer_and_row_is_there(aftermath: tuple[Path, list[Victim]]) -> None:
    answers, rows = AnswerLog(aftermath[0]), RowLog(aftermath[0])
    found = {one["id"]: one["text"] for one in answers.scan("warn")}
    assert acknowledged(aftermath, "answer") <= set(found)
    assert all(text == name * 50 for name, text in found.items())
    batches = [one["id"] for one in rows.scan("flights")]
    assert batches[::2] == batches[1::2]
    assert acknowledged(aftermath, "rows") <= set(batches)
    assert all(one.torn for one in [*answers.damage(), *rows.damage()])


def test_the_segments_of_the_killed_can_be_compacted(aftermath: tuple[Path, list[Victim]]) -> None:
    answers = AnswerLog(aftermath[0])
    before = {one["id"] for one in answers.scan()}
    done = answers.compact()
    assert done.segments >= 1
    assert done.duplicates == 0
    assert len(list(answers.scan())) == len(before) == done.records
    name = min(before)
    found = answers.find(name)
    assert found is not None
    assert found["text"] == name * 50


COMPACTOR = """
import sys
from pathlib import Path
from soroi.store import AnswerLog
log = AnswerLog(Path(sys.argv[1]))
print("ready", flush=True)
log.compact()
"""


def test_a_compaction_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    log, start = AnswerLog(tmp_path), datetime(2026, 1, 1, tzinfo=UTC)
    for decision in ("a", "b", "c"):
        for part in range(3):
            ids = [f"{decision}{part}{n}" for n in range(300)]
            log.append([{"id": one, "decision": decision, "at": start + timedelta(1)} for one in ids])
            log.close()
    for wait in (0.0, 0.004, 0.012, 0.03):
        process = subprocess.Popen([sys.executable, "-c", COMPACTOR, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.kill()
        process.communicate()
        found = [one["id"] for one in log.scan()]
        assert len(found) == len(set(found)) == 2700
    log.compact()
    assert len(list(log.scan())) == 2700
    assert list(tmp_path.rglob("*.log")) == []
