"""``soroi approve``: your signature over a plan and the verdicts that it shows."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from soroi.cli.common import Common, opened
from soroi.cli.displayed import show_displayed
from soroi.cli.output import remark, show, styled, table


def approve(
    plan: str | None = None,
    *,
    environment: str = "production",
    kind: str = "release",
    expires: str | None = None,
    note: str = "",
    listing: Annotated[bool, Parameter(name="--list", negative=())] = False,
    common: Common | None = None,
) -> int:
    """Sign a plan and the verdicts that it shows. When either changes, the approval no longer counts.

    Args:
        plan: Beginning of the plan's digest or of the id of a release; default: what is staged.
        environment: Where it is to go.
        kind: As what: release, owner, audit, security, ethics or legal.
        expires: How long it counts, as 7d; default: as long as nothing changes.
        note: What you have to say; it is signed too.
        listing: Sign nothing: list the approvals, each with why it does not count if it does not.
    """
    common = common or Common()
    with opened(common) as project:
        if listing:
            show_displayed(common, project.approvals(environment, plan=plan))
            return 0
        from soroi.project.approving import approve_case
        from soroi.release.approvals import Wanted

        given = approve_case(project, plan, environment, Wanted(kind, expires, note))
    case, done = given.case, given.record
    until = f" until {done.expires_at:%Y-%m-%d %H:%M} UTC" if done.expires_at else ""
    verdicts = [[one.gate, one.outcome] for one in case.verdicts]
    data = {
        "id": done.id,
        "by": done.by,
        "kind": done.kind,
        "plan": done.plan,
        "manifest": done.manifest,
        "environment": done.environment,
        "expires_at": done.expires_at.isoformat() if done.expires_at else None,
        "verdicts": {one.gate: one.outcome for one in case.verdicts},
        "key": done.signature["key"],
        "unjudged": list(given.unjudged),
    }
    said = f"{done.by} approved {done.manifest} to {done.environment} as {done.kind}{until}."
    shown = [table(("gate", "verdict"), verdicts)] if verdicts else ["It showed no verdict."]
    show(common, data, styled(said, "bold green"), f"plan {done.plan[:12]}, signed as {done.id}", *shown)
    if given.unjudged:
        judge = "soroi judge" if done.environment == "production" else f"soroi judge {done.environment}"
        remark(
            f"Not judged yet: {', '.join(given.unjudged)}. As soon as it is, this approval no longer counts: {judge}, "
            "then approve again."
        )
    return 0
