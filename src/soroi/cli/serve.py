"""``soroi serve``: answer over HTTP."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from soroi.cli.common import Common
from soroi.cli.output import console, write_json


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    environment: Annotated[str, Parameter(name=["--env", "--environment"])] = "production",
    workers: int = 1,
    protocol: Literal["native", "asgi"] = "native",
    common: Common | None = None,
) -> int:
    """Answer over HTTP. Follows releases and rollbacks without a restart, until it is told to stop.

    Args:
        host: Address to listen at. Only this machine by default; elsewhere, or once roles were given, requests need a
            token (soroi token create).
        port: Port to listen at; 0: any that is free.
        environment: The head to answer with.
        workers: Number of processes that answer; with several, whichever dies is replaced.
        protocol: What speaks HTTP: one of soroi's own, or the portable one, which is slower.
    """
    common = common or Common()
    from soroi.codebase import find_project, read_config
    from soroi.http import run_server

    config = read_config(find_project(common.project))

    def ready(address: str) -> None:
        if common.json:
            write_json({"address": address, "environment": environment, "project": config.name})
        else:
            told = f"{config.name} listens at {address}, loading what is live in {environment}; stop with Ctrl-C"
            console(sys.stderr).print(told)

    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("soroi").setLevel(logging.INFO)
    run_server(
        config, host=host, port=port, environment=environment, ready=ready, protocol=protocol, workers=max(workers, 1)
    )
    return 0
