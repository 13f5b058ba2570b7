"""``soroi token``: by which somebody is known where no person types."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from soroi.cli.common import Common, opened
from soroi.cli.displayed import show_displayed
from soroi.cli.output import console, show

token = App(name="token", help="Tokens by which services are known: hashed, limited, and they end.")
"""The commands on tokens."""


@token.command
def create(
    who: str,
    *,
    scope: Annotated[list[str] | None, Parameter(negative=())] = None,
    expires: str = "30d",
    note: str = "",
    common: Common | None = None,
) -> int:
    """Make a token and print it, once. Whoever shows it in SOROI_TOKEN acts as WHO.

    Args:
        who: Who acts when it is shown.
        scope: What it is limited to, as release:production or build; more than one may be named. Default: to what they
            may do.
        expires: How long it holds.
        note: What it is for.
    """
    common = common or Common()
    with opened(common) as project:
        record, secret = project.tokens.create(who, scopes=scope or (), expires=expires, note=note)
    if not common.json:
        until = f"until {record.expires_at:%Y-%m-%d %H:%M} UTC"
        limits = ", ".join(record.scopes) or f"all that {who} may do"
        out = console(sys.stderr)
        out.print(f"{record.id} of {who}, {until}, for {limits}.")
        out.print("It cannot be shown again:")
    data = {name: value for name, value in msgspec.to_builtins(record).items() if name != "hash"}
    show(common, {"token": secret, "record": data}, secret)
    return 0


@token.command(name="list")
def list_tokens(*, common: Common | None = None) -> int:
    """List the tokens, also what was taken back or is over. None is shown itself."""
    common = common or Common()
    with opened(common) as project:
        show_displayed(common, project.tokens.list())
    return 0


@token.command
def revoke(token: str, *, common: Common | None = None) -> int:
    """Take a token back.

    Args:
        token: Id of the token, or the beginning of it; soroi token list shows it.
    """
    common = common or Common()
    with opened(common) as project:
        done = project.tokens.revoke(token)
    show(common, {"revoked": done.id, "who": done.who}, f"{done.id} of {done.who} was revoked.")
    return 0
