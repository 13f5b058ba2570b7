"""What the scripts of served systems share. Beside bench.served.examples only the standard library: it runs in their
environments."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn


@dataclass(frozen=True)
class Task:
    """What a script is to do."""

    step: str
    """``fill``: fit the model and save it the system's way; ``serve``: serve it."""

    model: str
    """Which model."""

    work: Path
    """Folder that both steps share; empty before the first."""

    port: int
    """Where it is served."""

    variant: str
    """In which way, where there are several."""


@dataclass(frozen=True)
class Asked:
    """What a served model is asked."""

    tool: str
    """The system with its version."""

    path: str
    """Where requests are posted."""

    bodies: Sequence[str]
    """Their bodies."""

    expected: Sequence[float]
    """The probability that the model alone gives for each."""

    where: Sequence[str | int]
    """Keys and places that lead to the probability in a reply."""

    wrong: str = ""
    """What no good reply has in its body; empty: the status says all."""


def run(fill: Callable[[Task], Asked], serve: Callable[[Task], None]) -> None:
    """Do the step that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("step", choices=["fill", "serve"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--variant", default="")
    given = parser.parse_args()
    task = Task(given.step, given.model, given.work, given.port, given.variant)
    if task.step == "serve":
        serve(task)
        return
    asked = fill(task)
    (task.work / "bodies.json").write_text(json.dumps(asked.bodies), "utf-8")
    (task.work / "asked.json").write_text(json.dumps({**asdict(asked), "bodies": len(asked.bodies)}), "utf-8")


def become(*command: str, folder: Path, environment: Mapping[str, str] | None = None) -> NoReturn:
    """Become a command of this environment: a script beside its Python."""
    program = Path(sys.executable).with_name(command[0])
    path = os.pathsep.join([str(program.parent), os.environ.get("PATH", os.defpath)])  # such commands call others
    os.chdir(folder)
    os.execve(program, [str(program), *command[1:]], {**os.environ, "PATH": path, **(environment or {})})
