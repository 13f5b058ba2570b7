"""Errors as people and programs meet them: message, place, remedy; never a traceback unless asked for."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from soroi.base.errors import SoroiError
from soroi.cli.output import console, styled, write_json

USAGE = 2
"""Exit status of a command line that cannot be understood."""

UNEXPECTED = 70
"""Exit status of an error that soroi did not foresee."""

INTERRUPTED = 130
"""Exit status of a command that was stopped from the keyboard."""

EXIT_CODES = {
    0: "done",
    1: "it failed: the message names the thing and the place",
    USAGE: "wrong command line, name, configuration or declaration",
    3: "refused as things stand: out of step, or a gate does not hold; nothing was changed",
    4: "somebody else was first; look again and repeat",
    UNEXPECTED: "a defect of soroi",
    INTERRUPTED: "stopped from the keyboard; what was finished is kept",
}
"""What the exit status of a command says."""


def wants_traceback(arguments: Sequence[str]) -> bool:
    """Whether tracebacks were asked for."""
    return "--traceback" in arguments or os.environ.get("SOROI_TRACEBACK", "") not in ("", "0")


def report(error: BaseException, arguments: Sequence[str]) -> int:
    """Tell of an error, and give the exit status for it.

    Args:
        error: What was raised.
        arguments: The command line.
    """
    if wants_traceback(arguments):
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, SoroiError):
        _tell(error.to_dict(), arguments)
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        body = {"code": "interrupted", "message": "stopped from the keyboard", "hint": None, "where": None}
        _tell({**body, "hint": "run the command again: what was finished is kept"}, arguments)
        return INTERRUPTED
    said = str(error).strip() or "no message"
    body = {
        "code": "unexpected",
        "message": f"{type(error).__name__}: {said}",
        "hint": "this is a defect of soroi; the same command with --traceback shows where it is",
        "where": None,
    }
    _tell(body, arguments)
    return UNEXPECTED


def report_usage(message: str, command: str, arguments: Sequence[str]) -> int:
    """Tell that a command line cannot be understood.

    Args:
        message: What is wrong with it.
        command: The command as far as it was understood, such as ``soroi build``.
        arguments: The command line.
    """
    _tell({"code": "usage", "message": message, "hint": f"{command} --help", "where": None}, arguments)
    return USAGE


def _tell(body: dict[str, Any], arguments: Sequence[str]) -> None:
    if "--json" in arguments:
        write_json({"error": body})
        return
    out = console(sys.stderr)
    out.print(styled("error", "bold red"), styled(f"({body['code']})", "red"), body["message"], soft_wrap=True)
    for name, label in (("where", "at  "), ("hint", "hint")):
        if body.get(name):
            out.print(f"  {label} {body[name]}", soft_wrap=True)
