"""The flights project as people edit it: laid out anew it stays fresh; a helper two modules away is named."""

from __future__ import annotations

import ast
import io
import shutil
import tokenize
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.projects import InlineExecutor

import soroi as so
from soroi.base.reason import Reason
from soroi.project import Project

FOLDER = Path(so.__file__).parent / "templates" / "flights"
ZONES = ("NEW_YORK", "CARIBBEAN", "utc")
READING = ("data_folder", "read_csv", "at_destination", "read_flights")
IMPORTS = "from __future__ import annotations\n\nimport zipfile\nfrom datetime import timedelta\n"
IMPORTS += "from importlib.util import find_spec\nfrom pathlib import Path\n\nimport polars as pl\n"


def statements(text: str) -> list[tuple[str, ast.stmt, str]]:
    """The statements of a module: the name that each defines, the statement, its text."""
    lines = text.splitlines()
    found: list[tuple[str, ast.stmt, str]] = []
    for one in ast.parse(text).body:
        start = min([one.lineno, *(mark.lineno for mark in getattr(one, "decorator_list", ()))])
        target = one.targets[0] if isinstance(one, ast.Assign) else None
        name = target.id if isinstance(target, ast.Name) else str(getattr(one, "name", ""))
        found.append((name, one, "\n".join(lines[start - 1 : one.end_lineno])))
    return found


def split(folder: Path) -> None:
    """Put the helpers that read the files into modules of their own: flights → reading → zones."""
    parts = statements((folder / "flights.py").read_text())
    text = {name: source for name, _, source in parts}
    rest = [source for name, _, source in parts if name not in (*ZONES, *READING)]
    at = next(place for place, one in enumerate(rest) if one.startswith("import soroi"))
    rest.insert(at + 1, "from reading import data_folder, read_csv, read_flights")
    (folder / "flights.py").write_text("\n\n".join(rest) + "\n")
    head = f"{IMPORTS}\nfrom zones import {', '.join(ZONES)}\n"
    (folder / "reading.py").write_text("\n\n".join([head, *(text[name] for name in READING)]) + "\n")
    (folder / "zones.py").write_text("\n\n".join([IMPORTS, *(text[name] for name in ZONES)]) + "\n")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, few_threads: None, project: ModuleType) -> Path:
    """The project in three modules, built of six weeks with a small model, staged and live."""
    folder = tmp_path_factory.mktemp("flights") / "flights"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns(".soroi", "__pycache__"))
    split(folder)
    with so.open(folder) as opened:
        small = {"careful": {"max_iter": 2, "max_leaf_nodes": 4}}
        result = opened.build(as_of="2013-02-15", set=small, executor=InlineExecutor())
        assert result.ok, [one.error for one in result.failed]
    return folder


@pytest.fixture
def flights_project(built: Path, tmp_path: Path) -> Iterator[Project]:
    """A copy of it to be edited."""
    folder = tmp_path / "flights"
    shutil.copytree(built, folder)
    with so.open(folder) as opened:
        yield opened


def states(project: Project) -> dict[str, str]:
    project.reload()
    return {name: one.state.value for name, one in project.statuses().items() if one.state != "fresh"}


# ── what does not count ───────────────────────────────────────────────────────────────────────────────────────────


def single_quoted(text: str) -> str:
    """The same code with single quotes around its strings, where that needs no escape."""
    made: list[tuple[int, str]] = []
    for one in tokenize.generate_tokens(io.StringIO(text).readline):
        plain = one.type == tokenize.STRING and one.string[0] == '"' and one.string[:3] != '"""'
        made.append((one.type, repr(ast.literal_eval(one.string)) if plain else one.string))
    return tokenize.untokenize(made)


