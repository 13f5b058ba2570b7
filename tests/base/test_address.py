from __future__ import annotations

import pytest

from soroi.base.address import names_secret, redacted, secret_in, split_options, with_options


def test_options_are_put_behind_an_address_and_taken_off_again() -> None:
    options = {"endpoint": "http://h:1/é?x=1&y", "region": ""}
    made = with_options("s3://bucket/a/b?region=old&allow_http=true", options)
    assert split_options(made) == ("s3://bucket/a/b", {**options, "allow_http": "true"})
    assert with_options("s3://bucket", {}) == "s3://bucket"


def test_a_path_is_never_taken_apart() -> None:
    assert split_options("/a/b?c=d") == ("/a/b?c=d", {})
    assert secret_in("/a:b@c?password=x") is None
    assert redacted("/a:b@c?password=x") == "/a:b@c?password=x"


@pytest.mark.parametrize(
    ("address", "what", "shown"),
    [
        ("postgresql://u:p%40w@h/d", "a password", "postgresql://u:***@h/d"),
        (
            "postgresql+psycopg://u@h/d?password=x&sslmode=on",
            "'password'",
            "postgresql+psycopg://u@h/d?password=***&sslmode=on",
        ),
        ("s3://b/p?secret_access_key=x", "'secret_access_key'", "s3://b/p?secret_access_key=***"),
        ("az://c?account_key=x&sas_token=y", "'account_key'", "az://c?account_key=***&sas_token=***"),
        ("postgresql://u@h/d?password_file=/run/x", None, "postgresql://u@h/d?password_file=/run/x"),
        ("postgresql://u@h:5432/d", None, "postgresql://u@h:5432/d"),
        ("s3://b/a:b@c", None, "s3://b/a:b@c"),
    ],
)
def test_secrets_are_found_and_hidden(address: str, what: str | None, shown: str) -> None:
    assert secret_in(address) == what
    assert redacted(address) == shown


def test_names_of_secrets_are_told_from_names_of_their_files() -> None:
    assert all(map(names_secret, ("password", "catalogue_password", "access_key_id", "session_token", "sslpassword")))
    assert not any(map(names_secret, ("password_file", "keys_file", "region", "endpoint", "passfile")))
