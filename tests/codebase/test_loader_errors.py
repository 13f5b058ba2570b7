"""Every wrong declaration is told when the project is loaded: what, in which file and line, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from soroi.base.errors import DeclarationError
from soroi.codebase import load

HEAD = """\
import soroi as so

ours = so.group("ours", owner="ours@example.com")

@so.source(key="id", time="at")
def items(): ...

@so.features(items)
def basic(items): ...

@so.dataset(basic, items)
def examples(basic, items): ...

@so.model(examples, target="bad", split=so.by_time(test="7d"))
def quick(train): ...

"""
FIRST = HEAD.count("\n") + 1
"""Line of what follows the head."""

MODEL = "@so.model(examples, target='bad', split=so.by_time(test='7d')"
ACTIONS = 'deadline="50ms", positive="stop", negative="go"'


class Wrong(NamedTuple):
    """A declaration that is wrong."""

    code: str
    """What follows the head."""

    line: int
    """Its line that is named, the first being 1."""

    says: str
    """What the message says."""

    hint: str
    """What the remedy says."""


WRONG = {
    "an unknown name": Wrong(
        '@so.features("itmes")\ndef more(itmes): ...',
        1,
        "'more' depends on 'itmes', and no node",
        "did you mean 'items'?",
    ),
    "an undeclared function": Wrong(
        "def plain(): ...\n\n@so.features(plain)\ndef more(plain): ...",
        3,
        "depends on plain, which is not declared",
        "@so.source",
    ),
    "an undeclared variable": Wrong("@so.features(nothing)\ndef more(nothing): ...", 1, "NameError", "whole traceback"),
    "a circle": Wrong(
        f"{MODEL}, scores=['b'], out_of_fold=2)\ndef a(train): ...\n\n"
        f"{MODEL}, scores=[a], out_of_fold=2)\ndef b(train): ...",
        1,
        "round in a circle: a → b → a",
        "break the circle",
    ),
    "itself": Wrong(
        f"{MODEL}, scores=['a'], out_of_fold=2)\ndef a(train): ...",
        1,
        "round in a circle: a → a",
        "break the circle",
    ),
    "a name twice": Wrong(
        'one = so.threshold(quick, maximise=so.recall, name="cut")\n'
        'two = so.threshold(quick, maximise=so.f1, name="cut")',
        2,
        f"two nodes are called 'cut': threshold at tiny.py:{FIRST} and threshold at tiny.py:{FIRST + 1}",
        "rename",
    ),
    "a function twice": Wrong(
        "@so.features(items)\ndef basic(items): ...",
        1,
        "two nodes are called 'basic': features at tiny.py:8 and",
        "rename",
    ),
    "a name that is none": Wrong(
        'cut = so.threshold(quick, maximise=so.recall, name="a-cut")',
        1,
        "'a-cut' cannot name a node",
        "letters, digits",
    ),
    "a private name": Wrong(
        "_cut = so.threshold(quick, maximise=so.recall)", 1, "a threshold has no name", "pass name="
    ),
    "a lambda": Wrong(
        "items2 = so.source(key='id')(lambda: None)", 1, "'<lambda>' cannot name a node", "letters, digits"
    ),
    "an unnamed threshold": Wrong("so.threshold(quick, maximise=so.recall)", 1, "a threshold has no name", "assign it"),
    "an unnamed threshold of a decision": Wrong(
        f'd = so.decision(\n  cascade=[so.threshold(quick, maximise=so.recall)], {ACTIONS}, fail_safe="go")',
        2,
        "a threshold has no name",
        "assign it",
    ),
    "a threshold on two models": Wrong(
        "cut = so.threshold([quick, quick], maximise=so.recall)",
        1,
        "exactly one model, not 2",
        "one threshold per model",
    ),
    "a threshold on data": Wrong(
        "cut = so.threshold(examples, maximise=so.recall)",
        1,
        "cannot depend on dataset 'examples'",
        "depends on one model",
    ),
    "a metric in quotes": Wrong(
        'cut = so.threshold(quick, maximise="recall")', 1, "maximise='recall' is not a metric", "so.recall"
    ),
    "a metric that cannot be maximised": Wrong(
        "cut = so.threshold(quick, maximise=so.false_positive_rate)",
        1,
        "false_positive_rate cannot be maximised",
        "maximise one of recall",
    ),
    "a metric that cannot be bounded": Wrong(
        "cut = so.threshold(quick, maximise=so.recall, subject_to=so.f1 >= 0.5)",
        1,
        "f1 cannot be bounded",
        "bound one of",
    ),
    "a constraint that is none": Wrong(
        "cut = so.threshold(quick, maximise=so.recall, subject_to=0.9)",
        1,
        "subject_to=0.9 is not",
        "so.precision >= 0.9",
    ),
    "a bound that is no share": Wrong(
        "cut = so.threshold(quick, maximise=so.recall, subject_to=so.precision >= 90)", 1, "bounded by 90", "in [0, 1]"
    ),
    "a chain of bounds": Wrong(
        "cut = so.threshold(quick, maximise=so.recall, subject_to=0.2 <= so.precision <= 0.9)",
        1,
        "not a truth value",
        "one bound",
    ),
    "a confidence that is none": Wrong(
        "cut = so.threshold(quick, maximise=so.recall, confidence=95)", 1, "confidence=95", "confidence=0.95"
    ),
    "a decision without a fail-safe": Wrong(
        f"cut = so.threshold(quick, maximise=so.recall)\nd = so.decision(cascade=[cut], {ACTIONS})",
        2,
        "without a fail_safe cannot promise",
        "fail_safe='go' or fail_safe='stop'",
    ),
    "a fail-safe that is no action": Wrong(
        f"cut = so.threshold(quick, maximise=so.recall)\nd = so.decision(cascade=[cut], {ACTIONS}, fail_safe='wait')",
        2,
        "fail_safe='wait' is neither",
        "one of the two actions",
    ),
    "two actions alike": Wrong(
        "d = so.decision(cascade=['cut'], deadline='1s', positive='go', negative='go', fail_safe='go')",
        1,
        "are both 'go'",
        "two actions",
    ),
    "a cascade without steps": Wrong(
        f"d = so.decision(cascade=[], {ACTIONS}, fail_safe='go')", 1, "needs at least one step", "cascade=[a_threshold]"
    ),
    "a cascade that may not answer": Wrong(
        "cut = so.threshold(quick, maximise=so.recall)\n"
        f"d = so.decision(cascade=[so.when_sure(cut)], {ACTIONS}, fail_safe='go')",
        2,
        "the last step of a cascade must always answer",
        "end the cascade with a plain threshold",
    ),
    "a decision on a model": Wrong(
        f"d = so.decision(cascade=[quick], {ACTIONS}, fail_safe='go')",
        1,
        "cannot depend on model 'quick'",
        "thresholds",
    ),
    "a deadline that is none": Wrong(
        "d = so.decision(cascade=['cut'], deadline='soon', positive='a', negative='b', fail_safe='a')",
        1,
        "'soon' is not a duration",
        "whole traceback",
    ),
    "a record that is none": Wrong(
        f"d = so.decision(cascade=['cut'], {ACTIONS}, fail_safe='go', record='never')", 1, "record='never'", "'durable'"
    ),
    "a nameless fallback": Wrong(
        f"d = so.decision(cascade=['cut'], {ACTIONS}, fail_safe='go', fallbacks=[lambda row: True])",
        1,
        "is not a named function",
        "write it with def",
    ),
    "an error that is no share": Wrong("so.when_sure('cut', error=5)", 1, "error=5 is not a share", "error=0.05"),
    "too few arguments": Wrong(
        "@so.dataset(basic, items)\ndef more(basic): ...",
        1,
        "'more' has 2 inputs but its function takes 1 (basic)",
        "one argument per input",
    ),
    "too many arguments": Wrong(
        "@so.source(key='id')\ndef more(x): ...",
        1,
        "has 0 inputs but its function takes 1 (x)",
        "options need defaults",
    ),
    "an option without a default": Wrong(
        "@so.features(items)\ndef more(items, *, window): ...",
        1,
        "the option window without a default",
        "give options a default",
    ),
    "features without an input": Wrong(
        "@so.features()\ndef more(): ...", 1, "at least one input", "@so.features(a_source)"
    ),
    "a dataset without an input": Wrong("@so.dataset()\ndef more(): ...", 1, "at least one input", "@so.dataset("),
    "features on features": Wrong(
        "@so.features(basic)\ndef more(basic): ...", 1, "cannot depend on features 'basic'", "depends on sources"
    ),
    "an input twice": Wrong(
        "@so.dataset(basic, basic)\ndef more(a, b): ...", 1, "names 'basic' twice", "each input once"
    ),
    "a score without out-of-fold": Wrong(
        f"{MODEL}, scores=[quick])\ndef more(train): ...",
        1,
        "learns from the score of 'quick'",
        "out_of_fold=3 on 'quick'",
    ),
    "one fold": Wrong(
        f"{MODEL}, out_of_fold=1)\ndef more(train): ...",
        1,
        "out_of_fold=1 makes no folds",
        "2 or more",
    ),
    "a split that is none": Wrong(
        "@so.model(examples, target='bad', split='7d')\ndef more(train): ...",
        1,
        "split='7d' is not a split",
        "so.by_time(",
    ),
    "a join rate that is no share": Wrong(
        "@so.dataset(basic, join_rate=98)\ndef more(basic): ...", 1, "98 is not a share", "from 0 to 1"
    ),
    "an unknown partition": Wrong(
        "@so.source(key='id', time='at', partition='3d')\ndef more(): ...",
        1,
        "partition '3d' is not known",
        "1h, 1d, 1w, 1mo, 1y",
    ),
    "a partition without time": Wrong(
        "@so.source(key='id', partition='1d')\ndef more(): ...", 1, "needs time=", "name the column"
    ),
    "a source without a key": Wrong("@so.source(key=())\ndef more(): ...", 1, "needs a key", "key= names"),
    "an unknown access": Wrong(
        "@so.source(key='id', access='secret')\ndef more(): ...",
        1,
        "access='secret' is not known",
        "private, protected or public",
    ),
    "private access": Wrong(
        "@so.source(key='id', access='private', group=ours)\ndef own(): ...\n\n@so.features(own)\ndef more(own): ...",
        4,
        "features 'more' (no group) may not use source 'own' (ours)",
        "ask ours@example.com",
    ),
    "an unknown attribute of soroi": Wrong("so.sourced", 1, "AttributeError", "whole traceback"),
    "a syntax error": Wrong("def broken(:\n  ...", 1, "is not valid Python", ""),
    "a raising module": Wrong("x = 1\ny = x / 0", 2, "raised ZeroDivisionError while it was loaded", "whole traceback"),
    "a module that ends the process": Wrong("import sys\nsys.exit(3)", 2, "raised SystemExit", "whole traceback"),
    "a missing library": Wrong(
        "import nowhere_to_be_found", 1, "No module named 'nowhere_to_be_found'", "whole traceback"
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_declaration_names_the_line_and_the_remedy(tmp_path: Path, name: str) -> None:
    wrong = WRONG[name]
    (tmp_path / "tiny.py").write_text(HEAD + wrong.code + "\n")
    with pytest.raises(DeclarationError) as told:
        load(tmp_path, "tiny")
    error = told.value
    assert wrong.says in error.message
    assert wrong.hint in (error.hint or "")
    assert error.where == f"tiny.py:{FIRST + wrong.line - 1}"


def test_an_error_in_a_helper_module_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text("\n\nvalue = {}['nothing']\n")
    with pytest.raises(DeclarationError, match=r"^helper.py:3: helper.py raised KeyError"):
        load(tmp_path, "tiny")


def test_an_error_below_a_library_in_the_projects_folder_names_the_projects_own_line(tmp_path: Path) -> None:
    library = tmp_path / ".venv" / "lib"
    library.mkdir(parents=True)
    (library / "a_library_of_the_tests.py").write_text("def fail():\n    raise ValueError('no')\n")
    (tmp_path / "tiny.py").write_text(
        f"import sys\nsys.path.insert(0, {str(library)!r})\nimport a_library_of_the_tests\n"
        "sys.path.pop(0)\na_library_of_the_tests.fail()\n"
    )
    with pytest.raises(DeclarationError) as told:
        load(tmp_path, "tiny")
    assert told.value.where == "tiny.py:5"


def test_after_an_error_the_corrected_project_loads(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text(HEAD + "1 / 0\n")
    with pytest.raises(DeclarationError):
        load(tmp_path, "tiny")
    (tmp_path / "tiny.py").write_text(HEAD)
    assert load(tmp_path, "tiny").graph.names == ["items", "basic", "examples", "quick"]
