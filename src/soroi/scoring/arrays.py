"""NumPy's ``.npy`` encoding: checked before it is read, and written without what memory held by chance."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt


def read_array(data: bytes) -> npt.NDArray[Any]:
    """Read one array whose header says exactly as many bytes as there are, and that holds no objects.

    Raises:
        ValueError: It is not such an array.
    """
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"an array of format version {version}")
    if dtype.hasobject:
        raise ValueError("an array of Python objects")
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError(f"an array of shape {shape} and type {dtype} in {len(data) - stream.tell()} bytes")
    stream.seek(0)
    array: npt.NDArray[Any] = np.load(stream, allow_pickle=False)
    return array


def tidy_array(data: bytes) -> bytes:
    """The same array with zeroes between its fields, where structured arrays keep what memory held before."""
    array = read_array(data)
    if array.dtype.names is None:
        return data
    clean = np.zeros(array.shape, dtype=array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    stream = io.BytesIO()
    np.save(stream, clean, allow_pickle=False)
    return stream.getvalue()
