"""Edits of real source files: what can change an output changes the digest; what cannot, does not."""

# ruff: noqa: E501 — sources of one line each read better in a table

from __future__ import annotations

from typing import Any

import pytest

NODES = """
    import text

    def wording(rows):
        return [text.clean(row) for row in rows]
"""

CHANGES: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
"""Name, files before, files after: the digest must change."""

SAME: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
"""Name, files before, files after: the digest must not change."""


def one_file(name: str, before: str, after: str, table: dict[str, tuple[dict[str, str], dict[str, str]]]) -> None:
    table[name] = ({"nodes.py": before}, {"nodes.py": after})


def with_text(name: str, before: str, after: str, table: dict[str, tuple[dict[str, str], dict[str, str]]]) -> None:
    table[name] = ({"nodes.py": NODES, "text.py": before}, {"nodes.py": NODES, "text.py": after})


def swap(name: str, template: str, before: str, after: str) -> None:
    """An edit of one place, marked ``@@``, in ``nodes.py``."""
    one_file(name, template.replace("@@", before), template.replace("@@", after), CHANGES)


def keep(name: str, template: str, before: str, after: str) -> None:
    """The same for an edit that changes nothing."""
    one_file(name, template.replace("@@", before), template.replace("@@", after), SAME)


with_text(
    "a helper in another module",
    "def clean(row): return row.strip()",
    "def clean(row): return row.lower()",
    CHANGES,
)
with_text(
    "a helper two calls away",
    "def clean(row): return low(row)\ndef low(row): return row.lower()",
    "def clean(row): return low(row)\ndef low(row): return row.upper()",
    CHANGES,
)
with_text(
    "a constant of a helper",
    "MARK = 'a'\ndef clean(row): return row.strip(MARK)",
    "MARK = 'b'\ndef clean(row): return row.strip(MARK)",
    CHANGES,
)
with_text(
    "a dictionary of functions",
    "def a(x): return x\ndef b(x): return x + 1\nSTEPS = {'a': a}\ndef clean(row): return STEPS['a'](row)",
    "def a(x): return x\ndef b(x): return x + 1\nSTEPS = {'a': b}\ndef clean(row): return STEPS['a'](row)",
    CHANGES,
)
with_text(
    "a function inside a list",
    "def a(x): return x\nSTEPS = [a]\ndef clean(row): return STEPS[0](row)",
    "def a(x): return x + 1\nSTEPS = [a]\ndef clean(row): return STEPS[0](row)",
    CHANGES,
)
with_text(
    "what a name is bound to",
    "def a(x): return x\ndef b(x): return x + 1\none, two = a, b\ndef clean(row): return one(row) * two(row)",
    "def a(x): return x\ndef b(x): return x + 1\none, two = b, a\ndef clean(row): return one(row) - 0 * two(row)",
    CHANGES,
)
with_text(
    "two aliases that change places",
    "def a(x): return x\ndef b(x): return x + 1\none, two = a, b\ndef clean(row): return one(row) - two(row)",
    "def a(x): return x\ndef b(x): return x + 1\none, two = b, a\ndef clean(row): return one(row) - two(row)",
    CHANGES,
)
with_text(
    "a default that is computed",
    "LIMIT = 1\ndef clean(row, limit=LIMIT): return row[:limit]\nLIMIT = 9",
    "LIMIT = 2\ndef clean(row, limit=LIMIT): return row[:limit]\nLIMIT = 9",
    CHANGES,
)
with_text(
    "a keyword default",
    "def clean(row, *, limit=1): return row[:limit]",
    "def clean(row, *, limit=2): return row[:limit]",
    CHANGES,
)
with_text(
    "a default of a method that was rebound later",
    "N = 1\nclass A:\n    def go(self, x, n=N): return x[:n]\nN = 9\ndef clean(row): return A().go(row)",
    "N = 2\nclass A:\n    def go(self, x, n=N): return x[:n]\nN = 9\ndef clean(row): return A().go(row)",
    CHANGES,
)
for way, line in {
    "a closure": "clean = make(@@)",
    "a partial": "import functools\ndef cut(n, row): return row[:n]\nclean = functools.partial(cut, @@)",
    "a lambda": "clean = lambda row: row[:@@]",
    "a cached function": "import functools\n@functools.lru_cache\ndef clean(row): return row[:@@]",
    "the size of a cache": "import functools\n@functools.lru_cache(maxsize=@@)\ndef clean(row): return row",
    "a bound method": "class A:\n    def go(self, row): return row[:@@]\nclean = A().go",
    "a class method": "class A:\n    @classmethod\n    def go(cls, row): return row[:@@]\nclean = A.go",
    "a static method": "class A:\n    @staticmethod\n    def go(row): return row[:@@]\nclean = A.go",
    "a class attribute": "class A:\n    n = @@\n    def go(self, row): return row[:self.n]\ndef clean(row): return A().go(row)",
    "a base class": "class B:\n    def go(self, row): return row[:@@]\nclass A(B): pass\ndef clean(row): return A().go(row)",
    "a metaclass": "class M(type):\n    n = @@\nclass A(metaclass=M): pass\ndef clean(row): return row[:A.n]",
    "a property": "class A:\n    @property\n    def n(self): return @@\ndef clean(row): return row[:A().n]",
    "a nested class": "class A:\n    class B:\n        n = @@\ndef clean(row): return row[:A.B.n]",
    "a frozen dataclass": "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass C:\n    n: int\nC1 = C(@@)\n"
    "def clean(row): return row[:C1.n]",
    "a named tuple": "import collections\nC = collections.namedtuple('C', 'n')\nC1 = C(@@)\ndef clean(row): return row[:C1.n]",
    "an enumeration": "import enum\nclass E(enum.Enum):\n    n = @@\ndef clean(row): return row[:E.n.value]",
    "a member of an enumeration": "import enum\nclass E(enum.Enum):\n    a1 = 1\n    a2 = 2\nN = E.a@@\ndef clean(row): return N",
    "a compiled pattern": "import re\nP = re.compile('a{@@}')\ndef clean(row): return P.sub('', row)",
    "the flags of a pattern": "import re\nP = re.compile('a', re.I * (@@ - 1))\ndef clean(row): return P.sub('', row)",
    "a decimal": "import decimal\nD = decimal.Decimal('1.@@')\ndef clean(row): return D",
    "a date": "import datetime\nD = datetime.date(2026, 1, @@)\ndef clean(row): return D",
    "a time zone": "import datetime\nD = datetime.timezone(datetime.timedelta(hours=@@))\ndef clean(row): return D",
    "a path": "import pathlib\nD = pathlib.Path('a@@')\ndef clean(row): return D",
    "a frozen set": "D = frozenset([1, 1@@])\ndef clean(row): return D",
    "a nested tuple": "D = ((1, (@@,)),)\ndef clean(row): return D",
    "a decorator's argument": "def times(n):\n    def wrap(f): return lambda row: f(row) * n\n    return wrap\n"
    "@times(@@)\ndef clean(row): return row",
    "a decorator's code": "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def inner(row): return f(row) * @@\n"
    "    return inner\n@twice\ndef clean(row): return row",
    "a wrapped function": "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def inner(row): return f(row)\n"
    "    return inner\n@twice\ndef clean(row): return row * @@",
    "a context manager": "import contextlib\n@contextlib.contextmanager\ndef at():\n    yield @@\n"
    "def clean(row):\n    with at() as n: return row[:n]",
    "single dispatch": "import functools\n@functools.singledispatch\ndef clean(row): return row\n"
    "@clean.register\ndef _(row: str): return row[:@@]",
    "an async helper": "import asyncio\nasync def slow(row): return row[:@@]\ndef clean(row): return asyncio.run(slow(row))",
    "a generator": "def all():\n    yield @@\ndef clean(row): return list(all())",
    "a comprehension": "def clean(row): return [one * @@ for one in row]",
    "a nested function": "def clean(row):\n    def inner(): return row[:@@]\n    return inner()",
    "a default of a nested function": "def clean(row):\n    def inner(n=@@): return row[:n]\n    return inner()",
    "an attribute of a function": "def clean(row): return row[:clean.n]\nclean.n = @@",
    "a mutable list": "D = [1, @@]\ndef clean(row): return D",
    "the order of a dictionary": "D = dict([(@@, 0), (3 - @@, 0)])\ndef clean(row): return list(D)",
    "an f-string": "def clean(row): return f'{row:>@@}'",
    "a conversion in an f-string": "A = 1\ndef clean(row): return f'{row}@@'",
    "a walrus": "def clean(row): return (n := @@) and row[:n]",
    "an augmented global": "N = @@\ndef clean(row):\n    global N\n    N += 1\n    return row[:N]",
    "mutual recursion": "def clean(row): return odd(row) if row else @@\ndef odd(row): return clean(row[1:])",
    "getattr with a constant": "import sys\ndef low(row): return row[:@@]\nclass A:\n    go = staticmethod(low)\n"
    "def clean(row): return getattr(A, 'go')(row)",
    "a match statement": "def clean(row):\n    match row:\n        case @@: return 1\n        case _: return 2",
    "an except clause": "def clean(row):\n    try: return row[0]\n    except* IndexError: row = None\n    finally: print(@@)",
    "a slice object": "S = slice(0, @@)\ndef clean(row): return row[S]",
    "a range": "S = range(0, @@)\ndef clean(row): return S",
    "an item getter": "import operator\nS = operator.itemgetter(@@)\ndef clean(row): return S(row)",
    "a subclass of a dictionary": "class D(dict):\n    def go(self): return @@\nS = D(a=1)\ndef clean(row): return S.go()",
    "an object without state": "class A:\n    def go(self, row): return row[:@@]\nS = A()\ndef clean(row): return S.go(row)",
    "a callable object": "class A:\n    def __call__(self, row): return row[:@@]\nclean = A()",
    "a metaclass call": "class A:\n    def __init_subclass__(cls): cls.n = @@\nclass B(A): pass\ndef clean(row): return row[:B.n]",
    "a function that is added to a class": "class A: pass\ndef extra(self, row): return row[:@@]\nA.go = extra\n"
    "def clean(row): return A().go(row)",
    "a lambda in a class": "class A:\n    go = lambda self, row: row[:@@]\ndef clean(row): return A().go(row)",
    "a lambda in a dictionary": "D = {'a': lambda row: row[:@@], 'b': lambda row: row}\ndef clean(row): return D['a'](row)",
    "a huge number": "N = 10 ** 6000 + @@\ndef clean(row): return N",
    "a huge literal": "def clean(row): return 0x" + "f" * 5000 + "@@",
    "a slotted instance": "class A:\n    __slots__ = ()\n    def go(self): return @@\nS = A()\ndef clean(row): return S.go()",
    "a local class": "def make():\n    class A:\n        def go(self, row): return row[:@@]\n    return A\nK = make()\n"
    "def clean(row): return K().go(row)",
    "what a local class closes over": "def make(n):\n    class A:\n        def go(self, row): return row[:n]\n    return A\n"
    "K = make(@@)\ndef clean(row): return K().go(row)",
    "a conditional definition": "import sys\nif sys.version_info > (3,):\n    def clean(row): return row[:@@]\nelse:\n"
    "    def clean(row): return row",
    "a name of the standard library": "from math import floor as f1, ceil as f2\ndef clean(row): return f@@(row)",
}.items():
    source = line
    if "make(@@)" in line and "def make" not in line:
        source = "def make(n):\n    def inner(row): return row[:n]\n    return inner\n" + line
    with_text(way, source.replace("@@", "1"), source.replace("@@", "2"), CHANGES)

