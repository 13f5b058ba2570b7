"""Load a project's declarations, apart from every other version of the same project in this process.

The modules of a project are kept in a registry of their own instead of ``sys.modules``, and an ``import`` written
in one of them looks there first. So a server can hold two releases with different code for the same feature, and
a notebook can import the project as well.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib.util
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from soroi.base.errors import DeclarationError, SoroiError
from soroi.codebase.bundle import is_own_file
from soroi.declare.declaration import Declaration, collecting, declaration_of
from soroi.declare.gate import EnvironmentSpec
from soroi.declare.gating import collecting_environments
from soroi.declare.graph import Graph
from soroi.declare.node import NodeKind
from soroi.declare.resolve import build_graph

_LOCK = threading.RLock()
_NAMED_BY_VARIABLE = (NodeKind.THRESHOLD, NodeKind.DECISION)


PartValues = Mapping[str, Mapping[str, Sequence[str]]]
"""The values of columns of datasets that part families: by id of the dataset, then by name of the column."""


class Codebase:
    """The loaded code of a project: its modules and the graph they declare."""

    def __init__(self, root: Path, module: str, home: Path | None = None, *, named_home: bool = False) -> None:
        self.root = root.resolve()
        self.home = (home or root).resolve()
        self.module = module
        self._code_base = self.home if named_home else self.root
        self.modules: dict[str, ModuleType] = {}
        self.texts: dict[str, bytes] = {}
        self._owned: dict[str, bool] = {}
        self._shown: contextlib.ExitStack | None = None
        self._failed: dict[str, Exception] = {}
        with _LOCK:
            with collecting() as made, collecting_environments() as environments:
                self._load(module)
            self._declared = self._declarations(made)
            self._environments = self._environments_of(environments)
            self.graph: Graph = self._with_environments(build_graph(self._declared))

    def expanded(self, parts: PartValues) -> Graph:
        """The graph with the parts of families that take them from their dataset.

        Args:
            parts: The values of columns of datasets: by id of the dataset, then by name of the column.
        """
        if not any(family.is_open for family in self.graph.families.values()):
            return self.graph
        return self._with_environments(
            build_graph(self._declared, lambda dataset, column: parts.get(dataset, {}).get(column, ()))
        )

    def is_on_disk(self) -> bool:
        """Whether the texts of its modules are those that ran."""
        return all(_text_of(find_module(self.root, name)) == text for name, text in self.texts.items())

    def _with_environments(self, graph: Graph) -> Graph:
        graph.environments = self._environments
        return graph

    def _environments_of(self, made: Sequence[tuple[str, EnvironmentSpec]]) -> dict[str, EnvironmentSpec]:
        """What environments ask for, by name; each is declared once."""
        found: dict[str, EnvironmentSpec] = {}
        for module, one in made:
            if module not in self.modules:
                continue
            if one.name in found:
                raise DeclarationError(
                    f"the environment '{one.name}' is declared twice, also at {found[one.name].where}",
                    hint="join the two conditions with &",
                    where=one.where,
                )
            found[one.name] = one
        return found

    def owns(self, name: str) -> bool:
        """Whether a module of that name belongs to the project."""
        top = name.partition(".")[0]
        if top not in self._owned:
            self._owned[top] = self._path(top) is not None
        return self._owned[top]

    @property
    def outside(self) -> list[str]:
        """Names of top-level modules that it was asked for, and that the project does not have."""
        return sorted(name for name, is_own in self._owned.items() if name and not is_own)

    @contextlib.contextmanager
    def visible(self) -> Iterator[None]:
        """Show the project's modules in ``sys.modules`` for as long as the block runs."""
        with _LOCK, contextlib.ExitStack() as shown:
            shown.enter_context(_shown(self.modules))
            before, self._shown = self._shown, shown
            try:
                yield
            finally:
                self._shown = before

    def late(self, name: str) -> ModuleType:
        """A module of the project that may be imported only inside functions: loaded now if it was not yet.

        The graph is what was declared when the project was loaded, whatever is loaded later. So such a module may
        declare nothing: that would be lost. Within :meth:`visible` it is shown like the others.

        Args:
            name: Full name of the module.

        Raises:
            ModuleNotFoundError: The project has no such module.
            DeclarationError: It raises while it is loaded, or declares something.
        """
        with _LOCK:
            if name in self._failed:
                raise self._failed[name]
            known = set(self.modules)
            try:
                with collecting() as made:
                    module = self._load(name)
                _refuse_late(made, set(self.modules) - known)
            except (SoroiError, ModuleNotFoundError) as error:
                self._failed[name] = error
                self._forget(set(self.modules) - known)
                raise
            if self._shown is not None:
                hidden = {one: held for one, held in self.modules.items() if sys.modules.get(one) is not held}
                self._shown.enter_context(_shown(hidden))
            return module

    def _forget(self, names: set[str]) -> None:
        for name in names:
            module = self.modules.pop(name)
            parent, _, child = name.rpartition(".")
            if parent in self.modules and vars(self.modules[parent]).get(child) is module:
                delattr(self.modules[parent], child)

    @property
    def is_whole(self) -> bool:
        """Whether every module that was looked for could be loaded."""
        return not self._failed

    def _path(self, name: str) -> Path | None:
        return find_module(self.root, name)

    def _load(self, name: str) -> ModuleType:
        if name in self.modules:
            return self.modules[name]
        parent, _, child = name.rpartition(".")
        if parent:
            self._load(parent)
        path = self._path(name)
        if path is None:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        module = self._new_module(name, path)
        self.modules[name] = module
        if path.is_file():
            self._run(module, path)
        if parent:
            setattr(self.modules[parent], child, module)
        return module

    def _new_module(self, name: str, path: Path) -> ModuleType:
        is_package = path.name == "__init__.py" or path.is_dir()
        folder = path.parent if path.is_file() else path
        spec = importlib.util.spec_from_file_location(
            name, path if path.is_file() else None, submodule_search_locations=[str(folder)] if is_package else None
        )
        if spec is None:
            spec = importlib.util.spec_from_loader(name, loader=None, is_package=True)
        if spec is None:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        module = importlib.util.module_from_spec(spec)
        if path.is_file():
            module.__file__ = str(self.home / path.relative_to(self.root))
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        return module

    def _run(self, module: ModuleType, path: Path) -> None:
        try:
            shown = self._code_base / path.relative_to(self.root)
            content = self.texts[module.__name__] = path.read_bytes()
            code = compile(content, str(shown), "exec", dont_inherit=True)
            from soroi.declare.behaviour_source import remember_run  # where nothing is loaded, it is not needed

            with contextlib.suppress(UnicodeDecodeError):
                remember_run(str(shown), content.decode("utf-8"))
            with _shown(self.modules):
                exec(code, module.__dict__)  # the project's own code: this is what loading means
        except SoroiError as error:
            self.modules.pop(module.__name__, None)
            error.where = error.where or self._last_place(error, path)
            raise
        except SyntaxError as error:
            self.modules.pop(module.__name__, None)
            raise DeclarationError(
                f"{path.name} is not valid Python: {error.msg}", where=f"{path.name}:{error.lineno}"
            ) from error
        except (Exception, SystemExit) as error:
            self.modules.pop(module.__name__, None)
            raise DeclarationError(
                f"{path.name} raised {type(error).__name__} while it was loaded: {error}",
                hint="run it with python to see the whole traceback",
                where=self._last_place(error, path),
            ) from error

    def _last_place(self, error: BaseException, path: Path) -> str:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if is_own_file(Path(f.filename), self._code_base)]
        return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else path.name

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 (the names that __import__ has)
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        full = name
        if level:
            package = str((globals or {}).get("__package__") or "")
            full = importlib.util.resolve_name("." * level + name, package)
        if not self.owns(full):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        with _LOCK:
            module = self._load(full)
            for one in fromlist or ():
                if one != "*" and not hasattr(module, one) and self._path(f"{full}.{one}"):
                    self._load(f"{full}.{one}")
            return module if fromlist else self.modules[full.partition(".")[0]]

    def _declarations(self, made: Sequence[Declaration]) -> list[Declaration]:
        """All declarations in the order they were made: those that variables keep, and those kept nowhere."""
        found = {id(one): one for one in made if one.module in self.modules}
        kept = [
            (module.__name__ != declared.module, variable, declared)
            for module in self.modules.values()
            for variable, value in vars(module).items()
            if (declared := declaration_of(value)) is not None
        ]
        for _, variable, declared in sorted(kept, key=lambda one: one[0]):  # the variable where it was made comes first
            if declared.name is None and declared.kind in _NAMED_BY_VARIABLE and not variable.startswith("_"):
                declared.name = variable
            found[id(declared)] = declared
        return list(found.values())


