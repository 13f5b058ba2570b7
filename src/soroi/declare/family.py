"""Families: one declaration that stands for many siblings, one per part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soroi.base.errors import DeclarationError
from soroi.declare.declaration import Declaration, FamilySpec
from soroi.declare.edge import Role
from soroi.declare.node import NodeKind

MOST_PARTS = 20_000
"""More parts than this are surely not meant: a key, not a category."""


@dataclass(frozen=True, slots=True)
class Family:
    """A family of a graph."""

    name: str
    """Name of the declaration."""

    kind: NodeKind
    """What its members are."""

    per: str
    """Column whose value says which part a row belongs to."""

    parts: tuple[str, ...]
    """The parts that are known, the parent last."""

    parent: str | None
    """The part that learns from all rows."""

    dataset: str
    """Id of the dataset whose rows are parted."""

    is_open: bool
    """Whether the parts are those found in the dataset, rather than declared."""

    @property
    def members(self) -> tuple[str, ...]:
        """Ids of the siblings."""
        return tuple(member(self.name, part) for part in self.parts)


Parts = Callable[[str, str], Sequence[str]]
"""Gives the values of a column that a dataset is known to hold: id of the dataset, name of the column."""


def member(name: str, part: str) -> str:
    """Id of one sibling of a family."""
    return f"{name}[{part}]"


def families(
    named: Mapping[str, Declaration], reference: Callable[[Any, Declaration], str], parts: Parts
) -> dict[str, Family]:
    """The families among some declarations, by name.

    Args:
        named: The declarations, by name.
        reference: Gives the name behind a reference of a declaration.
        parts: Gives the parts of families that do not declare them.

    Raises:
        DeclarationError: There are too many parts, or a name of one cannot be part of an id.
    """
    found: dict[str, Family] = {}
    for name, declared in named.items():
        owner = _owner(name, declared, named, reference)
        if owner is None:
            continue
        spec = named[owner].family
        assert spec is not None
        dataset = next(reference(use.target, named[owner]) for use in named[owner].uses if use.role is Role.TRAINS_ON)
        _check_dataset(named[owner], spec, dataset, named)
        values = _parts(named[owner], spec, dataset, parts)
        found[name] = Family(name, declared.kind, spec.per, values, spec.parent, dataset, spec.parts is None)
    return found


def _owner(
    name: str, declared: Declaration, named: Mapping[str, Declaration], reference: Callable[[Any, Declaration], str]
) -> str | None:
    """The model whose family a declaration follows: itself, or for a threshold the model that it cuts."""
    if declared.family is not None:
        return name
    if declared.kind is NodeKind.THRESHOLD and declared.shared is None:
        model = reference(declared.uses[0].target, declared)
        return model if model in named and named[model].family is not None else None
    return None


def _check_dataset(declared: Declaration, spec: FamilySpec, dataset: str, named: Mapping[str, Declaration]) -> None:
    theirs = named.get(dataset)
    if spec.parts is None and theirs is not None and theirs.shared is not None:
        raise DeclarationError(
            f"{declared.kind} '{declared.name}' would take its parts from '{dataset}', whose project looks for "
            "no parts in it",
            hint="list the parts with parts=",
            where=declared.where,
        )


def _parts(declared: Declaration, spec: FamilySpec, dataset: str, parts: Parts) -> tuple[str, ...]:
    values = spec.parts if spec.parts is not None else tuple(sorted(str(one) for one in parts(dataset, spec.per)))
    if len(values) > MOST_PARTS:
        raise DeclarationError(
            f"{declared.kind} '{declared.name}' would have {len(values)} parts, one per value of '{spec.per}'",
            hint="name a column with fewer values, or list the parts you mean with parts=",
            where=declared.where,
        )
    for value in values:
        if "]" in value or "[" in value or "@" in value:
            raise DeclarationError(
                f"the part '{value}' of '{declared.name}' holds a character that ids use: [ ] @",
                hint="change the values of the column in the dataset",
                where=declared.where,
            )
    if spec.parent is not None and spec.parent in values:
        raise DeclarationError(
            f"'{spec.parent}', the parent of '{declared.name}', is also a value of '{spec.per}'",
            hint="give the parent a name of its own",
            where=declared.where,
        )
    return (*values, spec.parent) if spec.parent is not None else values