swap("the function itself", "def wording(rows): return rows[@@]", "1", "2")
swap("a type of number", "def wording(rows): return @@", "1", "1.0")
swap("truth and one", "def wording(rows): return @@", "1", "True")
swap("text and bytes", "def wording(rows): return @@", "'a'", "b'a'")
swap("the sign of zero", "def wording(rows): return @@", "0.0", "-0.0")
swap("a constant's type", "N = @@\ndef wording(rows): return N", "1", "True")
swap("a constant's sign of zero", "N = @@\ndef wording(rows): return N", "0.0", "-0.0")
swap("list and tuple", "N = @@\ndef wording(rows): return N", "[1]", "(1,)")
swap("nested emptiness", "N = @@\ndef wording(rows): return N", "[[], [1]]", "[[1], []]")
swap("where a text ends", "N = @@\ndef wording(rows): return N", "('ab', 'c')", "('a', 'bc')")
swap("where an argument stands", "def wording(rows): return max(rows, @@)", "key=len", "len")
swap("an operator", "def wording(rows): return rows @@ 2", "+", "-")
swap("a comparison", "def wording(rows): return rows @@ 2", "<", "<=")
swap("which library's function", "from math import @@ as go\ndef wording(rows): return go(rows)", "floor", "ceil")
swap("which library", "import @@ as library\ndef wording(rows): return library.loads(rows)", "json", "marshal")
swap("a name that hides a builtin", "@@\ndef wording(rows): return len(rows)", "", "def len(rows): return 3")
swap("a local declaration", "x = 1\ndef wording(rows):\n    @@\n    return x", "pass", "x: int")
swap("a global declaration", "x = 1\ndef wording(rows):\n    @@\n    x = 2\n    return x", "pass", "global x")
swap(
    "the last of two definitions",
    "def a(x): return 1\ndef a(x): return @@\ndef wording(rows): return a(rows)",
    "2",
    "3",
)
swap(
    "the annotation of a field",
    DATA := """
from dataclasses import dataclass
@dataclass
class A:
    x: int = 1
    y: @@ = 2
def wording(rows): return A()
""",
    "int",
    "float",
)
swap("a field without a value", DATA, "int", "int = 1\n    z: int")
swap("futures of a data class", "@@\n" + DATA.replace("@@", "int"), "", "from __future__ import annotations")
swap(
    "the annotation of a named tuple",
    "from typing import NamedTuple\nclass A(NamedTuple):\n    x: @@\ndef wording(rows): return A(1)",
    "int",
    "float",
)
swap("a docstring that is read", 'def a():\n    "@@"\ndef wording(rows): return a.__doc__', "x", "y")
swap(
    "annotations that are read",
    "import inspect\ndef a(x: @@): pass\ndef wording(rows): return inspect.signature(a)",
    "int",
    "str",
)
swap(
    "what a class annotation names",
    "import dataclasses\nclass B:\n    n = @@\n@dataclasses.dataclass\nclass A:\n    x: 'B'\ndef wording(rows): return A",
    "1",
    "2",
)
swap(
    "the argument of a decorator in a class",
    "def d(n): return lambda f: f\nclass A:\n    @d(@@)\n    def go(self): return 1\n"
    "def wording(rows): return A().go()",
    "1",
    "2",
)
swap("an import in the body", "def wording(rows):\n    from math import @@ as go\n    return go(rows)", "floor", "ceil")
swap("two names and one", "def wording(a@@): return a", "", ", b")
swap("a global rebound", "a = 1\nb = 2\ndef wording(rows): return @@", "a", "b")
swap(
    "what a private name is",
    "class A:\n    def __go(self): return @@\n    def go(self): return self.__go()\ndef wording(rows): return A().go()",
    "1",
    "2",
)
swap("a default that is not plain", "def a(): return @@\ndef wording(rows, f=a): return f()", "1", "2")
swap("the type of a default", "def wording(rows, f=@@): return f", "1", "1.0")
swap("an argument by position only", "def wording(rows@@, n=1): return n", "", ", /")
swap("a keyword only argument", "def wording(rows@@, n=1): return n", "", ", *")
swap("whether it is async", "@@ def wording(rows): return 1", "async", " ".join([""]))
swap("yield or return", "def wording(rows): @@ 1", "yield", "return")
swap(
    "a polars expression",
    "import polars as pl\nE = pl.col('a') > @@\ndef wording(rows): return rows.filter(E)",
    "1",
    "2",
)
swap("a numpy array", "import numpy as np\nE = np.array([1, @@])\ndef wording(rows): return E", "1", "2")
swap(
    "the type of a numpy array",
    "import numpy as np\nE = np.array([1], dtype='@@')\ndef wording(rows): return E",
    "i4",
    "u4",
)
swap(
    "the shape of a numpy array",
    "import numpy as np\nE = np.zeros(@@)\ndef wording(rows): return E",
    "(2, 3)",
    "(3, 2)",
)
swap(
    "a namespace of polars expressions",
    """
import polars as pl
@pl.api.register_expr_namespace("tidy")
class Tidy:
    def __init__(self, e): self.e = e
    def go(self): return self.e * @@
def wording(rows): return rows.select(pl.col("a").tidy.go())
""",
    "1",
    "2",
)

