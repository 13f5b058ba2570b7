"""Collecting: what nothing needs goes, all else stays, and what went is said."""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from tests.backends import Place
from tests.release.keeping import DAY, SHORT, House

from soroi.base.errors import CollectedError, ConflictError, CorruptError, StoreError
from soroi.base.runtime import Runtime
from soroi.release.explained import explain
from soroi.release.holding import hold, release_hold
from soroi.release.liveness import Root
from soroi.store import AnswerLog, HoldRecord, Objects, RunRecord
from soroi.store.present import key_of, whole
from soroi.store.tombstones import GOING

DEAD = 2**31 - 1
"""Id of a process that is not there."""

Opening = Callable[..., House]


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    """Opens houses in one folder, and closes them."""
    opened: list[House] = []

    def go(**options: Any) -> House:
        opened.append(House(tmp_path, **options))
        return opened[-1]

    yield go
    for one in opened:
        one.close()


@pytest.fixture
def house(opening: Opening) -> House:
    return opening()


def test_what_nothing_needs_goes_and_its_record_stays(house: House) -> None:
    data = house.version("data", rows=[1, 2, 3])
    kept = house.version("careful", [data])
    lost = house.version("careful", [data])
    house.go(house.manifest(kept))
    house.later()
    seen = house.collector().survey()
    assert not seen.applied
    assert house.there(lost)
    done = house.collect()
    assert dict(done.versions) == dict(seen.versions) == {"demo": [lost]}
    assert len(done.objects) == 1
    assert (house.there(data), house.there(kept), house.there(lost)) == (True, True, False)
    with house.store.catalogue.read() as tx:
        record, mark = tx.versions.get(lost), tx.tombstones.marked()[lost]
        stone = tx.tombstones.of(record.outputs.values())[record.outputs["file:model"]]
        assert [one.kind for one in tx.events.list()][-6:] == [
            "tombstones.written",
            "tombstones.written",
            "retention.declared",
            "collection.began",
            "tombstones.written",
            "collection.done",
        ]
    assert mark.body["edges"] == [data]
    assert mark.body["objects"] == [record.outputs["file:model"]]
    assert (stone.size, stone.by, stone.at) == (len(b"demo careful 3"), "ann", house.clock.now())
    assert stone.is_gone
    assert house.collect().objects == {}


def test_reading_what_was_collected_says_when_by_whom_and_how_to_build_it_again(house: House) -> None:
    lost = house.version("careful", rows=[1, 2])
    house.later()
    house.collect()
    with house.store.catalogue.read() as tx:
        outputs = tx.versions.get(lost).outputs
    when = f"{house.clock.now():%Y-%m-%d %H:%M:%S}"
    with pytest.raises(CollectedError, match=f"was collected by ann at {when} UTC.*{lost}") as caught:
        house.store.objects.get(outputs["file:model"], what="the model")
    assert caught.value.hint == "soroi build careful makes it again"
    with pytest.raises(CollectedError, match=f"^table .* was collected by ann at {when}"):
        house.store.tables.read(outputs["table"])
    with pytest.raises(CollectedError, match=f"{lost} was collected by ann"):
        house.stage(lost)
    manifest = house.manifest(lost)
    with pytest.raises(CollectedError, match=f"{lost} was collected by ann"):
        house.go(manifest)
    with pytest.raises(CollectedError, match=f"{lost} was collected by ann"):
        hold(house.store, lost, reason="too late", runtime=house.runtime)


def test_what_is_built_again_is_there_again(house: House) -> None:
    lost = house.version("careful", rows=[1, 2])
    house.later()
    house.collect()
    with house.store.catalogue.read() as tx:
        record = tx.versions.get(lost)
    house.store.objects.put(b"demo careful 1")
    house.store.objects.put(b"code of demo")
    house.store.tables.write(pl.DataFrame({"x": [1, 2]}), key=["x"])
    house.record("careful", (), dict(record.outputs), record.code)
    assert house.there(lost)
    house.stage(lost)
    with house.store.catalogue.read() as tx:
        assert not tx.tombstones.any()


def _staged(house: House, version: str) -> None:
    house.stage(version)


def _live(house: House, version: str) -> None:
    house.go(house.manifest(version), "elsewhere")


