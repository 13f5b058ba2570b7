"""Shapes kept whole on servers: the catalogue in PostgreSQL, the objects in S3."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.backends import Servers
from tests.shapes.catalogue import SHAPES
from tests.shapes.conftest import Written, kept_in
from tests.shapes.generator import PLAIN

BY_NAME = {one.name: one for one in SHAPES}


@pytest.mark.parametrize(
    ("name", "bucket"), [("diamond", "moto"), ("nested_family", "seaweedfs"), ("cross_project", "seaweedfs")]
)
def test_a_shape_is_built_released_edited_and_rolled_back_on_servers(
    name: str, bucket: str, servers: Servers, tmp_path: Path, few_threads: None
) -> None:
    shape = BY_NAME[name]
    catalogue = servers.postgres.fresh()
    with kept_in(catalogue, servers.bucket(bucket).fresh()):
        written = Written(shape.write(tmp_path / name), shape)
        try:
            if shape.other is not None:
                written.release_other()
            assert set(written.build().nodes) == set(shape.ids)
            assert written.stale() == set()
            written.project.stage(everything=True)
            written.project.release()
            first = written.live()
            again = written.build()
            assert {one.status for one in again.nodes.values()} == {"reused"}
            helper = next(one for one in shape.helpers.values() if one.form == PLAIN and shape.reached_by(one.name))
            changed = shape.with_helper(helper.name, scale="2.5")
            written.becomes(changed)
            assert written.stale() == shape.below(shape.reached_by(helper.name))
            written.build()
            written.project.stage(everything=True)
            written.project.release()
            assert written.live() != first
            written.project.rollback()
            assert written.live() == first
            with written.project.store.catalogue.read() as tx:
                assert tx.events.verify() == []
        finally:
            written.close()
            servers.postgres.drop(catalogue)
    assert not (tmp_path / name / ".soroi" / "catalogue.sqlite").exists()
    assert not (tmp_path / name / ".soroi" / "objects").exists()
