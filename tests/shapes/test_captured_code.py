"""What is stamped is what was captured, in whatever way a helper is written."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.shapes.catalogue import SHAPES, cut, dataset, decision, features, model, source
from tests.shapes.conftest import Written
from tests.shapes.generator import FORMS, Helper, Shape

from soroi.base.errors import DeclarationError
from soroi.codebase import load
from soroi.project.parts import code_fingerprints

OF_EACH = {form: Helper(f"h_{form}", form) for form in FORMS}


def project() -> Shape:
    """One features node for each way of writing a helper."""
    nodes = (
        source("items"),
        source("outcomes"),
        *(dataclasses.replace(features(f"f_{form}"), helpers=(f"h_{form}",)) for form in FORMS),
        dataset("examples", *(f"f_{form}" for form in FORMS)),
        model("guess", "examples"),
        cut("guess_cut", "guess"),
        decision("check", "guess_cut"),
    )
    return Shape("forms", nodes, {one.name: one for one in OF_EACH.values()})


def test_what_was_just_built_is_fresh_and_an_edit_reaches_only_its_own(tmp_path: Path, few_threads: None) -> None:
    shape = project()
    written = Written(shape.write(tmp_path / "forms"), shape)
    written.build()
    assert written.stale() == set()
    for form, helper in OF_EACH.items():
        for changes in ({"scale": "2.5"}, {"op": "+"}):
            written.becomes(shape.with_helper(helper.name, **changes))
            assert written.stale() == shape.below([f"f_{form}"]), (form, changes)
    written.close()


@pytest.mark.parametrize("form", FORMS)
def test_an_edit_after_the_code_was_captured_is_not_stamped_onto_what_runs(tmp_path: Path, form: str) -> None:
    shape = project()
    captured, home = shape.write(tmp_path / "captured"), shape.write(tmp_path / "home")
    alone = load(captured, "tiny")
    expected = {name: one.to_dict() for name, one in code_fingerprints(alone, alone.graph).items()}
    shape.with_helper(f"h_{form}", scale="2.5", op="+").write(home)
    apart = load(captured, "tiny", home)
    found = {name: one.to_dict() for name, one in code_fingerprints(apart, apart.graph).items()}
    assert found == expected


def test_a_score_that_a_scored_model_takes_must_be_taken_as_well_and_the_hint_says_so(
    tmp_path: Path,
) -> None:
    nested = next(one for one in SHAPES if one.name == "nested_thresholds")
    shape = nested.with_node("third", inputs=("examples", "second"))
    with pytest.raises(DeclarationError, match="model 'third' takes the score of 'second', which itself") as refused:
        load(shape.write(tmp_path / "nested"), "tiny")
    assert refused.value.hint == "write scores=[first, second]"
