"""Object stores behind an address: S3 and what speaks its protocol, Google's, Azure's.

Options of an ``s3://`` address: ``endpoint`` (URL of the server; default: Amazon's), ``region``,
``path_style`` (``true`` or ``false``; whether the bucket is part of the path), ``allow_http`` and ``keys_file``.
Keys are never in the address: they come from ``keys_file``, written as Amazon's tools write it, else from
``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``, else from where the machine's role gives them.
"""

from __future__ import annotations

import configparser
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import from_url

from soroi.base.address import redacted, secret_in
from soroi.base.errors import ConfigError, did_you_mean

OPTIONS = ("endpoint", "region", "path_style", "allow_http", "keys_file")
"""Options of an ``s3://`` address."""

_from_url: Callable[..., Any] = from_url
_CLIENT: dict[str, Any] = {"connect_timeout": timedelta(seconds=10), "timeout": timedelta(minutes=10)}
_RETRY: dict[str, Any] = {"max_retries": 4, "retry_timeout": timedelta(seconds=30)}
_KEYS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
}


def open_bucket(place: str, options: Mapping[str, str]) -> Any:
    """Open an object store behind an address.

    Args:
        place: Its address, without options.
        options: Its options.

    Raises:
        ConfigError: The address is of no known kind, has a secret in it, or options that are none.
    """
    secret = secret_in(place) or next((name for name in options if secret_in(f"s3://x?{name}=x")), None)
    if secret:
        raise ConfigError(f"the address of the objects has a secret in it: {secret}", hint=_SECRETS)
    try:
        if place.split("://", 1)[0] not in ("s3", "s3a"):
            if options:
                raise ConfigError(f"'{place}' takes no options", hint=f"s3:// takes {', '.join(OPTIONS)}")
            return _from_url(place, client_options=_CLIENT, retry_config=_RETRY)
        client = {**_CLIENT, "allow_http": True} if _flag(options, "allow_http") else _CLIENT
        return _from_url(place, client_options=client, retry_config=_RETRY, **_s3(options))
    except (ValueError, BaseError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"'{redacted(place)}' is not the address of an object store: {str(error).splitlines()[0]}",
            hint="give a directory, or an address such as s3://bucket/prefix",
        ) from None


def explain(error: BaseException) -> tuple[str, str]:
    """What an object store said, in one line and without its request, and what to do about it."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    text = lines[0]
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or "credential" in str(error).lower():
        return f"the keys are missing or do not fit ({text[:200]})", _SECRETS
    if any(one in str(error) for one in ("NoSuchBucket", "bucket does not exist")):
        return "there is no such bucket", "make the bucket first; soroi does not"
    return text[:300], "check that the place exists, that you may write there and that it can be reached"


_SECRETS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or keys_file under [store.s3] in soroi.toml"
)


def _s3(options: Mapping[str, str]) -> dict[str, Any]:
    for name in options:
        if name not in OPTIONS:
            hint = did_you_mean(name, OPTIONS)
            raise ConfigError(f"'{name}' is not an option of an s3:// address", hint=hint)
    if options.get("endpoint", "").startswith("http://") and not _flag(options, "allow_http"):
        hint = "allow_http = true under [store.s3], where nobody can listen in"
        raise ConfigError(f"the endpoint {options['endpoint']} is without encryption", hint=hint)
    given: dict[str, Any] = {name: options[name] for name in ("endpoint", "region") if name in options}
    if "path_style" in options:
        given["virtual_hosted_style_request"] = not _flag(options, "path_style")
    if "endpoint" in given and "region" not in given:
        given["region"] = "us-east-1"  # servers of one's own have no regions, and requests are signed for one
    if "keys_file" in options:
        given |= _keys(Path(options["keys_file"]).expanduser())
    return given


def _flag(options: Mapping[str, str], name: str) -> bool:
    value = options.get(name, "false")
    if value not in ("true", "false"):
        raise ConfigError(f"'{name}' is {value!r}", hint="true or false")
    return value == "true"


def _keys(file: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    hint = "as Amazon's tools write it: [default], aws_access_key_id = …, aws_secret_access_key = …"
    try:
        parser.read_string(file.read_text("utf-8"))
        section = parser["default"]
        found = {ours: section[theirs] for theirs, ours in _KEYS.items() if theirs in section}
    except OSError as error:
        raise ConfigError(f"the file with the keys cannot be read: {file}: {error.strerror}", hint=hint) from None
    except (configparser.Error, UnicodeDecodeError, KeyError):  # their messages would show what is in the file
        raise ConfigError(f"the file with the keys is not understood: {file}", hint=hint) from None
    if len(found) < 2:
        raise ConfigError(f"the file with the keys lacks one: {file}", hint=hint)
    return found
