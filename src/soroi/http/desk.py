"""The desk: requests for decisions in, replies out, whichever server brought them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from soroi.base.errors import SoroiError, UnknownNameError
from soroi.http import oip
from soroi.http.access import Access
from soroi.http.access import refresh as refresh_access
from soroi.http.ask import Ask, Route, Routes
from soroi.http.body import EncodingError
from soroi.http.errors import refuse, unexpected
from soroi.http.gate import Gate
from soroi.http.limits import Limits
from soroi.http.meters import Board, Counted, Meters, summed
from soroi.http.parsing import Heard, Store
from soroi.http.protocol import NativeProtocol
from soroi.http.reply import JSON, Reply, Replying
from soroi.http.seen import Pins
from soroi.http.service import Service
from soroi.serve.body import decode_rows
from soroi.serve.prompt import Prompt, Rest, reply_of

_TICK_SECONDS = 1.0
_LOG = logging.getLogger("soroi.http")


class Desk:
    """Answers requests for decisions. Used on one event loop, but for the engine's own work.

    Args:
        service: What answers.
        access: Who may ask; default: everybody.
        limits: What a client may take.
        board: Where the processes of one server show each other their figures; ``None``: there is only this one.
    """

    def __init__(
        self,
        service: Service,
        *,
        access: Access | None = None,
        limits: Limits | None = None,
        board: Board | None = None,
    ) -> None:
        self._service = service
        self._engine = service.engine
        self._limits = limits or Limits()
        environment = service.follower.environment
        self.access = access or Access(service.store, environment, service.engine.runtime, is_open=True)
        self.gate = Gate(self._limits)
        self.meters = Meters()
        self._pins = Pins(self._engine, service.follower, service.store, self._limits.behind_seconds)
        self._routes = Routes()
        self._store = Store(self._limits.held_bytes)
        self._watched: set[NativeProtocol] = set()
        self._board = board
        if board is not None:
            self.meters.before = board.inherit()
        self._ticking: asyncio.Task[None] | None = None

    @property
    def limits(self) -> Limits:
        """What a client may take."""
        return self._limits

    @property
    def store(self) -> Store:
        """Counts what is held of large bodies."""
        return self._store

    @property
    def service(self) -> Service:
        """What answers."""
        return self._service

    def recognise(self, heard: Heard) -> Ask | None:
        """What a request asks of the engine; ``None``: it is for the ASGI application."""
        if heard.method != b"POST":
            return None
        route = self._routes.find(heard.url)
        return None if route is None else Ask(route, heard.body, heard.since, heard.header)

    def at_once(self, ask: Ask) -> Replying | None:
        """The reply, when it can be given without waiting. Errors are replies too."""
        if self.access.needed and not self.access.knows(ask.token, "decide"):
            return None
        if ask.seen is not None and not self._pins.is_present(ask.seen):
            return None
        if len(ask.body) > self._limits.inline_bytes:
            return None
        try:
            found = self._prompted(ask)
        except SoroiError as error:
            return self._counted(ask, refuse(error))
        if not isinstance(found, Reply):
            ask.rest = found
            return None
        return self._counted(ask, found)

    async def answer(self, ask: Ask) -> Replying:
        """The reply, however long it takes. Errors are replies too."""
        try:
            rest = ask.rest
            if rest is None:
                await self.access.require(ask.token, "decide")
                if ask.seen is not None and not self._pins.is_present(ask.seen):
                    await self._pins.catch_up(ask.seen)
                found = self._prompted(ask) if len(ask.body) <= self._limits.inline_bytes else None
                if isinstance(found, Reply):
                    return self._counted(ask, found)
                rest = found or (lambda: self._decided(ask))
            return self._counted(ask, await self.gate.run(rest))
        except SoroiError as error:
            return self._counted(ask, refuse(error))
        except Exception as error:
            _LOG.exception("POST /%s failed", ask.route.decision[:200])
            return self._counted(ask, unexpected(error))

    def counted(self) -> Counted:
        """What all processes of this server counted."""
        others = [] if self._board is None else self._board.others()
        return summed([self._own(), *others])

    def watch(self, connection: NativeProtocol) -> None:
        """End what takes too long on a connection."""
        self._watched.add(connection)

    def forget(self, connection: NativeProtocol) -> None:
        """Look after a connection no more."""
        self._watched.discard(connection)

    def open(self) -> None:
        """Begin to do what is due now and then. Called on the event loop."""
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    async def close(self) -> None:
        """Stop that, and take no more work."""
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        self._show()
        self.gate.close()
        self.access.close()

    async def _tick(self) -> None:
        while True:
            try:
                now = time.perf_counter()
                for one in list(self._watched):
                    one.sweep(now)
                await refresh_access(self.access)
                self._show()
            except Exception:  # what is due next second is due all the same
                _LOG.exception("housekeeping failed")
            await asyncio.sleep(_TICK_SECONDS)

    def _show(self) -> None:
        if self._board is not None:
            self._board.show(self._own())

    def _own(self) -> Counted:
        counted, serving = self.meters.counted(), self._engine.serving
        counted.workers += 1
        counted.shed += self.gate.shed
        counted.unrecorded += self._engine.unrecorded
        counted.waiting = self.gate.waiting
        counted.connections = len(self._watched)
        if serving is not None:
            counted.manifests = {f"{serving.snapshot.manifest}\t{serving.revision}": 1}
        return counted

    def _prompted(self, ask: Ask) -> Reply | Callable[[], Reply] | None:
        """The reply; what is left to do for it in a thread; or ``None``: all of it."""
        if ask.encoding is not None and ask.encoding.strip().lower() not in (b"", b"identity"):
            raise EncodingError("the body is compressed, which is not understood here", hint="send plain JSON")
        prompt = self._engine.prompt(ask.route.decision)
        if prompt is None:
            return None
        if ask.route.oip:
            return self._inferred(ask, prompt)
        found = prompt.decide_bytes(ask.body, ask.started)
        if isinstance(found, Rest):
            finish = found.finish
            return lambda: _ours(finish())
        return _ours(found)

    def _inferred(self, ask: Ask, prompt: Prompt | None) -> Reply | Callable[[], Reply]:
        """A request of the Open Inference Protocol, by way of the decision's own form."""
        name = ask.route.decision
        version = self._version(ask.route)
        inference = oip.Inference(ask.body)
        rows = inference.rows
        if prompt is not None and len(rows) == 1:
            found = prompt.decide_bytes(inference.single(), ask.started)
            if isinstance(found, Rest):
                finish = found.finish
                return lambda: inference.reply(_ours(finish()), name, version)
            return inference.reply(_ours(found), name, version)

        def work() -> Reply:
            answers = self._engine.decide(name, rows, started=ask.started)
            return inference.reply(_ours(reply_of(answers, single=False)), name, version)

        return work

    def _version(self, route: Route) -> str:
        serving = self._engine.serving
        part = serving.snapshot.decisions.get(route.decision) if serving is not None else None
        if part is None:
            raise UnknownNameError(f"no decision is called '{route.decision[:80]}'")
        oip.check_version(part, route.version)
        return part.version

    def _decided(self, ask: Ask) -> Reply:
        """The general way, in a thread."""
        if ask.route.oip:
            found = self._inferred(ask, None)
            return found if isinstance(found, Reply) else found()
        rows, single = decode_rows(ask.body, single=True)
        answers = self._engine.decide(ask.route.decision, rows, started=ask.started)
        return _ours(reply_of(answers, single=single))

    def _counted(self, ask: Ask, reply: Reply) -> Reply:
        name = ask.route.decision
        serving = self._engine.serving
        known = serving is not None and name in serving.snapshot.decisions
        self.meters.request(name if known else "", reply.status, time.perf_counter() - ask.started)
        if reply.status == 200:
            self.meters.replied(reply.told or reply.body)
        return reply


def _ours(reply: Replying) -> Reply:
    return Reply(reply.status, JSON + reply.headers, reply.body)
