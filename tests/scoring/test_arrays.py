from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from soroi.scoring.arrays import read_array, tidy_array


def _bytes(array: Any, **more: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **more)
    return stream.getvalue()


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3).T, np.array(3), np.array(["ä", "b"])]
)
def test_an_array_is_read_as_it_was(array: Any) -> None:
    again = read_array(_bytes(array))
    np.testing.assert_array_equal(again, array)
    assert tidy_array(_bytes(array)) == _bytes(array)


@pytest.mark.parametrize(
    "data",
    [
        _bytes(np.array([{}], dtype=object), allow_pickle=True),
        _bytes(np.arange(3))[:-1],
        _bytes(np.arange(3)) + b"\0",
        _bytes(np.arange(3)).replace(b"(3,)", b"(9,)"),
        b"\x93NUMPY\x09\x00",
        b"not an array",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_array(data)


def test_what_memory_held_between_fields_is_zeroed() -> None:
    kind = np.dtype({"names": ["a", "b"], "formats": ["<i4", "<i8"], "offsets": [0, 8], "itemsize": 16})
    made = []
    for filler in (0, 255):
        array = np.frombuffer(bytes([filler]) * 32, dtype=kind).copy()
        array["a"], array["b"] = 1, 2
        made.append(tidy_array(_bytes(array)))
    assert made[0] == made[1]
    assert read_array(made[0])["b"].tolist() == [2, 2]
