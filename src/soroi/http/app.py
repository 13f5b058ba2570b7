"""The ASGI application: paths in, the engine's answers out. Work of the CPU stays off the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from soroi.base.errors import SoroiError, UnknownNameError, did_you_mean
from soroi.http import oip
from soroi.http.ask import Ask, Route
from soroi.http.body import decode_rows, read_body
from soroi.http.desk import Desk
from soroi.http.errors import http_error, refuse, respond, response_of, soroi_error, unexpected_error
from soroi.http.exposition import CONTENT_TYPE, expose
from soroi.http.openapi import document
from soroi.http.service import Service
from soroi.serve import DecisionPart

Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(service: Service, *, desk: Desk | None = None, on_close: Callable[[], None] = lambda: None) -> Starlette:
    """The application over a service. Starts the service with its lifespan, and closes it.

    Args:
        service: What answers.
        desk: What answers requests for decisions; default: one that everybody may ask.
        on_close: Called once everything is closed.
    """
    desk = desk or Desk(service)
    return Starlette(
        routes=_Paths(desk).routes(),
        exception_handlers={
            SoroiError: soroi_error,
            HTTPException: http_error,
            Exception: unexpected_error,
        },
        lifespan=_lifespan(desk, on_close),
    )


def _lifespan(desk: Desk, on_close: Callable[[], None]) -> Any:
    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        desk.service.start()
        desk.open()
        try:
            yield
        finally:
            await desk.close()
            await asyncio.to_thread(desk.service.close)
            on_close()

    return lifespan


class _Paths:
    """The endpoints."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._service = desk.service

    def routes(self) -> list[Path]:
        view, models = self._guarded("view"), "/v2/models/{name}"
        return [
            Path("/", view(self.index), methods=["GET"]),
            Path("/health", self.health, methods=["GET"]),
            Path("/ready", self.ready, methods=["GET"]),
            Path("/metrics", self._guarded("metrics")(self.metrics), methods=["GET"]),
            Path("/openapi.json", view(self.openapi), methods=["GET"]),
            Path("/decisions", view(self.list_decisions), methods=["GET"]),
            Path("/decisions/{name}", self.decide, methods=["POST"]),
            Path("/decisions/{name}", view(self.show_decision), methods=["GET"]),
            Path("/sources", view(self.list_sources), methods=["GET"]),
            Path("/sources/{name}/rows", self._guarded("ingest")(self.ingest), methods=["POST"]),
            Path("/answers/{id}", view(self.show_answer), methods=["GET"]),
            Path("/v2", self.server_metadata, methods=["GET"]),
            Path("/v2/health/live", self.live, methods=["GET"]),
            Path("/v2/health/ready", self.model_ready, methods=["GET"]),
            Path(models, view(self.model_metadata), methods=["GET"]),
            Path(f"{models}/versions/{{version}}", view(self.model_metadata), methods=["GET"]),
            Path(f"{models}/ready", self.model_ready, methods=["GET"]),
            Path(f"{models}/versions/{{version}}/ready", self.model_ready, methods=["GET"]),
            Path(f"{models}/infer", self.infer, methods=["POST"]),
            Path(f"{models}/versions/{{version}}/infer", self.infer, methods=["POST"]),
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

    async def metrics(self, _request: Request) -> Response:
        """How the server fares, for Prometheus."""
        body = await asyncio.to_thread(expose, self._desk.counted())
        return Response(body, headers={"content-type": CONTENT_TYPE})

    async def openapi(self, _request: Request) -> Response:
        """What can be asked here, as an OpenAPI document."""
        serving = self._service.engine.serving
        return respond(document([] if serving is None else list(serving.snapshot.decisions.values())))

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
        return await self._asked(request, Route(request.path_params["name"], oip=False))

    async def infer(self, request: Request) -> Response:
        """Answer a request of the Open Inference Protocol."""
        taken = request.path_params
        return await self._asked(request, Route(taken["name"], oip=True, version=taken.get("version")))

    async def ingest(self, request: Request) -> Response:
        """Take rows of a source in."""
        name = request.path_params["name"]
        body = await read_body(request)

        def work() -> Response:
            rows, _ = decode_rows(body, single=False)
            taken = self._service.ingest(name, rows)
            return respond({"accepted": taken.accepted, "known": taken.known})

        return await self._desk.gate.run(work)

    async def show_answer(self, request: Request) -> Response:
        """One recorded answer, with its inputs, features and scores."""
        wanted = request.path_params["id"]

        def work() -> Response:
            found = self._service.engine.answers.find(wanted)
            if found is None:
                raise UnknownNameError(f"there is no answer '{wanted[:80]}'")
            return respond({"answer": found})

        return await self._desk.gate.run(work)

    async def live(self, _request: Request) -> Response:
        """The process lives, in the words of the Open Inference Protocol."""
        return respond({"live": True})

    async def server_metadata(self, _request: Request) -> Response:
        """The server, in the words of the Open Inference Protocol."""
        from soroi import __version__

        return respond(oip.server_metadata(__version__))

    async def model_metadata(self, request: Request) -> Response:
        """A decision as a model of the Open Inference Protocol."""
        return respond(oip.model_metadata(self._part(request)))

    async def model_ready(self, request: Request) -> Response:
        """Whether the server, or a decision, can be asked."""
        name = request.path_params.get("name")
        ready = self._service.engine.serving is not None
        if name is not None and ready:
            self._part(request)
        said = {"ready": ready} if name is None else {"name": name, "ready": ready}
        return respond(said, 200 if ready else 503)

    def _part(self, request: Request) -> DecisionPart:
        name, serving = request.path_params["name"], self._service.engine.serving
        known = {} if serving is None else serving.snapshot.decisions
        if name not in known:
            raise UnknownNameError(f"no decision is called '{name[:80]}'", hint=did_you_mean(name[:80], known))
        oip.check_version(known[name], request.path_params.get("version"))
        return known[name]

    async def _asked(self, request: Request, route: Route) -> Response:
        """A request for decisions, where the server's own protocol does not answer it."""
        body = await read_body(request)
        headers = dict(reversed(request.scope["headers"]))
        ask = Ask(route, body, time.perf_counter(), headers.get)
        reply = self._desk.at_once(ask)
        if reply is None:
            reply = await self._desk.answer(ask)
        return response_of(reply)

    def _guarded(self, deed: str) -> Callable[[Endpoint], Endpoint]:
        """Lets only those in who may do something."""
        access = self._desk.access

        def guard(endpoint: Endpoint) -> Endpoint:
            async def guarded(request: Request) -> Response:
                header = request.headers.get("authorization")
                try:
                    await access.require(None if header is None else header.encode("latin-1"), deed)
                except SoroiError as error:
                    return response_of(refuse(error))
                return await endpoint(request)

            return guarded

        return guard


_PATHS = {
    "POST /decisions/{name}": 'answer {"row": {…}} or {"rows": [{…}, …]}',
    "GET /decisions": "the decisions and the columns they take",
    "POST /sources/{name}/rows": 'take in {"rows": [{…}, …]}',
    "GET /sources": "the sources and the columns they hold",
    "GET /answers/{id}": "an answer as it was recorded",
    "GET /health": "whether the process lives",
    "GET /ready": "whether it can answer, by which manifest",
    "GET /metrics": "how the server fares, for Prometheus",
    "GET /openapi.json": "what can be asked, as an OpenAPI document",
    "POST /v2/models/{name}/infer": "answer, in the form of the Open Inference Protocol",
}
