"""Canonical encoding and digests: keys and lengths in, 160 bits out, the format version in front.

The encoding is injective over the supported values: two different values never share an encoding, because
every piece carries its type and its length. It does not depend on dictionary order, platform or process.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence, Set
from typing import Any

FORMAT = b"soroi-digest/1"
"""Version of the encoding. It is hashed in front of everything, so a new format can never collide."""

DIGEST_BYTES = 20

_SIZE = struct.Struct(">Q").pack


def canonical(value: Any) -> bytes:
    """Encode plain data canonically.

    Args:
        value: ``None``, bool, int, float, str, bytes, or a mapping (keys of type str), sequence or set of such.

    Raises:
        TypeError: The value holds something that has no canonical encoding.
    """
    parts: list[bytes] = []
    _encode(value, parts)
    return b"".join(parts)


def digest(domain: str, value: Any) -> str:
    """Digest plain data under a domain name, as 40 hexadecimal characters (160 bits of BLAKE2b).

    Args:
        domain: What kind of thing is digested; different domains never collide.
        value: Plain data as taken by :func:`canonical`.
    """
    return digest_bytes(domain, canonical(value))


def digest_bytes(domain: str, data: bytes | memoryview) -> str:
    """Digest raw bytes under a domain name, as 40 hexadecimal characters."""
    hasher = new_hasher(domain)
    hasher.update(data)
    return hasher.hexdigest()


def new_hasher(domain: str) -> hashlib.blake2b:
    """A BLAKE2b hasher already fed with the format version and the domain."""
    hasher = hashlib.blake2b(digest_size=DIGEST_BYTES)
    name = domain.encode()
    hasher.update(FORMAT + struct.pack(">I", len(name)) + name)
    return hasher


def _encode(value: Any, parts: list[bytes]) -> None:
    if type(value) is str:  # first, since most pieces are text
        _sized(b"s", value.encode("utf-8", "surrogatepass"), parts)
    elif value is None:
        parts.append(b"n")
    elif isinstance(value, bool):
        parts.append(b"b1" if value else b"b0")
    elif isinstance(value, int):
        _sized(b"i", str(value).encode(), parts)
    elif isinstance(value, float):
        parts.append(b"f" + struct.pack(">d", value))
    elif isinstance(value, str):
        _sized(b"s", value.encode("utf-8", "surrogatepass"), parts)
    elif isinstance(value, bytes | bytearray | memoryview):
        _sized(b"y", bytes(value), parts)
    elif isinstance(value, Mapping):
        _encode_mapping(value, parts)
    elif isinstance(value, Set):
        encoded = sorted(canonical(one) for one in value)
        parts.append(b"e" + struct.pack(">Q", len(encoded)))
        parts.extend(encoded)
    elif isinstance(value, Sequence):
        parts.append(b"l" + struct.pack(">Q", len(value)))
        for one in value:
            _encode(one, parts)
    else:
        raise TypeError(f"{type(value).__name__} has no canonical encoding")


def _encode_mapping(value: Mapping[Any, Any], parts: list[bytes]) -> None:
    for key in value:
        if type(key) is not str and not isinstance(key, str):
            raise TypeError(f"a mapping with a key of type {type(key).__name__} has no canonical encoding")
    parts.append(b"m" + struct.pack(">Q", len(value)))
    for key in sorted(value):
        _encode(key, parts)
        _encode(value[key], parts)


def _sized(tag: bytes, data: bytes, parts: list[bytes]) -> None:
    parts += (tag + _SIZE(len(data)), data)
