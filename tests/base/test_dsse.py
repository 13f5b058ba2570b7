"""Envelopes: what is in them is what was signed, as what it was signed."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from soroi.base.dsse import envelope, opened
from soroi.base.signing import public_key

KIND = "application/vnd.soroi.test"


@pytest.fixture
def sealed(tmp_path: Path) -> dict[str, Any]:
    return envelope(KIND, b"what it says", "ann", folder=tmp_path)


def test_an_envelope_gives_its_payload_and_the_key_that_signed(sealed: dict[str, Any], tmp_path: Path) -> None:
    assert opened(sealed, KIND) == (b"what it says", public_key("ann", folder=tmp_path))


def test_the_signature_is_over_the_encoding_of_the_standard(sealed: dict[str, Any]) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    one = sealed["signatures"][0]
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(one["keyid"]))
    key.verify(base64.b64decode(one["sig"]), b"DSSEv1 26 application/vnd.soroi.test 12 what it says")


def test_an_envelope_of_another_kind_is_not_opened(sealed: dict[str, Any]) -> None:
    assert opened(sealed, "text/plain") is None
    assert opened({**sealed, "payloadType": "text/plain"}, "text/plain") is None


@pytest.mark.parametrize(
    "change",
    [
        {"payload": base64.b64encode(b"what it sayt").decode()},
        {"payload": "***"},
        {"signatures": []},
        {"signatures": None},
        {"signatures": [{"keyid": "00", "sig": ""}]},
        {"signatures": [{}]},
    ],
)
def test_what_was_changed_is_not_opened(sealed: dict[str, Any], change: dict[str, Any]) -> None:
    assert opened({**sealed, **change}, KIND) is None
    assert opened({}, KIND) is None
