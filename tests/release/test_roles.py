"""Roles: who may do what, where, to which nodes; and what a refusal says."""

from __future__ import annotations

import pytest
from tests.release.people import Town

from soroi.base.errors import ConfigError, ForbiddenError, RefusedError, UnknownNameError
from soroi.base.runtime import Runtime
from soroi.release.granting import Reach, grant, revoke
from soroi.release.roles import ROLES, TRANSITIONS, allowed_by, may, require, roles_of


def allowed(town: Town, runtime: Runtime, transition: str, environment: str | None = None, *groups: str | None) -> bool:
    with town.store.catalogue.read() as tx:
        return may(tx, runtime, transition, environment=environment, groups=groups).holds


def refusal(town: Town, who: str, transition: str, environment: str | None = None, *groups: str) -> ForbiddenError:
    with town.store.catalogue.read() as tx, pytest.raises(ForbiddenError) as caught:
        require(tx, town.as_(who), transition, environment=environment, groups=groups)
    return caught.value


def test_without_any_role_everything_is_allowed_and_says_so(town: Town) -> None:
    for transition in TRANSITIONS:
        assert allowed(town, town.as_("anybody"), transition, "production", "trust", None)
    with town.store.catalogue.read() as tx:
        assert "no role was ever given" in may(tx, town.as_("anybody"), "release").reason.text


def test_the_first_grant_makes_its_giver_owner(town: Town) -> None:
    made = grant(town.store, "bob", "builder", runtime=town.as_("ann"))
    assert [(one.who, one.role) for one in made] == [("ann", "owner"), ("bob", "builder")]
    assert all(allowed(town, town.as_("ann"), one, "production", "trust", None) for one in TRANSITIONS)
    assert allowed(town, town.as_("bob"), "build")
    assert not allowed(town, town.as_("bob"), "release", "production")
    assert not allowed(town, town.as_("eve"), "view")


def test_who_makes_themselves_owner_first_is_owner_once(town: Town) -> None:
    made = grant(town.store, "ann", "owner", runtime=town.as_("ann"))
    assert [(one.who, one.role) for one in made] == [("ann", "owner")]


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_allows_what_it_says_and_nothing_else(town: Town, role: str) -> None:
    grant(town.store, "bob", role, runtime=town.as_("ann"))
    for transition in TRANSITIONS:
        assert allowed(town, town.as_("bob"), transition, "production") == (transition in ROLES[role])


def test_a_grant_holds_in_its_environment_only(town: Town) -> None:
    grant(town.store, "bob", "operator", runtime=town.as_("ann"), reach=Reach(environment="trial"))
    assert allowed(town, town.as_("bob"), "release", "trial")
    assert not allowed(town, town.as_("bob"), "release", "production")
    assert not allowed(town, town.as_("bob"), "stage")
    assert "bob is operator in 'trial' only" in str(refusal(town, "bob", "release", "production"))


def test_every_group_that_is_touched_must_be_allowed(town: Town) -> None:
    grant(town.store, "bob", "builder", runtime=town.as_("ann"), reach=Reach(group="trust"))
    assert allowed(town, town.as_("bob"), "build", None, "trust")
    assert not allowed(town, town.as_("bob"), "build", None, "trust", "ads")
    assert not allowed(town, town.as_("bob"), "build", None, "trust", None)
    assert not allowed(town, town.as_("bob"), "build")
    grant(town.store, "bob", "builder", runtime=town.as_("ann"), reach=Reach(group="ads"))
    assert allowed(town, town.as_("bob"), "build", None, "trust", "ads")


def test_a_grant_ends_when_it_is_over(town: Town) -> None:
    grant(town.store, "bob", "operator", runtime=town.as_("ann"), reach=Reach(expires="7d"))
    town.pass_(days=7, seconds=-1)
    assert allowed(town, town.as_("bob"), "release", "production")
    town.pass_(seconds=1)
    assert not allowed(town, town.as_("bob"), "release", "production")
    assert "bob was operator until 2026-01-08" in str(refusal(town, "bob", "release", "production"))


def test_a_grant_ends_when_it_is_revoked(town: Town) -> None:
    made = grant(town.store, "bob", "operator", runtime=town.as_("ann"))[-1]
    assert revoke(town.store, made.id, runtime=town.as_("ann")).revoked_by == "ann"
    assert not allowed(town, town.as_("bob"), "release", "production")


def test_a_refusal_names_who_what_which_role_and_whom_to_ask(town: Town) -> None:
    grant(town.store, "bob", "builder", runtime=town.as_("ann"))
    error = refusal(town, "bob", "release", "production", "trust")
    text = str(error)
    assert "bob may not release in 'production' for trust: that is for operator or owner" in text
    assert "bob is builder, which is not to release" in text
    assert "ask ann: soroi role grant bob operator --environment production" in text
    assert error.fields["roles"] == ["operator", "owner"]
    assert error.fields["ask"] == ["ann"]
    assert isinstance(error, PermissionError)
    assert error.exit_code == 3
    assert "eve has no role" in str(refusal(town, "eve", "view"))


