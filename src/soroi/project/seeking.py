"""Versions of a project, found by what is recorded of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from soroi.base.errors import ConfigError, UnknownNameError, did_you_mean
from soroi.declare.node import NodeKind
from soroi.project.listing import Listing, when
from soroi.project.moments import moment
from soroi.store import Transaction, VersionLine, Wanted

if TYPE_CHECKING:
    from soroi.project.looking import Looking

DIGESTS = ("digest", "recipe", "definition", "output")
"""Fields that hold whole digests."""

_DIGEST = re.compile(r"[0-9a-f]{40}")


def seek(project: Looking, known: Mapping[str, Any]) -> Listing[VersionLine]:
    """The versions of which something is known, newest first.

    Args:
        project: The project.
        known: Fields of :class:`soroi.store.Wanted`; ``None`` stands for what is not known.

    Raises:
        UnknownNameError: There is no such field, node, kind, run or version.
        ConfigError: A digest, a moment or the limit is none.
    """
    given = {name: value for name, value in known.items() if value is not None}
    fields = Wanted.__struct_fields__
    for name in given:
        if name not in fields:
            hint = did_you_mean(name, fields) or f"known: {', '.join(fields)}"
            raise UnknownNameError(f"versions have no field '{name}' to be found by", hint=hint, name=name)
    _check(given)
    given |= {name: moment(given[name]) for name in ("since", "until") if name in given}
    with project.store.catalogue.read() as tx:
        wanted = Wanted(**_resolved(tx, project, given))
        found = tx.versions.lines(wanted)
    notes = (f"the next ones: --behind {found[-1].id}",) if len(found) == wanted.limit else ()
    return Listing("versions", ("version", "kind", "built", "by", "run", "output"), tuple(found), _row, notes)


def _check(given: Mapping[str, Any]) -> None:
    kinds = [one.value for one in NodeKind]
    if given.get("kind", kinds[0]) not in kinds:
        hint = did_you_mean(given["kind"], kinds) or f"known: {', '.join(kinds)}"
        raise UnknownNameError(f"no node is of the kind '{given['kind']}'", hint=hint, name=given["kind"])
    for name in DIGESTS:
        if name in given and _DIGEST.fullmatch(given[name]) is None:
            raise ConfigError(
                f"'{given[name]}' is not a whole digest, as {name}",
                hint="40 hexadecimal characters, as --json tells them; for the beginning of an id: soroi trace",
            )
    if given.get("limit", 1) < 1:
        raise ConfigError(f"limit={given['limit']} gives nothing", hint="at least 1")


def _resolved(tx: Transaction, project: Looking, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, with ids of which the beginning is given in full."""
    found = dict(given)
    node = given.get("node")
    if node is not None and node not in project.graph:
        built = tx.versions.counts()
        if node not in built:
            hint = did_you_mean(node, [*project.graph.names, *built])
            if node in project.graph.families:
                hint = f"it is a family: {', '.join(project.graph.families[node].members[:5])}"
            raise UnknownNameError(f"there is no node '{node}', and there never was", hint=hint, name=node)
    if "run" in given:
        found["run"] = tx.runs.get(given["run"]).id
    if "behind" in given:
        found["behind"] = tx.versions.get(given["behind"]).id
    return found


def _row(one: VersionLine) -> Sequence[str]:
    return (one.id, one.kind, when(one.at), one.by, one.run, one.output[:12])
