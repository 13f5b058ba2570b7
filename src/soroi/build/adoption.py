"""Taking over a version of another project: it and all that it rests on become versions here, and nothing is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from soroi.base.digest import digest
from soroi.base.errors import RefusedError
from soroi.base.runtime import Runtime
from soroi.build.claims import WAIVER
from soroi.build.shares import Share, name_here, refuse_unusable
from soroi.declare.node import project_of
from soroi.store import Objects, Transaction, VersionRecord
from soroi.store.records import EdgeRecord

TAKEN_OVER = "version.taken_over"
"""Kind of the event that a version of another project was taken over."""

PROJECT = "project"
"""Entry of a version's environment: the project it was taken over from."""


def take_over(tx: Transaction, share: Share, run: str, runtime: Runtime) -> VersionRecord:
    """Copy the version that a node of another project stands for, and all that it rests on. Doing so again changes
    nothing.

    Args:
        tx: A transaction of this project that writes.
        share: What the node stands for.
        run: Id of the run that takes it over.
        runtime: Clock and actor.

    Returns:
        The version as it is here.

    Raises:
        UnknownNameError: The node cannot be used; says why.
        ConflictError: Another version has its id here.
    """
    if share.version is None or share.id is None:
        raise refuse_unusable(share)
    project = share.spec.project
    there = tx.of(project)
    heads = there.versions.closure([share.version.id])
    here = {one: name_here(one, project, tx.project) for one in heads}
    known = tx.versions.heads(here.values())
    missing = [one for one, mine in here.items() if mine not in known]
    for record in _producers_first(there.versions.get_many(missing)):
        tx.versions.add(_as_here(record, project, tx.project))
    _bring_claims(tx, there, set(heads))
    if missing:
        body = {"project": project, "version": share.version.id, "run": run, "taken_over": sorted(here.values())}
        tx.events.append(TAKEN_OVER, share.id, body, runtime.actor, runtime.clock.now())
    return tx.versions.get(share.id)


def check_objects(objects: Objects, share: Share) -> None:
    """Refuse a version whose objects are elsewhere: two projects share objects when both name the same place.

    Args:
        objects: The objects of this project.
        share: What a node of another project stands for.

    Raises:
        RefusedError: They are not there.
    """
    if share.version is not None and not objects.has(share.version.code):
        raise RefusedError(
            f"the objects behind {share.version.id} of project '{share.spec.project}' are not at {objects.place}",
            hint="let both projects name the same objects under [store] in soroi.toml, then build there again",
        )


def _bring_claims(tx: Transaction, there: Transaction, versions: set[str]) -> None:
    """Copy what that project claims of the nodes that are taken over, so that what is in step there is in step here.

    A waiver is signed, so it keeps the names that were signed.
    """
    nodes = {one.partition("@")[0] for one in versions}
    for claim in there.claims.all():
        if claim.node not in nodes:
            continue
        fresh = f"claim_{digest('claim-elsewhere', [there.project, claim.id])[:16]}"
        node = claim.node if claim.kind == WAIVER else name_here(claim.node, there.project, tx.project)
        tx.claims.add(msgspec.structs.replace(claim, id=fresh, node=node))


def check_known_by(share: Share, as_of: datetime | None) -> None:
    """Refuse a version that knows what was not known at a moment.

    Args:
        share: What a node of another project stands for.
        as_of: The moment; ``None``: any will do.

    Raises:
        RefusedError: It rests on rows that became known at that moment or later.
    """
    version = share.version
    if as_of is None or version is None or version.watermark is None or version.watermark < as_of:
        return
    raise RefusedError(
        f"'{share.spec.name}' stands for {version.id}, which knows what was known until "
        f"{version.watermark:%Y-%m-%d %H:%M} UTC, and the build is as of {as_of:%Y-%m-%d %H:%M}",
        hint=f"pin a version that project '{share.spec.project}' built as of that moment, or earlier",
    )


def _producers_first(records: Mapping[str, VersionRecord]) -> Iterator[VersionRecord]:
    done: set[str] = set()
    waiting = list(records)
    while waiting:
        one = waiting[-1]
        above = [edge.producer for edge in records[one].edges if edge.producer in records and edge.producer not in done]
        if above:
            waiting.extend(above)
            continue
        waiting.pop()
        if one not in done:
            done.add(one)
            yield records[one]


def _as_here(record: VersionRecord, project: str, here: str) -> VersionRecord:
    """The same version under the names that this project has for it."""

    def name(text: str) -> str:
        return name_here(text, project, here)

    own = project_of(record.node) is None
    return msgspec.structs.replace(
        record,
        id=name(record.id),
        node=name(record.node),
        recipe=_recipe(project, record.recipe) if own else record.recipe,
        edges=[EdgeRecord(edge.role, name(edge.name), name(edge.producer)) for edge in record.edges],
        environment={**record.environment, PROJECT: project} if own else record.environment,
        facts=_facts(record, name),
    )


def _recipe(project: str, recipe: str) -> str:
    """A recipe of its own: what this project builds from an equal recipe is a version of another node."""
    return digest("recipe-elsewhere", {"project": project, "recipe": recipe})


def _facts(record: VersionRecord, name: Any) -> dict[str, Any]:
    """The facts with the names of nodes and versions as they are here."""
    facts = dict(record.facts)
    if record.kind == "features":
        facts["spine"] = name(facts["spine"])
    elif record.kind == "dataset":
        facts["features"] = _renamed(facts["features"], name)
    elif record.kind == "model":
        facts["feature_nodes"] = _renamed(facts["feature_nodes"], name)
        columns: Mapping[str, str] = facts.get("score_nodes") or dict(_pairs(facts["score_inputs"]))
        facts["score_nodes"] = _renamed(columns, name)
        facts["score_inputs"] = [name(one) for one in facts["score_inputs"]]
    elif record.kind == "threshold":
        facts["model"] = name(facts["model"])
    return facts


def _pairs(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((one, one) for one in names)


def _renamed(nodes: Mapping[str, str], name: Any) -> dict[str, str]:
    return {column: name(node) for column, node in nodes.items()}