def reordered(text: str) -> str:
    """Helpers before all else, in reverse; sources in reverse; a comment and a docstring more for each function."""
    parts = statements(text)
    functions = [one for one in parts if isinstance(one[1], ast.FunctionDef)]
    helpers = [one for one in functions if not one[1].decorator_list]  # type: ignore[attr-defined]
    sources = [one for one in functions if "so.source(" in ast.unparse(one[1])]
    first = next((place for place, one in enumerate(parts) if isinstance(one[1], ast.FunctionDef)), len(parts))
    early = [one for one in helpers if one[0] != "data_folder"]
    moved = [*reversed(early), *reversed(sources)] if sources else list(reversed(helpers))
    left = [one for one in parts if one not in moved]
    ready = next((place + 1 for place, one in enumerate(left) if one[0] == "ops"), min(first, len(left)))
    order = [*left[:ready], *moved, *left[ready:]]
    return "\n\n".join(f"# {name or 'this'}, as agreed\n{reworded(source)}" for name, _, source in order) + "\n"


def reworded(source: str) -> str:
    """The same with other words in its docstring."""
    return source.replace('    """', '    """In other words: ', 1)


def test_other_quotes_line_lengths_order_comments_and_docstrings_leave_everything_fresh(
    flights_project: Project,
) -> None:
    black = pytest.importorskip("black")
    assert states(flights_project) == {}
    mode = black.Mode(line_length=58, string_normalization=False, magic_trailing_comma=False)
    for name in ("flights.py", "reading.py", "zones.py"):
        path = flights_project.config.root / name
        before = path.read_text()
        path.write_text(black.format_str(single_quoted(reordered(before)), mode=mode))
        after = path.read_text()
        assert len(after.splitlines()) > len(before.splitlines())
        assert "'" in after
        assert "as agreed" in after
    assert states(flights_project) == {}
    order = flights_project.graph.names
    assert order.index("airlines") < order.index("flights"), "the declarations did change places"


# ── what counts ───────────────────────────────────────────────────────────────────────────────────────────────────


def causes(project: Project) -> dict[str, list[Reason]]:
    return {one.node: list(one.because) for one in project.plan().nodes}


def test_a_helper_two_modules_away_is_named_with_the_nodes_it_reaches_and_the_least_work(
    flights_project: Project,
) -> None:
    path = flights_project.config.root / "zones.py"
    text = path.read_text()
    path.write_text(text.replace('ambiguous="earliest"', 'ambiguous="latest"'))
    flights_project.reload()
    plan = flights_project.plan()
    told = causes(flights_project)
    sentence = "`utc()` in zones.py, called by `read_flights`, changed"
    assert {node for node, reasons in told.items() if any(one.kind == "code" for one in reasons)} == {
        "flights",
        "arrivals",
    }
    for node in ("flights", "arrivals"):
        (change,) = (one for one in told[node] if one.kind == "code")
        assert change.text == sentence
        assert "+    zoned = local.dt.replace_time_zone(zone, ambiguous='latest'" in change.facts["difference"]
    work = {one.node: one.action.value for one in plan.nodes if one.action.is_work}
    rebuilt = {"flights", "arrivals", "schedule", "conditions", "recent", "booked", "examples", "journeys"}
    rebuilt |= {"quick", "careful", "connection", "warn_passenger"}
    assert {node for node, what in work.items() if what == "build"} == rebuilt
    assert {node for node, what in work.items() if what == "refit"} == {"quick_cut", "careful_cut", "connection_cut"}
    assert not {"weather", "planes", "airlines"} & work.keys()
    reached = {one.node: one.reaches for one in plan.nodes}
    assert set(reached["flights"]) == set(reached["arrivals"]) == {"hold_connection", "warn_passenger"}
    for node in rebuilt - {"flights", "arrivals"}:
        assert any(one.text == sentence for reason in told[node] for one in reason.walk()), node
    assert plan.commands[0].startswith("soroi build")


def test_undoing_the_edit_leaves_nothing_to_build(flights_project: Project) -> None:
    path = flights_project.config.root / "zones.py"
    text = path.read_text()
    path.write_text(text.replace('ambiguous="earliest"', 'ambiguous="latest"'))
    assert states(flights_project)
    path.write_text(text)
    assert states(flights_project) == {}
