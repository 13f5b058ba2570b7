"""``soroi demo``: the whole loop on real flights."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

from cyclopts import Parameter

from soroi.cli.common import Common
from soroi.cli.output import answers, console, write_json


def demo(
    *,
    folder: Path = Path("flights-demo"),
    fast: Annotated[bool, Parameter(negative=())] = False,
    common: Common | None = None,
) -> int:
    """Walk the whole loop on real flights, in a project of its own. Run again, it redoes nothing that did not change.

    Args:
        folder: Where the project is made; one that is there already is gone on with.
        fast: Replay four days of each half of March instead of all.
    """
    from soroi.demo import run_demo

    common = common or Common()
    signal.signal(signal.SIGTERM, _interrupt)  # so that the server it started is stopped as well
    told = console(sys.stderr if common.json else answers())
    done = run_demo((common.project or Path()) / folder, fast=fast, out=told)
    if common.json:
        write_json(done)
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