def _lately_live(house: House, version: str) -> None:
    house.go(house.manifest(version))
    house.later()
    house.go(house.manifest(house.version("careful")))
    house.later(DAY)


def _among_the_last(house: House, version: str) -> None:
    house.retention = dataclasses.replace(SHORT, manifests=2)
    house.go(house.manifest(version))
    house.go(house.manifest(house.version("careful")))


def _rolled_out(house: House, version: str) -> None:
    base = house.manifest(house.version("careful"))
    house.go(base)
    house.rollout(base, house.manifest(version))


def _held(house: House, version: str) -> None:
    hold(house.store, version[:12], reason="case 12", runtime=house.runtime)


def _node_held(house: House, version: str) -> None:
    hold(house.store, version.partition("@")[0], reason="case 12", runtime=house.runtime)


def _answered(house: House, version: str) -> None:
    manifest = house.manifest(version)
    log = AnswerLog(house.folder)
    at = house.clock.now() + 9 * DAY
    log.append([{"id": "a1", "decision": "check", "at": at, "manifest": manifest}], durable=True)
    log.close()


def _visited_by_an_open_run(house: House, version: str) -> None:
    _begin(house, {"scope": [version.partition("@")[0]]}, house.clock.now() + 9 * DAY)


def _taken_by_an_open_run(house: House, version: str) -> None:
    _begin(house, {"scope": [], "takes": [version]}, house.clock.now() + 9 * DAY)


def _begin(house: House, request: dict[str, Any], at: datetime) -> None:
    record = RunRecord(id="run_open", request=request, by="bob", host="elsewhere", pid=1, started_at=at)
    with house.store.catalogue.write() as tx:
        tx.runs.start(record)


NEEDS = [
    _staged,
    _live,
    _lately_live,
    _among_the_last,
    _rolled_out,
    _held,
    _node_held,
    _answered,
    _visited_by_an_open_run,
    _taken_by_an_open_run,
]


@pytest.mark.parametrize("need", NEEDS)
def test_what_is_needed_stays_with_all_that_it_rests_on_and_says_why(
    need: Callable[[House, str], None], house: House
) -> None:
    data = house.version("data", rows=[1, 2, 3])
    kept = house.version("careful", [data])
    lost = house.version("other", [data])
    need(house, kept)
    if need is not _lately_live:
        house.later()
    done = house.collect()
    assert (house.there(data), house.there(kept), house.there(lost)) == (True, True, False)
    assert lost in done.versions["demo"]
    with house.store.catalogue.read() as tx:
        judged = house.collector().judge(tx)
        why = explain(tx, judged, tx.versions.get(data))
        gone = explain(tx, judged, tx.versions.get(lost))
    assert why.text == f"{data} stays"
    assert f"it rests on it: {data} ← {kept}" in [one.text for one in why.walk()]
    assert gone.kind == "collected"


def test_what_is_no_longer_held_goes(house: House) -> None:
    lost = house.version("careful")
    held = hold(house.store, lost, reason="case 12", runtime=house.runtime)
    house.later()
    house.collect()
    assert house.there(lost)
    release_hold(house.store, held.id, runtime=house.runtime)
    house.collect()
    assert not house.there(lost)


def test_another_room_may_need_things(house: House) -> None:
    kept, lost = house.version("careful"), house.version("careful")
    house.later()
    house.collector(more=[lambda _tx: [Root("comparison", "it is compared", frozenset([kept]))]]).apply()
    assert (house.there(kept), house.there(lost)) == (True, False)


def test_what_was_built_or_written_lately_stays(house: House) -> None:
    version = house.version("careful")
    unnamed = house.store.objects.put(b"a build that is not done yet")
    house.later(timedelta(hours=11))
    assert house.collect().objects == {}
    house.later(timedelta(hours=12))
    house.collect()
    assert house.there(version)
    assert not house.store.objects.has(unnamed)


def test_partitions_that_a_needed_table_shares_stay(house: House) -> None:
    def table(days: int) -> str:
        at = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=one) for one in range(days)]
        return house.store.tables.write(pl.DataFrame({"at": at}), key=["at"], time="at", partition="1d").root

    code = house.store.objects.put(b"code of demo")
    old = house.record("data", (), {"table": table(5)}, code)
    house.made += 1
    new = house.record("data", (), {"table": table(3)}, code)
    house.stage(new)
    house.later()
    done = house.collect()
    assert (house.there(old), house.there(new)) == (False, True)
    assert sum(key.startswith("objects/") for key in done.objects) == 2
    assert sum(key.startswith("contents/") for key in done.objects) == 2


