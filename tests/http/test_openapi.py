from __future__ import annotations

import httpx
import polars as pl
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from soroi.http.openapi import column_schema, document


def test_the_document_of_what_is_served_is_valid_and_names_its_columns(client: httpx.Client) -> None:
    found = client.get("/openapi.json").json()
    OpenAPIV31SpecValidator(found).validate()
    asked = found["paths"]["/decisions/check"]["post"]
    one, many = asked["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    row = one["properties"]["row"]
    assert row == many["properties"]["rows"]["items"]
    assert row["required"] == ["visit"]
    assert row["properties"]["visit"] == {"type": "string"}
    assert row["properties"]["amount"] == {"type": ["number", "null"]}
    assert row["properties"]["at"] == {"type": ["string", "null"], "format": "date-time"}
    assert asked["summary"] == "Whether a visit is checked."


def test_every_path_that_is_told_is_there(client: httpx.Client) -> None:
    for path in client.get("/openapi.json").json()["paths"]:
        if "{" not in path:
            assert client.request("OPTIONS", path).status_code == 204


def test_before_anything_is_served_there_is_a_document_all_the_same() -> None:
    OpenAPIV31SpecValidator(document([])).validate()


@pytest.mark.parametrize(
    ("dtype", "schema"),
    [
        (pl.UInt8(), {"type": ["integer", "null"], "minimum": 0, "maximum": 255}),
        (pl.List(pl.Date), {"type": ["array", "null"], "items": {"type": ["string", "null"], "format": "date"}}),
        (pl.Null(), {}),
        (
            pl.Struct({"a": pl.Boolean}),
            {
                "type": ["object", "null"],
                "properties": {"a": {"type": ["boolean", "null"]}},
                "additionalProperties": False,
            },
        ),
    ],
)
def test_a_column_says_what_it_takes(dtype: pl.DataType, schema: dict[str, object]) -> None:
    assert column_schema(dtype, nullable=True) == schema
