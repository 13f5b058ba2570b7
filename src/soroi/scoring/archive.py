"""The archive of a skops file: a zip with one possible encoding of its members.

Written by hand, since the bytes of :mod:`zipfile` may change with Python and those of deflate with zlib.
Members are stored, dated 1980-01-01, in the order given. Reading encodes again and compares, so a file in
which any byte changed is refused.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from soroi.base.errors import CorruptError, RefusedError

_DATE = (1 << 5) | 1  # 1980-01-01 as DOS writes it
_VERSION = 20
_LIMIT = 2**32 - 1


def pack(members: Mapping[str, bytes]) -> bytes:
    """Encode members.

    Raises:
        RefusedError: They do not fit in 4 GiB.
    """
    if sum(len(data) + 2 * len(name) + 128 for name, data in members.items()) > _LIMIT or len(members) > 65000:
        raise RefusedError("the model is larger than 4 GiB", hint="make it smaller: fewer or shallower trees")
    out = bytearray()
    directory = bytearray()
    for name, data in members.items():
        label = name.encode("ascii")
        crc, size = zlib.crc32(data), len(data)
        common = struct.pack("<HHHHHIIIHH", _VERSION, 0, 0, 0, _DATE, crc, size, size, len(label), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", _VERSION) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + label
        out += b"PK\x03\x04" + common + label + data
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(out), 0)
    return bytes(out + directory + b"PK\x05\x06" + end)


def unpack(data: bytes, *, what: str) -> dict[str, bytes]:
    """The members of an archive made by :func:`pack`.

    Raises:
        CorruptError: The archive is damaged, or was not made by :func:`pack`.
    """
    members: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise CorruptError(f"{what}: the model file holds compressed members; soroi writes none")
            if sum(entry.file_size for entry in entries) > len(data):
                raise CorruptError(f"{what}: the members of the model file overlap")
            for entry in entries:
                members[entry.filename] = archive.read(entry)
        same = pack(members) == data
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, CorruptError):
            raise
        raise CorruptError(f"{what}: the model file is damaged: {error}") from error
    if not same:
        raise CorruptError(f"{what}: the model file is not as soroi writes it: bytes were changed")
    return members


def unpack_foreign(data: bytes) -> dict[str, bytes]:
    """The members of a zip just made in this process by skops."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