def test_nothing_is_collected_while_a_needed_table_cannot_be_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = house.version("data", rows=[1, 2, 3])
    house.go(house.manifest(house.version("careful", [data])))
    house.version("careful", [data])
    house.later()
    before = sorted(house.store.objects.keys())
    read = Objects.get_document

    def away(self: Objects, key: str, *, what: str) -> bytes | None:
        if key.startswith("tables/"):
            raise StoreError("the object store refused: it is away")
        return read(self, key, what=what)

    with monkeypatch.context() as patch:
        patch.setattr(Objects, "get_document", away)
        with pytest.raises(StoreError, match="it is away"):
            house.collect()
    with monkeypatch.context() as patch:  # it came back, and does not find it yet
        patch.setattr(Objects, "get_document", lambda *_args, **_options: None)
        with pytest.raises(CorruptError, match="nothing is collected: what table"):
            house.collect()
    assert sorted(house.store.objects.keys()) == before
    assert len(house.collect().objects) == 1


def test_objects_that_another_project_needs_stay_until_it_gives_them_up(opening: Opening) -> None:
    here, there = opening(), opening(project="weather", actor="wim")
    there.clock = here.clock
    there.runtime = Runtime(here.clock, there.runtime.ids, "wim")
    mine = here.version("careful", content="the same bytes")
    theirs = there.version("demo:careful", content="the same bytes")
    there.go(there.manifest(theirs))
    with here.store.catalogue.read() as tx:
        bytes_of = tx.versions.get(mine).outputs["file:model"]
        told = explain(tx, here.collector().judge(tx), tx.versions.get(mine))
    assert [one.kind for one in told.because] == ["candidate"]
    here.later()
    with here.store.catalogue.read() as tx:
        judged = here.collector().judge(tx)
        told = explain(tx, judged, tx.versions.get(mine))
    assert f"{theirs} of project 'weather', which is needed, holds the same bytes" in [one.text for one in told.walk()]
    here.collect()
    assert here.store.objects.has(bytes_of)
    there.go(there.manifest(there.version("demo:careful")))
    here.later()
    here.collect()
    assert here.store.objects.has(bytes_of)  # nobody said how long that project keeps things
    there.collector().survey()
    here.collect()
    assert there.there(theirs)
    there.collect()
    assert not here.store.objects.has(bytes_of)
    with there.store.catalogue.read() as tx:
        assert list(tx.tombstones.marked()) == [theirs]
        assert list(tx.of("demo").tombstones.marked()) == [mine]


def test_a_build_that_puts_what_is_being_collected_waits_and_puts_it_again(house: House) -> None:
    house.version("careful", content="the same bytes")
    house.later()
    collector = house.collector()
    removing = house.store.objects.remove

    def meanwhile(keys: Any) -> None:
        if any(key.startswith("objects/") for key in keys):
            digest = house.store.objects.put(b"the same bytes")  # there already: nothing is written
            with house.store.catalogue.write() as tx, pytest.raises(ConflictError, match="is being removed by ann"):
                whole(tx, house.store.objects, {"file:model": digest}, "", runtime=house.runtime)
        removing(keys)

    house.store.objects.remove = meanwhile  # type: ignore[method-assign]
    collector.apply()
    house.made += 10
    again = house.version("careful", content="the same bytes")
    assert house.there(again)
    assert house.collect().objects == {}


def test_what_becomes_needed_between_looking_and_recording_stays(house: House) -> None:
    data = house.version("data", rows=[4, 5])
    version = house.version("careful", [data])
    house.later()
    collector = house.collector()
    looking = collector._look

    def and_then() -> Any:
        found = looking()
        assert any(one.folder == "tables" for one in found[2])
        house.stage(version)
        return found

    collector._look = and_then  # type: ignore[method-assign]
    assert collector.apply().objects == {}
    assert house.there(version)
    assert house.there(data)


