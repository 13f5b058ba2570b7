from __future__ import annotations

from pathlib import Path

import pytest
from tests.projects import Tiny, edit

from soroi.base.errors import DeclarationError
from soroi.release.gates import GateSet

END = "    fallbacks=[rule],\n)"


def ask(tiny: Tiny, *options: str, before: str = "") -> Tiny:
    """Give the decision ``check`` options about its releases."""
    told = "".join(f"    {one},\n" for one in options)
    edit(tiny.folder, END, f"    fallbacks=[rule],\n{told})")
    if before:
        edit(tiny.folder, "quick_cut = so.threshold(", f"{before}\n\n\nquick_cut = so.threshold(")
    tiny.project.reload()
    return tiny


def gates(tiny: Tiny, environment: str = "production") -> GateSet:
    """The gates of what is live."""
    return tiny.project.gating.gates(tiny.project.manifest(), environment)


def names(found: GateSet) -> list[str]:
    return [one.name for one in found.gates]


def test_without_a_risk_only_what_every_release_needs_is_asked_and_it_is_said(tiny: Tiny) -> None:
    found = gates(tiny)
    assert names(found) == ["in step", "loads and answers"]
    assert found.undeclared == ("check", "other")


def test_a_profile_brings_its_gates_cheap_ones_first(tiny: Tiny) -> None:
    found = gates(ask(tiny, 'risk="standard"'))
    assert names(found) == [
        "in step",
        "data:check",
        "beats live:check",
        "beats constant:check",
        "loads and answers",
        "latency:check",
    ]
    costs = [one.spec.cost.order for one in found.gates]
    assert costs == sorted(costs)
    assert found.undeclared == ("other",)


def test_gates_decide_no_answer_so_that_asking_for_them_builds_nothing(tiny: Tiny) -> None:
    before = tiny.statuses()
    ask(tiny, 'risk="critical"', "judged_by=[so.at_least(so.recall, 0.5)]")
    assert tiny.statuses() == before
    assert all(one.described for one in tiny.project.statuses().values())


def test_a_gate_of_the_same_name_replaces_that_of_the_profile_visibly(tiny: Tiny) -> None:
    found = gates(ask(tiny, 'risk="standard"', 'judged_by=[so.latency(p99="20ms"), so.beats(rule)]'))
    by_name = {one.name: one for one in found.gates}
    assert by_name["latency:check"].options["p99"] == 0.02
    assert by_name["latency:check"].overridden == "standard asks for 99 of 100 answers within its deadline"
    assert by_name["beats rule:check"].overridden is None
    assert len(found.gates) == 7


def test_a_gate_may_be_left_out_with_a_reason(tiny: Tiny) -> None:
    found = gates(ask(tiny, 'risk="standard"', 'judged_by=[so.without("beats live", reason="a new target")]'))
    assert "beats live:check" not in names(found)
    assert [(one.name, one.asks) for one in found.left_out] == [("beats live:check", "left out: a new target")]


def test_what_a_gate_leaves_open_the_decision_settles(tiny: Tiny) -> None:
    by_name = {one.name: one.options for one in gates(ask(tiny, 'risk="standard"')).gates}
    assert by_name["latency:check"]["p99"] == 0.1
    assert by_name["beats live:check"]["metric"] == "recall"
    assert by_name["beats constant:check"]["metric"] == "precision"


def test_another_definition_has_another_digest_and_the_same_one_the_same(tiny: Tiny) -> None:
    first = gates(ask(tiny, 'judged_by=[so.latency(p99="20ms")]'))
    again = gates(tiny)
    assert first.digest == again.digest
    edit(tiny.folder, '"20ms"', '"30ms"')
    tiny.project.reload()
    assert gates(tiny).digest != first.digest
    assert gates(tiny, "trial").digest != gates(tiny).digest


