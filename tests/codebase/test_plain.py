"""What a project may do while it is loaded, if its declarations are to be kept."""

# ruff: noqa: E501 (tables of texts)

from __future__ import annotations

import time
from pathlib import Path

import pytest

from soroi.codebase import library_version, load
from soroi.codebase.kept import KeptDeclarations
from soroi.declare.fingerprint import fingerprints

TAIL = """
import soroi as so

@so.source(key="id", time="at")
def items():
    return VALUE
"""


def write(folder: Path, text: str, **others: str) -> None:
    """Write a project; other modules by name, with ``__`` for dots."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(text + TAIL)
    for name, other in others.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(other)


def reason(folder: Path) -> str | None:
    """Why the declarations of a project are not kept; ``None``: they are."""
    code = load(folder, "main")
    with code.visible():
        made = fingerprints(code.graph, in_project=code.owns, libraries=library_version, load=code.late)
    return KeptDeclarations(folder, "main", folder / ".soroi").write(code, code.graph, made, {})


HELPER = """
import os
import types

def get(name):
    return os.environ.get(name)

def plain(name):
    return name.upper() + "!"

ns = types.SimpleNamespace(get=os.getenv, size=3)
TABLE = {"a": 1}
"""

REFUSED = {
    "the_environment": "import os\nVALUE = os.environ.get('HOME')",
    "the_environment_by_another_name": "from os import getenv as len\nVALUE = len('HOME')",
    "an_import_of_two_meanings": "from os import getenv as g\nVALUE = g('HOME')\nfrom math import sqrt as g",
    "an_import_bound_again": "import os\nfrom math import sqrt\nsqrt = os.getenv\nVALUE = sqrt('HOME')",
    "a_namespace_with_a_method": "import os, types\nns = types.SimpleNamespace(get=os.getenv)\nVALUE = ns.get('HOME')",
    "a_namespace_bound_again": (
        "import os, types\nx = types.SimpleNamespace(get=os.getenv)\nVALUE = x.get('HOME')\nx = {}"
    ),
    "a_namespace_in_a_loop": (
        "import os, types\nfor x in [types.SimpleNamespace(get=os.getenv), {}]:\n    VALUE = x.get('HOME')"
    ),
    "a_class_that_holds_a_function": "import os\nclass A:\n    get = os.getenv\nVALUE = A.get('HOME')",
    "a_class_with_a_method": "import os\nclass A:\n    def get(self): return os.getenv('H')\nVALUE = A.get(1)",
    "an_alias_of_a_module": "import helper\nh = helper\nVALUE = h.get('HOME')",
    "an_attribute_of_a_module": "import helper\nVALUE = helper.ns.get('HOME')",
    "an_imported_namespace": "from helper import ns\nVALUE = ns.get('HOME')",
    "a_helper_that_looks": "import helper\nVALUE = helper.get('HOME')",
    "an_argument_of_the_name_of_a_helper": (
        "import os\ndef g(x): return 1\ndef f(g): return g('HOME')\nVALUE = f(os.getenv)"
    ),
    "a_helper_within_a_helper": (
        "import os\ndef g(): return 1\ndef f():\n    def g(): return os.getenv('HOME')\n    return g()\nVALUE = f()"
    ),
    "a_comprehension_of_the_name_of_a_helper": (
        "import os\ndef g(x): return 1\nVALUE = [g('HOME') for g in [os.getenv]]"
    ),
    "a_class_body_of_the_name_of_a_helper": (
        "import os\ndef g(x): return 1\nclass A:\n    g = os.getenv\n    v = g('HOME')\nVALUE = A.v"
    ),
    "a_method_of_an_argument": (
        "import os, types\nx = {}\ndef f(x): return x.get('HOME')\nVALUE = f(types.SimpleNamespace(get=os.getenv))"
    ),
    "a_metaclass": (
        "import os\nclass M(type):\n    def __new__(cls, *a):\n        os.getenv('H')\n"
        "        return super().__new__(cls, *a)\nclass A(metaclass=M): pass\nVALUE = 1"
    ),
    "a_function_as_metaclass": (
        "import os\ndef meta(n, b, d): return os.getenv('HOME')\nclass A(metaclass=meta): pass\nVALUE = A"
    ),
    "a_constructor_of_a_base": (
        "import os\nclass A(tuple):\n    def __new__(cls): return os.getenv('H')\nclass B(A): pass\nVALUE = B()"
    ),
    "a_constructor_that_is_assigned": (
        "import os\ndef new(cls): return os.getenv('H')\nclass A:\n    __new__ = new\nVALUE = A()"
    ),
    "a_constructor_set_from_outside": (
        "import os\ndef new(cls): return os.getenv('H')\nclass A: pass\nA.__new__ = new\nVALUE = A()"
    ),
    "a_base_of_a_library": "import threading\nclass A(threading.local): pass\nVALUE = 1",
    "an_enum_that_makes_values": (
        "import enum, os\nclass E(enum.Enum):\n    def _generate_next_value_(n, *a): return os.getenv('HOME')\n"
        "    A = enum.auto()\nVALUE = E.A.value"
    ),
    "an_enum_with_a_constructor": (
        "import enum, os\nclass E(enum.Enum):\n    A = 1\n    def __init__(self, v): self.x = os.getenv('H')\nVALUE = 1"
    ),
    "an_enum_that_finds_the_missing": (
        "import enum, os\nclass E(enum.Enum):\n    A = 1\n    def _missing_(cls): return os.getenv('H') or E.A\n"
        "VALUE = E.A"
    ),
    "a_property_of_a_class": (
        "import os\nclass A:\n    @classmethod\n    @property\n    def v(cls): return os.getenv('H')\nVALUE = A.v"
    ),
    "a_property_by_call": (
        "import os\ndef look(cls): return os.getenv('H')\nclass A:\n    name = classmethod(property(look))\nVALUE = A.name"
    ),
    "a_factory_that_gives_a_helper": (
        "import os\ndef look(f): return os.getenv('H')\ndef make(x): return look\n@make(1)\ndef g(): pass\nVALUE = g"
    ),
    "a_factory_that_gives_a_lambda": (
        "import os\ndef make(x): return lambda f: os.getenv('H')\n@make(1)\ndef g(): pass\nVALUE = g"
    ),
    "a_partial_as_decorator": (
        "import functools, os\ndef look(x, f): return os.getenv('H')\n@functools.partial(look, 1)\ndef g(): pass\n"
        "VALUE = g"
    ),
    "a_call_of_something_decorated": (
        "import os\ndef deco(f):\n    def w(): return os.getenv('H')\n    return w\n@deco\ndef g(): return 1\nVALUE = g()"
    ),
    "a_call_of_a_decorated_class": (
        "import os\ndef deco(c):\n    def w(): return os.getenv('H')\n    return w\n@deco\nclass A: pass\nVALUE = A()"
    ),
    "a_register_of_its_own": (
        "import os\nclass R:\n    def register(self, f): return os.getenv('H')\nr = R()\n@r.register\ndef g(): pass\n"
        "VALUE = g"
    ),
    "a_change_of_the_builtins": "import os\n__builtins__['len'] = os.getenv\nVALUE = len('HOME')",
    "new_builtins": "import os\n__builtins__ = {'len': os.getenv}\nVALUE = 1",
    "a_module_that_answers": "import os\n__getattr__ = os.getenv\nVALUE = 1",
    "an_annotation_that_binds": "import os\ndef f(a: (VALUE := os.environ.keys)): pass",
    "an_annotated_name_that_binds": "import os\nx: (VALUE := os.getenv('HOME')) = 1",
    "a_handler_that_binds": (
        "import os\ntry:\n    int('x')\nexcept (VALUE := [ValueError, ValueError][len(os.getenv('H', ''))]):\n    pass"
    ),
    "what_is_raised": (
        "import os\nVALUE = 1\ntry:\n    raise [ValueError, KeyError][len(os.getenv('H', ''))]\n"
        "except ValueError:\n    VALUE = 2\nexcept KeyError:\n    VALUE = 3"
    ),
    "the_address_of_a_function": "def f(): pass\nVALUE = f'{f}'",
    "the_address_of_an_object": "VALUE = str(object())",
    "the_address_in_a_list": "def f(): pass\nx = []\nx.append(f)\nVALUE = '%s' % x",
    "the_address_by_another_name": "def f(): pass\nx = []\ny = x\ny.append(f)\nVALUE = str(x)",
    "the_address_through_a_helper": "def f(): pass\ndef text(x): return '{}'.format(x)\nVALUE = text(f)",
    "the_address_given_back": "def f(): pass\ndef same(x): return x\nVALUE = f'{same(f)}'",
    "the_address_by_order": "def f(): pass\ndef g(): pass\nVALUE = sorted([f, g], key=str)[0]",
    "the_address_of_a_method": "X = 'a'\nVALUE = f'{X.upper}'",
    "the_address_in_a_template": "VALUE = '{0.__init__}'.format(1)",
    "the_address_of_a_generator": "VALUE = str(x for x in 'a')",
    "the_address_of_an_iterator": "VALUE = str(zip('a', 'b'))",
    "the_order_of_sets_of_sets": "VALUE = sorted({frozenset('a'), frozenset('b'), frozenset('c')})[0]",
    "the_rules_of_a_time_zone": (
        "import datetime, zoneinfo\nVALUE = datetime.datetime(2030, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin')) > 1"
        " if 0 else 2"
    ),
    "a_text_of_a_class_of_its_own": (
        "import os\nclass A(str):\n    def upper(self): return os.getenv('HOME')\nVALUE = [x.upper() for x in [A('x')]]"
    ),
    "a_dictionary_that_finds_the_missing": (
        "import os\nclass D(dict):\n    def __missing__(self, k): return os.getenv(k)\nd = D()\nVALUE = d['HOME']"
    ),
    "a_namespace_given_by_a_default": ("from helper import ns\ndef f(g=ns):\n    return g.get('HOME')\nVALUE = f()"),
    "a_namespace_put_by_a_helper": (
        "from helper import ns\nD = {}\ndef put(d, v): d['x'] = v\nput(D, ns)\nVALUE = [v.get('HOME') for v in D.values()]"
    ),
    "a_moment_as_seconds": "import datetime\nD = datetime.datetime(2020, 1, 1)\nVALUE = f'{D:%s}'",
    "the_order_of_a_set": "VALUE = list({'a', 'b', 'c'})",
    "the_order_of_a_set_in_a_default": "def f(x=list({'a', 'b', 'c'})): return x\nVALUE = f",
    "the_order_of_a_set_in_a_decorator": (
        "import soroi as so\n@so.source(key=tuple({'a', 'b', 'c'}), time='at')\ndef other(): pass\nVALUE = 1"
    ),
    "a_set_that_is_declared": "import soroi as so\nK = {'a', 'b'}\n@so.source(key=K)\ndef other(): pass\nVALUE = 1",
    "a_set_sorted_by_length": "VALUE = sorted({'ab', 'cd', 'ef'}, key=len)",
    "a_set_made_a_text": "VALUE = '%s' % ({'a', 'b', 'c'},)",
    "a_set_added_to_a_list": "VALUE = []\nVALUE += {'a', 'b', 'c'}",
    "a_set_put_into_a_list": "VALUE = []\nVALUE[0:0] = {'a', 'b', 'c'}",
    "views_of_keys": "D = {'a': 1, 'b': 2, 'c': 3}\nk = D.keys()\nVALUE = list(k & ['a', 'b', 'c'])",
    "views_changed_in_place": "D = {'a': 1, 'b': 2, 'c': 3}\nk = D.keys()\nk &= D.keys()\nVALUE = [*k]",
    "a_type_checker_of_its_own": "import os\nTYPE_CHECKING = True\nif TYPE_CHECKING:\n    VALUE = os.getenv('HOME')",
    "a_file_read": "from pathlib import Path\nVALUE = Path(__file__).read_text()",
    "a_file_opened": "VALUE = open",
    "whether_a_file_is_there": "from pathlib import Path\nVALUE = Path('x').exists()",
    "what_files_are_there": "from pathlib import Path\nVALUE = [str(one) for one in Path('.').glob('*')]",
    "where_a_link_leads": "from pathlib import Path\nVALUE = (Path(__file__).parent / 'latest').resolve()",
    "the_day": "import datetime\nVALUE = datetime.date.today()",
    "the_clock": "import time\nVALUE = time.time()",
    "chance": "import random\nVALUE = random.random()",
    "a_fresh_id": "import uuid\nVALUE = uuid.uuid4()",
    "the_loaded_modules": "import sys\nVALUE = 'json' in sys.modules",
    "the_globals": "VALUE = globals()['__name__']",
    "the_variables": "VALUE = vars()",
    "frames": "g = (1 for _ in [1])\nVALUE = g.gi_frame.f_builtins",
    "a_star_import": "from helper import *\nVALUE = 1",
    "soroi_from_inside": (
        "from soroi.declare.behaviour_explorer import file_contents\nVALUE = file_contents('/etc/hostname', {})"
    ),
    "a_place_asked_with_a_name_of_its_own": (
        "from importlib.util import find_spec\nN = 'json'\nVALUE = bool(find_spec(name=N))"
    ),
    "an_expression_read_from_a_file": "import polars as pl\nX = pl.col('a')\nVALUE = X.deserialize if 1 else 1",
    "a_query_of_files": "import polars as pl\nVALUE = pl.DataFrame({'a': [1]}).sql('select 1 as b from self')",
    "groups_without_an_order": "import polars as pl\nVALUE = pl.Series(['a', 'b']).unique().to_list()",
    "python_in_an_expression": "import polars as pl\nVALUE = pl.col('a').map_elements(len, return_dtype=pl.Int64)",
    "a_class_of_a_library_changed": "import collections\nC = collections.Counter\nC.get2 = 1\nVALUE = 1",
    "a_loop_without_end_in_sight": "n = 0\nwhile n < 3:\n    n += 1\nVALUE = n",
    "a_context": "import contextlib\nwith contextlib.nullcontext():\n    VALUE = 1",
    "a_lambda_called": "import os\nVALUE = (lambda: os.getenv('H'))()",
    "a_factory_of_a_field": (
        "import dataclasses, os\n@dataclasses.dataclass(frozen=True)\nclass A:\n"
        "    x: object = dataclasses.field(default_factory=lambda: os.getenv('H'))\nVALUE = A()"
    ),
    "a_check_after_construction": (
        "import dataclasses, os\n@dataclasses.dataclass\nclass A:\n    x: int = 1\n"
        "    def __post_init__(self): self.x = os.getenv('H')\nVALUE = A"
        "\nY = A()"
    ),
}

ACCEPTED = {
    "constants": "VALUE = 3\nNAMES = ('a', 'b')\nTABLE = {'a': 1, **{'b': 2}}\nX: float = -1.5\nY = NAMES[0] + 'x'",
    "texts": "N = 'a'\nVALUE = f'{N!r}_{3:>4}' + '%s' % N + '{} {x}'.format(N, x=2) + ', '.join(['a', N])",
    "loops_over_literals": "VALUE = []\nfor n in ('a', 'b'):\n    VALUE.append(f'{n}_x')\nX = {n: n.upper() for n in 'ab'}",
    "the_items_of_a_table": "T = {'a': 1}\nVALUE = [f'{k}={v}' for k, v in T.items()]\nX = T.get('b', 3)",
    "a_helper": "def f(n, *, k=2):\n    out = []\n    for i in range(n):\n        out.append(i * k)\n    return out\nVALUE = f(3)",
    "a_helper_of_another_module": "from helper import plain\nVALUE = plain('a')",
    "another_module": "import helper\nVALUE = helper.plain('a') + str(helper.TABLE['a'])\nX = helper.TABLE.get('a')",
    "a_helper_that_is_cached": "import functools\n@functools.cache\ndef f(x): return x + 1\nVALUE = f(1)",
    "a_dataclass": (
        "from dataclasses import dataclass, field\n@dataclass(frozen=True)\nclass A:\n    x: int = 1\n"
        "    y: tuple[str, ...] = field(default_factory=tuple)\n"
        "    def __post_init__(self) -> None:\n        if self.x < 0:\n            raise ValueError('no')\n"
        "    @property\n    def z(self) -> int:\n        return self.x\nC = A(2)\nVALUE = C.x"
    ),
    "an_enum": "import enum\nclass E(enum.StrEnum):\n    A = 'a'\n    B = enum.auto()\nVALUE = E.A\nX = f'{E.B.value}'",
    "a_named_tuple": "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 0\nQ = P(2)\nVALUE = Q.x",
    "a_decorator": (
        "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def w(*a):\n        return f(*a)\n"
        "    w.noted = True\n    return w\n@deco\ndef g(): return 1\nVALUE = 1"
    ),
    "a_decorator_with_options": (
        "import functools\ndef retry(times):\n    def deco(f):\n        @functools.wraps(f)\n        def w(*a):\n"
        "            return f(*a)\n        return w\n    return deco\n@retry(3)\ndef g(): return 1\nVALUE = 1"
    ),
    "a_registry": (
        "ALL = {}\ndef known(f):\n    ALL[f.__name__] = f\n    return f\n@known\ndef g(): return 1\nVALUE = len(ALL)"
    ),
    "a_property_with_a_setter": (
        "class A:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self, v): pass\nVALUE = 1"
    ),
    "a_dispatched_function": (
        "import functools\n@functools.singledispatch\ndef f(x): return 1\n@f.register\ndef _(x: int): return 2\nVALUE = 1"
    ),
    "patterns": "import re\nP = re.compile(r'a+', re.IGNORECASE | re.M)\nVALUE = 1",
    "a_folder_beside": "from pathlib import Path\nVALUE = Path(__file__).resolve().parent / 'data'\nX = str(VALUE / 'a.csv')",
    "a_logger": "import logging\nlog = logging.getLogger(__name__)\nVALUE = 1",
    "expressions": (
        "import polars as pl\nA = pl.col('a').fill_null(0).alias('b')\nB = (A / pl.col('c')).round(2).alias('d')\n"
        "C = pl.when(pl.col('a') > 1).then(1).otherwise(pl.lit(2))\nD = pl.col('t').dt.hour().str.to_lowercase()\n"
        "S = {'a': pl.Float64, 'b': pl.Datetime('us', 'UTC')}\nVALUE = [pl.col(n).mean() for n in ('a', 'b')]"
    ),
    "selectors": "import polars.selectors as cs\nVALUE = cs.numeric()",
    "imports_for_types": (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from collections.abc import Sequence\ndef f(x: Sequence[int] | None = None) -> list[str]: return []\nVALUE = 1"
    ),
    "its_list_of_names": "__all__ = ['items']\n__version__ = '1'\nVALUE = 1",
    "dates": "from datetime import UTC, date, datetime, timedelta\nVALUE = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(1)\nD = date(2020, 1, 1).isoformat()",
    "a_set_to_look_in": "KNOWN = frozenset({'a', 'b'})\nVALUE = 'a' in KNOWN\nX = sorted(KNOWN)",
    "a_choice": "N = 3\nif N > 2:\n    VALUE = 'a'\nelif N:\n    VALUE = 'b'\nelse:\n    VALUE = 'c'",
    "a_sorted_list": "VALUE = sorted([('a', 2), ('b', 1)], key=lambda one: one[1])",
    "a_script": "VALUE = 1\nif __name__ == '__main__':\n    print(open('x'))",
    "numbers": "import math\nimport numpy as np\nVALUE = math.sqrt(2) * math.pi\nX = np.array([1.0, 2.0])\nY = 7 % 3",
    "a_class_of_scikit_learn": (
        "from sklearn.base import BaseEstimator, TransformerMixin\nclass T(TransformerMixin, BaseEstimator):\n"
        "    def fit(self, X, y=None): return self\nVALUE = 1"
    ),
    "an_error_of_its_own": "class WrongError(ValueError):\n    pass\nVALUE = 1\nassert VALUE == 1, 'no'",
    "a_place_of_a_library": "from importlib.util import find_spec\nVALUE = bool(find_spec('polars'))",
    "keys_without_repetition": "VALUE = list(dict.fromkeys(['a', 'a', 'b']))",
    "functions_in_a_table": "def f(): pass\nT = {'a': f}\nVALUE = [name for name in T.keys()]\nX = len(T.items())",
    "an_import_that_may_fail": "try:\n    import json\nexcept ImportError:\n    VALUE = 1\nelse:\n    VALUE = 2",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_depend_on_more_than_the_text_is_refused(name: str, tmp_path: Path) -> None:
    write(tmp_path, REFUSED[name], helper=HELPER)
    found = reason(tmp_path)
    assert found is not None
    assert ".py:" in found
    assert "while the project is loaded" in found


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_follows_from_the_text_is_accepted(name: str, tmp_path: Path) -> None:
    write(tmp_path, ACCEPTED[name], helper=HELPER)
    assert reason(tmp_path) is None


def test_a_deep_expression_is_refused_and_breaks_nothing(tmp_path: Path) -> None:
    write(tmp_path, "VALUE = " + " + ".join(["1"] * 900))
    found = reason(tmp_path)
    assert found is None or "nested too deeply" in found


def test_a_long_chain_of_methods_is_checked_at_once(tmp_path: Path) -> None:
    write(tmp_path, "import polars as pl\nVALUE = pl.when(True)" + ".then(1).when(True)" * 30 + ".then(2).otherwise(3)")
    before = time.process_time()
    assert reason(tmp_path) is None
    assert time.process_time() - before < 5
