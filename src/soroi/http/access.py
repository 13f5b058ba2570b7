"""Who may ask: tokens checked against the roles of the project, remembered for some seconds."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from dataclasses import dataclass

from soroi.base.errors import ForbiddenError, SoroiError
from soroi.base.runtime import Runtime
from soroi.http.gate import Gate
from soroi.http.limits import Limits
from soroi.release.identity import hashed
from soroi.release.roles import may, require
from soroi.store import Store

DEEDS = ("decide", "ingest", "view", "metrics")
"""What can be asked of a server; each is a transition, so that roles and scopes of tokens speak of it."""

REMEMBERED_SECONDS = 3.0
"""How long a token that was checked is not checked again. A revocation is seen within that."""

AWAY_SECONDS = 3600.0
"""How long tokens that were good go on being so while the catalogue cannot be read."""

_SCHEME = b"bearer "
_MOST = 4096
_LONGEST_TOKEN = 512
_LOOKING = Limits(threads=2, waiting=64)


class UnauthorizedError(SoroiError, PermissionError):
    """Nobody is named who asks, or by a token that does not count."""

    code = "unauthorized"


@dataclass(frozen=True, slots=True)
class Pass:
    """What a token allows."""

    at: float
    """When it was checked, by ``time.monotonic``."""

    allowed: frozenset[str]
    """Which of :data:`DEEDS`."""

    denials: dict[str, SoroiError]
    """Why the others are not."""


class Access:
    """Tells whether a request may be answered. Used on the event loop only.

    Args:
        store: Where tokens and roles are.
        environment: The head that is served; roles and scopes can be for one.
        runtime: Clock and ids.
        is_open: Whether everybody may do everything as long as no role was given.
    """

    def __init__(self, store: Store, environment: str, runtime: Runtime, *, is_open: bool) -> None:
        self._store = store
        self._environment = environment
        self._runtime = runtime
        self._is_open = is_open
        self._gate = Gate(_LOOKING)
        self._passes: dict[bytes, Pass] = {}
        self._refused: dict[bytes, Pass] = {}
        self.needed = not is_open
        """Whether requests need a token."""

    def refresh(self) -> None:
        """Look again whether requests need a token. Reads the catalogue; what cannot be read stays as it was."""
        if not self._is_open or self.needed:
            return
        try:
            with self._store.catalogue.read() as tx:
                self.needed = tx.grants.any()
        except Exception:  # as the follower: whatever keeps us from reading, we go on
            return

    def knows(self, header: bytes | None, deed: str) -> bool:
        """Whether it is known already that a request may be answered.

        Args:
            header: Its header ``authorization``.
            deed: One of :data:`DEEDS`.
        """
        if not self.needed:
            return True
        found = self._passes.get(header) if header is not None else None
        return found is not None and deed in found.allowed and time.monotonic() - found.at < REMEMBERED_SECONDS

    async def require(self, header: bytes | None, deed: str) -> None:
        """Go on only if a request may be answered. Arguments: see :meth:`knows`.

        Raises:
            UnauthorizedError: It shows no token that counts.
            ForbiddenError: Whoever it is of may not do this.
            StoreError: It cannot be looked up.
            OverloadedError: Too much is being looked up already.
        """
        if self.knows(header, deed):
            return
        if header is None:
            raise UnauthorizedError(
                "nobody is named who asks", hint="send 'Authorization: Bearer TOKEN'; soroi token create makes one"
            )
        if header[: len(_SCHEME)].lower() != _SCHEME or len(header) > _LONGEST_TOKEN:
            raise UnauthorizedError(
                "the header Authorization holds no token", hint="send 'Authorization: Bearer TOKEN'"
            )
        found = self._passes.get(header) or self._refused.get(header)
        if found is None or time.monotonic() - found.at >= REMEMBERED_SECONDS:
            found = await self._checked(header, found)
        if deed not in found.allowed:
            raise found.denials[deed]

    def close(self) -> None:
        """Look nothing up any more."""
        self._gate.close()

    async def _checked(self, header: bytes, before: Pass | None) -> Pass:
        text = header[len(_SCHEME) :].strip().decode("latin-1")
        try:
            found = await self._gate.run(lambda: self._look(text))
        except Exception:
            if before is not None and before.allowed and time.monotonic() - before.at < AWAY_SECONDS:
                return before
            raise
        kept, other = (self._passes, self._refused) if found.allowed else (self._refused, self._passes)
        other.pop(header, None)
        if len(kept) >= _MOST:
            kept.clear()
        kept[header] = found
        return found

    def _look(self, token: str) -> Pass:
        """What a token allows, by the catalogue."""
        now = time.monotonic()
        allowed: set[str] = set()
        denials: dict[str, SoroiError] = {}
        with self._store.catalogue.read() as tx:
            known = tx.tokens.with_hash(hashed(token))
            if known is None or not known.holds_at(self._runtime.clock.now()):
                why = "is not known" if known is None else "was revoked, or is over"
                error = UnauthorizedError(f"the token {why}", hint="soroi token create makes another")
                return Pass(now, frozenset(), dict.fromkeys(DEEDS, error))
            acting = Runtime(self._runtime.clock, self._runtime.ids, known.who, tuple(known.scopes))
            for deed in DEEDS:
                if may(tx, acting, deed, environment=self._environment).holds:
                    allowed.add(deed)
                    continue
                try:
                    require(tx, acting, deed, environment=self._environment)
                except ForbiddenError as error:
                    denials[deed] = ForbiddenError(error.message, hint=error.hint)
        return Pass(now, frozenset(allowed), denials)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def refresh(access: Access) -> None:
    """:meth:`Access.refresh` off the event loop."""
    await asyncio.to_thread(access.refresh)