def test_a_table_that_is_put_again_between_looking_and_recording_stays_whole(house: House) -> None:
    rows = [4, 5]
    data = house.version("data", rows=rows)
    with house.store.catalogue.read() as tx:
        record = tx.versions.get(data)
    house.later()
    house.collect()
    house.store.tables.write(pl.DataFrame({"x": rows}), key=["x"])
    house.store.objects.remove([key_of(record.outputs["table"], is_table=True)])  # a build was killed before this
    house.stage(house.version("careful"))
    with house.store.catalogue.write() as tx:
        tx.holds.add(HoldRecord(id="hold_1", subject="data", reason="as an open run", by="ann", at=house.clock.now()))
    house.later()
    collector = house.collector()
    looking = collector._look

    def and_then() -> Any:
        found = looking()
        assert any(one.folder == "objects" for one in found[2])
        house.made = 0
        assert house.version("data", rows=rows) == data
        return found

    collector._look = and_then  # type: ignore[method-assign]
    collector.apply()
    assert house.there(data)


def test_what_a_dead_collection_left_half_removed_can_be_built_and_staged_again(house: House) -> None:
    lost, kept = house.version("careful", content="one"), house.version("quick", content="two")
    with house.store.catalogue.read() as tx:
        held = tx.versions.get_many([lost, kept])
    house.later()
    collector = house.collector()
    collector._remove = lambda going: None  # type: ignore[method-assign]
    collector.apply()
    with pytest.raises(ConflictError, match="is being removed by ann"):
        house.stage(kept)  # as far as anybody can tell, this process still removes it
    with house.store.catalogue.write() as tx:
        going = tx.tombstones.going()
        assert len(going) == 3
        tx.tombstones.add([msgspec.structs.replace(one, body={**one.body, "pid": DEAD}) for one in going])
    house.store.objects.remove([key_of(held[lost].outputs["file:model"], is_table=False)])
    house.stage(kept)
    with house.store.catalogue.write() as tx:
        assert not whole(tx, house.store.objects, held[lost].outputs, held[lost].code, runtime=house.runtime)
    house.made = 0
    assert house.version("careful", content="one") == lost
    with house.store.catalogue.read() as tx:
        assert tx.tombstones.going() == []
    house.collect()
    assert house.there(kept)


def test_a_collection_that_was_killed_is_finished_by_the_next(house: House) -> None:
    lost = house.version("careful", rows=[1, 2])
    house.later()
    collector = house.collector()
    removing = house.store.objects.remove
    calls: list[Any] = []

    def killed(keys: Any) -> None:
        calls.append(keys)
        if len(calls) == 2:
            raise KeyboardInterrupt
        removing(keys)

    house.store.objects.remove = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        collector.apply()
    house.store.objects.remove = removing  # type: ignore[method-assign]
    with house.store.catalogue.read() as tx:
        assert {one.body["state"] for one in tx.tombstones.going()} == {GOING}
    with pytest.raises(ConflictError, match="is being removed by ann"):
        house.stage(lost)
    house.collect()
    with house.store.catalogue.read() as tx:
        assert tx.tombstones.going() == []
    assert not house.there(lost)
    assert list(house.store.objects.entries("objects", "tables", "contents")) == []


def test_objects_in_a_bucket_are_collected_too(tmp_path: Path, place: Place) -> None:
    house = House(tmp_path / "house", objects=place.address)
    kept, lost = house.version("careful", rows=[1]), house.version("careful", rows=[2])
    house.stage(kept)
    house.later()
    house.collect()
    assert (house.there(kept), house.there(lost)) == (True, False)
    house.close()


def test_files_that_nothing_needs_go_from_the_folder_of_the_store(house: House) -> None:
    version = house.version("careful")
    house.stage(version)
    with house.store.catalogue.read() as tx:
        code = tx.versions.get(version).code
    folder = house.folder / "code"
    for name in (code[:16], "0123456789abcdef", ".laying-x1"):
        (folder / name).mkdir(parents=True)
        (folder / name / "tiny.py").write_text("x = 1")
    old = (house.clock.now() - 20 * DAY).timestamp()
    log = AnswerLog(house.folder)
    for number, at in enumerate((house.clock.now() - 20 * DAY, house.clock.now() + 9 * DAY)):
        log.append([{"id": f"a{number}", "decision": f"d{number}", "at": at, "manifest": "m1"}], durable=True)
    log.close()
    for path in (house.folder / "answers").rglob("*.log"):
        os.utime(path, (old, old))
    house.later()
    done = house.collect()
    assert {Path(one).parent.name for one in done.files if one.endswith(".log")} == {"d0"}
    assert sorted(one.name for one in folder.iterdir()) == [code[:16]]
    assert [one["id"] for one in AnswerLog(house.folder).scan()] == ["a1"]


