"""The entry: finds the command, runs it, and turns what it raises into a message and an exit status."""

from __future__ import annotations

import atexit
import contextlib
import difflib
import gc
import os
import sys
import threading
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group, UnknownCommandError

from soroi import __version__
from soroi.cli.failure import EXIT_CODES, report, report_usage
from soroi.cli.output import guarded, hold

COMMANDS = {
    "Begin": {
        "init": "Make a project from a template.",
        "demo": "Walk the whole loop on real flights, in a project of its own.",
        "doctor": "Find out what is wrong with this installation and this project.",
    },
    "Build": {
        "status": "What is fresh, what is stale and why, what is staged and live.",
        "build": "Make candidates; nothing that is staged or live changes.",
        "graph": "Draw the graph: what rests on what, and what a node reaches.",
    },
    "Release": {
        "plan": "What a release would do, what stands in its way, and what to do next.",
        "stage": "Gather versions for the next release; seals the set when it is in step.",
        "judge": "Run the gates of the staged set without releasing it.",
        "release": "Make the staged set live: all of it, or none.",
        "rollout": "Let a challenger answer for a share of requests, step by step, ended when it is worse.",
        "rollback": "Go back to an earlier release.",
        "approve": "Sign a plan and the verdicts that it shows.",
        "waive": "Let a node that is behind pass, by your signed word.",
    },
    "Run": {
        "serve": "Answer over HTTP.",
        "decide": "Decide on every row of a file or table.",
        "trace": "From an answer, a version or a release to everything it rests on.",
        "versions": "Find versions by what is recorded of them.",
        "store": "Move what a project knows to shared servers.",
    },
    "Govern": {
        "log": "What was live when, who moved it, and what changed between.",
        "audit": "Is the record what was recorded? What is not is named.",
        "key": "Whose public key is whose.",
        "role": "Who may do what, where.",
        "token": "Tokens by which services are known.",
        "collect": "Remove the bytes of what nothing needs; shows them first.",
        "hold": "Keep something, whatever is collected.",
        "unused": "What nobody uses, whose it is, and what it cost.",
    },
}
"""The commands, by group, each with what it does. Their modules are imported only when they run."""


LOOKING = frozenset({"status", "plan"})
"""Commands that only look, once, and that people wait for: what is made for them lives until the process ends."""


def make_app() -> App:
    """The command line, with nothing loaded yet."""
    codes = "  \n".join(f"{code}: {meaning}" for code, meaning in EXIT_CODES.items())
    app = App(
        name="soroi",
        help="Keeps machine-learned decisions in step: build, stage, release, serve and trace them as one set.",
        help_epilogue=f"Exit status:\n\n{codes}",
        help_format="markdown",
        version=__version__,
        result_action="return_value",
    )
    also = Group("Also", sort_key=len(COMMANDS))
    for flag in ("--help", "--version"):
        app[flag].group = also
    for place, (title, commands) in enumerate(COMMANDS.items()):
        group = Group(title, sort_key=place)
        for order, (name, what) in enumerate(commands.items()):
            app.command(f"soroi.cli.{name}:{name}", name=name, help=what, group=group, sort_key=order)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        arguments: What follows ``soroi``; default: that of the process.

    Returns:
        The exit status; see :data:`soroi.cli.failure.EXIT_CODES`.
    """
    if arguments is not None:
        return _run(list(arguments))
    given = sys.argv[1:]
    looking = bool(given) and given[0] in LOOKING
    if looking:
        gc.disable()
        hold()
    code = _run(given)
    if looking:
        _leave(code)
    return code


def _leave(code: int) -> None:
    """End the process, as its end would, but without taking apart piece by piece what it had in memory.

    Goes back, so that the process ends in the usual way, when other threads are at work or something cannot be written.
    """
    if threading.active_count() > 1 or sys.gettrace() is not None or sys.getprofile() is not None:
        return
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(given: list[str]) -> int:
    with guarded("--json" in given):
        try:
            done = make_app()(given, exit_on_error=False, print_error=False, help_on_error=False)
            sys.stdout.flush()
        except CycloptsError as error:
            chain = " ".join(("soroi", *(error.command_chain or ())))
            return report_usage(_told(error), chain, given)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except (Exception, KeyboardInterrupt) as error:
            return report(error, given)
    return done if isinstance(done, int) else 0


def _told(error: CycloptsError) -> str:
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        wrong = error.unused_tokens[0]
        known = [name for commands in COMMANDS.values() for name in commands]
        near = difflib.get_close_matches(wrong, known, n=1)
        return f"there is no command '{wrong}'" + (f"; did you mean '{near[0]}'?" if near else "")
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
