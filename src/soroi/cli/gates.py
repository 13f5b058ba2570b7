"""The gates of a manifest, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soroi.cli.output import styled, table
from soroi.cli.reasons import reason_tree

if TYPE_CHECKING:
    from rich.console import RenderableType

    from soroi.release.verdicts import GateState, Standing

_STYLES = {
    "satisfied": "green",
    "not applicable": "dim",
    "missing": "yellow",
    "inconclusive": "yellow",
    "failed": "red",
    "error": "red",
}


def gate_lines(standing: Standing) -> list[RenderableType]:
    """The gates in the order in which they are judged, what the environment asks for, and what would supply it.

    Args:
        standing: How a manifest stands before its gates.
    """
    head = ("gate", "", "because")
    lines: list[RenderableType] = [table(head, [_row(one) for one in standing.states])]
    changed = [one.gate for one in standing.states if one.gate.overridden]
    lines += [f"Overridden: {one.name} asks for {one.asks}; {one.overridden}." for one in changed]
    lines += [f"Left out: {one.name}; {one.asks.removeprefix('left out: ')}." for one in standing.gates.left_out]
    if standing.requires is not None:
        holds = "holds" if standing.requires.holds else "does not hold yet"
        title = f"What {standing.case.environment} requires {holds}"
        lines += ["", reason_tree(title, [standing.requires.reason])]
    commands = dict.fromkeys(one.command for one in standing.states if one.command and one.stands_in_the_way)
    lines += ["", "What would supply it:", *(f"  {one}" for one in commands)] if commands else []
    if standing.gates.undeclared:
        names = ", ".join(standing.gates.undeclared)
        lines += ["", f'No risk is declared for {names}: risk="standard" brings a set of gates (docs/gates.md).']
    return lines


def _row(one: GateState) -> list[Any]:
    state = one.state if one.gate.spec.mandatory else f"{one.state}, not mandatory"
    return [one.gate.name, styled(state, _STYLES.get(one.state, "")), _because(one)]


def _because(one: GateState) -> str:
    if one.state == "missing" and one.gate.spec.is_judged:
        again = f"; {one.reason.text.partition(': ')[2]}" if one.changed else ""
        return f"asks for {one.gate.asks}{again}"
    return one.reason.text.removeprefix(f"{one.gate.name}: ")