def test_one_transition_may_be_granted_by_its_name(town: Town) -> None:
    grant(town.store, "bob", "break_glass", runtime=town.as_("ann"), reach=Reach(environment="production"))
    assert allowed(town, town.as_("bob"), "break_glass", "production")
    assert not allowed(town, town.as_("bob"), "break_glass", "trial")
    assert not allowed(town, town.as_("bob"), "release", "production")
    grant(town.store, "cid", "operator", runtime=town.as_("ann"))
    assert not allowed(town, town.as_("cid"), "break_glass", "production")


def test_an_approver_may_be_one_of_a_kind(town: Town) -> None:
    grant(town.store, "sue", "approver:security", runtime=town.as_("ann"))
    with town.store.catalogue.read() as tx:
        assert may(tx, town.as_("sue"), "approve", environment="production", kind="security").holds
        assert not may(tx, town.as_("sue"), "approve", environment="production", kind="legal").holds
    assert allowed_by("approver:nonsense") == frozenset()
    assert allowed_by("viewer:security") == frozenset()


def test_only_who_may_grant_grants_and_revokes(town: Town) -> None:
    made = grant(town.store, "bob", "operator", runtime=town.as_("ann"))[-1]
    with pytest.raises(ForbiddenError):
        grant(town.store, "bob", "owner", runtime=town.as_("bob"))
    with pytest.raises(ForbiddenError):
        revoke(town.store, made.id, runtime=town.as_("bob"))
    grant(town.store, "cid", "owner", runtime=town.as_("ann"), reach=Reach(environment="trial"))
    grant(town.store, "bob", "builder", runtime=town.as_("cid"), reach=Reach(environment="trial"))
    with pytest.raises(ForbiddenError):
        grant(town.store, "cid", "operator", runtime=town.as_("cid"), reach=Reach(environment="production"))


def test_the_last_owner_stays(town: Town) -> None:
    mine = grant(town.store, "bob", "owner", runtime=town.as_("ann"), reach=Reach(expires="1d"))[0]
    with pytest.raises(RefusedError, match="ann is the last owner"):
        revoke(town.store, mine.id, runtime=town.as_("ann"))
    grant(town.store, "cid", "owner", runtime=town.as_("ann"))
    assert revoke(town.store, mine.id, runtime=town.as_("cid")).who == "ann"


def test_a_role_that_is_none_is_refused(town: Town) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'operator'"):
        grant(town.store, "bob", "oprator", runtime=town.as_("ann"))
    with pytest.raises(ConfigError, match="not a duration"):
        grant(town.store, "bob", "operator", runtime=town.as_("ann"), reach=Reach(expires="soon"))
    with pytest.raises(ConfigError, match="of no use"):
        grant(town.store, "bob", "operator", runtime=town.as_("ann"), reach=Reach(expires="0d"))
    with pytest.raises(RefusedError):
        grant(town.store, " ", "operator", runtime=town.as_("ann"))
    with town.store.catalogue.read() as tx, pytest.raises(ValueError, match="no transition 'fly'"):
        may(tx, town.as_("ann"), "fly")
    assert allowed(town, town.as_("anybody"), "grant")


def test_a_tokens_scope_limits_even_where_there_are_no_roles(town: Town) -> None:
    ci = town.as_("ci", "release:production", "build")
    assert allowed(town, ci, "release", "production")
    assert allowed(town, ci, "build")
    assert not allowed(town, ci, "release", "trial")
    assert not allowed(town, ci, "stage")
    assert allowed(town, town.as_("ci", token=True), "stage")
    with town.store.catalogue.read() as tx, pytest.raises(ForbiddenError, match="is limited to") as caught:
        require(tx, ci, "rollback", environment="production")
    assert "rollback:production" in str(caught.value.hint)


def test_a_tokens_scope_adds_nothing_to_a_role(town: Town) -> None:
    grant(town.store, "ci", "builder", runtime=town.as_("ann"))
    assert allowed(town, town.as_("ci", "build"), "build")
    assert not allowed(town, town.as_("ci", "release:production"), "release", "production")
    assert not allowed(town, town.as_("ci", "release:production"), "build")


def test_roles_are_those_that_cover_every_group(town: Town) -> None:
    grant(town.store, "bob", "approver", runtime=town.as_("ann"), reach=Reach(group="trust"))
    made = grant(town.store, "bob", "builder", runtime=town.as_("ann"), reach=Reach(expires="1d"))
    with town.store.catalogue.read() as tx:
        grants = tx.grants.all()
    now = made[0].at
    assert roles_of(grants, "bob", "production", ["trust"], now) == {"approver", "builder"}
    assert roles_of(grants, "bob", "production", ["trust", "ads"], now) == {"builder"}
    assert roles_of(grants, "bob", "production", [], now) == {"builder"}
    town.pass_(days=2)
    assert roles_of(grants, "bob", "production", ["trust"], town.clock.now()) == {"approver"}
