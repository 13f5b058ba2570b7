"""A client that names the manifest it has seen never gets an older one, whichever process or replica it asks."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass

from soroi.base.errors import RequestError, SoroiError
from soroi.serve import Engine, Follower
from soroi.store import Store

HEADER = "soroi-manifest"
"""Header by which a request says what its client has seen (``ID`` or ``ID;REVISION``), and a reply whence it is."""

REVISION_HEADER = "soroi-revision"
"""Header of a reply with the revision of the head that it is of."""

_FORM = re.compile(rb"([!-:<-~]{1,200})(?:; *([0-9]{1,12}))?")
_LOOK_SECONDS = 0.005
_REMEMBERED = 1024


class HeaderError(RequestError):
    """A header that cannot be read."""

    code = "malformed-header"


class UnknownManifestError(RequestError):
    """A manifest that this head never pointed at."""

    code = "unknown-manifest"


class BehindError(SoroiError):
    """What the client has seen is not loaded here yet."""

    code = "behind"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client has seen."""

    manifest: str
    """Id of the manifest."""

    revision: int | None
    """Revision of the head that it came of; ``None``: the client did not keep it."""


def read_seen(value: bytes) -> Seen:
    """What a header says.

    Raises:
        HeaderError: It is none of ``ID`` and ``ID;REVISION``.
    """
    found = _FORM.fullmatch(value.strip())
    if found is None:
        raise HeaderError(
            f"the header {HEADER} cannot be read", hint=f"send {HEADER}: ID;REVISION, from the last reply's headers"
        )
    manifest, revision = found.groups()
    return Seen(manifest.decode("ascii"), int(revision) if revision else None)


class Pins:
    """Keeps requests from manifests older than what their client has seen.

    Args:
        engine: What answers.
        follower: What keeps it on its head.
        store: Where the head's history is.
        seconds: How long a request waits for a manifest that is not loaded yet.
    """

    def __init__(self, engine: Engine, follower: Follower, store: Store, seconds: float) -> None:
        self._engine = engine
        self._follower = follower
        self._store = store
        self._seconds = seconds
        self._known: dict[str, int] = {}
        self._present: tuple[object, frozenset[bytes]] = (None, frozenset())

    def is_present(self, value: bytes) -> bool:
        """Whether a header names just what answers now; cheap."""
        serving = self._engine.serving
        if serving is None:
            return False
        if self._present[0] is not serving:
            name, revision = serving.snapshot.manifest.encode(), b"%d" % serving.revision
            self._present = (serving, frozenset({name, name + b";" + revision, name + b"; " + revision}))
        return value in self._present[1]

    async def catch_up(self, value: bytes) -> None:
        """Wait until what answers is at least as new as what a header names.

        Raises:
            HeaderError: It cannot be read.
            UnknownManifestError: The head never pointed there.
            BehindError: It took too long.
        """
        seen = read_seen(value)
        if self._reached(seen):
            return
        wanted = await asyncio.to_thread(self._revision, seen)
        until = time.perf_counter() + self._seconds
        turn = 0
        while (self._now() or 0) < wanted:
            if time.perf_counter() >= until:
                raise BehindError(
                    f"revision {wanted} of '{self._follower.environment}' is not loaded here yet",
                    hint="try again in a second, here or at another replica; GET /ready says what keeps it",
                )
            if turn % 10 == 0:
                self._follower.look_soon()
            turn += 1
            await asyncio.sleep(_LOOK_SECONDS)

    def _now(self) -> int | None:
        serving = self._engine.serving
        return None if serving is None else serving.revision

    def _reached(self, seen: Seen) -> bool:
        """Whether it can be told from memory that what answers is new enough."""
        serving, trial = self._engine.serving, self._engine.trial
        if serving is None:
            return False
        known = self._known.get(seen.manifest)
        if known is not None:
            return (seen.revision or known) <= serving.revision
        names = {serving.snapshot.manifest, *([trial.challenger.snapshot.manifest] if trial else [])}
        return seen.manifest in names and (seen.revision or 0) <= serving.revision

    def _revision(self, seen: Seen) -> int:
        """The revision that a client must not fall behind."""
        environment = self._follower.environment
        try:
            with self._store.catalogue.read() as tx:
                moves = tx.heads.history(environment)
                tried = {one.challenger: one.body for one in tx.rollouts.all(environment)}
        except SoroiError:
            return self._from_memory(seen)
        newest = moves[0].revision if moves else 0
        pointed = {one.manifest: one.revision for one in reversed(moves)}
        if seen.manifest not in pointed and seen.manifest not in tried:
            raise _unknown(f"'{environment}' never pointed at {seen.manifest[:80]}")
        if seen.revision is not None and seen.revision > newest:
            raise _unknown(f"'{environment}' is at revision {newest}, not yet at {seen.revision}")
        found = pointed.get(seen.manifest, newest)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        if found < newest:  # the present one may be pointed at again, by a later revision
            self._known[seen.manifest] = found
        return found if seen.revision is None else seen.revision

    def _from_memory(self, seen: Seen) -> int:
        """While the catalogue is away: what was seen is taken at its word, and nothing newer is waited for blindly."""
        now = self._now()
        if seen.revision is not None and now is not None and seen.revision <= now:
            return seen.revision
        raise BehindError(
            f"it cannot be told whether {seen.manifest[:80]} is newer than what is loaded here",
            hint="the catalogue is away; try again later, or without the header",
        )


def _unknown(message: str) -> UnknownManifestError:
    return UnknownManifestError(message, hint="send the header of a reply of this server, or leave it out")
