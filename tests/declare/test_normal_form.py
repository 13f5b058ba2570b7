"""The normal form: equal for equal behaviour, different for everything else, the same on every Python."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.digest import digest_bytes
from soroi.declare.normal_form import function_form, normal_form


def form(source: str, **options: bool) -> bytes:
    return normal_form(ast.parse(source), **options)


SAME = [
    ("x = 1", "x = ( 1 )  # one"),
    ("x = 'a'", 'x = "a"'),
    ("x = 'a' 'b'", "x = 'ab'"),
    ("x = 10", "x = 0xA"),
    ("x = 1_0", "x = 10"),
    ("x = u'a'", "x = 'a'"),
    ("def f(a: int) -> str: return a", "def f(a): return a"),
    ("def f(a):\n    'doc'\n    return a", "def f(a): return a"),
    ("def f():\n    'doc'", "def f(): pass"),
    ("def f():\n    x: int = 1\n    return x", "def f():\n    x = 1\n    return x"),
    ("if a:\n    'note'\n    b()", "if a: b()"),
    ("import a, b", "import a\nimport b"),
    ("from a import b, c", "from a import b\nfrom a import c"),
    ("del (a, b)", "del a, b"),
    ("del a, b", "del a\ndel b"),
    ("f'a{b}'", "f'a' f'{b}'"),
    ("f'{a:}'", "f'{a}'"),
    ("global_ = 1", "global_=1"),
    ("def f():\n    global a, b\n    a = 1", "def f():\n    global b, a\n    a = 1"),
    ("if a:\n    b()\nelif c:\n    d()", "if a:\n    b()\nelse:\n    if c:\n        d()"),
]

OTHER = [
    ("x = 1", "x = 1.0"),
    ("x = 1", "x = True"),
    ("x = 0.0", "x = -0.0"),
    ("x = 1j", "x = 1"),
    ("x = 'a'", "x = b'a'"),
    ("x = None", "x = ..."),
    ("x = ()", "x = []"),
    ("x = {}", "x = set()"),
    ("x = 'ab', 'c'", "x = 'a', 'bc'"),
    ("f(a, b)", "f(a)(b)"),
    ("f(a=b)", "f(a, b)"),
    ("f(*a)", "f(**a)"),
    ("a < b < c", "(a < b) < c"),
    ("a and b or c", "a and (b or c)"),
    ("def f(a, /, b): pass", "def f(a, b): pass"),
    ("def f(a, *, b): pass", "def f(a, b): pass"),
    ("def f(*a): pass", "def f(**a): pass"),
    ("def f(): return", "async def f(): return"),
    ("def f():\n    yield a", "def f():\n    yield from a"),
    ("def f():\n    x: int\n    return x", "def f():\n    return x"),
    ("f'{a!r}'", "f'{a!s}'"),
    ("f'{a:>3}'", "f'{a:>4}'"),
    ("f'{a=}'", "f'{a = }'"),
    ("try: a()\nexcept E: b()", "try: a()\nexcept* E: b()"),
    ("try: a()\nfinally: b()", "try: a()\nexcept: b()"),
    ("for a in b: c()\nelse: d()", "for a in b: c()\nd()"),
    ("with a: b()", "with a as c: b()"),
    ("[a for a in b if c]", "{a for a in b if c}"),
    ("(a for a in b)", "[a for a in b]"),
    ("a[b:c]", "a[b:c:None]"),
    ("match a:\n    case b: pass", "match a:\n    case b.c: pass"),
    ("match a:\n    case [b, *_]: c()", "match a:\n    case [b, _]: c()"),
    ("from . import a", "from .. import a"),
    ("from . import a", "import a"),
    ("import a as b", "import a"),
    ("import a.b", "import a"),
    ("raise a from b", "raise a"),
    ("assert a, b", "assert a"),
    ("class A(b): pass", "class A(metaclass=b): pass"),
    ("@a\ndef f(): pass", "def f(): pass"),
    ("def f():\n    global a\n    a = 1", "def f():\n    a = 1"),
    ("a += b", "a = a + b"),
    ("del a, b", "del b, a"),
    ("lambda a, b=1: a", "lambda a, b=2: a"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_what_does_not_change_behaviour_does_not_change_the_form(one: str, two: str) -> None:
    assert form(one) == form(two)


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_what_changes_behaviour_changes_the_form(one: str, two: str) -> None:
    assert form(one) != form(two)


@pytest.mark.parametrize("head", ["@dataclass\nclass A", "class A(NamedTuple)", "class A(Struct, frozen=True)"])
def test_annotations_in_a_class_that_may_read_them_count(head: str) -> None:
    assert form(f"{head}:\n    a: int") != form(f"{head}:\n    a: str")
    assert form(f"{head}:\n    a: int = 1") != form(f"{head}:\n    a = 1")
    assert form(f"{head}:\n    def f(self, a: int): pass") == form(f"{head}:\n    def f(self, a: str): pass")


def test_annotations_of_a_decorated_function_count_since_the_decorator_may_read_them() -> None:
    assert form("@register\ndef f(a: int): pass") != form("@register\ndef f(a: str): pass")
    assert form("@staticmethod\ndef f(a: int): pass") == form("@staticmethod\ndef f(a: str): pass")


def test_annotations_and_docstrings_count_when_asked_for() -> None:
    one, two = "def f(a: int) -> str:\n    'x'\n    b: int = 1", "def f(a: str) -> str:\n    'x'\n    b: int = 1"
    assert form(one) == form(two)
    assert form(one, annotations=True) != form(two, annotations=True)
    assert form("def f():\n    'x'", docs=True) != form("def f():\n    'y'", docs=True)


def test_a_function_by_itself_is_without_decorators_and_default_values() -> None:
    (one,), (two,), (three,) = (
        ast.parse(source).body
        for source in ("@a\ndef f(x, y=1): return x", "def f(x, y=2): return x", "def f(x, y): return x")
    )
    assert isinstance(one, ast.FunctionDef)
    assert isinstance(two, ast.FunctionDef)
    assert isinstance(three, ast.FunctionDef)
    assert function_form(one) == function_form(two)
    assert function_form(one) != function_form(three)


GOLDEN = """
import a.b as c
from .d import e
@f(1)
async def g(h, /, i=2, *j, k: int = 3, **l) -> None:
    async with m as n, o: pass
    async for p in q: yield p
    return [r async for s in t if not u], {v: w for x, y in z}, {*a}, {**b, 'c': d}
class A(B, metaclass=C):
    x: int = 0xff
    def y(self): return super().y() @ ~self.x // -1.5e3 + 2j ** b'z'
try: pass
except (E, F) as g: raise H from None
else: assert i, f'{j!r:>{k}} {l=} {{}}'
finally: del m, n[0:1, ..., ::2]
match o:
    case {'p': 1, **q} | [r, *_] if s: t = u if v else w
    case X(y, z=None): global_ = lambda *a, b=1: (yield)
while (a := b) is not c and d not in e: continue
"""


def test_the_form_is_the_same_on_every_minor_version_of_python() -> None:
    assert digest_bytes("golden", form(GOLDEN)) == "73653f3d8137334ccbdb53b7cd0a135839c51b87"


@given(st.text(alphabet="ab'\"\\\n{}é\ud800", max_size=8), st.text(alphabet="ab'\"\\\n{}é\ud800", max_size=8))
def test_texts_are_told_apart_wherever_they_end(one: str, two: str) -> None:
    first, second = (normal_form(ast.parse(f"f({a!r}, {b!r})")) for a, b in ((one, two), (two, one)))
    assert (first == second) == (one == two)
