"""Hostile files: nothing they name is imported or called, and no native code is led astray."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from soroi.base.errors import CorruptError, SoroiError, UnsafeArtefactError
from soroi.scoring import SavedModel, load_model, make_canary, save_model
from soroi.scoring.archive import pack, unpack
from soroi.scoring.audit import audit
from soroi.scoring.normal import children

Tamper = Callable[[dict[str, Any], dict[str, bytes]], None]


def tampered(saved: SavedModel, change: Tamper) -> SavedModel:
    """The model with its schema and arrays changed, and every checksum right again."""
    members = unpack(saved.files["model.skops"], what="x")
    schema = json.loads(members["schema.json"])
    change(schema, members)
    members["schema.json"] = json.dumps(schema, separators=(",", ":")).encode()
    return SavedModel("skops", {"model.skops": pack(members)})


def nodes_of(schema: dict[str, Any], loader: str) -> list[dict[str, Any]]:
    found, waiting = [], [schema]
    while waiting:
        one = waiting.pop()
        found += [one] if one["__loader__"] == loader else []
        waiting += children(one)
    return found


def attribute(schema: dict[str, Any], name: str, value: dict[str, Any]) -> None:
    """Give the model of a schema one more attribute."""
    state = schema["content"]
    state["content"][name] = value
    state["key_types"]["content"].append({"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"})


def node(loader: str, module: str, name: str, **more: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, **more}


def text(value: Any) -> dict[str, Any]:
    return node("JsonNode", "builtins", "str", content=json.dumps(value), is_json=True)


def tup(*values: dict[str, Any]) -> dict[str, Any]:
    return node("TupleNode", "builtins", "tuple", content=list(values))


def empty() -> dict[str, Any]:
    return node(
        "DictNode",
        "builtins",
        "dict",
        content={},
        key_types=node("ListNode", "builtins", "list", content=[]),
    )


COMMAND = tup(text("touch soroi-was-here"))

CALLS: dict[str, dict[str, Any]] = {
    "os.system by reduce": node("ConstructorFromReduceNode", "os", "system", content=COMMAND),
    "os.system as a function": node("FunctionNode", "os", "system"),
    "posix.system as a type": node("TypeNode", "posix", "system"),
    "eval as a function": node("FunctionNode", "builtins", "eval"),
    "eval as a type": node("TypeNode", "builtins", "eval"),
    "eval by reduce": node("ConstructorFromReduceNode", "builtins", "eval", content=tup(text("1/0"))),
    "eval as a list": node("ListNode", "builtins", "eval", content=[text("1/0")]),
    "eval as an array": node("NdArrayNode", "builtins", "eval", type="numpy", file="0.npy"),
    "eval as a loss": node("LossNode", "builtins", "eval", __reduce__={"args": tup(text("1/0"))}, content=empty()),
    "a partial of eval": node(
        "PartialNode",
        "functools",
        "partial",
        content={
            "func": node("FunctionNode", "builtins", "eval"),
            "args": tup(text("1/0")),
            "kwds": empty(),
            "namespace": text(None),
        },
    ),
    "a partial of an allowed function": node(
        "PartialNode",
        "functools",
        "partial",
        content={
            "func": node("FunctionNode", "numpy", "exp"),
            "args": tup(),
            "kwds": empty(),
            "namespace": text(None),
        },
    ),
    "a method caller": node("OperatorFuncNode", "operator", "methodcaller", attrs=tup(text("fit"))),
    "a method": node("MethodNode", "builtins", "str", content={"func": "format", "obj": text("{0.__class__}")}),
    "a bit generator": node("RandomGeneratorNode", "numpy.random", "Generator", content={}),
    "subprocess.Popen as an object": node("ObjectNode", "subprocess", "Popen", content=empty()),
    "an old loader": node("DefaultDictNode", "collections", "defaultdict", content={}),
    "a pickled array": node("SparseMatrixNode", "scipy.sparse", "csr_matrix", type="scipy", file="0.npy"),
    "NumPy's loader of pickles": node("FunctionNode", "numpy", "load"),
    "a support vector machine": node("ObjectNode", "sklearn.svm._classes", "SVC", content=empty()),
}


@pytest.fixture(scope="module")
def logistic(data: Any) -> SavedModel:
    return save_model(LogisticRegression().fit(data.full, data.y), where="x")


@pytest.mark.parametrize("name", CALLS)
def test_a_file_that_names_code_off_the_list_is_refused_unexecuted(
    name: str, logistic: SavedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = tampered(logistic, lambda schema, _: attribute(schema, "extra_", CALLS[name]))
    with pytest.raises(UnsafeArtefactError, match="not on the reviewed list") as caught:
        load_model(hostile, what="late@1")
    assert caught.value.fields["type"]
    assert not list(tmp_path.iterdir())


def test_a_file_whose_model_itself_is_code_is_refused(logistic: SavedModel) -> None:
    def swap(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        schema["__module__"], schema["__class__"] = "os", "system"

    with pytest.raises(UnsafeArtefactError, match=r"os\.system"):
        load_model(tampered(logistic, swap), what="late@1")


@pytest.mark.parametrize("protocol", [0, 1, 3, True, "2", None])
def test_only_the_reviewed_protocol_is_read(protocol: Any, logistic: SavedModel) -> None:
    with pytest.raises(CorruptError, match="protocol"):
        load_model(tampered(logistic, lambda schema, _: schema.update(protocol=protocol)), what="late@1")


def test_two_objects_of_one_id_that_differ_are_refused(logistic: SavedModel) -> None:
    def twice(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        attribute(schema, "one_", {**tup(text(1)), "__id__": 7})
        attribute(schema, "two_", {**tup(text(2)), "__id__": 7})

    with pytest.raises(CorruptError, match="two different objects"):
        load_model(tampered(logistic, twice), what="late@1")


SOUNDLESS: dict[str, Tamper] = {
    "no such array": lambda s, _: nodes_of(s, "NdArrayNode")[0].update(file="nowhere.npy"),
    "the schema as an array": lambda s, _: nodes_of(s, "NdArrayNode")[0].update(file="schema.json"),
    "an unknown kind of array": lambda s, _: nodes_of(s, "NdArrayNode")[0].update(type="pickle"),
    "a dictionary as a plain value": lambda s, _: attribute(s, "x_", text({})),
    "a value that is not JSON": lambda s, _: attribute(s, "x_", {**text(1), "content": "1/0"}),
    "an id that is no number": lambda s, _: attribute(s, "x_", {**text(1), "__id__": "1"}),
    "an unknown field": lambda s, _: attribute(s, "x_", {**text(1), "more": 1}),
    "a slice of text": lambda s, _: attribute(
        s, "x_", node("SliceNode", "builtins", "slice", content={"start": "a", "stop": None, "step": None})
    ),
    "a list of plain values": lambda s, _: attribute(s, "x_", node("ListNode", "builtins", "list", content=[1])),
    "more keys than types": lambda s, _: s["content"]["content"].update(x_=text(1)),
    "keys without types": lambda s, _: s["content"].update(key_types=tup()),
    "no protocol": lambda s, _: s.pop("protocol") and None,
    "no class": lambda s, _: nodes_of(s, "JsonNode")[0].pop("__class__") and None,
    "an array of pickles": lambda s, m: m.update({"0.npy": _pickled()}),
    "an array larger than its file": lambda s, m: m.update({"0.npy": _huge()}),
    "an empty array file": lambda s, m: m.update({"0.npy": b""}),
}


def _pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([{}], dtype=object), allow_pickle=True)
    return stream.getvalue()


def _huge() -> bytes:
    stream = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**40,)}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + b"\0" * 8


@pytest.mark.parametrize("name", SOUNDLESS)
def test_a_file_that_is_not_sound_is_corrupt(name: str, logistic: SavedModel) -> None:
    with pytest.raises(CorruptError):
        load_model(tampered(logistic, SOUNDLESS[name]), what="late@1")


def test_a_schema_nested_deeper_than_the_stack_is_corrupt(logistic: SavedModel) -> None:
    for schema in (b"[" * 200_000, b'{"content":' * 100_000 + b"1" + b"}" * 100_000, b"[]", b"", b"\xff"):
        saved = SavedModel("skops", {"model.skops": pack({"schema.json": schema})})
        with pytest.raises(CorruptError):
            load_model(saved, what="late@1")


def test_lists_nested_deep_are_corrupt_not_a_crash() -> None:
    inner: Any = text(1)
    opening = '{"__class__":"list","__module__":"builtins","__loader__":"ListNode","content":['
    deep = '{"protocol":2,' + opening[1:] + opening * 300 + json.dumps(inner) + "]}" * 301
    with pytest.raises(SoroiError):
        load_model(SavedModel("skops", {"model.skops": pack({"schema.json": deep.encode()})}), what="x")


@pytest.mark.parametrize("kind", ["forest", "boosting", "histogram"])
def test_flipped_bytes_are_always_found(kind: str, data: Any, forest: Any) -> None:
    models = {
        "forest": lambda: forest,
        "boosting": lambda: GradientBoostingClassifier(n_estimators=2).fit(data.full, data.y),
        "histogram": lambda: HistGradientBoostingClassifier(max_iter=2).fit(data.full, data.y),
    }
    saved = save_model(models[kind](), where="x")
    whole = saved.files["model.skops"]
    generator = random.Random(20)
    for _ in range(200):
        changed = bytearray(whole)
        changed[generator.randrange(len(whole))] ^= 1 << generator.randrange(8)
        with pytest.raises(CorruptError):
            load_model(SavedModel("skops", {"model.skops": bytes(changed)}), what="late@1")


def test_flipped_bytes_with_right_checksums_give_named_errors_or_another_score(data: Any, tmp_path: Path) -> None:
    """In a process of its own, since the question is whether native code crashes."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import conftest, test_audit\n"
        "test_audit.fuzz(conftest.data.__wrapped__(), int(sys.argv[2]))\n"
    )
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", script, folder, "40"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not list(tmp_path.iterdir())
    refused, differ, same = (int(one) for one in done.stdout.split())
    assert refused + differ + same == 160
    assert refused > 40