class Oracle:
    """What must be there, told in the plainest way: every version, and the days on which something needed it."""

    def __init__(self) -> None:
        self.rests: dict[str, set[str]] = {}
        self.built: dict[str, datetime] = {}
        self.manifests: dict[str, list[str]] = {}
        self.moves: list[tuple[datetime, str]] = []
        self.picked: dict[str, str] = {}
        self.holds: dict[str, str] = {}
        self.rollout: tuple[str, str] | None = None

    def needed(self, now: datetime) -> set[str]:
        """The versions that must be there now."""
        found = {one for one, at in self.built.items() if at >= now - DAY} | set(self.picked.values())
        found |= set(self.holds.values())
        names = {self.moves[-1][1]} if self.moves else set()
        for place, (_, manifest) in enumerate(self.moves):
            ended = self.moves[place + 1][0] if place + 1 < len(self.moves) else now
            if ended > now - 2 * DAY:
                names.add(manifest)
        names |= set(self.rollout or ())
        found |= {version for name in names for version in self.manifests[name]}
        return found | {below for one in found for below in self.rests[one]}


@pytest.mark.parametrize("seed", range(6))
def test_nothing_reachable_is_ever_collected_and_everything_else_is(seed: int, house: House) -> None:
    rng, model = random.Random(seed), Oracle()
    for _ in range(24):
        _step(rng, house, model)
        missing = {one for one in model.needed(house.clock.now()) if not house.there(one)}
        assert not missing
    house.later(DAY * 2)
    house.age(DAY * 2)
    house.collect()
    needed = model.needed(house.clock.now())
    assert {one for one in model.built if house.there(one)} >= needed  # others may have the same bytes as these
    stored = {one.name for one in house.store.objects.entries("objects")}
    with house.store.catalogue.read() as tx:
        records = tx.versions.get_many(needed).values()
    assert stored == {digest for one in records for digest in (*one.outputs.values(), one.code)}


def _step(rng: random.Random, house: House, model: Oracle) -> None:
    versions, manifests = sorted(model.built), sorted(model.manifests)
    steps = ["build", "wait", "collect"] + ["seal", "stage", "hold"] * bool(versions)
    steps += ["go"] * bool(manifests) * 2 + ["rollout"] * (len(manifests) > 1 and model.rollout is None)
    steps += ["unhold"] * bool(model.holds)
    step = rng.choice(steps)
    try:
        if step == "build":
            there = [one for one in versions if house.there(one)]
            on = rng.sample(there, min(len(there), rng.randrange(3)))
            same = rng.choice([None, "equal bytes"])
            made = house.version(f"n{rng.randrange(3)}", on, content=same)
            model.built[made] = house.clock.now()
            model.rests[made] = set(on).union(*(model.rests[one] for one in on)) if on else set()
        elif step == "wait":
            house.later(timedelta(hours=rng.choice([7, 30, 60])))
            house.age(DAY)
        elif step == "collect":
            house.collect()
        elif step == "seal":
            several = rng.sample(versions, min(len(versions), 2))
            picked = {one.partition("@")[0]: one for one in several}
            model.manifests[house.manifest(*picked.values())] = list(picked.values())
        elif step == "stage":
            one = rng.choice(versions)
            house.stage(one)
            model.picked[one.partition("@")[0]] = one
        elif step == "hold":
            one = rng.choice(versions)
            model.holds[hold(house.store, one, reason="x", runtime=house.runtime).id] = one
        elif step == "unhold":
            one = rng.choice(sorted(model.holds))
            release_hold(house.store, one, runtime=house.runtime)
            del model.holds[one]
        elif step == "go":
            one = rng.choice(manifests)
            house.go(one)
            model.moves.append((house.clock.now(), one))
        else:
            base, challenger = rng.sample(manifests, 2)
            house.rollout(base, challenger)
            model.rollout = (base, challenger)
    except CollectedError:
        assert step in ("go", "stage", "hold", "rollout", "build")
