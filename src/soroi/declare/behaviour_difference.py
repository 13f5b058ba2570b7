"""What moved between two behaviours, in words and as a difference of the sources."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from typing import Any

from soroi.base.reason import Reason
from soroi.declare.behaviour_component import Component

Part = Component | Mapping[str, Any]
"""A component, or what its ``to_dict`` gives."""

_CAUSES = {"parameter": "parameter", "library": "environment"}
_GIVEN = frozenset({"parameter", "option"})
_QUOTED = frozenset({"code", "helper", "class", "constant", "closure", "decorator"})


def difference(old: Mapping[str, Part], new: Mapping[str, Part]) -> list[Reason]:
    """Say what moved between two sets of components.

    Args:
        old: Components by key, as they are or as :meth:`Component.to_dict` gives them.
        new: The same, now.

    Returns:
        One reason for each component that changed, came or went, sorted by key; its facts hold the key, the kind,
        what happened (``changed``, ``added``, ``removed``) and, where there are sources, their unified difference.
    """
    reasons: list[Reason] = []
    for key in sorted(old.keys() | new.keys()):
        before, after = _plain_part(old.get(key)), _plain_part(new.get(key))
        if not before:
            reasons.append(_reason(key, "added", before, after))
        elif not after:
            reasons.append(_reason(key, "removed", before, after))
        elif before["digest"] != after["digest"]:
            reasons.append(_reason(key, "changed", before, after))
    return reasons


def _plain_part(part: Part | None) -> Mapping[str, Any]:
    if part is None:
        return {}
    return part.to_dict() if isinstance(part, Component) else part


def _reason(key: str, happened: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Reason:
    one = after or before
    facts: dict[str, Any] = {"key": key, "kind": one["kind"], "change": happened}
    old, new = before.get("source"), after.get("source")
    shown = unified(old, new, str(one["label"]), one["kind"])
    if shown:
        facts["difference"] = shown
    given = one["kind"] in _GIVEN
    text = _given(happened, before, after) if given else _sentence(happened, one, old, new, bool(shown))
    return Reason(_CAUSES.get(one["kind"], "code"), text, subject=key, facts=facts)


def _given(happened: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if happened == "changed":
        old, new = before["label"], after["label"]
        return f"{after['kind']} {old} is now {new}" if old != new else f"{after['kind']} {new} changed"
    one = after or before
    return f"{one['kind']} {one['label']} " + ("is new" if happened == "added" else "is gone")


def _sentence(happened: str, one: Mapping[str, Any], old: Any, new: Any, shown: bool) -> str:
    if one["kind"] == "library":
        if happened == "changed":
            return f"the library {one['label']} changed: {old} → {new}"
        return f"the library {new or old} is {'now' if happened == 'added' else 'no longer'} used"
    via = f", {one['via']}," if one.get("via") else ""
    name = _name(one)
    if happened == "added":
        return f"{name}{via} is new"
    if happened == "removed":
        return f"{name}{via} is no longer reached"
    if not shown and one["kind"] not in ("file",) and old is not None:
        return f"{name}{via} reads the same, but what a name in it stands for changed"
    return f"{name}{via} changed"


def _name(one: Mapping[str, Any]) -> str:
    label = str(one["label"])
    if one["kind"] == "file":
        return f"the file {label}"
    name, between, place = label.rpartition(" in ")
    return f"`{name}`{between}{place}" if one["kind"] in _QUOTED and between else label


def unified(old: str | None, new: str | None, label: str, kind: str) -> str:
    """The unified difference of two sources, without comments and formatting where both are Python."""
    if kind not in ("constant", "default", "closure", "library", "file"):
        old, new = _plain(old), _plain(new)
    if old is None and new is None:
        return ""
    lines = difflib.unified_diff(
        (old or "").splitlines(), (new or "").splitlines(), f"{label} (before)", f"{label} (now)", lineterm=""
    )
    return "\n".join(lines)


def _plain(source: str | None) -> str | None:
    if source is None:
        return None
    try:
        return ast.unparse(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError):
        return source
