"""One of several processes that answer at one socket: ``python -m soroi.http.worker``, begun by the one that looks
after them."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import msgspec

from soroi.codebase import read_config
from soroi.http.desk import Desk
from soroi.http.hub import Spoke, Take
from soroi.http.meters import Board
from soroi.http.server import make_access, serve_on, settle_threads
from soroi.http.service import open_service
from soroi.http.workers import BOARD, Task


def run_worker(task: Task) -> None:
    """Answer until told to end.

    Args:
        task: What to serve, and by which sockets.
    """
    terms = task.terms
    settle_threads()
    config = read_config(Path(terms.root))
    service = open_service(config, environment=terms.environment, watching=task.slot == 0)

    def take(message: Take) -> None:
        service.engine.take(message.source, message.rows, now=message.at)

    spoke = Spoke(socket.socket(fileno=task.hub), take, orphaned=_end)
    shared = replace(service, share=spoke.share)
    board = Board(config.store / BOARD, terms.group, task.slot)
    desk = Desk(shared, access=make_access(config, shared, terms.host), board=board)
    spoke.start()
    serve_on(shared, socket.socket(fileno=task.listening), spoke.up, desk=desk, protocol=terms.protocol, loaded=True)


def _end() -> None:
    """Whoever looked after this process is gone, or told it to end: nobody would replace it, so it ends."""
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """The process's entry; its one argument is a :class:`soroi.http.workers.Task`, in JSON."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(process)d %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("soroi").setLevel(logging.INFO)
    run_worker(msgspec.json.decode(sys.argv[1], type=Task))


if __name__ == "__main__":
    main()
