"""How long the command line takes to answer: ``python bench/cli.py [REPEATS]``.

Each command is started as a process of its own, as a shell would. The best of several is told beside the median:
on a busy machine the best is the better estimate of what the command itself needs.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a script: its folder holds a module called statistics, which hides Python's own
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import shutil
import subprocess
import tempfile
import time

HELP_TARGET = 0.25
"""Seconds within which ``soroi --help`` should answer."""


def seconds(command: list[str], cwd: Path) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, check=False)
    took = time.perf_counter() - began
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()}")
    return took


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    soroi = shutil.which("soroi", path=str(Path(sys.executable).parent)) or "soroi"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        subprocess.run([soroi, "init", "shop"], cwd=folder, check=True, capture_output=True)
        shop = folder / "shop"
        subprocess.run([soroi, "build"], cwd=shop, check=True, capture_output=True)
        commands = [["--help"], ["build", "--help"], ["status"], ["plan", "--json"], ["build"], ["doctor"]]
        print(f"{'command':<20}{'best':>8}{'median':>8}   seconds, of {repeats}")
        for arguments in commands:
            taken = [seconds([soroi, *arguments], shop) for _ in range(repeats)]
            note = f"   target {HELP_TARGET}" if arguments == ["--help"] else ""
            name = " ".join(["soroi", *arguments])
            middle = sorted(taken)[len(taken) // 2]
            print(f"{name:<20}{min(taken):8.3f}{middle:8.3f}{note}")


if __name__ == "__main__":
    main()
