"""Modules of the project that are imported only inside functions are followed like all others."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from soroi.codebase import Codebase, load
from soroi.declare.fingerprint import Fingerprint, changes, fingerprints

HEAD = "import soroi as so\n\n@so.source(key='id')\ndef items():\n"

WAYS = {
    "import": "    import text\n    return text.clean(1)\n",
    "import as": "    import text as t\n    return t.clean(1)\n",
    "from import": "    from text import clean\n    return clean(1)\n",
    "import of a submodule": "    import pkg.text\n    return pkg.text.clean(1)\n",
    "from a package": "    from pkg import text\n    return text.clean(1)\n",
    "from a submodule": "    from pkg.text import clean\n    return clean(1)\n",
    "through a package's own import": "    from pkg import clean\n    return clean(1)\n",
    "through a helper that imports late": "    from step import go\n    return go(1)\n",
    "through a chain of late imports": "    import chain\n    return chain.go(1)\n",
    "in a nested function": "    def inner(x):\n        from text import clean\n        return clean(x)\n"
    "    return inner(1)\n",
    "by a constant name": "    import importlib\n    return importlib.import_module('text').clean(1)\n",
}

FILES = {
    "text.py": "FACTOR = 2\n\ndef clean(x):\n    return x * FACTOR\n",
    "pkg/__init__.py": "from .text import clean\n",
    "pkg/text.py": "from text import clean\n",
    "step.py": "def go(x):\n    from text import clean\n    return clean(x)\n",
    "chain.py": "from step import go\n",
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def seen(code: Codebase) -> dict[str, Fingerprint]:
    with code.visible():
        return fingerprints(code.graph, in_project=code.owns, libraries=lambda top: None, load=code.late)


def of(folder: Path, module: str = "tiny", node: str = "items") -> Fingerprint:
    return seen(load(folder, module))[node]


def moved(old: Fingerprint, new: Fingerprint) -> list[str]:
    return [reason.text for reason in changes(old.to_dict(), new, {})]


@pytest.mark.parametrize("way", WAYS)
def test_an_edit_of_a_module_imported_in_a_body_is_a_change_that_names_the_helper(tmp_path: Path, way: str) -> None:
    files = {**FILES, "tiny.py": HEAD + WAYS[way]}
    before = of(write(tmp_path / "before", files))
    again = of(write(tmp_path / "again", {**files, "text.py": "# a comment\n" + FILES["text.py"]}))
    after = of(write(tmp_path / "after", {**files, "text.py": FILES["text.py"].replace("x * FACTOR", "x + FACTOR")}))
    assert before.unknown == again.unknown == after.unknown == ()
    assert before.behaviour == again.behaviour
    assert before.behaviour != after.behaviour
    assert "`clean()` in text.py" in moved(before, after)[0]


def test_a_constant_of_a_module_imported_in_a_body_counts(tmp_path: Path) -> None:
    files = {**FILES, "tiny.py": HEAD + WAYS["from import"]}
    before = of(write(tmp_path / "before", files))
    after = of(write(tmp_path / "after", {**files, "text.py": FILES["text.py"].replace("FACTOR = 2", "FACTOR = 3")}))
    assert "`FACTOR` in text.py" in moved(before, after)[0]


RELATIVE = {
    "a name of a sibling": "    from .text import clean\n    return clean(1)\n",
    "a sibling": "    from . import text\n    return text.clean(1)\n",
    "a package further up": "    from .. import deep\n    return deep.text.clean(1)\n",
    "a module of a package further up": "    from ..deep.text import clean\n    return clean(1)\n",
}


@pytest.mark.parametrize("way", RELATIVE)
def test_relative_imports_in_a_body_are_followed(tmp_path: Path, way: str) -> None:
    files = {"shop/deep/nodes.py": HEAD + RELATIVE[way], "shop/__init__.py": "", "shop/deep/__init__.py": ""}
    files |= {"shop/main.py": "from shop.deep.nodes import items\n", "shop/deep/text.py": FILES["text.py"]}
    before = of(write(tmp_path / "before", files), "shop.main")
    files["shop/deep/text.py"] = FILES["text.py"].replace("x * FACTOR", "x + FACTOR")
    after = of(write(tmp_path / "after", files), "shop.main")
    assert before.unknown == ()
    assert "`clean()` in text.py" in moved(before, after)[0]


def test_what_was_loaded_late_is_shown_only_as_long_as_the_project_is(tmp_path: Path) -> None:
    code = load(write(tmp_path, {**FILES, "tiny.py": HEAD + WAYS["through a chain of late imports"]}), "tiny")
    before = dict(sys.modules)
    with code.visible():
        spec = code.late("chain").__spec__
        assert sys.modules["chain"] is code.modules["chain"]
        assert sys.modules["step"] is code.modules["step"]
    assert {name: sys.modules.get(name) for name in ("tiny", "chain", "step", "text")} == dict.fromkeys(
        ("tiny", "chain", "step", "text")
    )
    assert sys.modules == before
    assert spec is not None
    assert spec.origin == str(tmp_path / "chain.py")


def test_two_projects_with_a_module_of_one_name_do_not_mix(tmp_path: Path) -> None:
    files = {**FILES, "tiny.py": HEAD + WAYS["import"]}
    other = {**files, "text.py": FILES["text.py"].replace("x * FACTOR", "x - FACTOR")}
    one, two = (load(write(tmp_path / name, held), "tiny") for name, held in (("one", files), ("two", other)))
    with one.visible():
        one.late("text")
        with two.visible():
            assert two.late("text") is sys.modules["text"] is not one.modules["text"]
        assert sys.modules["text"] is one.modules["text"]
    first, second = seen(one)["items"], seen(two)["items"]
    assert first.behaviour == of(tmp_path / "one").behaviour
    assert "`clean()` in text.py" in moved(first, second)[0]
    assert [code.graph["items"].function() for code in (one, two, one)] == [2, -1, 2]  # type: ignore[misc]


def test_a_module_of_the_project_does_not_hide_one_that_a_library_imports_late(tmp_path: Path) -> None:
    code = load(write(tmp_path, {"tiny.py": HEAD + "    import this_is_ours\n", "nturl2path.py": "mine = 1\n"}), "tiny")
    sys.modules.pop("nturl2path", None)
    with code.visible():
        import nturl2path
    assert not hasattr(nturl2path, "mine")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise ValueError('no such table')\n", "text.py raised ValueError while it was loaded: no such table"),
        ("import sys\nsys.exit(3)\n", "text.py raised SystemExit while it was loaded: 3"),
        ("def clean(:\n", "text.py is not valid Python"),
        ("import gone_for_good\n", "No module named 'gone_for_good'"),
        ("import pkg_.gone\n", "No module named 'pkg_.gone'"),
    ],
)
def test_a_module_that_cannot_be_loaded_makes_the_node_unknown_and_says_why(
    tmp_path: Path, text: str, why: str
) -> None:
    files = {"tiny.py": HEAD + WAYS["import"], "text.py": text, "pkg_/here.py": ""}
    assert why in of(write(tmp_path, files)).unknown[0].text


def test_a_module_that_cannot_be_loaded_is_tried_once_and_told_of_every_node(tmp_path: Path) -> None:
    two = HEAD + WAYS["import"] + "\n@so.source(key='id')\ndef others():\n" + WAYS["from import"]
    log = "with open(__file__ + '.log', 'a') as log:\n    log.write('loaded')\nraise ValueError('broken')\n"
    found = seen(load(write(tmp_path, {"tiny.py": two, "text.py": log}), "tiny"))
    assert all("broken" in found[name].unknown[0].text for name in ("items", "others"))
    assert (tmp_path / "text.py.log").read_text() == "loaded"


def test_a_declaration_in_a_module_imported_late_is_not_in_the_graph_and_never_passed_over(tmp_path: Path) -> None:
    late = FILES["text.py"] + "\nimport soroi as so\n\n@so.source(key='id')\ndef lost():\n    return 1\n"
    code = load(write(tmp_path, {**FILES, "tiny.py": HEAD + WAYS["from a package"], "text.py": late}), "tiny")
    for found in (seen(code)["items"], seen(code)["items"]):
        assert "'lost' is declared in the module 'text', which is imported only inside functions" in (
            found.unknown[0].text
        )
    assert code.graph.names == ["items"]
    write(tmp_path, {"tiny.py": "import text\n" + HEAD + WAYS["from a package"]})
    again = load(tmp_path, "tiny")
    assert sorted(again.graph.names) == ["items", "lost"]
    assert seen(again)["items"].unknown == ()
