"""Keys and tokens: whose they are, what they are limited to, and that a token is nowhere but with its holder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.release.people import Town

from soroi.base.errors import ConfigError, ConflictError, ForbiddenError, UnknownNameError
from soroi.base.signing import public_key
from soroi.release.granting import grant
from soroi.release.identity import Limits, acting_by, add_key, create_token, revoke_key, revoke_token

FOREIGN = "5a" * 32


def test_ones_own_key_is_registered_once(town: Town) -> None:
    first, fresh = add_key(town.store, "ann", runtime=town.as_("ann"))
    assert fresh
    assert first.id == public_key("ann")
    assert add_key(town.store, "ann", runtime=town.as_("ann")) == (first, False)


def test_a_key_given_by_its_owner_is_registered_for_them(town: Town) -> None:
    made, _ = add_key(town.store, "ci", runtime=town.as_("ann"), public=f" {FOREIGN.upper()} ", service=True)
    assert (made.id, made.owner, made.kind, made.by) == (FOREIGN, "ci", "service", "ann")
    with pytest.raises(ConflictError, match="registered to ci"):
        add_key(town.store, "eve", runtime=town.as_("eve"), public=FOREIGN)
    for wrong in ("", "5a", "x" * 64):
        with pytest.raises(ConfigError, match="not a public key"):
            add_key(town.store, "ann", runtime=town.as_("ann"), public=wrong)


def test_where_there_are_roles_only_an_owner_registers_keys(town: Town) -> None:
    grant(town.store, "bob", "approver", runtime=town.as_("ann"))
    with pytest.raises(ForbiddenError):
        add_key(town.store, "bob", runtime=town.as_("bob"))
    made, _ = add_key(town.store, "bob", runtime=town.as_("ann"), public=FOREIGN)
    with pytest.raises(ForbiddenError):
        revoke_key(town.store, made.id, runtime=town.as_("eve"))
    assert revoke_key(town.store, made.id[:8], runtime=town.as_("bob")).revoked_by == "bob"


def test_whoever_shows_a_token_acts_as_its_holder(town: Town) -> None:
    record, token = create_token(
        town.store, "ci", runtime=town.as_("ann"), limits=Limits(["release:production"], "30d", "nightly")
    )
    assert token.startswith("soroi_")
    assert len(token) == len("soroi_") + 64
    with town.store.catalogue.read() as tx:
        runtime = acting_by(tx, town.as_("root"), f"{token}\n")
        assert tx.tokens.all() == [record]
    assert runtime.actor == "ci"
    assert runtime.scopes == ("release:production",)
    assert runtime.clock is town.clock


def test_no_two_tokens_are_alike(town: Town) -> None:
    made = {create_token(town.store, "ci", runtime=town.as_("ann"))[1] for _ in range(20)}
    assert len(made) == 20


def test_a_token_that_does_not_count_is_told_apart_and_never_shown(town: Town) -> None:
    record, token = create_token(town.store, "ci", runtime=town.as_("ann"), limits=Limits(expires="1d"))
    second, revoked = create_token(town.store, "ci", runtime=town.as_("ann"))
    revoke_token(town.store, second.id, runtime=town.as_("ann"))
    town.pass_(days=1)
    for shown, why in ((token, f"{record.id} of ci ended"), (revoked, "was revoked by ann"), ("soroi_0", "not known")):
        with town.store.catalogue.read() as tx, pytest.raises(ForbiddenError, match=why) as caught:
            acting_by(tx, town.as_("root"), shown)
        assert shown not in str(caught.value.to_dict())


def test_a_token_is_in_no_file_of_the_store(town: Town, tmp_path: Path) -> None:
    _, token = create_token(town.store, "ci", runtime=town.as_("ann"))
    secret = token.removeprefix("soroi_").encode()
    written = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert secret not in written
    assert bytes.fromhex(secret.decode()) not in written


def test_a_token_cannot_make_a_wider_one(town: Town) -> None:
    limited = town.as_("ann", "build")
    with pytest.raises(ForbiddenError):
        create_token(town.store, "ann", runtime=limited)
    grant(town.store, "bob", "builder", runtime=town.as_("ann"))
    with pytest.raises(ForbiddenError):
        create_token(town.store, "ann", runtime=town.as_("bob"))
    made, _ = create_token(town.store, "bob", runtime=town.as_("bob"))
    with pytest.raises(ForbiddenError):
        revoke_token(town.store, made.id, runtime=town.as_("eve"))
    assert revoke_token(town.store, made.id, runtime=town.as_("bob")).revoked_by == "bob"


def test_a_scope_names_what_can_be_done(town: Town) -> None:
    for scope, error in (("relase:production", UnknownNameError), ("release:", ConfigError), ("", UnknownNameError)):
        with pytest.raises(error):
            create_token(town.store, "ci", runtime=town.as_("ann"), limits=Limits([scope]))
