from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from tests.projects import CODE

from soroi.base.errors import DeclarationError
from soroi.codebase import Codebase, load


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


SOURCE = "import soroi as so\n\n@so.source(key='id')\ndef {name}(): return {value}\n"


def value(code: Codebase, node: str) -> object:
    function = code.graph[node].function
    assert function is not None
    return function()


def test_a_project_is_loaded_with_its_nodes_in_order(tmp_path: Path) -> None:
    graph = load(write(tmp_path, tiny=CODE), "tiny").graph
    assert len(graph) == 12
    assert graph.names.index("careful") < graph.names.index("second") < graph.names.index("other")


def test_thresholds_and_decisions_take_the_name_of_their_variable(tmp_path: Path) -> None:
    graph = load(write(tmp_path, tiny=CODE), "tiny").graph
    assert {"quick_cut", "check"} <= set(graph.names)


def test_a_name_given_is_enough(tmp_path: Path) -> None:
    code = CODE.replace("cascade=[second_cut]", "cascade=[so.threshold(second, maximise=so.f1, name='inner')]")
    graph = load(write(tmp_path, tiny=code), "tiny").graph
    assert [edge.producer for edge in graph["other"].edges] == ["inner"]


def test_a_threshold_is_named_where_it_was_made_and_not_by_an_alias(tmp_path: Path) -> None:
    head, cuts = CODE.split("quick_cut = ", 1)
    write(tmp_path, tiny="from rest import quick_cut as qc\nfrom rest import check as c\n", base=head)
    write(tmp_path, rest=f"from base import quick, careful, second, rule\nimport soroi as so\nquick_cut = {cuts}")
    graph = load(tmp_path, "tiny").graph
    assert "quick_cut" in graph
    assert "qc" not in graph


def test_nodes_of_other_modules_of_the_project_belong_to_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        tiny="import parts.sources\nfrom parts import other\n",
        parts__sources=SOURCE.format(name="a", value=1),
    )
    write(tmp_path, parts__other="from .deep.er import b\n", parts__deep__er=SOURCE.format(name="b", value=2))
    code = load(tmp_path, "tiny")
    assert code.graph.names == ["a", "b"]
    assert code.graph["b"].where == "er.py:3"
    assert code.owns("parts.sources")
    assert not code.owns("polars")


def test_a_package_can_hold_the_declarations(tmp_path: Path) -> None:
    write(tmp_path, shop__sources=SOURCE.format(name="a", value=1))
    (tmp_path / "shop" / "__init__.py").write_text("from shop.sources import a\n")
    assert load(tmp_path, "shop").graph.names == ["a"]


def test_modules_that_import_each_other_load(tmp_path: Path) -> None:
    write(
        tmp_path, tiny="import one\n", one="import two\nx = 1\n", two="import one\n" + SOURCE.format(name="a", value=1)
    )
    assert load(tmp_path, "tiny").graph.names == ["a"]


def test_two_versions_of_a_project_live_side_by_side(tmp_path: Path) -> None:
    for value_ in (1, 2):
        write(tmp_path / str(value_), tiny="from helper import a\n", helper=SOURCE.format(name="a", value=value_))
    old, new = load(tmp_path / "1", "tiny"), load(tmp_path / "2", "tiny")
    assert (value(old, "a"), value(new, "a")) == (1, 2)


def test_an_import_inside_a_function_finds_the_version_of_its_own_project(tmp_path: Path) -> None:
    late = "import soroi as so\n\n@so.source(key='id')\ndef a():\n    import helper\n    return helper.x\n"
    for value_ in (1, 2):
        write(tmp_path / str(value_), tiny=late, helper=f"x = {value_}\n")
    old, new = load(tmp_path / "1", "tiny"), load(tmp_path / "2", "tiny")
    assert (value(new, "a"), value(old, "a")) == (2, 1)


def test_loading_leaves_no_module_behind(tmp_path: Path) -> None:
    before = dict(sys.modules)
    code = load(write(tmp_path, tiny=CODE), "tiny")
    assert sys.modules.get("tiny") is before.get("tiny")
    with code.visible():
        assert sys.modules["tiny"] is code.modules["tiny"]
    assert sys.modules.get("tiny") is before.get("tiny")


def test_a_project_module_hides_an_installed_one_only_from_the_project(tmp_path: Path) -> None:
    import json

    write(tmp_path, tiny="import json\n" + SOURCE.format(name="a", value="json.mine"), json="mine = 'mine'\n")
    assert value(load(tmp_path, "tiny"), "a") == "mine"
    assert sys.modules["json"] is json


def test_code_from_a_copy_finds_its_data_beside_the_project(tmp_path: Path) -> None:
    text = "from pathlib import Path\n" + SOURCE.format(name="a", value="str(Path(__file__).parent)")
    copy = write(tmp_path / "copy", tiny=text)
    assert value(load(copy, "tiny", tmp_path / "home"), "a") == str(tmp_path / "home")


def test_tracebacks_of_a_copy_can_name_the_project(tmp_path: Path) -> None:
    copy = write(tmp_path / "copy", tiny=SOURCE.format(name="a", value="1"))
    function = load(copy, "tiny", tmp_path / "home", named_home=True).graph["a"].function
    assert function is not None
    assert function.__code__.co_filename == str(tmp_path / "home" / "tiny.py")


def test_functions_stay_plain(tmp_path: Path) -> None:
    code = load(write(tmp_path, tiny=CODE), "tiny")
    assert code.modules["tiny"].rule({"x": None}) is None
    assert code.modules["tiny"].quick is code.graph["quick"].function


def test_a_missing_module_is_an_error_of_the_project(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"No module named 'parts\.gone'"):
        load(write(tmp_path, tiny="import parts.gone\n", parts__here="x = 1\n"), "tiny")


def test_threads_may_load_at_once(tmp_path: Path) -> None:
    write(tmp_path, tiny=CODE)
    sizes: list[int] = []
    threads = [threading.Thread(target=lambda: sizes.append(len(load(tmp_path, "tiny").graph))) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sizes == [12] * 8
