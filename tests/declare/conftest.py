"""Projects written to disk, imported and asked for the behaviour of a function."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from soroi.declare.behaviour import Behaviour, function_behaviour

LOCKED = {"polars": "2.1.0", "numpy": "2.0.0", "soroi": "0.1.0", "msgspec": "0.20.0"}


class Projects:
    """Writes projects, each into a folder of its own, and imports them afresh."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0
        self.path = list(sys.path)
        self.tops: set[str] = set()

    def write(self, files: Mapping[str, str]) -> Path:
        """Write modules into a fresh folder."""
        self.count += 1
        folder = self.root / f"p{self.count}"
        for name, source in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(source))
        return folder

    def load(self, folder: Path) -> ModuleType:
        """Import ``nodes.py`` of a folder afresh."""
        self.forget()
        self.tops = {one.name.removesuffix(".py") for one in folder.iterdir()}
        self.forget()
        sys.path[:] = [str(folder), *self.path]
        importlib.invalidate_caches()
        return importlib.import_module("nodes")

    def forget(self) -> None:
        """Drop the modules that were imported last."""
        for name in [one for one in sys.modules if one.partition(".")[0] in self.tops]:
            del sys.modules[name]

    def of(self, function: object, versions: Mapping[str, str] = LOCKED) -> Behaviour:
        """The behaviour of a function of the project that was loaded last."""
        assert callable(function)
        return function_behaviour(
            function, in_project=lambda module: module.partition(".")[0] in self.tops, libraries=versions.get
        )

    def behaviour(self, files: Mapping[str, str] | str) -> Behaviour:
        """The behaviour of ``wording`` in ``nodes.py``; text alone is that file."""
        files = {"nodes.py": files} if isinstance(files, str) else files
        return self.of(self.load(self.write(files)).wording)


@pytest.fixture
def projects(tmp_path: Path) -> Iterator[Projects]:
    """Projects to be written and imported."""
    made = Projects(tmp_path)
    yield made
    made.forget()
    sys.path[:] = made.path
