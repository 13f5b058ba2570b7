"""Trees of reasons, as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from soroi.base.reason import Reason

if TYPE_CHECKING:
    from rich.tree import Tree


def reason_tree(title: str, reasons: Iterable[Reason]) -> Tree:
    """A title with the reasons below it.

    Args:
        title: What they are reasons of.
        reasons: The reasons, each with those behind it.
    """
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(title, style="bold"), guide_style="dim")
    for reason in reasons:
        _grow(tree, reason)
    return tree


def _grow(tree: Tree, reason: Reason) -> None:
    from rich.text import Text

    branch = tree.add(Text(reason.text))
    for child in reason.because:
        _grow(branch, child)


def brief_reasons(reasons: Iterable[Reason], most: int = 2) -> str:
    """The first reasons as one line.

    Args:
        reasons: The reasons.
        most: How many are told; the rest is counted.
    """
    texts = [reason.text for reason in reasons]
    more = f" (and {len(texts) - most} more)" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more
