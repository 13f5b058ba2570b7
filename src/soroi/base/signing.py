"""Signatures of people and services: Ed25519 over a domain and canonical data.

A person's key is kept in a file of their own, never in the project or the catalogue; what is recorded is the public
key and the signature, so that anybody can check who signed what.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soroi.base.digest import FORMAT, canonical
from soroi.base.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FOLDER = "SOROI_KEYS"
"""Environment variable that names the folder of keys; default: ``soroi/keys`` in the user's configuration folder."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed: a public key and what it says of the data."""

    signer: str
    """Name the signer goes by."""

    key: str
    """Public key, 64 hexadecimal characters."""

    value: str
    """Signature, 128 hexadecimal characters."""

    def to_dict(self) -> dict[str, str]:
        """Plain data."""
        return {"signer": self.signer, "key": self.key, "value": self.value}

    @classmethod
    def from_dict(cls, body: dict[str, str]) -> Signature:
        """Read what :meth:`to_dict` wrote."""
        return cls(body["signer"], body["key"], body["value"])


def sign(signer: str, domain: str, data: Any, *, folder: Path | None = None) -> Signature:
    """Sign data with a signer's key, which is made at the first use.

    Args:
        signer: Name of the signer.
        domain: What kind of thing is signed; a signature in one domain says nothing in another.
        data: Plain data, as taken by :func:`soroi.base.digest.canonical`.
        folder: Folder of the keys; default: see :data:`FOLDER`.

    Raises:
        ConfigError: The key file is not a key, or others may read it.
    """
    key = private_key(signer, folder=folder)
    public = key.public_key().public_bytes_raw().hex()
    return Signature(signer, public, key.sign(_message(signer, domain, data)).hex())


def verify(signature: Signature, domain: str, data: Any) -> bool:
    """Whether a signature is of this data, in this domain, by the key and the name it shows.

    Args:
        signature: The signature.
        domain: What kind of thing was signed.
        data: The data.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature.key))
        key.verify(bytes.fromhex(signature.value), _message(signature.signer, domain, data))
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(signer: str, *, folder: Path | None = None) -> str:
    """The public key of a signer of this machine, 64 hexadecimal characters. The key is made at the first use.

    Args:
        signer: Name of the signer.
        folder: Folder of the keys; default: see :data:`FOLDER`.

    Raises:
        ConfigError: The key file is not a key, or others may read it.
    """
    return private_key(signer, folder=folder).public_key().public_bytes_raw().hex()


def private_key(signer: str, *, folder: Path | None = None) -> Ed25519PrivateKey:
    """The private key of a signer of this machine, made at the first use.

    Args:
        signer: Name of the signer.
        folder: Folder of the keys; default: see :data:`FOLDER`.

    Raises:
        ConfigError: The key file is not a key, or others may read it.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(_key(signer, folder or key_folder()))


def key_folder() -> Path:
    """The folder of keys."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "soroi" / "keys"


def _message(signer: str, domain: str, data: Any) -> bytes:
    return canonical([FORMAT, "signature", domain, signer, data])


def _key(signer: str, folder: Path) -> bytes:
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in signer)
    path = folder / f"{safe}.ed25519"
    if not path.exists():
        _make_key(path)
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"the key {path} can be read by others", hint=f"chmod 600 {path}")
    try:
        raw = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise ConfigError(f"{path} is not an Ed25519 key", hint="bring the right file back, or remove it for a new key")
    return raw


def _make_key(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(Ed25519PrivateKey.generate().private_bytes_raw().hex())
    try:
        os.link(fresh, path)  # the first one stays
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
