"""Object stores behind an address: their options, their keys, and what they refuse."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from tests.backends import KEY, SECRET, SECRETS, Place, Servers

from soroi.base.errors import ConfigError, StoreError
from soroi.store import Objects
from soroi.store.buckets import open_bucket


def keys_file(folder: Path, secret: str = SECRET) -> Path:
    file = folder / "keys"
    file.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {secret}\n")
    return file


@pytest.fixture
def address(servers: Servers) -> str:
    """Of a server that checks keys."""
    return servers.bucket("seaweedfs").fresh()


def test_keys_may_come_from_a_file(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name)
    objects = Objects(f"{address}&keys_file={keys_file(tmp_path)}")
    assert objects.get(objects.put(b"x"), what="it") == b"x"


@pytest.mark.parametrize("wrong", ["environment", "file"])
def test_keys_that_do_not_fit_are_an_error_that_says_so_and_does_not_show_them(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    caplog.set_level(logging.DEBUG)
    hush = "wrong-" + SECRET
    if wrong == "environment":
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", hush)
    else:
        address += f"&keys_file={keys_file(tmp_path, hush)}"
    with pytest.raises(StoreError, match="the keys are missing or do not fit") as raised:
        Objects(address)
    assert "AWS_SECRET_ACCESS_KEY" in str(raised.value.hint)
    shown = "".join(traceback.format_exception(raised.value)) + caplog.text
    assert hush not in shown
    assert SECRET not in shown


def test_an_open_store_does_not_show_its_keys(address: str, tmp_path: Path) -> None:
    objects = Objects(f"{address}&keys_file={keys_file(tmp_path)}")
    shown = f"{objects!r} {objects.place} {objects.location('ab' * 20)} {vars(objects)!r}"
    assert SECRET not in shown


def test_a_bucket_that_is_not_there_is_named_and_not_made(servers: Servers) -> None:
    server = servers.bucket("moto")
    with pytest.raises(StoreError, match="no such bucket") as raised:
        Objects(server.address("s3://not-there/x"))
    assert "make the bucket first" in str(raised.value.hint)


def test_a_server_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("soroi.store.buckets", fromlist=["_RETRY"])._RETRY, "max_retries", 0)
    options = {"endpoint": "http://127.0.0.1:1", "allow_http": "true", "region": "x"}
    store = "s3://bucket/x?" + "&".join(f"{name}={value}" for name, value in options.items())
    with pytest.raises(StoreError, match="s3://bucket/x") as raised:
        Objects(store)
    assert "can be reached" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("place", "options", "says"),
    [
        ("s3://b/x", {"regio": "x"}, "'regio' is not an option"),
        ("s3://b/x", {"path_style": "maybe"}, "'path_style' is 'maybe'"),
        ("s3://b/x", {"endpoint": "http://h"}, "without encryption"),
        ("s3://b/x", {"secret_access_key": "hush"}, "has a secret in it"),
        ("s3://key:hush@b/x", {}, "has a secret in it"),
        ("gs://b/x", {"region": "x"}, "takes no options"),
        ("nonsense://x", {}, "is not the address of an object store"),
        ("s3://b/x", {"keys_file": "/nowhere"}, "cannot be read"),
    ],
)
def test_what_cannot_be_is_said_by_name(place: str, options: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        open_bucket(place, options)
    assert "hush" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hush",
        "aws_access_key_id = hush",
        "[default]\naws_secret_access_key = hush",
        "[other]\naws_access_key_id = hush",
        "[default\nhush",
    ],
)
def test_a_file_of_keys_that_is_not_understood_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(ConfigError, match="the file with the keys") as raised:
        open_bucket("s3://b/x", {"keys_file": str(file)})
    assert "hush" not in "".join(traceback.format_exception(raised.value))


def test_virtual_hosts_are_asked_for_when_the_path_shall_not_hold_the_bucket() -> None:
    for path_style, virtual in (("true", "false"), ("false", "true")):
        opened = open_bucket("s3://b/x", {"region": "x", "path_style": path_style})
        assert opened.config["virtual_hosted_style_request"] == virtual


class Careless:
    """A server that lets every writer win, as some do."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def put(self, key: str, data: bytes, *, mode: str, use_multipart: bool) -> object:
        return self.inner.put(key, data, mode="overwrite", use_multipart=use_multipart)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def test_a_store_that_was_copied_to_a_careless_server_is_probed_again(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = Place("moto", servers.bucket("moto").fresh())
    Objects(good.address)
    bad = Place("seaweedfs", servers.bucket("seaweedfs").fresh())
    for key in good.listed():
        bad.write(key, good.read(key))
    opened = open_bucket
    monkeypatch.setattr("soroi.store.objects.open_bucket", lambda place, options: Careless(opened(place, options)))
    Objects(good.address)  # it passed there
    with pytest.raises(StoreError, match="lets two writers put the same key"):
        Objects(bad.address)
    with pytest.raises(StoreError, match="lets two writers put the same key"):
        Objects(good.address).probe()
