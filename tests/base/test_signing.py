"""Signatures: of one signer, one domain, one piece of data; keys that others may read are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from soroi.base.errors import ConfigError
from soroi.base.signing import FOLDER, Signature, key_folder, sign, verify

DATA = {"node": "careful_cut", "reason": "checked"}


def test_a_signature_holds_for_its_signer_domain_and_data_only(tmp_path: Path) -> None:
    made = sign("ann", "waiver", DATA, folder=tmp_path)
    assert verify(made, "waiver", DATA)
    assert not verify(made, "approval", DATA)
    assert not verify(made, "waiver", {**DATA, "reason": "not checked"})
    assert not verify(dataclasses.replace(made, signer="bob"), "waiver", DATA)
    assert not verify(dataclasses.replace(made, value="00" * 64), "waiver", DATA)
    assert not verify(dataclasses.replace(made, key="not a key"), "waiver", DATA)


def test_a_signer_keeps_one_key_of_their_own_that_nobody_else_may_read(tmp_path: Path) -> None:
    first, again, other = (sign(name, "waiver", DATA, folder=tmp_path) for name in ("ann", "ann", "bob"))
    assert first == again
    assert other.key != first.key
    (key,) = tmp_path.glob("ann.*")
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    sign("ann", "waiver", DATA, folder=tmp_path)
    (key,) = tmp_path.glob("ann.*")
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others"):
        sign("ann", "waiver", DATA, folder=tmp_path)
    key.chmod(0o600)
    key.write_text("something else")
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        sign("ann", "waiver", DATA, folder=tmp_path)


def test_names_that_are_no_file_names_and_the_folder_of_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = sign("../../ann@example.com", "waiver", DATA, folder=tmp_path / "deep")
    assert Signature.from_dict(made.to_dict()) == made
    assert [path.parent for path in tmp_path.rglob("*.ed25519")] == [tmp_path / "deep"]
    monkeypatch.setenv(FOLDER, str(tmp_path))
    assert key_folder() == tmp_path
    monkeypatch.delenv(FOLDER)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert key_folder() == tmp_path / "soroi" / "keys"
