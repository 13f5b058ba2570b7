"""``soroi key``: whose public key is whose."""

from __future__ import annotations

import msgspec
from cyclopts import App

from soroi.cli.common import Common, opened
from soroi.cli.displayed import show_displayed
from soroi.cli.output import show

key = App(name="key", help="Whose public key is whose: approvals count only when signed with a registered one.")
"""The commands on keys."""


@key.command
def add(
    who: str | None = None, *, public: str | None = None, service: bool = False, common: Common | None = None
) -> int:
    """Register a public key; by default your own of this machine, which is made if need be.

    Args:
        who: Whose it is; default: you.
        public: The public key, 64 hexadecimal characters; its owner gets it by soroi key show.
        service: It is the key of a service, not of a person.
    """
    common = common or Common()
    with opened(common) as project:
        done = project.keys.add(who, public=public, service=service)
    show(common, {"key": msgspec.to_builtins(done)}, f"{done.id} is a key of {done.owner} ({done.kind}).")
    return 0


@key.command(name="list")
def list_keys(who: str | None = None, *, common: Common | None = None) -> int:
    """List the registered keys.

    Args:
        who: Only theirs.
    """
    common = common or Common()
    with opened(common) as project:
        show_displayed(common, project.keys.list(who))
    return 0


@key.command
def revoke(public: str, *, common: Common | None = None) -> int:
    """Revoke a key: nothing that it signed counts any more.

    Args:
        public: The public key, or the beginning of it.
    """
    common = common or Common()
    with opened(common) as project:
        done = project.keys.revoke(public)
    said = f"{done.id[:16]} of {done.owner} was revoked by {done.revoked_by}: nothing that it signed counts any more."
    show(common, {"key": msgspec.to_builtins(done)}, said)
    return 0


@key.command(name="show")
def show_own(*, common: Common | None = None) -> int:
    """Print your public key of this machine, to be given to an owner. It is made at the first use."""
    common = common or Common()
    with opened(common) as project:
        public, who = project.keys.own(), project.runtime.actor
        known = [one for one in project.keys.list(who) if one.id == public]
    registered = bool(known) and known[0].revoked_at is None
    told = (
        [f"{who}, registered"]
        if registered
        else [f"{who}, not registered; who may give roles does it:", f"  {_add(who, public)}"]
    )
    show(common, {"who": who, "public": public, "registered": registered}, public, *told)
    return 0


def _add(who: str, public: str) -> str:
    return f"soroi key add {who} --public {public}"
