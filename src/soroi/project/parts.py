"""What the data say of declarations: the parts of open families; and what each node would be built from."""

from __future__ import annotations

from soroi.build.reference import References, read_references
from soroi.codebase import Codebase, library_version
from soroi.declare.fingerprint import Fingerprint, fingerprints
from soroi.declare.graph import Graph
from soroi.store import Transaction


def code_fingerprints(code: Codebase, graph: Graph) -> dict[str, Fingerprint]:
    """What each node of a loaded project would be built from."""
    with code.visible():
        return fingerprints(graph, in_project=code.owns, libraries=library_version, load=code.late)


def part_values(tx: Transaction, graph: Graph, references: References | None = None) -> dict[str, dict[str, list[str]]]:
    """The parts of open families, as the data that staging rests on (else the newest) has them.

    Args:
        tx: A transaction that reads.
        graph: The declarations, as yet without these parts.
        references: What staging and production hold, when it was read already.

    Returns:
        The values of columns, by dataset and by column.
    """
    datasets = {family.dataset for family in graph.families.values() if family.is_open}
    if not datasets:
        return {}
    known = references or read_references(tx, graph)
    found: dict[str, dict[str, list[str]]] = {}
    for name in datasets:
        taken = known.find(name)
        newest = taken.id if taken is not None else next((one.id for one in tx.versions.newest([name]).values()), None)
        if newest is not None:
            found[name] = tx.versions.get(newest).facts.get("parts", {})
    return found


__all__ = ["code_fingerprints", "part_values"]
