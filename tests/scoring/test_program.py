from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soroi.base.errors import CorruptError, DataError, RefusedError
from soroi.scoring.compiled import load_compiled
from soroi.scoring.program import (
    IN_SET,
    KNOWN_SET,
    NODE,
    Analyzer,
    Column,
    Forest,
    Linear,
    Link,
    Number,
    Part,
    Program,
    Table,
    Term,
    Words,
    decode_program,
    encode_program,
)

RULES = Analyzer("word", 1, 1, True, None, r"\w+", [])


def forest(**changes: Any) -> Forest:
    nodes = np.array([(0.5, 0, 1, -1, 0), (0.0, 1, -2, -3, IN_SET | KNOWN_SET)], dtype=NODE)
    slots: list[Number | Table] = [Number(0), Table(1, ["x"], [[1.0]], [0.0], None)]
    made = Forest(0.5, slots, nodes.tobytes(), [0, ~1], np.arange(3.0).tobytes(), [[3], [7]], False, True, True)
    return msgspec.structs.replace(made, **changes)


def linear(**changes: Any) -> Linear:
    made = Linear(
        1.0,
        [Term(0, None, 0.0, 1.0, 2.0)],
        [Table(1, ["x"], [[1.0]], None, [0.0])],
        [Words(1, RULES, ["a", "b"], [1.0, 2.0], [3.0, 4.0], False, False, "l2")],
    )
    return msgspec.structs.replace(made, **changes)


def program(*sums: Linear | Forest, links: tuple[Link, ...] = ()) -> bytes:
    columns = [Column("a", "Float64"), Column("w", "String")]
    return encode_program(Program(columns, [Part(one, list(links)) for one in sums]))


def nodes(**changes: Any) -> bytes:
    made = np.frombuffer(forest().nodes, dtype=NODE).copy()
    for name, value in changes.items():
        made[name][1] = value
    return made.tobytes()


def test_a_program_is_read_as_it_was_written() -> None:
    data = program(linear(), forest(), links=(Link("logistic"),))
    assert encode_program(decode_program(data, what="v")) == data
    assert decode_program(data, what="v").kind == "trees"
    assert decode_program(program(linear()), what="v").kind == "text"
    assert decode_program(program(linear(words=[])), what="v").kind == "linear"


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (lambda: program(), "columns"),
        (lambda: program(linear(terms=[Term(2, None, 0.0, 1.0, 1.0)])), "input columns"),
        (lambda: program(linear(terms=[Term(-1, None, 0.0, 1.0, 1.0)])), "input columns"),
        (lambda: program(linear(terms=[Term(0, None, 0.0, 0.0, 1.0)])), "scales"),
        (lambda: program(linear(tables=[Table(1, ["x"], [], None, None)])), "categories"),
        (lambda: program(linear(tables=[Table(1, ["x"], [[1.0, 2.0]], None, None)])), "categories"),
        (lambda: program(linear(words=[Words(1, RULES, ["a"], [], [1.0], False, False, None)])), "vocabulary"),
        (lambda: program(linear(words=[Words(1, RULES, ["a"], [1.0], [1.0], False, False, "l9")])), "vocabulary"),
        (lambda: program(linear(), links=(Link("call"),)), "links"),
        (lambda: program(linear(), links=(Link("isotonic"),)), "links"),
        (lambda: program(linear(), links=(Link("divide", 0.0),)), "links"),
        (lambda: program(forest(nodes=nodes(left=1))), "child nodes"),
        (lambda: program(forest(nodes=nodes(right=2))), "child nodes"),
        (lambda: program(forest(nodes=nodes(left=-9))), "leaves"),
        (lambda: program(forest(nodes=nodes(flags=-1))), "flags"),
        (lambda: program(forest(nodes=nodes(flags=32))), "flags"),
        (lambda: program(forest(nodes=nodes(feature=2))), "features"),
        (lambda: program(forest(nodes=nodes(feature=-1))), "features"),
        (lambda: program(forest(nodes=nodes(threshold=1.0))), "sets"),
        (lambda: program(forest(nodes=nodes(threshold=0.5))), "sets"),
        (lambda: program(forest(nodes=b"short")), "nodes"),
        (lambda: program(forest(roots=[2])), "roots"),
        (lambda: program(forest(roots=[~3])), "roots"),
        (lambda: program(forest(sets=[[2**32], [0]])), "sets"),
        (lambda: program(forest(slots=[Number(0, [("/", 0.0)]), Number(0)])), "operations"),
        (lambda: program(forest(slots=[Number(0, [("**", 2.0)]), Number(0)])), "operations"),
    ],
)
def test_what_does_not_fit_together_is_refused(wrong: Callable[[], bytes], part: str) -> None:
    with pytest.raises(CorruptError, match=f"v: its compiled scorer is not sound: its {part} do not fit together"):
        decode_program(wrong(), what="v")


def test_a_pattern_that_is_none_is_refused() -> None:
    rules = msgspec.structs.replace(RULES, pattern="(")
    words = Words(1, rules, ["a"], [1.0], [1.0], False, False, None)
    with pytest.raises(CorruptError, match="the pattern of its tokens"):
        load_compiled(program(linear(words=[words])), what="v", extension=None)


def test_a_newer_format_is_refused_with_a_remedy() -> None:
    newer = msgspec.msgpack.encode({"format": 2, "anything": []})
    with pytest.raises(RefusedError, match="has format 2, this soroi reads format 1") as told:
        decode_program(newer, what="v")
    assert told.value.hint


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255), which=st.booleans())
def test_a_changed_byte_never_leads_out_of_bounds(extension: ModuleType, place: int, value: int, which: bool) -> None:
    data = bytearray(program(forest() if which else linear(), links=(Link("logistic", 2.0, 1.0),)))
    data[place % len(data)] = value
    scorers = []
    for one in (None, extension):
        try:
            scorers.append(load_compiled(bytes(data), what="v", extension=one))
        except (CorruptError, RefusedError):
            continue
    for values in ((1.0, "x"), (None, None), (float("inf"), "a b a"), ("x", 1), (2**2000, True)):
        found = []
        for scorer in scorers:
            try:
                found.append(scorer.one(values).hex())
            except DataError as error:
                found.append(error.message)
        assert len(set(found)) <= 1
