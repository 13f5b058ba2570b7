from __future__ import annotations

import polars as pl

from soroi.http import Service
from soroi.http.service import columns
from soroi.serve import RowSchema


def test_a_service_is_ready_once_its_follower_has_looked(service: Service) -> None:
    assert service.readiness()["ready"] is False
    assert service.decisions() == []
    assert service.sources() == []
    service.follower.look()
    found = service.readiness()
    assert (found["ready"], found["project"], found["problems"]) == (True, "shops", [])
    assert [one["name"] for one in service.decisions()] == ["check", "hold"]
    assert [one["name"] for one in service.sources()] == ["results", "shops", "visits"]
    service.close()


def test_columns_say_their_type_and_whether_they_are_needed() -> None:
    schema = RowSchema(
        "x", {"id": pl.Int64(), "t": pl.Datetime("us", "UTC"), "s": pl.Struct({"a": pl.Int8()})}, ("id",), "t", "t"
    )
    assert columns(schema, ("t", None)) == [
        {"name": "id", "type": "Int64", "required": True},
        {"name": "t", "type": "Datetime(us,UTC)", "required": True},
        {"name": "s", "type": "Struct({'a': Int8})", "required": False},
    ]