for way, (line, first, second) in {
    "import module": ("import text\n    return text.clean(rows)", "1", "2"),
    "from module": ("from text import clean\n    return clean(rows)", "1", "2"),
    "module under another name": ("import text as t\n    return t.clean(rows)", "1", "2"),
    "module passed around": ("import text\n    module = text\n    return module.clean(rows)", "1", "2"),
    "import for its side effect": ("import text\n    return rows", "1", "2"),
    "import_module with a constant": (
        "import importlib\n    return importlib.import_module('text').clean(rows)",
        "1",
        "2",
    ),
    "__import__ with a constant": ("return __import__('text').clean(rows)", "1", "2"),
}.items():
    nodes = f"def wording(rows):\n    {line}\n"
    CHANGES[f"in the body: {way}"] = (
        {"nodes.py": nodes, "text.py": f"def clean(row): return {first}"},
        {"nodes.py": nodes, "text.py": f"def clean(row): return {second}"},
    )
for way, line in {
    "package attribute": "import pkg\ndef wording(rows): return pkg.clean(rows)",
    "submodule": "import pkg.text\ndef wording(rows): return pkg.text.clean(rows)",
    "submodule by another name": "import pkg.text as t\ndef wording(rows): return t.clean(rows)",
    "submodule from the package": "from pkg import text\ndef wording(rows): return text.clean(rows)",
    "star": "from pkg import *\ndef wording(rows): return clean(rows)",
    "in the body": "def wording(rows):\n    import pkg.text\n    return pkg.text.clean(rows)",
    "from the package in the body": "def wording(rows):\n    from pkg import text\n    return text.clean(rows)",
    "in the body of a class": "class A:\n    from pkg import text\n    def go(self, x): return self.text.clean(x)\n"
    "def wording(rows): return A().go(rows)",
}.items():
    package = {"nodes.py": line, "pkg/__init__.py": "from .text import clean\nfrom . import text"}
    CHANGES[f"packages: {way}"] = (
        {**package, "pkg/text.py": "def clean(row): return deep(row)\ndef deep(row): return 1"},
        {**package, "pkg/text.py": "def clean(row): return deep(row)\ndef deep(row): return 2"},
    )
