"""Objects: put once, verified when read, damage named."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from obstore.store import LocalStore
from tests.backends import Place

from soroi.base.digest import digest_bytes
from soroi.base.errors import ConfigError, CorruptError, MissingFileError, StoreError
from soroi.store import Objects
from soroi.store.objects import digest_file


def key(objects: Objects, digest: str) -> str:
    """Key under which an object is stored."""
    return objects.location(digest).removeprefix(f"{objects.place}/")


@given(data=st.binary(max_size=2000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_what_is_put_is_got(objects: Objects, place: Place, data: bytes) -> None:
    digest = objects.put(data)
    assert digest == digest_bytes("object", data)
    assert objects.get(digest, what="it") == data
    assert objects.put(data) == digest
    assert objects.has(digest)
    assert place.read(key(objects, digest)) == data


def test_what_is_not_there_is_named(objects: Objects) -> None:
    with pytest.raises(CorruptError, match="model file 'm' of careful@1 is missing") as raised:
        objects.get("ab" * 20, what="model file 'm' of careful@1")
    assert objects.location("ab" * 20) in str(raised.value)
    assert raised.value.hint
    assert not objects.has("ab" * 20)


@pytest.mark.parametrize("at", [0, 499, 999])
def test_a_flipped_byte_is_found_and_named_before_use(objects: Objects, place: Place, at: int) -> None:
    digest = objects.put(bytes(1000))
    place.flip(key(objects, digest), at)
    with pytest.raises(CorruptError, match="the weights is damaged"):
        objects.get("".join(digest), what="the weights")
    with pytest.raises(CorruptError, match=digest):
        objects.verify(digest, "the weights")


@pytest.mark.parametrize("left", [0, 999])
def test_a_truncated_object_is_found(objects: Objects, place: Place, left: int) -> None:
    digest = objects.put(b"x" * 1000)
    place.write(key(objects, digest), place.read(key(objects, digest))[:left])
    with pytest.raises(CorruptError):
        objects.get(digest, what="it")


def test_putting_the_same_bytes_again_repairs_a_damaged_object(objects: Objects, place: Place) -> None:
    digest = objects.put(b"good")
    place.write(key(objects, digest), b"evil")
    assert objects.put(b"good") == digest
    assert objects.get(digest, what="it") == b"good"


def test_all_objects_can_be_listed_and_nothing_else(objects: Objects) -> None:
    digests = {objects.put(bytes([n])) for n in range(20)}
    objects.put_document("tables/ab/x", b"no object")
    assert sorted(objects.iter()) == sorted(digests)


def test_a_file_is_put_by_its_content(objects: Objects, tmp_path: Path) -> None:
    file = tmp_path / "f.bin"
    file.write_bytes(b"abc" * 1000)
    digest = objects.put_file(file)
    assert digest == digest_file(file) == objects.put(b"abc" * 1000)
    with pytest.raises(MissingFileError, match=r"gone\.bin"):
        objects.put_file(tmp_path / "gone.bin")


def test_threads_that_put_the_same_bytes_all_succeed(objects: Objects) -> None:
    data, errors = b"z" * 100_000, []

    def put() -> None:
        try:
            assert objects.get(objects.put(data), what="it") == data
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=put) for _ in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert errors == []


def test_a_document_is_put_once_and_the_first_stays(objects: Objects) -> None:
    assert objects.put_document("tables/ab/x", b"first")
    assert not objects.put_document("tables/ab/x", b"second")
    assert objects.get_document("tables/ab/x", what="it") == b"first"
    assert objects.get_document("tables/ab/y", what="it") is None


@pytest.mark.parametrize("at", [0, 39, 40, 41, 44])
def test_a_flipped_byte_in_a_document_is_found(objects: Objects, place: Place, at: int) -> None:
    objects.put_document("tables/ab/x", b"first")
    place.flip("tables/ab/x", at)
    with pytest.raises(CorruptError, match="table x is damaged"):
        objects.get_document("tables/ab/x", what="table x")
    assert objects.put_document("tables/ab/x", b"first")
    assert objects.get_document("tables/ab/x", what="table x") == b"first"


class Careless:
    """A store that lets every writer win, as some servers do."""

    def __init__(self, inner: LocalStore) -> None:
        self.inner = inner

    def put(self, key: str, data: bytes, *, mode: str, use_multipart: bool) -> object:
        return self.inner.put(key, data, mode="overwrite", use_multipart=use_multipart)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def test_a_store_that_lets_two_writers_win_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(_place: str, _options: object, directory: Path) -> Careless:
        directory.mkdir(parents=True)
        return Careless(LocalStore(prefix=directory))

    monkeypatch.setattr("soroi.store.objects._open", careless)
    with pytest.raises(StoreError, match="lets two writers put the same key"):
        Objects(tmp_path / "objects")


def test_the_probe_is_made_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    Objects(tmp_path / "objects")
    probes = tmp_path / "objects" / "probe"
    assert [one.name for one in probes.iterdir()] == ["put-if-absent"]
    before = (probes / "put-if-absent").stat().st_mtime_ns
    Objects(tmp_path / "objects")
    assert (probes / "put-if-absent").stat().st_mtime_ns == before


def test_an_address_of_no_known_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="nonsense://x"):
        Objects("nonsense://x")


def test_a_directory_may_be_given_as_a_url(tmp_path: Path) -> None:
    objects = Objects(f"file://{tmp_path}/by-url")
    digest = objects.put(b"x")
    assert (tmp_path / "by-url" / "objects" / digest[:2] / digest).read_bytes() == b"x"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="file"):
        Objects(tmp_path / "file" / "objects")
