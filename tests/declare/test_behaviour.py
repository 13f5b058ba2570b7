"""What is reached, what it is called, and what is said to be unknown."""

from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from soroi.declare.behaviour import Behaviour, function_behaviour

SRC = Path(__file__).parents[2] / "src"


def test_the_components_are_named_by_module_and_say_how_they_are_reached(projects: Any) -> None:
    found = projects.behaviour(
        {
            "nodes.py": """
                import polars as pl
                from text import clean, LIMIT

                def wording(rows, most=3):
                    return [clean(row)[:most] for row in rows if pl.col("a")]
            """,
            "text.py": "LIMIT = 4\ndef clean(row): return row.strip()[:LIMIT]",
        }
    )
    assert {key: (one.kind, one.label, one.via) for key, one in found.components.items()} == {
        "function nodes:wording": ("code", "wording() in nodes.py", None),
        "default function nodes:wording(most)": (
            "default",
            "default of most of wording() in nodes.py",
            "default of `wording`",
        ),
        "function text:clean": ("helper", "clean() in text.py", "called by `wording`"),
        "constant text:LIMIT": ("constant", "LIMIT in text.py", "used by `clean`"),
        "library polars": ("library", "polars", "used by `wording`"),
    }
    assert found.components["library polars"].source == "polars 2.1.0"
    assert found.unknown == ()
    assert all(len(one.digest) == 40 for one in found.components.values())


def test_two_helpers_of_one_name_in_two_modules_are_two_components(projects: Any) -> None:
    found = projects.behaviour(
        {
            "nodes.py": "import a, b\ndef wording(r): return a.clean(r) - b.clean(r)",
            "a.py": "def clean(r): return 1",
            "b.py": "def clean(r): return 1",
        }
    )
    assert {"function a:clean", "function b:clean"} <= set(found.components)


def test_of_a_module_only_the_attribute_that_is_asked_for_is_reached(projects: Any) -> None:
    text = "import socket\nline = socket.socket()\nline.close()\ndef clean(r): return r\ndef other(r): return line"
    found = projects.behaviour({"nodes.py": "import text\ndef wording(r): return text.clean(r)", "text.py": text})
    assert set(found.components) == {"function nodes:wording", "function text:clean"}
    assert found.unknown == ()


def test_a_module_that_is_passed_around_is_reached_as_a_whole(projects: Any) -> None:
    nodes = "import text\ndef apply(m, r): return m.clean(r)\ndef wording(r): return apply(text, r)"
    old = projects.behaviour({"nodes.py": nodes, "text.py": "N = 1\ndef clean(r): return r"})
    new = projects.behaviour({"nodes.py": nodes, "text.py": "N = 2\ndef clean(r): return r"})
    assert "module text" in old.components
    assert old.digest != new.digest


def test_a_declared_function_in_a_decorator_is_a_dependency_and_not_reached(projects: Any) -> None:
    nodes = """
        import soroi as so

        @so.source(key="a")
        def rows(): return {}

        @so.features(rows)
        def wording(rows): return rows
    """
    found = projects.behaviour(nodes)
    assert set(found.components) == {"function nodes:wording"}


def test_a_declared_function_in_a_decorator_of_the_project_is_not_reached_either(projects: Any) -> None:
    nodes = """
        import soroi as so

        def ours(*inputs): return so.features(*inputs)

        @so.source(key="a")
        def rows(): return {}

        @ours(rows)
        def wording(rows): return rows
    """
    found = projects.behaviour(nodes)
    assert "function nodes:rows" not in found.components
    assert "function nodes:ours" in found.components


def test_a_declared_function_that_is_called_is_a_helper(projects: Any) -> None:
    nodes = """
        import soroi as so

        @so.source(key="a")
        def listings(): return {}

        @so.features(listings)
        def wording(rows): return listings()
    """
    assert "function nodes:listings" in projects.behaviour(nodes).components


def test_the_version_of_a_library_counts(projects: Any) -> None:
    nodes = projects.load(projects.write({"nodes.py": "import polars as pl\ndef wording(r): return pl.col(r)"}))
    old, new = projects.of(nodes.wording, {"polars": "2.1.0"}), projects.of(nodes.wording, {"polars": "2.2.0"})
    assert old.digest != new.digest