def load(root: Path, module: str, home: Path | None = None, *, named_home: bool = False) -> Codebase:
    """Load the declarations of a project.

    Args:
        root: Folder that holds the code.
        module: Module with the declarations.
        home: Folder of the project, when the code is a captured copy: ``__file__`` points there, so that code that
            finds its data beside itself goes on finding it. Default: ``root``.
        named_home: Whether functions name ``home`` as their place too, for tracebacks, rather than where the code
            was read from.

    Raises:
        DeclarationError: The code raises or declares something wrong; names file and line.
    """
    return Codebase(root, module, home, named_home=named_home)


def find_module(root: Path, name: str) -> Path | None:
    """Where a module of a project is: its file, the folder of a package without one, or ``None``.

    Args:
        root: Folder that holds the code.
        name: Full name of the module.
    """
    base = root.joinpath(*name.split("."))
    if (base / "__init__.py").is_file():
        return base / "__init__.py"
    if base.with_suffix(".py").is_file():
        return base.with_suffix(".py")
    return base if base.is_dir() and any(base.glob("*.py")) else None


def _text_of(path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path is not None else None
    except OSError:
        return None


def _refuse_late(made: Sequence[Declaration], modules: set[str]) -> None:
    """Refuse what is declared by modules that are imported only inside functions: it is not in the graph."""
    for one in made:
        if one.module in modules:
            raise DeclarationError(
                f"'{one.name or one.kind}' is declared in the module '{one.module}', which is imported only inside "
                "functions: it is not in the graph",
                hint=f"import {one.module} at the top of a module, or declare nothing in it",
                where=one.where,
            )


@contextlib.contextmanager
def _shown(modules: Mapping[str, ModuleType]) -> Iterator[None]:
    """Modules in ``sys.modules`` for a while: class creation and ``inspect`` look there."""
    missing = object()
    before = {name: sys.modules.get(name, missing) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is missing:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module  # type: ignore[assignment]
