from __future__ import annotations

import inspect
import pickle

import pytest

from soroi.base import errors
from soroi.base.errors import (
    ConflictError,
    CorruptError,
    DeclarationError,
    MissingFileError,
    SoroiError,
    StorageFullError,
    UnknownNameError,
    UnsafeArtefactError,
    did_you_mean,
)

KINDS = [
    one
    for one in vars(errors).values()
    if inspect.isclass(one) and issubclass(one, SoroiError) and one is not SoroiError
]


def test_an_error_says_place_thing_and_remedy() -> None:
    error = DeclarationError("it is wrong", hint="mend it", where="a.py:3")
    assert str(error) == "a.py:3: it is wrong\n  hint: mend it"


def test_without_place_and_remedy_it_says_the_thing() -> None:
    assert str(SoroiError("it is wrong")) == "it is wrong"


def test_it_is_data_for_machines() -> None:
    error = ConflictError("too late", hint="again", where=None, winner="ann", revision=3)
    assert error.to_dict() == {
        "code": "conflict",
        "message": "too late",
        "hint": "again",
        "where": None,
        "winner": "ann",
        "revision": 3,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_survives_the_way_to_another_process(kind: type[SoroiError]) -> None:
    error = kind("it is wrong", hint="mend it", where="a.py:3", node="careful", seconds=1.5)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert again.to_dict() == error.to_dict()
    assert str(again) == str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_ends_a_command_with_a_status_of_its_own_meaning(kind: type[SoroiError]) -> None:
    assert kind.exit_code in (1, 2, 3, 4)


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (DeclarationError, ValueError),
        (UnknownNameError, LookupError),
        (MissingFileError, FileNotFoundError),
        (StorageFullError, OSError),
        (CorruptError, OSError),
        (UnsafeArtefactError, SoroiError),
    ],
)
def test_it_is_caught_as_the_closest_builtin(kind: type[SoroiError], builtin: type[Exception]) -> None:
    with pytest.raises(builtin):
        raise kind("it is wrong")


def test_a_hint_names_the_nearest() -> None:
    assert did_you_mean("carefull", ["careful", "quick", "careless"]) == "did you mean 'careful' or 'careless'?"


def test_a_hint_lists_the_few_when_none_is_near() -> None:
    assert did_you_mean("zzz", ["quick", "careful"]) == "known: careful, quick"


def test_a_hint_is_not_given_where_there_is_none_to_give() -> None:
    assert did_you_mean("zzz", []) is None
    assert did_you_mean("zzz", [f"node{n}" for n in range(13)]) is None
