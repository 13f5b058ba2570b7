"""The ASGI application: paths in, the engine's answers out. Work of the CPU stays off the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from soroi.base.errors import SoroiError, UnknownNameError, did_you_mean
from soroi.http.body import decode_rows, read_body
from soroi.http.errors import http_error, respond, soroi_error, unexpected_error
from soroi.http.service import Service

WORKERS = 32
"""Threads that answer. Each waits most of the time, for the steps that it asks."""

MANIFEST_HEADER = "soroi-manifest"
"""Response header that names the manifest an answer comes from."""

ARM_HEADER = "soroi-arm"
"""Response header that says which arm of a rollout an answer is of: ``base`` or ``challenger``."""

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(service: Service, *, on_close: Callable[[], None] = lambda: None) -> Starlette:
    """The application over a service. Starts the service with its lifespan, and closes it.

    Args:
        service: What answers.
        on_close: Called once everything is closed.
    """
    return Starlette(
        routes=_Paths(service).routes(),
        exception_handlers={
            SoroiError: soroi_error,
            HTTPException: http_error,
            Exception: unexpected_error,
        },
        lifespan=_lifespan(service, on_close),
    )


def _lifespan(service: Service, on_close: Callable[[], None]) -> Any:
    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await asyncio.to_thread(service.close)
            on_close()

    return lifespan


class _Paths:
    """The endpoints."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="soroi-answer")

    def routes(self) -> list[Route]:
        return [
            Route("/", self.index, methods=["GET"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/ready", self.ready, methods=["GET"]),
            Route("/decisions", self.list_decisions, methods=["GET"]),
            Route("/decisions/{name}", self.decide, methods=["POST"]),
            Route("/decisions/{name}", self.show_decision, methods=["GET"]),
            Route("/sources", self.list_sources, methods=["GET"]),
            Route("/sources/{name}/rows", self.ingest, methods=["POST"]),
            Route("/answers/{id}", self.show_answer, methods=["GET"]),
        ]

    async def index(self, _request: Request) -> Response:
        """What can be asked here."""
        found = self._service.readiness()
        names = [one["name"] for one in self._service.decisions()]
        return respond({"service": "soroi", **found, "decisions": names, "paths": _PATHS})

    async def health(self, _request: Request) -> Response:
        """The process lives."""
        return respond({"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        """Whether it can answer; 503 until the first manifest is loaded."""
        found = self._service.readiness()
        return respond(found, 200 if found["ready"] else 503)

    async def list_decisions(self, _request: Request) -> Response:
        """The decisions, with the columns they take."""
        return respond({"decisions": self._service.decisions()})

    async def list_sources(self, _request: Request) -> Response:
        """The sources, with the columns they hold."""
        return respond({"sources": self._service.sources()})

    async def show_decision(self, request: Request) -> Response:
        """One decision, with the columns it takes."""
        name = request.path_params["name"]
        found = {one["name"]: one for one in self._service.decisions()}
        if name not in found:
            raise UnknownNameError(f"no decision is called '{name[:80]}'", hint=did_you_mean(name[:80], found))
        return respond(found[name])

    async def decide(self, request: Request) -> Response:
        """Answer one row or many."""
        started = time.perf_counter()
        name = request.path_params["name"]
        body = await read_body(request)

        def work() -> Response:
            rows, single = decode_rows(body, single=True)
            answers = self._service.engine.decide(name, rows, started=started)
            headers = {MANIFEST_HEADER: answers[0].manifest, ARM_HEADER: answers[0].arm} if answers else {}
            return respond({"answer": answers[0]} if single else {"answers": answers}, 200, headers)

        return await self._off_loop(work)

    async def ingest(self, request: Request) -> Response:
        """Take rows of a source in."""
        name = request.path_params["name"]
        body = await read_body(request)

        def work() -> Response:
            rows, _ = decode_rows(body, single=False)
            taken = self._service.engine.ingest(name, rows)
            return respond({"accepted": taken.accepted, "known": taken.known})

        return await self._off_loop(work)

    async def show_answer(self, request: Request) -> Response:
        """One recorded answer, with its inputs, features and scores."""
        wanted = request.path_params["id"]

        def work() -> Response:
            found = self._service.engine.answers.find(wanted)
            if found is None:
                raise UnknownNameError(f"there is no answer '{wanted[:80]}'")
            return respond({"answer": found})

        return await self._off_loop(work)

    async def _off_loop(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


_PATHS = {
    "POST /decisions/{name}": 'answer {"row": {…}} or {"rows": [{…}, …]}',
    "GET /decisions": "the decisions and the columns they take",
    "POST /sources/{name}/rows": 'take in {"rows": [{…}, …]}',
    "GET /sources": "the sources and the columns they hold",
    "GET /answers/{id}": "an answer as it was recorded",
    "GET /health": "whether the process lives",
    "GET /ready": "whether it can answer, by which manifest",
}