def test_a_library_of_the_standard_library_does_not_count(projects: Any) -> None:
    assert set(projects.behaviour("import json\ndef wording(r): return json.dumps(r)").components) == {
        "function nodes:wording"
    }


def test_a_partial_a_method_and_a_class_can_be_asked_for_themselves(projects: Any) -> None:
    source = "class A:\n    def go(self, r): return r * @@\ndef cut(n, r): return r[:n * @@]\n"
    digests: dict[str, list[str]] = {"partial": [], "method": [], "class": [], "object": []}
    for number in "12":
        nodes = projects.load(projects.write({"nodes.py": source.replace("@@", number)}))
        for name, one in {
            "partial": functools.partial(nodes.cut, 3),
            "method": nodes.A().go,
            "class": nodes.A,
            "object": functools.lru_cache(nodes.cut),
        }.items():
            found = projects.of(one)
            assert found.unknown == ()
            digests[name].append(found.digest)
    assert all(old != new for old, new in digests.values())


UNKNOWN = {
    "an open connection": ("import socket\nC = socket.socket()\nC.close()\ndef wording(r): return C", "`C`"),
    "a mutable instance": ("class A:\n    def __init__(self): self.n = 1\nC = A()\ndef wording(r): return C", "`C`"),
    "a mutable dataclass": (
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    n: int = 1\nC = A()\ndef wording(r): return C",
        "not frozen",
    ),
    "an open file": ("import os\nC = open(os.devnull)\nC.close()\ndef wording(r): return C.read()", "`C`"),
    "a generator": ("C = (n for n in [1])\ndef wording(r): return C", "`C`"),
    "a random generator": ("import random\nC = random.Random(1)\ndef wording(r): return C.random()", "`C`"),
    "a method of a random generator": (
        "import random\nC = random.Random(1).random\ndef wording(r): return C()",
        "`C`",
    ),
    "a default that cannot be compared": ("def wording(r, c=iter([1])): return c", "`c`"),
    "what a closure holds": (
        "def make(c):\n    def wording(r): return c\n    return wording\nwording = make(iter([1]))",
        "`c`",
    ),
    "eval": ("def wording(r): return eval(r)", "`eval`"),
    "exec": ("def wording(r): exec(r)", "`exec`"),
    "eval by another name": ("go = eval\ndef wording(r): return go(r)", "`go`"),
    "globals": ("def wording(r): return globals()[r]()", "`globals`"),
    "an import by a name known when it runs": (
        "import importlib\ndef wording(r): return importlib.import_module(r)",
        "`importlib.import_module`",
    ),
    "the same, imported by itself": (
        "from importlib import import_module\ndef wording(r): return import_module(r)",
        "`import_module`",
    ),
    "the same in the body": (
        "def wording(r):\n    from importlib import import_module as get\n    return get(r)",
        "`importlib.import_module`",
    ),
    "__import__": ("def wording(r): return __import__(r)", "`__import__`"),
    "the table of modules": ("import sys\ndef wording(r): return sys.modules[r]", "`sys.modules`"),
    "a name that is not defined": ("def wording(r): return clean(r)", "`clean` is not defined"),
    "a module that is not there": ("def wording(r):\n    import nodes.missing\n    return r", "nodes.missing"),
    "an attribute that is not there": ("import nodes\ndef wording(r): return nodes.clean(r)", "`nodes.clean`"),
    "a library without a version": ("import sklearn\ndef wording(r): return sklearn", "`sklearn`"),
    "subclasses": ("class A: pass\ndef wording(r): return A.__subclasses__()", "__subclasses__"),
    "a function made by exec": (
        "s = {}\nexec('def go(r): return r', {'__name__': 'nodes'}, s)\nwording = s['go']",
        "`go`",
    ),
    "a method made by exec": (
        "s = {}\nexec('def go(r): return r', {'__name__': 'nodes'}, s)\nclass A: pass\nA.go = s['go']\n"
        "def wording(r): return A().go()",
        "`go`",
    ),
    "a class made by type": ("A = type('A', (), {'__module__': 'nodes'})\ndef wording(r): return A()", "class `A`"),
    "two functions of one name in a set": (
        "def make(n):\n    def inner(): return n\n    return inner\nS = {make(1), make(2)}\ndef wording(r): return S",
        "`S`",
    ),
    "a masked array": ("import numpy as np\nM = np.ma.array([1, 2], mask=[0, 1])\ndef wording(r): return M", "`M`"),
    "an expression with a function in it": (
        "import polars as pl\nE = pl.col('a').map_elements(lambda x: hash(x), return_dtype=pl.Int64)\n"
        "def wording(r): return E",
        "`E`",
    ),
    "a subclass of a library's dictionary": (
        "import collections\nclass A(collections.UserDict): pass\nC = A(a=1)\ndef wording(r): return C",
        "`C`",
    ),
    "a threshold used as a value": (
        "import soroi as so\nfrom soroi.declare.objective import recall\n"
        "cut = so.threshold('m', maximise=recall)\ndef wording(r): return cut",
        "`cut`",
    ),
    "a member of a class": (
        "class B:\n    def __init__(self): self.n = 1\nclass A:\n    b = B()\ndef wording(r): return A.b",
        "`A.b`",
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_cannot_be_resolved_is_unknown_and_named_with_its_place_and_a_remedy(name: str, projects: Any) -> None:
    source, named = UNKNOWN[name]
    found = projects.behaviour(source)
    assert len(found.unknown) == 1, [one.text for one in found.unknown]
    reason = found.unknown[0]
    assert reason.kind == "unknown"
    assert named in reason.text
    assert reason.facts["place"].split(":")[0] in ("nodes.py", "nodes", "sklearn")
    assert reason.facts["hint"]
    assert str(projects.root) not in str(found.to_dict())


@pytest.mark.parametrize(
    "body",
    ["return getattr(text, r)()", "import text as t\n    return getattr(t, r)()", "return getattr(text, 'cl' + r)()"],
)
def test_an_attribute_of_a_module_by_a_name_known_only_when_it_runs_is_unknown(body: str, projects: Any) -> None:
    nodes = f"import text\ndef wording(r):\n    {body}\n"
    found = projects.behaviour({"nodes.py": nodes, "text.py": "def clean(): return 1"})
    assert "known only when it runs" in found.unknown[0].text


def test_a_package_that_is_passed_around_is_unknown(projects: Any) -> None:
    files = {"nodes.py": "import pkg\ndef wording(r): return r(pkg)", "pkg/__init__.py": "", "pkg/text.py": ""}
    assert "used as a whole" in projects.behaviour(files).unknown[0].text


def test_an_alias_of_a_module_counts_as_the_module(projects: Any) -> None:
    files = {
        "nodes.py": "import text\nt = text\ndef wording(r): return t.clean(r)",
        "text.py": "def clean(r): return 1",
    }
    assert "function text:clean" in projects.behaviour(files).components


def test_two_lambdas_on_one_line_are_told_apart(projects: Any) -> None:
    nodes = projects.load(projects.write({"nodes.py": "a, b = (lambda r: r + 1), (lambda r: r + 2)"}))
    found = [projects.of(one) for one in (nodes.a, nodes.b)]
    assert [one.unknown for one in found] == [(), ()]
    assert found[0].digest != found[1].digest
    assert [one.components["function nodes:<lambda>"].source for one in found] == ["lambda r: r + 1", "lambda r: r + 2"]


def test_equal_lambdas_with_other_defaults_are_told_apart(projects: Any) -> None:
    nodes = projects.load(projects.write({"nodes.py": "a, b = [lambda r, n=n: r + n for n in (1, 2)]"}))
    assert projects.of(nodes.a).digest != projects.of(nodes.b).digest


def test_lambdas_on_one_line_are_unknown_when_python_keeps_no_columns(tmp_path: Path, projects: Any) -> None:
    folder = projects.write({"nodes.py": "a, b = (lambda r: r + 1), (lambda r: r + 2)"})
    code = f"""
        import sys; sys.path.insert(0, {str(folder)!r})
        import nodes
        from soroi.declare.behaviour import function_behaviour
        for one in (nodes.a, nodes.b):
            found = function_behaviour(one, in_project=lambda m: m == "nodes", libraries=lambda t: None)
            print(bool(found.unknown))
    """
    printed = run([sys.executable, "-X", "no_debug_ranges", "-c", textwrap.dedent(code)], tmp_path, "0")
    assert printed.split() == ["True", "True"]


def test_a_function_whose_file_changed_since_it_was_loaded_is_unknown_until_it_is_loaded_again(projects: Any) -> None:
    folder = projects.write({"nodes.py": "def wording(r): return r + 1"})
    nodes = projects.load(folder)
    first = projects.of(nodes.wording)
    stat = (folder / "nodes.py").stat()
    (folder / "nodes.py").write_text("def wording(r): return r + 2")
    os.utime(folder / "nodes.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert projects.of(nodes.wording).digest == first.digest
    os.utime(folder / "nodes.py")
    changed = projects.of(nodes.wording)
    assert "has changed since it was loaded" in changed.unknown[0].text
    exec(compile((folder / "nodes.py").read_text(), nodes.__file__, "exec", dont_inherit=True), vars(nodes))
    again = projects.of(nodes.wording)
    assert again.unknown == ()
    assert again.digest != first.digest


def test_a_comment_added_above_since_it_was_loaded_changes_nothing(projects: Any) -> None:
    folder = projects.write({"nodes.py": "def wording(r):\n    return r + 1\n"})
    nodes = projects.load(folder)
    first = projects.of(nodes.wording)
    (folder / "nodes.py").write_text("# one\n# two\n\ndef wording(r):\n    # three\n    return r + 1\n")
    again = projects.of(nodes.wording)
    assert again.unknown == ()
    assert again.digest == first.digest


def test_recursion_ends(projects: Any) -> None:
    found = projects.behaviour(
        "def wording(r): return a(r)\ndef a(r): return b(r)\ndef b(r): return a(wording(r))\n"
        "class A:\n    def go(self): return B()\nclass B(A):\n    def go(self): return A()\n"
        "b.k = B\nL = [1]\nL.append(L)\n"
        "def c(r): return L, b.k\nb.c = c\na.c = b.c\ndef d(): return a.c\na.d = d\ndef e(): return a.d\na.e = e"
    )
    assert found.unknown == ()


def test_long_chains_of_calls_are_no_problem(projects: Any) -> None:
    chain = "r" + ".strip()" * 900
    total = " + ".join(["r"] * 900)
    links = "\n".join(f"def f{n}(r): return f{n + 1}(r)" for n in range(1500)) + "\ndef f1500(r): return r"
    found = projects.behaviour(f"def wording(r): return {chain}, {total}, f0(r)\n{links}")
    assert found.unknown == ()
    assert len(found.components) == 1502


def test_a_function_of_the_standard_input_has_no_source_and_is_unknown() -> None:
    space: dict[str, Any] = {"__name__": "nodes"}
    exec("def wording(r): return r", space)
    found = function_behaviour(space["wording"], in_project=lambda m: m == "nodes", libraries=lambda t: None)
    assert "its source is not available" in found.unknown[0].text


def test_a_file_declared_in_the_code_counts_by_its_contents(projects: Any) -> None:
    nodes = "import soroi as so\nWORDS = so.file('words.txt')\ndef wording(r): return WORDS"
    old, again, new = (projects.behaviour({"nodes.py": nodes, "words.txt": one}) for one in ("a", "a", "b"))
    assert old.components["file words.txt"].kind == "file"
    assert old.digest == again.digest
    assert old.digest != new.digest
    assert "no file" in projects.behaviour(nodes).unknown[0].text


def test_a_path_in_the_project_is_the_same_wherever_the_project_lies(projects: Any) -> None:
    nodes = """
        import os, pathlib
        HERE = pathlib.Path(__file__).parent / "data"
        TEXT = os.path.join(os.path.dirname(__file__), "data")
        def wording(r): return HERE, TEXT, __file__, __name__
    """
    old, new = projects.behaviour(nodes), projects.behaviour(nodes)
    assert old.unknown == ()
    assert old.digest == new.digest


def test_a_secret_is_compared_and_never_shown(projects: Any) -> None:
    old = projects.behaviour("API_KEY = 'hush'\ndef wording(r): return API_KEY")
    new = projects.behaviour("API_KEY = 'hash'\ndef wording(r): return API_KEY")
    assert old.digest != new.digest
    assert "hush" not in str(old.to_dict())


def test_a_behaviour_can_be_stored_and_read(projects: Any) -> None:
    found = projects.behaviour("N = 1\ndef wording(r): return N, eval(r)")
    again = Behaviour.from_dict(found.to_dict())
    assert again == found
    assert again.digest == found.digest


MANY = """
    import datetime, enum, functools, re
    from dataclasses import dataclass, field
    from text import clean, Kind

    STEPS = {clean, len, Kind, str.strip}
    WORDS = frozenset({"a", "b", "c", "d", "e"})
    TABLE = {"x": {"p", "q", "r"}, "y": (1, 2.5, None, b"z")}

    @dataclass(frozen=True)
    class Limits:
        low: int = 1
        names: frozenset[str] = frozenset({"u", "v", "w"})
        kind: Kind = Kind.ONE

    LIMITS = Limits()

    def make(n):
        def inner(row): return row[:n]
        return inner

    first, second = make(1), make(2)

    @functools.lru_cache(maxsize=8)
    def wide(n): return {m for m in WORDS if m}

    def wording(rows, step=clean, *, when=datetime.date(2026, 1, 1), like=re.compile("a|b")):
        import text
        return [first(row) + second(row) for row in rows], STEPS, TABLE, LIMITS, wide(1), text.clean(rows)
"""
TEXT = """
    import enum

    class Kind(enum.Flag):
        ONE = 1
        TWO = 2

    def clean(row):
        return row
"""


def run(command: list[str], cwd: Path, seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(SRC), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_digests_are_the_same_in_every_process_hash_seed_import_order_and_folder(projects: Any) -> None:
    files = {"nodes.py": MANY, "text.py": TEXT}
    expected = projects.behaviour(files)
    assert expected.unknown == ()
    found = set()
    for seed, first in (("0", "nodes"), ("1", "text"), ("77", "json"), ("random", "nodes")):
        folder = projects.write(files)
        code = f"""
            import sys; sys.path.insert(0, {str(folder)!r})
            import {first}, nodes
            from soroi.declare.behaviour import function_behaviour
            ours = ("nodes", "text")
            found = function_behaviour(nodes.wording, in_project=lambda m: m in ours, libraries=lambda t: None)
            print(found.digest, len(found.components), len(found.unknown))
        """
        cwd = folder if seed == "1" else folder.parent
        found.add(run([sys.executable, "-c", textwrap.dedent(code)], cwd, seed).strip())
    assert found == {f"{expected.digest} {len(expected.components)} 0"}


def test_a_module_that_was_not_imported_yet_gives_the_same_as_one_that_was(projects: Any) -> None:
    files = {"nodes.py": "def wording(r):\n    from text import clean\n    return clean(r)", "text.py": TEXT}
    folder = projects.write(files)
    nodes = projects.load(folder)
    assert "text" not in sys.modules
    before = projects.of(nodes.wording)
    nodes = projects.load(folder)
    importlib.import_module("text")
    assert projects.of(nodes.wording).digest == before.digest


def test_many_functions_in_one_module_cost_no_more_each_than_few(projects: Any) -> None:
    def seconds_each(count: int) -> float:
        source = "".join(f"def h{n}(r): return r + {n}\ndef f{n}(r): return h{n}(r) * 2\n" for n in range(count))
        nodes = projects.load(projects.write({"nodes.py": source}))
        functions = [getattr(nodes, f"f{n}") for n in range(count)]
        start = time.process_time()
        for one in functions:
            projects.of(one)
        return (time.process_time() - start) / count

    few = min(seconds_each(200) for _ in range(3))
    many = seconds_each(2000)
    assert many < 4 * few
