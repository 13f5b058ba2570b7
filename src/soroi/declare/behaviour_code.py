"""Code objects, compared by what they do and not by where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType
from typing import Any


def nested_codes(code: CodeType) -> Iterator[CodeType]:
    """All code objects inside one."""
    waiting = [code]
    while waiting:
        for one in waiting.pop().co_consts:
            if isinstance(one, CodeType):
                yield one
                waiting.append(one)


def code_shape(code: CodeType) -> tuple[Any, ...]:
    """What a code object does, without where it stands."""
    return (
        code.co_name,
        code.co_code,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        code.co_exceptiontable,
        tuple(_constant_shape(one) for one in code.co_consts),
    )


def _constant_shape(value: Any) -> Any:
    if isinstance(value, CodeType):
        return code_shape(value)
    if isinstance(value, tuple):
        return ("tuple", tuple(_constant_shape(one) for one in value))
    if isinstance(value, frozenset):
        return ("frozenset", frozenset(_constant_shape(one) for one in value))
    if type(value) is int:
        return ("int", hex(value))
    return (type(value).__name__, repr(value))
