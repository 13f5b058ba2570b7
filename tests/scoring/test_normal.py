from __future__ import annotations

import json
from typing import Any

import skops.io
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from soroi.scoring.archive import unpack, unpack_foreign
from soroi.scoring.normal import normalise


def _normal(value: Any) -> tuple[bytes, Any, dict[str, bytes]]:
    data = normalise(unpack_foreign(skops.io.dumps(value)))
    members = unpack(data, what="x")
    return data, json.loads(members["schema.json"]), members


def test_equal_values_have_equal_bytes_whatever_their_identity() -> None:
    one = "".join(["ab", "cd"])
    assert _normal([one, one, (1.5, one)])[0] == _normal(["abcd", "".join(["abc", "d"]), (3 / 2, "abcd")])[0]


def test_a_shared_list_stays_shared_and_equal_lists_stay_apart() -> None:
    shared = [1, 2]
    for value, same in (({"a": shared, "b": shared}, True), ({"a": [1, 2], "b": [1, 2]}, False)):
        loaded = skops.io.loads(_normal(value)[0])
        assert loaded == value
        assert (loaded["a"] is loaded["b"]) is same


def test_ids_count_up_from_one_and_only_shared_objects_carry_one() -> None:
    shared: list[int] = []
    schema = _normal({"a": shared, "b": [shared], "c": {}})[1]
    assert schema["content"]["a"]["__id__"] == 1 == schema["content"]["b"]["content"][0]["__id__"]
    assert "__id__" not in schema
    assert "__id__" not in schema["content"]["c"]


def test_sets_are_sorted() -> None:
    words = {f"word{i:02}" for i in range(20)}
    schema = _normal(words)[1]
    texts = [json.loads(one["content"]) for one in schema["content"]]
    assert texts == sorted(words)


def test_equal_arrays_share_one_file() -> None:
    import numpy as np

    _, schema, members = _normal([np.arange(3), np.arange(3), np.arange(4)])
    assert list(members) == ["schema.json", "0.npy", "1.npy"]
    assert [one["file"] for one in schema["content"]] == ["0.npy", "0.npy", "1.npy"]


def test_boolean_keys_survive_which_skops_alone_loses() -> None:
    for value in ({False: 1, True: 2}, {True: 2, False: 1}, {False: 0}):
        assert skops.io.loads(_normal(value)[0]) == value


def test_the_version_of_skops_is_left_out_and_the_protocol_kept() -> None:
    schema = _normal(StandardScaler())[1]
    assert "_skops_version" not in schema
    assert schema["protocol"] == 2


def test_other_estimators_keep_all_their_attributes() -> None:
    transformer = FunctionTransformer()
    transformer._rng = 3
    assert "_rng" in _normal(transformer)[1]["content"]["content"]
