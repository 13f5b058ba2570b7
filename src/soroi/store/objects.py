"""Objects: bytes under the digest of their content, written once, verified whenever they are read.

Keys: ``objects/ab/abcdef…``. A small *document* is the second form: named by a key instead of its own content,
it carries the digest of its body in its first line, so that a changed byte shows as well.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, from_url

from soroi.base.digest import digest_bytes, new_hasher
from soroi.base.errors import ConfigError, CorruptError, MissingFileError, SoroiError, StorageFullError, StoreError
from soroi.base.runtime import Ids, RandomIds
from soroi.store.failures import is_full, naming, storage_full

_DOMAIN = "object"
_PROBED = "probe/put-if-absent"
_REPAIR = "restore it from a backup, or build what needs it again: the same bytes put again repair it"
_BLOCK: Final = 1 << 20


class Objects:
    """Content-addressed bytes in a directory or behind an address (S3, GCS, Azure). Safe between threads."""

    def __init__(self, place: str | Path, *, ids: Ids | None = None) -> None:
        """Open an object store.

        Args:
            place: Directory, or URL such as ``s3://bucket/prefix``.
            ids: Where names of probes come from.

        Raises:
            ConfigError: The address is not one of a known kind.
            StoreError: It cannot be reached, or lets two writers put one key.
        """
        self._directory = _local(place)
        self._place = str(self._directory or place).rstrip("/")
        with self._naming("the store"):
            self._store: Any = _open(self._place, self._directory)
            self._probe(ids or RandomIds())

    def put(self, data: bytes) -> str:
        """Store bytes and give their digest, 40 hexadecimal characters.

        Nothing is written when they are there already; a damaged copy is replaced by the good bytes.

        Raises:
            StorageFullError: No space is left. Nothing was stored.
        """
        digest = digest_bytes(_DOMAIN, data)
        if not self._create(_key(digest), data) and not self._is_whole(digest):
            self._replace(_key(digest), data)
        return digest

    def put_file(self, path: str | Path) -> str:
        """Store the content of a file and give its digest.

        Raises:
            MissingFileError: The file is not there.
        """
        try:
            return self.put(Path(path).read_bytes())
        except FileNotFoundError as error:
            raise MissingFileError(f"there is no file {path}") from error

    def get(self, digest: str, *, what: str) -> bytes:
        """The bytes with a digest, verified.

        Args:
            digest: As given by :meth:`put`.
            what: What the bytes are, for the message: ``model file 'model.skops' of careful@12ab…``.

        Raises:
            CorruptError: They are not there, or are not what the digest says.
        """
        data = self._read(_key(digest))
        if data is None:
            raise CorruptError(
                f"{what} is missing: there is no {self.location(digest)}", hint=_REPAIR, what=what, digest=digest
            )
        if digest_bytes(_DOMAIN, data) != digest:
            raise CorruptError(
                f"{what} is damaged: {self.location(digest)} is not what its digest says",
                hint=_REPAIR,
                what=what,
                digest=digest,
            )
        return data

    def has(self, digest: str) -> bool:
        """Whether bytes are stored under a digest. Does not look at them."""
        return self._exists(_key(digest))

    def verify(self, digest: str, what: str) -> None:
        """Read the bytes and check them.

        Raises:
            CorruptError: They are not there, or are not what the digest says.
        """
        self.get(digest, what=what)

    def iter(self) -> Iterator[str]:
        """Digests of all objects, in no order."""
        with self._naming("the list of objects"):
            for page in self._store.list(prefix="objects"):
                for meta in page:
                    yield str(meta["path"]).rsplit("/", 1)[-1]

    def location(self, digest: str) -> str:
        """File or address of an object, for messages."""
        return f"{self._place}/{_key(digest)}"

    def put_document(self, key: str, body: bytes) -> bool:
        """Store a body under a key, once. Tells whether it was stored; the first one stays.

        A damaged document under the key is replaced.
        """
        data = _sealed(body)
        if self._create(key, data):
            return True
        if _unsealed(self._read(key) or b"") is None:
            self._replace(key, data)
            return True
        return False

    def get_document(self, key: str, *, what: str) -> bytes | None:
        """The body under a key, verified, or ``None`` when there is none.

        Raises:
            CorruptError: The document is damaged.
        """
        data = self._read(key)
        if data is None:
            return None
        body = _unsealed(data)
        if body is None:
            raise CorruptError(f"{what} is damaged: {self._place}/{key}", hint=_REPAIR, what=what)
        return body

    def _create(self, key: str, data: bytes) -> bool:
        with self._naming(key):
            try:
                self._store.put(key, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
            self._settle(key)
        return True

    def _replace(self, key: str, data: bytes) -> None:
        with self._naming(key):
            self._store.put(key, data, mode="overwrite", use_multipart=False)
            self._settle(key)

    def _read(self, key: str) -> bytes | None:
        with self._naming(key):
            try:
                return bytes(self._store.get(key).bytes())
            except FileNotFoundError:
                return None

    def _exists(self, key: str) -> bool:
        with self._naming(key):
            try:
                self._store.head(key)
            except FileNotFoundError:
                return False
        return True

    def _is_whole(self, digest: str) -> bool:
        data = self._read(_key(digest))
        return data is not None and digest_bytes(_DOMAIN, data) == digest

    def _settle(self, key: str) -> None:
        """Make a local file survive a loss of power, before anything refers to it."""
        if self._directory is None:
            return
        path = self._directory / key
        for one in (path, path.parent):
            handle = os.open(one, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _probe(self, ids: Ids) -> None:
        """Once per store: put one key twice, and refuse a store that lets both win."""
        if self._exists(_PROBED):
            return
        key = f"probe/{ids.new('probe')}"
        first, second = self._create(key, b"first"), self._create(key, b"second")
        kept = self._read(key)
        self._store.delete(key)
        if not first or second or kept != b"first":
            raise StoreError(
                f"the object store {self._place} lets two writers put the same key",
                hint="use a store with conditional writes (a local disk, S3, GCS, Azure, SeaweedFS…)",
            )
        self._create(_PROBED, b"passed\n")

    @contextmanager
    def _naming(self, key: str) -> Iterator[None]:
        place = f"{self._place}/{key}"
        try:
            with naming(place):
                yield
        except StorageFullError:
            raise
        except StoreError as error:
            if self._out_of_space(error):
                raise storage_full(place, error) from error
            raise
        except SoroiError:
            raise
        except BaseError as error:
            if is_full(error) or self._out_of_space(error):
                raise storage_full(place, error) from error
            line = str(error).strip().splitlines()[0]
            raise StoreError(
                f"the object store refused {place}: {line}",
                hint="check that the place exists, that you may write there and that it can be reached",
            ) from error

    def _out_of_space(self, error: BaseException) -> bool:
        """Whether the local disk is full, for failures that do not say why (a directory not made)."""
        if self._directory is None or isinstance(error, CorruptError):
            return False
        try:
            return shutil.disk_usage(self._directory).free == 0
        except OSError:
            return False


def digest_file(path: Path) -> str:
    """Digest under which a file's content would be stored, without holding it in memory."""
    hasher = new_hasher(_DOMAIN)
    with naming(path), path.open("rb") as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
    return hasher.hexdigest()


def _key(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"


def _sealed(body: bytes) -> bytes:
    return digest_bytes("document", body).encode() + b"\n" + body


def _unsealed(data: bytes) -> bytes | None:
    """The body of a document, or ``None`` when it is damaged."""
    seal, _, body = data.partition(b"\n")
    return body if seal == digest_bytes("document", body).encode() else None


def _local(place: str | Path) -> Path | None:
    """The directory that a place means, or ``None`` for an address elsewhere."""
    text = str(place)
    if text.startswith("file://"):
        return Path(text.removeprefix("file://")).absolute()
    return None if "://" in text else Path(text).absolute()


def _open(place: str, directory: Path | None) -> Any:
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        return LocalStore(prefix=directory)
    try:
        return from_url(place)
    except (ValueError, BaseError) as error:
        raise ConfigError(
            f"'{place}' is not the address of an object store: {str(error).splitlines()[0]}",
            hint="give a directory, or an address such as s3://bucket/prefix",
        ) from error


__all__ = ["Objects", "digest_file"]
