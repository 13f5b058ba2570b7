"""Objects: bytes under the digest of their content, written once, verified whenever they are read.

Keys: ``objects/ab/abcdef…``. A small *document* is the second form: named by a key instead of its own content,
it carries the digest of its body in its first line, so that a changed byte shows as well.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore

from soroi.base.address import split_options
from soroi.base.digest import digest_bytes, new_hasher
from soroi.base.errors import CollectedError, CorruptError, MissingFileError, SoroiError, StorageFullError, StoreError
from soroi.base.runtime import Ids, RandomIds
from soroi.store.buckets import explain, open_bucket
from soroi.store.entry import Entry
from soroi.store.failures import is_full, naming, storage_full

_DOMAIN = "object"
_PROBED = "probe/put-if-absent"
_REPAIR = "restore it from a backup, or build what needs it again: the same bytes put again repair it"
_BLOCK: Final = 1 << 20
DELETED_AT_ONCE: Final = 500
"""How many keys one request removes."""


class Objects:
    """Content-addressed bytes in a directory or behind an address (S3, GCS, Azure). Safe between threads."""

    def __init__(self, place: str | Path, *, ids: Ids | None = None) -> None:
        """Open an object store.

        Args:
            place: Directory, or URL such as ``s3://bucket/prefix``, with options (see :mod:`soroi.store.buckets`).
            ids: Where names of probes come from.

        Raises:
            ConfigError: The address is not one of a known kind, or what it needs is not there.
            StoreError: It cannot be reached, or lets two writers put one key.
        """
        self._directory = _local(place)
        bare, options = split_options(str(self._directory or place))
        self._place = bare.rstrip("/")
        server = "" if self._directory else f" at {options.get('endpoint', '')} {self._place}"
        self._probed = f"passed{server}\n"
        self.why_removed: Callable[[str], tuple[str, str] | None] | None = None
        """Tells, by digest, that bytes were removed (when, by whom), and how to make them again."""
        with self._naming("the store"):
            self._store: Any = _open(self._place, options, self._directory)
            self.probe(ids or RandomIds(), again=False)

    @property
    def place(self) -> str:
        """The directory, or the address without its options, for messages."""
        return self._place

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
            self.refuse_removed(digest, what)
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

    def refuse_removed(self, digest: str, what: str) -> None:
        """Raise when it is known that bytes were removed because nothing needed them.

        Args:
            digest: Digest of the bytes, or root of a table.
            what: What they are, for the message.

        Raises:
            CollectedError: They were.
        """
        told = self.why_removed(digest) if self.why_removed is not None else None
        if told is not None:
            text, hint = told
            raise CollectedError(f"{what} {text}", hint=hint, what=what, digest=digest)

    def has(self, digest: str) -> bool:
        """Whether bytes are stored under a digest. Does not look at them."""
        return self._exists(_key(digest))

    def holds_key(self, key: str) -> bool:
        """Whether something is stored under a key. Does not look at it."""
        return self._exists(key)

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

    def keys(self) -> Iterator[str]:
        """Keys of everything stored, objects and documents, in no order."""
        with self._naming("the list of objects"):
            for page in self._store.list():
                yield from (str(meta["path"]) for meta in page if not str(meta["path"]).startswith("probe/"))

    def entries(self, *folders: str) -> Iterator[Entry]:
        """What is stored below some folders (``objects``, ``tables``, ``contents``), in no order."""
        with self._naming("the list of objects"):
            for folder in folders:
                for page in self._store.list(prefix=folder):
                    for meta in page:
                        yield Entry(str(meta["path"]), int(meta["size"]), meta["last_modified"])

    def remove(self, keys: Sequence[str]) -> None:
        """Remove what is stored under some keys. One that is not there does not count.

        Only what nothing names may be removed, and only as :mod:`soroi.release.collect` does it.
        """
        with self._naming("what is collected"):
            if self._directory is None:
                for start in range(0, len(keys), DELETED_AT_ONCE):
                    self._store.delete(list(keys[start : start + DELETED_AT_ONCE]))
                return
            for key in keys:
                with contextlib.suppress(FileNotFoundError):
                    self._store.delete(key)

    def take(self, key: str) -> bytes:
        """What is stored under a key, an object or a document, as it is stored; verified.

        Raises:
            CorruptError: It is not there, or is damaged.
        """
        data = self._read(key)
        if data is None or not _is_whole(key, data):
            how = "missing" if data is None else "damaged"
            raise CorruptError(f"{self._place}/{key} is {how}", hint=_REPAIR, key=key)
        return data

    def give(self, key: str, data: bytes) -> bool:
        """Store what another store holds under a key. Tells ``False`` when it is there already.

        A damaged copy is replaced.

        Args:
            key: As given by :meth:`keys`.
            data: As given by :meth:`take`.
        """
        if self._create(key, data):
            return True
        known = self._read(key)
        if known is not None and _is_whole(key, known):
            return False
        self._replace(key, data)
        return True

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

    def probe(self, ids: Ids | None = None, *, again: bool = True) -> None:
        """Put one key twice, and refuse a store that lets both win.

        Args:
            ids: Where the name of the key comes from.
            again: Whether to look although this store, at this address, has passed before.

        Raises:
            StoreError: It lets two writers put one key.
        """
        if not again and self._read(_PROBED) == self._probed.encode():
            return
        key = f"probe/{(ids or RandomIds()).new('probe')}"
        first, second = self._create(key, b"first"), self._create(key, b"second")
        kept = self._read(key)
        with self._naming(key):
            self._store.delete(key)
        if not first or second or kept != b"first":
            raise StoreError(
                f"the object store {self._place} lets two writers put the same key",
                hint="use a store with conditional writes (a local disk, S3, GCS, Azure, SeaweedFS…)",
            )
        self._replace(_PROBED, self._probed.encode())

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
            if self._directory is None and error.__cause__ is not None:
                raise _refused(place, error.__cause__) from error.__cause__
            raise
        except SoroiError:
            raise
        except BaseError as error:
            if is_full(error) or self._out_of_space(error):
                raise storage_full(place, error) from error
            raise _refused(place, error) from error

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


def _refused(place: str, error: BaseException) -> StoreError:
    what, hint = explain(error)
    return StoreError(f"the object store refused {place}: {what}", hint=hint)


def _key(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"


def _is_whole(key: str, data: bytes) -> bool:
    """Whether data is what its key says (an object) or what its first line says (a document)."""
    if key.startswith("objects/"):
        return digest_bytes(_DOMAIN, data) == key.rsplit("/", 1)[-1]
    return _unsealed(data) is not None


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


def _open(place: str, options: Mapping[str, str], directory: Path | None) -> Any:
    if directory is None:
        return open_bucket(place, options)
    directory.mkdir(parents=True, exist_ok=True)
    return LocalStore(prefix=directory)


__all__ = ["Objects", "digest_file"]
