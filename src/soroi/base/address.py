"""Addresses of databases and object stores: their options, and no secrets in them.

An address may carry options behind a question mark, as URLs do: ``s3://bucket/prefix?endpoint=https%3A%2F%2F…``.
A local path is never taken apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode

_USER = re.compile(r"^(?P<scheme>[A-Za-z0-9+.\-]+://)(?P<user>[^/?#@]*):(?P<secret>[^/?#]*)@")
_SECRET = re.compile(r"pass(word|wd)?$|secret|token|access_key|account_key|api_key|(^|_)key$|signature|^sig$", re.I)
HIDDEN = "***"
"""What stands where a secret was."""


def split_options(address: str) -> tuple[str, dict[str, str]]:
    """An address without its options, and the options. A local path has none."""
    if "://" not in address or "?" not in address:
        return address, {}
    bare, _, query = address.partition("?")
    return bare, dict(parse_qsl(query, keep_blank_values=True))


def with_options(address: str, options: Mapping[str, str]) -> str:
    """An address with options added; those already there give way."""
    if not options:
        return address
    bare, known = split_options(address)
    return f"{bare}?{urlencode({**known, **options}, quote_via=quote)}"


def secret_in(address: str) -> str | None:
    """What secret an address holds (``a password``, ``'secret_access_key'``), or ``None``. Never the secret itself."""
    if "://" not in address:
        return None
    user = _USER.match(address)
    if user is not None and user["secret"]:
        return "a password"
    _, options = split_options(address)
    return next((f"'{name}'" for name, value in options.items() if value and names_secret(name)), None)


def names_secret(name: str) -> bool:
    """Whether something of this name would be a secret, such as ``password`` or ``secret_access_key``."""
    return _SECRET.search(name) is not None


def redacted(address: str) -> str:
    """An address as it may be shown: secrets in it hidden."""
    if "://" not in address:
        return address
    shown = _USER.sub(rf"\g<scheme>\g<user>:{HIDDEN}@", address)
    bare, options = split_options(shown)
    if not options:
        return shown
    told = {name: HIDDEN if names_secret(name) else value for name, value in options.items()}
    return f"{bare}?{urlencode(told, quote_via=quote, safe='*/:')}"
