"""Build hook: compile the optional extension with whatever C compiler is there, and go on without one.

Set ``SOROI_PURE_PYTHON`` to leave it out. Without it soroi gives the same numbers, more slowly.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("src/soroi/_native/walk.c")
NAME = "walk.abi3.so"
FLAGS = ["-O2", "-fPIC", "-ffp-contract=off", "-DPy_LIMITED_API=0x030B0000", "-DNDEBUG"]
"""Products and sums stay apart (no fused operations): the results must be Python's to the last bit."""

_CHECK = "import importlib.util as u; s = u.spec_from_file_location('walk', {!r}); m = u.module_from_spec(s); s.loader.exec_module(m); m.Forest; m.Linear"  # noqa: E501


class ExtensionHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the extension to wheels, also to editable ones."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the wheel is made."""
        if self.target_name != "wheel":
            return
        editable = version == "editable"
        root = Path(self.root)
        target = (root / SOURCE).parent / NAME if editable else Path(tempfile.mkdtemp(prefix="soroi-")) / NAME
        problem = compile_extension(root / SOURCE, target)
        if problem is not None:
            self.app.display_warning(f"soroi goes without its extension: {problem}")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        if not editable:
            build_data["force_include"][str(target)] = f"soroi/_native/{NAME}"


def compile_extension(source: Path, target: Path) -> str | None:
    """Compile and try to load it.

    Returns:
        Why it could not be made; ``None`` when it was.
    """
    if os.environ.get("SOROI_PURE_PYTHON"):
        return "SOROI_PURE_PYTHON is set"
    if os.name != "posix":
        return "it is compiled on POSIX systems only"
    compiler = _compiler()
    if compiler is None:
        return "no C compiler was found (set CC to name one)"
    link = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
    fresh = target.with_name(f"new-{target.name}")
    include = f"-I{sysconfig.get_paths()['include']}"
    command = [*compiler, *FLAGS, include, *link, str(source), "-o", str(fresh)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
        subprocess.run([sys.executable, "-c", _CHECK.format(str(fresh))], check=True, capture_output=True, timeout=60)
        fresh.replace(target)
    except subprocess.CalledProcessError as error:
        said = error.stderr if isinstance(error.stderr, str) else (error.stderr or b"").decode("utf-8", "replace")
        fresh.unlink(missing_ok=True)
        lines = said.strip().splitlines() or ["it does not compile"]
        return next((line for line in lines if "rror" in line), lines[-1])
    except (OSError, subprocess.TimeoutExpired) as error:
        fresh.unlink(missing_ok=True)
        return str(error)
    return None


def _compiler() -> list[str] | None:
    """The command of a C compiler that is there."""
    named = [os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc", "gcc", "clang"]
    for one in named:
        words = shlex.split(one) if one else []
        if words and shutil.which(words[0]):
            return words
    return None
