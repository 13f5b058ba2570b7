"""``soroi role``: who may do what, where."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from soroi.cli.common import Common, opened
from soroi.cli.displayed import show_displayed
from soroi.cli.output import show

role = App(name="role", help="Who may do what, where. Without any role, everything is allowed.")
"""The commands on roles."""


@role.command
def grant(
    who: str,
    role: str,
    *,
    environment: str | None = None,
    group: str | None = None,
    expires: str | None = None,
    common: Common | None = None,
) -> int:
    """Give a role. With the first one ever given, you become owner.

    Args:
        who: To whom.
        role: caller, viewer, reviewer, builder, approver, operator, auditor or owner; approver:KIND; or one transition
            by its name, such as break_glass.
        environment: The only environment it holds in; default: all.
        group: The only group of nodes it holds for; default: all.
        expires: For how long, as 30d; default: until it is revoked.
    """
    common = common or Common()
    with opened(common) as project:
        show_displayed(common, project.roles.grant(who, role, environment=environment, group=group, expires=expires))
    return 0


@role.command
def revoke(grant: str, *, common: Common | None = None) -> int:
    """Take a role back.

    Args:
        grant: Id of the grant, or the beginning of it; soroi role list shows it.
    """
    common = common or Common()
    with opened(common) as project:
        done = project.roles.revoke(grant)
    said = f"{done.who} is no longer {done.role}{f' in {done.environment}' if done.environment else ''}."
    show(common, {"grant": msgspec.to_builtins(done)}, said)
    return 0


@role.command(name="list")
def list_roles(who: str | None = None, *, common: Common | None = None) -> int:
    """List what was granted, also what was taken back or is over.

    Args:
        who: Only to them.
    """
    common = common or Common()
    with opened(common) as project:
        show_displayed(common, project.roles.list(who))
    return 0


@role.command
def check(
    who: str,
    transition: str,
    *,
    environment: str | None = None,
    group: Annotated[list[str] | None, Parameter(negative=())] = None,
    kind: str | None = None,
    common: Common | None = None,
) -> int:
    """Tell whether somebody may do something, and why. Ends with status 3 when they may not.

    Args:
        who: Who.
        transition: build, stage, waive, approve, release, rollback, rollout, break_glass, collect, hold, grant, label
            or view.
        environment: Where.
        group: A group of nodes that it touches; more than one may be named.
        kind: As what they approve.
    """
    common = common or Common()
    with opened(common) as project:
        found = project.roles.check(who, transition, environment=environment, groups=group or (), kind=kind)
    show_displayed(common, found, "bold green" if found.allowed else "bold red")
    return 0 if found.allowed else 3
