"""What can be asked of a server, as an OpenAPI 3.1 document made from what is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from soroi.http.oip import OUTPUTS, datatype
from soroi.serve import MAX_ROWS, DecisionPart, RowSchema

Schema = dict[str, Any]

_PLAIN: Mapping[type[pl.DataType], Schema] = {
    pl.String: {"type": "string"},
    pl.Boolean: {"type": "boolean"},
    pl.Float64: {"type": "number"},
    pl.Float32: {"type": "number"},
    pl.Date: {"type": "string", "format": "date"},
    pl.Datetime: {"type": "string", "format": "date-time"},
    pl.Time: {"type": "string", "format": "time"},
    pl.Duration: {"type": "string", "format": "duration"},
    pl.Binary: {"type": "string", "contentEncoding": "base64"},
    pl.Decimal: {"type": ["string", "integer"]},
    **{
        kind: {"type": "integer", "minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1}
        for bits, kind in ((8, pl.Int8), (16, pl.Int16), (32, pl.Int32), (64, pl.Int64), (128, pl.Int128))
    },
    **{
        kind: {"type": "integer", "minimum": 0, "maximum": 2**bits - 1}
        for bits, kind in ((8, pl.UInt8), (16, pl.UInt16), (32, pl.UInt32), (64, pl.UInt64))
    },
}
_TENSOR: Schema = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"type": "string"},
        "data": {"type": "array"},
        "parameters": {"type": "object"},
    },
}
_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "Stable name of the kind of error."},
                "message": {"type": "string"},
                "hint": {"type": ["string", "null"]},
                "where": {"type": ["string", "null"]},
            },
        }
    },
}
_ANSWER: Schema = {
    "type": "object",
    "required": ["id", "decision", "action", "positive", "path", "manifest", "revision", "at"],
    "properties": {
        "id": {"type": "string", "description": "Id under which the answer is recorded."},
        "decision": {"type": "string"},
        "action": {"type": "string"},
        "positive": {"type": "boolean"},
        "score": {"type": ["number", "null"]},
        "threshold": {"type": ["number", "null"]},
        "confidence": {"type": ["number", "null"]},
        "path": {"type": "array", "items": {"type": "object"}},
        "manifest": {"type": "string"},
        "revision": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
        "deadline_missed": {"type": "boolean"},
        "arm": {"type": "string"},
    },
}
_STATUSES = {
    "400": "The request, its body or a header cannot be read.",
    "401": "It shows no token that counts.",
    "403": "Whoever the token is of may not do this.",
    "404": "There is no such thing.",
    "409": "It names a manifest that this head never pointed at.",
    "413": "It is too large.",
    "415": "It is compressed.",
    "422": "It is not what is asked for; the error names row and field.",
    "503": "It cannot be answered now; Retry-After says when to try again.",
}
_GET = ("401", "403", "503")
_SEEN = {
    "name": "soroi-manifest",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "What the client has seen last (ID;REVISION): it gets nothing older.",
}


def document(decisions: Sequence[DecisionPart]) -> Schema:
    """The document.

    Args:
        decisions: What is served.
    """
    from soroi import __version__

    paths: Schema = {}
    for part in decisions:
        paths[f"/decisions/{part.node}"] = {"get": _shown(part), "post": _decided(part)}
        paths[f"/v2/models/{part.node}/infer"] = {"post": _inferred(part)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "soroi", "version": __version__, "description": "Decisions, answered and recorded."},
        "paths": {**paths, **_fixed()},
        "components": {
            "schemas": {"Answer": _ANSWER, "Error": _ERROR, "Tensor": _TENSOR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def row_schema(schema: RowSchema) -> Schema:
    """The JSON schema of a row."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(schema.key),
        "properties": {
            name: column_schema(dtype, nullable=name not in schema.key) for name, dtype in schema.schema.items()
        },
    }


