"""Approving what a project would release."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soroi.base.errors import OutOfStepError, UnknownNameError
from soroi.project.listing import Listing, when
from soroi.release.approvals import Judged, Wanted, approve, judged_approvals
from soroi.release.case import Case
from soroi.release.manifest import differing, read_manifest
from soroi.store import ApprovalRecord

if TYPE_CHECKING:
    from soroi.project.project import Project


@dataclass(frozen=True)
class Approved:
    """What was approved, and how."""

    case: Case
    """The plan, with the verdicts that it showed."""

    record: ApprovalRecord
    """The approval."""

    unjudged: tuple[str, ...]
    """Gates without a verdict that holds: as soon as they are judged, the approval no longer counts."""


def approve_case(project: Project, text: str | None, environment: str, wanted: Wanted) -> Approved:
    """Approve a plan.

    Args:
        project: The project.
        text: Beginning of the digest of the plan or of the id of a manifest; ``None``: what is staged.
        environment: Where it is to go.
        wanted: As what, and for how long.

    Raises:
        OutOfStepError: Nothing is sealed.
        UnknownNameError: There is no such manifest, and the plan is another one now.
        ForbiddenError: The actor may not approve it.
        RefusedError: The actor's key is not registered, or was revoked.
    """
    case = find_case(project, text, environment)
    given = Wanted(wanted.kind, wanted.expires, wanted.note, project.groups(changed_nodes(project, case)))
    record = approve(project.store, case, runtime=project.runtime, wanted=given)
    with project.store.catalogue.read() as tx:
        states = project.gating.standing(tx, case.manifest, environment).states
    return Approved(case, record, tuple(one.gate.name for one in states if one.is_unjudged))


def list_approvals(project: Project, text: str | None, environment: str) -> Listing[Judged]:
    """The approvals for a plan, each with why it does not count if it does not. Arguments: see :func:`approve_case`."""
    case = find_case(project, text, environment)
    groups = project.groups(changed_nodes(project, case))
    with project.store.catalogue.read() as tx:
        found, damaged = judged_approvals(tx, case, project.runtime.clock.now(), groups)

    def row(one: Judged) -> Sequence[str]:
        held = "counts" if one.why_not is None else one.why_not.text
        given = one.record
        return (given.by, given.kind, given.manifest, when(given.at), when(given.expires_at), held)

    notes = (f"plan {case.digest[:12]}: {case.manifest.id} to {environment}", *(one.text for one in damaged))
    return Listing("approvals", ("by", "as", "manifest", "given", "until", ""), tuple(found), row, notes)


def find_case(project: Project, text: str | None, environment: str) -> Case:
    """The case that somebody means. Arguments and errors: see :func:`approve_case`."""
    with project.store.catalogue.read() as tx:
        sealed = tx.staging.get().manifest
    if sealed is not None:
        case = project.case(environment)
        if text is None or case.digest.startswith(text) or sealed.startswith(text):
            return case
    elif text is None:
        raise OutOfStepError("staging is not sealed: there is nothing to approve", hint="soroi plan")
    try:
        with project.store.catalogue.read() as tx:
            manifest = read_manifest(tx, text)
    except UnknownNameError as error:
        hint = "the plan is another one now, if it was one: soroi plan shows it"
        raise UnknownNameError(f"'{text}' is neither this plan nor a manifest", hint=hint, name=text) from error
    return project.case(environment, manifest=manifest.id)


def changed_nodes(project: Project, case: Case) -> Collection[str]:
    """Ids of the nodes that a case would change."""
    with project.store.catalogue.read() as tx:
        return differing(tx, case.base.manifest if case.base else None, case.manifest)


def read_case(project: Project, environment: str, text: str | None) -> Case:
    """The case of a manifest as it stands: its base, the gates, and the last verdict of each gate.

    Args:
        project: The project.
        environment: Where it is to go.
        text: Id of the manifest or the beginning of it; ``None``: what is staged.

    Raises:
        OutOfStepError: Nothing is named, and staging is not sealed.
        UnknownNameError: There is no such manifest.
    """
    project.graph  # noqa: B018 (may read the store: not within another reading)
    with project.store.catalogue.read() as tx:
        sealed = text or tx.staging.get().manifest
        if sealed is None:
            raise OutOfStepError("staging is not sealed: there is nothing to approve", hint="soroi plan")
        return project.gating.standing(tx, read_manifest(tx, sealed), environment).case