CHANGES["two helpers of one name change places"] = (
    {"nodes.py": "import a, b\ndef wording(r): return a.clean(r) - b.clean(r)",
     "a.py": "def clean(r): return 1", "b.py": "def clean(r): return 2"},
    {"nodes.py": "import a, b\ndef wording(r): return a.clean(r) - b.clean(r)",
     "a.py": "def clean(r): return 2", "b.py": "def clean(r): return 1"},
)  # fmt: skip

MORE: dict[str, str] = {
    "total ordering": "import functools\n@functools.total_ordering\nclass A:\n    def __init__(self, n): self.n = n\n    def __eq__(self, o): return self.n == o.n\n    def __lt__(self, o): return self.n < o.n + @@\ndef wording(r): return A(r) >= A(1)",
    "a cached property": "import functools\nclass A:\n    @functools.cached_property\n    def n(self): return @@\ndef wording(r): return A().n",
    "a partial method": "import functools\nclass A:\n    def go(self, n): return n\n    one = functools.partialmethod(go, @@)\ndef wording(r): return A().one()",
    "single dispatch of a method": "import functools\nclass A:\n    @functools.singledispatchmethod\n    def go(self, x): return x\n    @go.register\n    def _(self, x: int): return x + @@\ndef wording(r): return A().go(r)",
    "an abstract base": "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def go(self): return @@\nclass B(A):\n    def go(self): return super().go()\ndef wording(r): return B().go()",
    "a generic class": "import typing\nT = typing.TypeVar('T')\nclass A(typing.Generic[T]):\n    def go(self, x: T) -> T: return x * @@\ndef wording(r): return A().go(r)",
    "a protocol": "import typing\nclass P(typing.Protocol):\n    def go(self) -> int: ...\nclass A(P):\n    def go(self): return @@\ndef wording(r): return A().go()",
    "names for checking types only": "import typing\nif typing.TYPE_CHECKING:\n    from somewhere import Thing\nclass B: pass\nclass A(B):\n    x: 'Thing'\n    n = @@\ndef wording(r: 'Thing') -> 'Thing': return A.n",
    "a logger": "import logging\nlogger = logging.getLogger(__name__)\ndef wording(r):\n    logger.info('a')\n    return @@",
    "a lock": "import threading\nLOCK = threading.Lock()\ndef wording(r):\n    with LOCK: return @@",
    "either of two imports": "try:\n    import missing as m\nexcept ImportError:\n    import json as m\ndef wording(r): return m.dumps(r, indent=@@)",
    "a counter in a closure": "def make():\n    n = @@\n    def go(r):\n        nonlocal n\n        n += 1\n        return n\n    return go\nwording = make()",
    "super in a method by itself": "class B:\n    def go(self, r): return @@\nclass A(B):\n    def go(self, r): return super().go(r)\nwording = A().go",
    "an async generator": "async def all():\n    for n in range(@@): yield n\nasync def wording(r): return [n async for n in all()]",
    "a struct": "import msgspec\nclass A(msgspec.Struct, frozen=True):\n    n: int = @@\nC = A()\ndef wording(r): return C.n",
    "a field of a data class": "import dataclasses\n@dataclasses.dataclass\nclass A:\n    n: list = dataclasses.field(default_factory=lambda: [@@])\ndef wording(r): return A().n",
    "a slotted data class": "import dataclasses\n@dataclasses.dataclass(frozen=True, slots=True)\nclass A:\n    n: int = @@\nC = A()\ndef wording(r): return C.n",
    "an ordered data class": "import dataclasses\n@dataclasses.dataclass(order=True)\nclass A:\n    n: int = @@\ndef wording(r): return A() < A(3)",
    "a decorated class": "def d(k):\n    k.n = @@\n    return k\n@d\nclass A: pass\ndef wording(r): return A.n",
    "a property set later": "class A: pass\nA.n = property(lambda self: @@)\ndef wording(r): return A().n",
    "what a module says it exports lazily": "import text\ndef wording(r): return text.lazy(r) * @@",
    "a class that is an argument": "class A:\n    n = @@\ndef go(k): return k.n\ndef wording(r): return go(A)",
    "a function held by a frozen object": "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass A:\n    go: object\ndef h(r): return @@\nC = A(h)\ndef wording(r): return C.go(r)",
    "a method in a table": "class A:\n    def go(self, r): return @@\nT = {'a': A.go}\ndef wording(r): return T['a'](A(), r)",
    "an inherited class method": "class B:\n    n = 0\n    @classmethod\n    def go(cls): return cls.n\nclass A(B):\n    n = @@\nwording = A.go",
    "an operator": "class A:\n    def __add__(self, o): return @@\nX = A()\ndef wording(r): return X + r",
    "a context manager class": "class A:\n    def __enter__(self): return @@\n    def __exit__(self, *a): pass\ndef wording(r):\n    with A() as n: return n",
    "a descriptor": "class D:\n    def __get__(self, o, k): return @@\nclass A:\n    n = D()\ndef wording(r): return A().n",
    "a module's __getattr__": "import lazy\ndef wording(r): return lazy.anything * @@",
    "an import in a comprehension's scope": "def wording(r):\n    import math as m\n    return [m.floor(x) + @@ for x in r]",
    "a conditional expression in a default": "def a(r, n=(1 if True else 0) + @@): return n\ndef wording(r): return a(r)",
    "a star argument": "def a(*r, **k): return r, k\nA = (@@,)\ndef wording(r): return a(*A, **{'k': A})",
    "a name deleted and made again": "n = 1\ndel n\nn = @@\ndef wording(r): return n",
    "a list that is sorted at load": "L = [3, 1, @@]\nL.sort()\ndef wording(r): return L",
    "a loop at load": "T = {}\nfor i in range(@@):\n    T[i] = lambda r, i=i: r + i\ndef wording(r): return [f(r) for f in T.values()]",
    "a typed dictionary": "import typing\nclass A(typing.TypedDict):\n    n: int\ndef wording(r) -> A: return A(n=@@)",
    "flags": "import enum\nclass F(enum.Flag):\n    A = @@\n    B = 4\nC = F.A | F.B\ndef wording(r): return C",
    "an integer enumeration": "import enum\nclass F(enum.IntEnum):\n    A = @@\ndef wording(r): return F.A + 1",
    "an enumeration with methods": "import enum\nclass F(enum.Enum):\n    A = 1\n    def go(self): return @@\ndef wording(r): return F.A.go()",
    "an enumeration of functions": "import enum, functools\nclass F(enum.Enum):\n    A = functools.partial(max, @@)\ndef wording(r): return F.A.value(r)",
    "an exception class": "class E(Exception):\n    code = @@\ndef wording(r): raise E(r)",
    "wraps of a method": "import functools\ndef d(f):\n    @functools.wraps(f)\n    def inner(self): return f(self) + @@\n    return inner\nclass A:\n    @d\n    def go(self): return 1\ndef wording(r): return A().go()",
    "a decorator that is a class": "class D:\n    def __init__(self, f): pass\n    def __call__(self, r): return @@\ndef d(f): return f\n@d\ndef a(r): return @@\ndef wording(r): return a(r)",
    "a decorator that gives a partial": "import functools\ndef d(n):\n    return lambda f: functools.partial(f, n)\n@d(@@)\ndef a(n, r): return n\ndef wording(r): return a(r)",
    "bytes in a table": "T = {b'a': memoryview(b'x').tobytes() * @@}\ndef wording(r): return T",
    "a class in a body": "def wording(r):\n    class A:\n        n = @@\n        def go(self): return self.n\n    return A().go()",
    "a recursive lambda": "f = lambda r: f(r - 1) if r > 0 else @@\ndef wording(r): return f(r)",
    "a keyword for the metaclass": "class B:\n    def __init_subclass__(cls, n=0): cls.n = n\nclass A(B, n=@@): pass\ndef wording(r): return A.n",
    "a global used in a class body": "N = @@\nclass A:\n    n = [N for _ in range(2)]\ndef wording(r): return A.n",
    "a class body of a function's local": "def make(n):\n    class A:\n        m = n\n    return A\nA = make(@@)\ndef wording(r): return A.m",
    "what an object refers to by weak reference": "def wording(r, *, n=frozenset({(@@, 'a')})): return n",
    "polars types": "import polars as pl\nT = {'a': pl.Int8, 'b': pl.Enum(['x' * @@])}\ndef wording(r): return r.cast(T)",
    "a list of polars expressions": "import polars as pl\nE = [pl.col('a').alias('b'), pl.lit(@@)]\ndef wording(r): return r.select(E)",
}
for way, line in MORE.items():
    files = {"text.py": "def lazy(r): return 1", "lazy.py": "def __getattr__(name): return 1"}
    CHANGES[f"further: {way}"] = (
        {"nodes.py": line.replace("@@", "1"), **files},
        {"nodes.py": line.replace("@@", "2"), **files},
    )