def column_schema(dtype: pl.DataType, *, nullable: bool) -> Schema:
    """The JSON schema of a value."""
    if isinstance(dtype, pl.List | pl.Array):
        made: Schema = {"type": "array", "items": column_schema(_made(dtype.inner), nullable=True)}
    elif isinstance(dtype, pl.Struct):
        fields = {one.name: column_schema(_made(one.dtype), nullable=True) for one in dtype.fields}
        made = {"type": "object", "properties": fields, "additionalProperties": False}
    else:
        made = dict(_PLAIN.get(type(dtype), {}))
    if nullable and "type" in made:
        kinds = made["type"] if isinstance(made["type"], list) else [made["type"]]
        made["type"] = [*kinds, "null"]
    return made


def _made(dtype: Any) -> pl.DataType:
    found: pl.DataType = dtype if isinstance(dtype, pl.DataType) else dtype()
    return found


def _operation(name: str, text: str, body: Schema | None, reply: Schema, errors: Sequence[str]) -> Schema:
    made: Schema = {
        "operationId": name,
        "summary": text,
        "responses": {
            "200": {"description": "As asked.", "content": {"application/json": {"schema": reply}}},
            **{one: _failure(one) for one in errors},
        },
    }
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return made


def _failure(status: str) -> Schema:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {"description": _STATUSES[status], "content": content}


def _decided(part: DecisionPart) -> Schema:
    row = row_schema(part.spine)
    answer = {"$ref": "#/components/schemas/Answer"}
    one = {"type": "object", "required": ["row"], "additionalProperties": False, "properties": {"row": row}}
    rows = {"type": "array", "items": row, "maxItems": MAX_ROWS}
    many = {"type": "object", "required": ["rows"], "additionalProperties": False, "properties": {"rows": rows}}
    reply = {"type": "object", "properties": {"answer": answer, "answers": {"type": "array", "items": answer}}}
    text = part.doc.strip().split("\n")[0] or f"Decide {part.node}."
    made = _operation(f"decide_{part.node}", text, {"oneOf": [one, many]}, reply, list(_STATUSES))
    return {**made, "parameters": [_SEEN]}


def _inferred(part: DecisionPart) -> Schema:
    tensors = {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}, "minItems": 1}
    columns = ", ".join(f"{name} ({datatype(dtype)})" for name, dtype in part.spine.schema.items())
    body = {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "inputs": {**tensors, "description": f"Columns: {columns}."},
            "outputs": {"type": "array", "items": {"type": "object", "required": ["name"]}},
            "parameters": {"type": "object"},
        },
    }
    told = ", ".join(f"{name} ({kind})" for name, kind in OUTPUTS.items())
    reply = {
        "type": "object",
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": {**tensors, "description": f"Outputs: {told}."},
        },
    }
    text = f"{part.node}, by the Open Inference Protocol."
    return {**_operation(f"infer_{part.node}", text, body, reply, list(_STATUSES)), "parameters": [_SEEN]}


def _shown(part: DecisionPart) -> Schema:
    return _operation(f"show_{part.node}", f"What {part.node} takes.", None, {"type": "object"}, _GET)


def _fixed() -> Schema:
    """The paths that are the same whatever is served."""
    thing: Schema = {"type": "object"}
    rows = {"type": "array", "items": {"type": "object"}, "maxItems": MAX_ROWS}
    taken = {"type": "object", "required": ["rows"], "additionalProperties": False, "properties": {"rows": rows}}
    named = {"in": "path", "required": True, "schema": {"type": "string"}}
    ingest = _operation("ingest", "Take rows of a source in.", taken, thing, list(_STATUSES))
    answer = _operation("show_answer", "An answer as it was recorded.", None, thing, [*_GET, "404"])
    plain = {
        "/": ("index", "What can be asked."),
        "/health": ("health", "Whether the process lives."),
        "/ready": ("ready", "Whether it can answer."),
        "/decisions": ("list_decisions", "The decisions."),
        "/sources": ("list_sources", "The sources."),
        "/v2": ("server_metadata", "The server, by the Open Inference Protocol."),
    }
    return {
        **{path: {"get": _operation(name, text, None, thing, _GET)} for path, (name, text) in plain.items()},
        "/sources/{name}/rows": {"parameters": [{"name": "name", **named}], "post": ingest},
        "/answers/{id}": {"parameters": [{"name": "id", **named}], "get": answer},
    }
