"""DSSE envelopes: a payload with its type and Ed25519 signatures over both, for files that leave the project.

The form is that of the Dead Simple Signing Envelope, version 1.0 (secure-systems-lab): what is signed is
``DSSEv1 <length of type> <type> <length of payload> <payload>``, so that no payload is mistaken for one of another
type. Other tools can check it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soroi.base.signing import private_key


def envelope(payload_type: str, payload: bytes, signer: str, *, folder: Path | None = None) -> dict[str, Any]:
    """A signed envelope, as plain data. ``keyid`` is the public key in hexadecimal.

    Args:
        payload_type: What the payload is, as a media type.
        payload: The bytes.
        signer: Whose key signs; it is made at the first use.
        folder: Folder of the keys; default: that of the user.

    Raises:
        ConfigError: The key file is not a key, or others may read it.
    """
    key = private_key(signer, folder=folder)
    signature = {
        "keyid": key.public_key().public_bytes_raw().hex(),
        "sig": base64.b64encode(key.sign(_encoded(payload_type, payload))).decode(),
    }
    return {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [signature],
    }


def opened(sealed: Mapping[str, Any], payload_type: str) -> tuple[bytes, str] | None:
    """The payload of an envelope and the key whose signature holds; ``None`` when none does.

    Args:
        sealed: The envelope, as plain data from anywhere.
        payload_type: What the payload must be.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        if sealed["payloadType"] != payload_type:
            return None
        payload = base64.b64decode(sealed["payload"], validate=True)
        for one in sealed["signatures"]:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(one["keyid"]))
            key.verify(base64.b64decode(one["sig"], validate=True), _encoded(payload_type, payload))
            return payload, key.public_bytes_raw().hex()
    except (InvalidSignature, KeyError, TypeError, ValueError, binascii.Error):
        return None
    return None


def _encoded(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding."""
    name = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)