CHANGES["further: the code behind a module's __getattr__"] = (
    {
        "nodes.py": "import lazy\ndef wording(r): return lazy.f(r)",
        "lazy.py": "def __getattr__(name): return lambda r: 1",
    },
    {
        "nodes.py": "import lazy\ndef wording(r): return lazy.f(r)",
        "lazy.py": "def __getattr__(name): return lambda r: 2",
    },
)

keep("a comment", "@@\ndef wording(rows):\n    return rows @@", "", "# a comment")
keep("a docstring", 'def wording(rows):\n    "@@"\n    return rows', "one", "two")
keep("having a docstring", "def wording(rows):\n    @@\n    return rows", "", '"""text"""')
keep("annotations", "def wording(@@):\n    return rows", "rows", "rows: 'list[int]' = (), *a: int"[:18])
keep("an annotation of a local", "def wording(rows):\n    x@@ = 1\n    return x", "", ": int")
keep("a declared and bound local", "def wording(rows):\n    @@\n    x = 1\n    return x", "", "x: int")
keep("a return annotation", "def wording(rows)@@:\n    return rows", "", " -> list[int]")
keep("parentheses", "def wording(rows):\n    return @@", "rows + 1", "(\n        rows\n        + 1\n    )")
keep("quotes and notation", "def wording(rows):\n    return @@", "'a', 1000, 0x10", '"a", 1_000, 16')
keep("unused code beside it", "@@\ndef wording(rows): return 1", "", "def other(): return 2\nX = 3")
keep("where it stands", "@@def wording(rows): return 1", "", "\n" * 40)
keep(
    "order of definitions",
    "@@\ndef wording(rows): return a(b(rows))",
    "def a(x): return x\ndef b(x): return x + 1",
    "def b(x): return x + 1\ndef a(x): return x",
)
keep("parentheses of del", "def wording(rows):\n    a = b = 1\n    del @@\n    return 1", "a, b", "(a, b)")
keep(
    "imports split in the body",
    "def wording(rows):\n    @@\n    return math, json",
    "import math, json",
    "import math\n    import json",
)
keep("an f-string without holes", "def wording(rows): return @@", "'a'", "f'a'")
keep("pass", "def wording(rows):\n    @@\n    return 1", "", "pass")
keep("a module's docstring", "@@\ndef wording(rows): return 1", "", '"""Nodes."""')
keep("a class's docstring", "class A:\n    @@\n    n = 1\ndef wording(rows): return A().n", "", '"""Doc."""')
keep(
    "a method's annotation",
    "class A:\n    def go(self, n@@): return n\ndef wording(rows): return A().go(1)",
    "",
    ": int",
)
keep("an annotation of a plain class", "class A:\n    n@@ = 1\ndef wording(rows): return A().n", "", ": int")
keep("an unused helper of one name", "@@\ndef wording(rows): return 1", "", "def clean(x): return 1")
keep("futures", "@@\ndef wording(rows): return 1", "", "from __future__ import annotations")
keep(
    "soroi's decorator",
    "import soroi as so\n@so.source(key='@@')\ndef wording(): return 1",
    "a",
    "b",
)
keep(
    "no decorator of soroi",
    "import soroi as so\n@@def wording(): return 1",
    "",
    "@so.source(key='a')\n",
)
keep("how a text is put together", "def wording(rows): return @@", "'ab'", "'a' 'b'")


@pytest.mark.filterwarnings("ignore:overriding existing custom namespace")
@pytest.mark.parametrize("name", CHANGES)
def test_an_edit_that_can_change_the_output_changes_the_digest(name: str, projects: Any) -> None:
    before, after = CHANGES[name]
    old, again, new = (projects.behaviour(one) for one in (before, before, after))
    assert [one.text for one in (*old.unknown, *new.unknown)] == []
    assert old.digest == again.digest
    assert old.digest != new.digest


@pytest.mark.parametrize("name", SAME)
def test_an_edit_that_cannot_change_the_output_keeps_the_digest(name: str, projects: Any) -> None:
    before, after = SAME[name]
    old, new = (projects.behaviour(one) for one in (before, after))
    assert old.unknown == new.unknown == ()
    assert {key: one.digest for key, one in old.components.items()} == {
        key: one.digest for key, one in new.components.items()
    }
