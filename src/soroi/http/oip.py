"""The Open Inference Protocol, version 2, in JSON: columns come in as named tensors, answers go out as such.

A decision is a model of the protocol. Each input is a column of the rows that are decided on, of shape ``[N]`` or
``[N, 1]``; columns that are not sent are null, and so is ``null`` in a tensor's data. Binary tensors are
not understood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

from soroi.base.errors import RequestError, UnknownNameError
from soroi.http.reply import Reply
from soroi.serve import DecisionPart
from soroi.serve.body import BodyError
from soroi.serve.rows import MAX_ROWS
from soroi.serve.values import shown

PLATFORM = "soroi_decision"
"""What models are said to run on."""

OUTPUTS = {
    "action": "BYTES",
    "positive": "BOOL",
    "score": "FP64",
    "confidence": "FP64",
    "answer_id": "BYTES",
}
"""Outputs of every decision, each of shape ``[N]``. A score is null where no model answered."""

_TYPES: Mapping[type[pl.DataType], str] = {
    pl.Int8: "INT8",
    pl.Int16: "INT16",
    pl.Int32: "INT32",
    pl.Int64: "INT64",
    pl.UInt8: "UINT8",
    pl.UInt16: "UINT16",
    pl.UInt32: "UINT32",
    pl.UInt64: "UINT64",
    pl.Float32: "FP32",
    pl.Float64: "FP64",
    pl.Boolean: "BOOL",
}
_WHOLE = frozenset(name for name in _TYPES.values() if "INT" in name)
_KINDS = frozenset({*_TYPES.values(), "FP16", "BYTES"})


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] = {}


class _Wanted(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class _Infer(msgspec.Struct):
    inputs: list[_Tensor]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[_Wanted] = []


class _Answer(msgspec.Struct):
    id: str
    action: str
    positive: bool
    score: float | None
    confidence: float | None


class _Replied(msgspec.Struct):
    answer: _Answer | None = None
    answers: list[_Answer] = []


class Inference:
    """A request of the protocol, decoded.

    Args:
        body: Its body.

    Raises:
        BodyError: It is not JSON.
        RequestError: It is JSON of another form.
    """

    def __init__(self, body: bytes) -> None:
        try:
            self._asked = msgspec.json.decode(body, type=_Infer)
        except RecursionError:
            raise BodyError("the body is nested too deeply") from None
        except msgspec.ValidationError as error:
            hint = 'send {"inputs": [{"name", "shape", "datatype", "data"}, …]}'
            raise RequestError(f"the body is not of the Open Inference Protocol: {error}", hint=hint) from None
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise BodyError(f"the body is not valid JSON: {error}") from None
        self._outputs = _outputs([one.name for one in self._asked.outputs])
        self._rows = _rows(self._asked.inputs)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows."""
        return self._rows

    def single(self) -> bytes:
        """The first row as a decision's own request."""
        return msgspec.json.encode({"row": self._rows[0]})

    def reply(self, reply: Reply, name: str, version: str) -> Reply:
        """The reply, from a decision's own.

        Args:
            reply: That reply.
            name: Name of the decision.
            version: Its version.
        """
        told = msgspec.json.decode(reply.body, type=_Replied)
        answers = told.answers if told.answer is None else [told.answer]
        takes = {"answer_id": "id"}
        outputs = [
            {
                "name": one,
                "datatype": OUTPUTS[one],
                "shape": [len(answers)],
                "data": [getattr(answer, takes.get(one, one)) for answer in answers],
            }
            for one in self._outputs
        ]
        document: dict[str, Any] = {"model_name": name, "model_version": version, "outputs": outputs}
        if self._asked.id is not None:
            document["id"] = self._asked.id
        return Reply(reply.status, reply.headers, msgspec.json.encode(document), told=reply.body)


def model_metadata(part: DecisionPart) -> dict[str, Any]:
    """A decision as a model of the protocol."""
    return {
        "name": part.node,
        "versions": [part.version],
        "platform": PLATFORM,
        "inputs": [
            {"name": name, "datatype": datatype(dtype), "shape": [-1]} for name, dtype in part.spine.schema.items()
        ],
        "outputs": [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in OUTPUTS.items()],
    }


def server_metadata(version: str) -> dict[str, Any]:
    """The server."""
    return {"name": "soroi", "version": version, "extensions": []}


def check_version(part: DecisionPart, version: str | None) -> None:
    """Refuse a version of a decision that is not the one that answers.

    Raises:
        UnknownNameError: It is another.
    """
    if version is not None and version != part.version:
        raise UnknownNameError(
            f"'{part.node}' does not answer by a version '{version[:80]}'", hint=f"{part.version} answers; or name none"
        )


def datatype(dtype: pl.DataType) -> str:
    """The protocol's type for a column; texts, times and the like are texts, so ``BYTES``."""
    return _TYPES.get(type(dtype), "BYTES")


def _outputs(wanted: Sequence[str]) -> list[str]:
    for name in wanted:
        if name not in OUTPUTS:
            raise RequestError(
                f"there is no output {name[:80]!a}", hint=f"known: {', '.join(OUTPUTS)}", field=name[:80]
            )
    return list(dict.fromkeys(wanted)) or list(OUTPUTS)


def _rows(inputs: Sequence[_Tensor]) -> list[dict[str, Any]]:
    if not inputs:
        raise RequestError("the request has no inputs", hint="send each column as an input")
    columns: dict[str, list[Any]] = {}
    for one in inputs:
        if one.name in columns:
            raise RequestError(f"the input {one.name[:80]!a} is there twice", field=one.name[:80])
        columns[one.name] = _column(one)
    lengths = {len(data) for data in columns.values()}
    if len(lengths) > 1:
        raise RequestError("the inputs have different numbers of rows", hint="each input is a column, of shape [N]")
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _column(tensor: _Tensor) -> list[Any]:
    name, shape = tensor.name[:80], tensor.shape
    if "binary_data_size" in tensor.parameters:
        raise RequestError(f"the input {name!a} is binary", hint="send tensors as JSON", field=name)
    if tensor.datatype not in _KINDS:
        raise RequestError(f"the input {name!a} has an unknown datatype {tensor.datatype[:20]!a}", field=name)
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1) or not 0 <= shape[0] <= MAX_ROWS:
        raise RequestError(
            f"the input {name!a} has a shape that is no column", hint=f"[N] or [N, 1], N at most {MAX_ROWS}", field=name
        )
    data = tensor.data
    if len(shape) == 2 and any(isinstance(one, list) for one in data):
        if not all(isinstance(one, list) and len(one) == 1 for one in data):
            raise RequestError(f"the input {name!a} is not of its shape", field=name)
        data = [one[0] for one in data]
    if len(data) != shape[0]:
        raise RequestError(f"the input {name!a} holds {len(data)} values, not {shape[0]}", field=name)
    return [_value(one, tensor.datatype, name) for one in data]


def _value(value: Any, kind: str, name: str) -> Any:
    """A value as JSON of rows has it. Whether it fits its column is checked with the row."""
    if value is None:
        return None
    if kind == "BOOL":
        if value in (0, 1):
            return bool(value)
    elif kind == "BYTES":
        if isinstance(value, str):
            return value
    elif type(value) is int or (type(value) is float and kind not in _WHOLE):
        return value
    raise RequestError(f"the input {name!a} of type {kind} holds {shown(value)}", field=name)