def fuzz(data: Any, rounds: int) -> None:
    """Flip bits inside members and repair every checksum; print how many were refused, differed, were equal."""
    from sklearn.ensemble import RandomForestClassifier

    enum = data.X.select("a", "b", data.X["c"].cast(_enum()))
    cases = [
        (RandomForestClassifier(3, max_depth=4, random_state=0).fit(data.numeric, data.y), data.numeric),
        (GradientBoostingClassifier(n_estimators=3, random_state=0).fit(data.full, data.y), data.full),
        (HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(data.full, data.y), data.full),
        (
            HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype").fit(enum, data.y),
            enum,
        ),
    ]
    counts = {"refused": 0, "differ": 0, "same": 0}
    for seed, (model, frame) in enumerate(cases):
        saved = save_model(model, where="x")
        canary = make_canary(load_model(saved, what="x"), frame)
        generator = random.Random(seed)
        for _ in range(rounds):
            counts[_one_flip(saved, canary, generator)] += 1
    print(counts["refused"], counts["differ"], counts["same"])


def _one_flip(saved: SavedModel, canary: Any, generator: random.Random) -> str:
    members = {name: bytearray(held) for name, held in unpack(saved.files["model.skops"], what="x").items()}
    name = generator.choice(sorted(members, key=lambda one: one == "schema.json"))
    members[name][generator.randrange(len(members[name]))] ^= 1 << generator.randrange(8)
    hostile = pack({key: bytes(held) for key, held in members.items()})
    try:
        scorer = load_model(SavedModel("skops", {"model.skops": hostile}), what="x")
        canary.replay(scorer, what="x")
    except CorruptError:
        return "refused"
    except SoroiError as error:
        return "differ" if "canary" in error.message else "refused"
    return "same"


def _enum() -> Any:
    import polars as pl

    return pl.Enum(["x", "y", "zz"])


def test_the_audit_takes_what_was_saved(forest: Any) -> None:
    audit(unpack(save_model(forest, where="x").files["model.skops"], what="x"), what="late@1")