def test_the_code_of_a_gate_is_part_of_its_definition_also_when_a_helper_changes(tiny: Tiny) -> None:
    code = '''LEAST = 3


def enough(count):
    """Whether there are enough."""
    return count > LEAST


@so.gate(cost="cheap")
def own(case):
    """Versions enough."""
    return enough(len(case.versions))'''
    first = gates(ask(tiny, "judged_by=[own]", before=code)).digest
    edit(tiny.folder, '    """Whether there are enough."""\n', '    """Whether there are enough of them."""\n')
    tiny.project.reload()
    assert gates(tiny).digest == first, "a docstring decides nothing"
    edit(tiny.folder, "LEAST = 3", "LEAST = 4")
    tiny.project.reload()
    assert gates(tiny).digest != first


def test_gates_are_the_same_when_declarations_are_read_as_they_were_kept(tiny: Tiny) -> None:
    ask(tiny, 'risk="critical"', "judged_by=[so.beats(rule)]")
    edit(
        tiny.folder,
        "check = so.decision(",
        'so.environment("production", requires=so.since("2026-01-01"))\ncheck = so.decision(',
    )
    tiny.project.reload()
    _ = tiny.project.code
    loaded, _ = gates(tiny), tiny.project.fingerprints
    tiny.project.reload()
    kept = gates(tiny)
    assert "code" not in tiny.project.declarations.__dict__, tiny.project.declarations.not_kept
    assert kept.digest == loaded.digest
    assert kept.requires is not None


def test_what_the_code_and_what_the_configuration_require_are_both_asked(tiny: Tiny, tmp_path: Path) -> None:
    edit(
        tiny.folder,
        "check = so.decision(",
        'so.environment("production", requires=so.passed("latency"))\ncheck = so.decision(',
    )
    toml = tiny.folder / "soroi.toml"
    toml.write_text(
        toml.read_text()
        + """
[environments.production]
requires = 'approved_by("owner")'
"""
    )
    other = Tiny(tiny.folder)
    found = gates(other)
    assert found.requires is not None
    assert found.requires.to_dict() == {
        "all": [{"passed": "latency"}, {"approved_by": "owner", "n": 1, "not_author": False}]
    }
    assert gates(other, "trial").requires is None
    other.close()


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ('risk="grave"', "risk='grave' is not known"),
        ("judged_by=[rule]", "is not a gate"),
        ('judged_by=[so.latency("1s"), so.latency("2s")]', "two gates are called 'latency'"),
        ('judged_by=[so.beats("yesterday")]', "no 'yesterday' to beat"),
        ('judged_by=[so.beats("live", metric=so.alert_rate)]', "no better and worse"),
        ('judged_by=[so.beats("constant", metric=so.recall)]', "no decision beats the recall of a constant"),
        ('judged_by=[so.latency("soon")]', "not a duration"),
        ('judged_by=[so.latency("1s", requests=10)]', "too few"),
        ('judged_by=[so.signed_off("mother")]', "not a kind of sign-off"),
        ("judged_by=[so.keeps(so.f1)]", "is not a bound"),
        ('judged_by=[so.without("beats live", reason=" ")]', "without a reason"),
    ],
)
def test_what_cannot_be_asked_is_refused_when_the_project_is_loaded(tiny: Tiny, option: str, says: str) -> None:
    ask(tiny, option)
    with pytest.raises(DeclarationError, match=says):
        _ = tiny.project.code


def test_an_environment_is_declared_once_and_with_a_condition(tiny: Tiny) -> None:
    line = 'so.environment("production", requires=so.passed("latency"))\n'
    edit(tiny.folder, "check = so.decision(", f"{line}{line}check = so.decision(")
    with pytest.raises(DeclarationError, match="declared twice"):
        _ = tiny.project.code
    edit(tiny.folder, f"{line}{line}", 'so.environment("production", requires=True)\n')
    tiny.project.reload()
    with pytest.raises(DeclarationError, match="requires=True is not a condition"):
        _ = tiny.project.code
