from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.errors import CorruptError, RefusedError
from soroi.scoring import archive
from soroi.scoring.archive import pack, unpack

NAMES = st.text("abcdef0123456789.", min_size=1, max_size=9)


@given(st.dictionaries(NAMES, st.binary(max_size=60), max_size=5))
def test_what_is_packed_is_unpacked_in_the_same_order(members: dict[str, bytes]) -> None:
    data = pack(members)
    assert list(unpack(data, what="x").items()) == list(members.items())
    with zipfile.ZipFile(io.BytesIO(data)) as standard:
        assert standard.testzip() is None
        assert standard.namelist() == list(members)


@given(st.data())
def test_every_flipped_byte_is_found(data: st.DataObject) -> None:
    whole = pack({"schema.json": b"{}", "0.npy": b"abc"})
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(whole)
    changed[at] ^= 1 << bit
    with pytest.raises(CorruptError, match="late@1"):
        unpack(bytes(changed), what="late@1")


def test_every_truncation_and_anything_appended_is_found() -> None:
    whole = pack({"schema.json": b"{}", "0.npy": b"abc"})
    for end in range(len(whole)):
        with pytest.raises(CorruptError):
            unpack(whole[:end], what="x")
    for more in (b"\0", whole):
        with pytest.raises(CorruptError):
            unpack(whole + more, what="x")
        with pytest.raises(CorruptError):
            unpack(more + whole, what="x")


def test_a_compressed_archive_is_refused_before_it_is_inflated() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("schema.json", b"\0" * 10_000_000)
    with pytest.raises(CorruptError, match="compressed"):
        unpack(stream.getvalue(), what="x")


def test_more_than_four_gibibytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_LIMIT", 1000)
    with pytest.raises(RefusedError, match="4 GiB"):
        pack({"0.npy": b"x" * 1000})
