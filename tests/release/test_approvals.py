"""Approvals: what they bind, when they stop to count and why, and that a forged one is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.release.people import Town, other

from soroi.base.errors import ConfigError, ForbiddenError, RefusedError
from soroi.base.reason import Reason
from soroi.base.signing import sign
from soroi.release.approvals import DOMAIN, Wanted, approval_id, approve, judged_approvals, tampering, valid_approvals
from soroi.release.case import Case
from soroi.release.granting import Reach, grant, revoke
from soroi.release.identity import add_key, known_keys, revoke_key
from soroi.rules import Facts
from soroi.rules.people import approved_by
from soroi.store import ApprovalRecord, Transaction


@pytest.fixture
def case(town: Town) -> Case:
    manifest = town.manifest(quick="quick@1", check="check@1")
    return town.case(manifest, town.verdict(manifest), town.verdict(manifest, "latency", "inconclusive"))


def counting(town: Town, case: Case, *groups: str) -> list[str]:
    with town.store.catalogue.read() as tx:
        return [one.by for one in valid_approvals(tx, case, town.clock.now(), groups)[0]]


def why_not(town: Town, case: Case, *groups: str) -> str:
    with town.store.catalogue.read() as tx:
        facts, reasons = valid_approvals(tx, case, town.clock.now(), groups)
    assert facts == []
    return "\n".join(line for one in reasons for line in one.lines())


def test_an_approval_counts_for_what_it_was_given_for(town: Town, case: Case) -> None:
    made = approve(town.store, case, runtime=town.as_("ann"), wanted=Wanted("security", "7d", "looked at it"))
    assert (made.plan, made.manifest, made.kind, made.by) == (case.digest, case.manifest.id, "security", "ann")
    assert made.body["verdicts"] == list(case.verdict_digests)
    with town.store.catalogue.read() as tx:
        facts, reasons = valid_approvals(tx, case, town.clock.now())
    assert reasons == []
    assert [(one.by, one.kind, one.expires_at) for one in facts] == [("ann", "security", made.expires_at)]
    assert facts[0].roles == {"owner"}


def test_the_first_key_registers_itself_and_the_second_does_not(town: Town, case: Case) -> None:
    approve(town.store, case, runtime=town.as_("ann"))
    with pytest.raises(RefusedError, match="key of bob") as caught:
        approve(town.store, case, runtime=town.as_("bob"))
    assert "soroi key add bob --public" in str(caught.value.hint)
    add_key(town.store, "bob", runtime=town.as_("ann"))
    approve(town.store, case, runtime=town.as_("bob"))
    assert counting(town, case) == ["ann", "bob"]


def test_where_there_are_roles_not_even_the_first_key_registers_itself(town: Town, case: Case) -> None:
    grant(town.store, "bob", "approver", runtime=town.as_("ann"))
    with pytest.raises(RefusedError, match="not registered"):
        approve(town.store, case, runtime=town.as_("bob"))


def test_another_verdict_ends_it_and_is_named(town: Town, case: Case) -> None:
    approve(town.store, case, runtime=town.as_("ann"))
    failed = town.verdict(case.manifest, "latency", "fail")
    text = why_not(town, other(case, verdicts=(case.verdicts[0], failed)))
    assert "no longer counts: 'latency' was judged anew (was inconclusive, is fail)" in text
    again = town.verdict(case.manifest, "loads", "pass")
    assert "'loads' was judged anew (pass again)" in why_not(town, other(case, verdicts=(again, case.verdicts[1])))
    assert "the verdict of 'loads' that it showed is not shown any more" in why_not(
        town, other(case, verdicts=case.verdicts[1:])
    )
    more = town.verdict(case.manifest, "fair")
    assert "'fair' was judged since" in why_not(town, other(case, verdicts=(*case.verdicts, more)))


def test_a_changed_word_of_a_verdict_ends_it(town: Town, case: Case) -> None:
    approve(town.store, case, runtime=town.as_("ann"))
    changes: list[dict[str, Any]] = [
        {"outcome": "fail"},
        {"figures": [{"v": 1}]},
        {"judged_by": "eve"},
        {"data": {"n": 7}},
    ]
    for change in changes:
        changed = msgspec.structs.replace(case.verdicts[0], **change)
        assert counting(town, other(case, verdicts=(changed, case.verdicts[1]))) == []


def test_another_manifest_base_or_definition_of_a_gate_ends_it(town: Town, case: Case) -> None:
    approve(town.store, case, runtime=town.as_("ann"))
    assert "the definition of the gates changed" in why_not(town, other(case, gates_digest="01"))
    second = town.manifest(quick="quick@2", check="check@1")
    assert f"it is of {case.manifest.id}, not of {second.id}" in why_not(town, town.case(second, gates="00"))
    town.move(second)
    moved = town.case(case.manifest, *case.verdicts)
    assert f"production was at nothing then, and is at {second.id} now" in why_not(town, moved)


def test_it_says_nothing_of_another_environment(town: Town, case: Case) -> None:
    approve(town.store, case, runtime=town.as_("ann"))
    assert counting(town, other(case, environment="trial")) == []


def test_approvals_from_before_the_last_release_are_not_brought_up_again(town: Town, case: Case) -> None:
    approve(town.store, case, runtime=town.as_("ann"))
    town.pass_(hours=1)
    town.move(case.manifest)
    next_one = town.case(town.manifest(quick="quick@2", check="check@1"))
    assert why_not(town, next_one) == ""


def test_it_expires(town: Town, case: Case) -> None:
    approve(town.store, case, runtime=town.as_("ann"), wanted=Wanted(expires="7d"))
    town.pass_(days=7, seconds=-1)
    assert counting(town, case) == ["ann"]
    town.pass_(seconds=1)
    assert "expired 2026-01-08" in why_not(town, case)


def test_a_revoked_key_ends_what_it_signed(town: Town, case: Case) -> None:
    made = approve(town.store, case, runtime=town.as_("ann"))
    revoke_key(town.store, made.signature["key"], runtime=town.as_("ann"))
    assert "its key was revoked" in why_not(town, case)
    with pytest.raises(RefusedError, match="was revoked"):
        approve(town.store, case, runtime=town.as_("ann"))


def test_who_may_not_approve_any_more_does_not_count(town: Town, case: Case) -> None:
    held = grant(town.store, "bob", "approver", runtime=town.as_("ann"))[-1]
    add_key(town.store, "bob", runtime=town.as_("ann"))
    approve(town.store, case, runtime=town.as_("bob"))
    assert counting(town, case) == ["bob"]
    revoke(town.store, held.id, runtime=town.as_("ann"))
    assert "they may not approve there any more" in why_not(town, case)


def test_only_who_may_approves_and_only_as_what_they_may(town: Town, case: Case) -> None:
    grant(town.store, "bob", "approver:security", runtime=town.as_("ann"))
    grant(town.store, "cid", "approver", runtime=town.as_("ann"), reach=Reach(group="ads"))
    for who in ("bob", "cid"):
        add_key(town.store, who, runtime=town.as_("ann"))
    with pytest.raises(ForbiddenError, match="approve as legal"):
        approve(town.store, case, runtime=town.as_("bob"), wanted=Wanted("legal"))
    approve(town.store, case, runtime=town.as_("bob"), wanted=Wanted("security"))
    with pytest.raises(ForbiddenError, match="for the group 'ads' only"):
        approve(town.store, case, runtime=town.as_("cid"), wanted=Wanted(groups=["trust"]))
    with pytest.raises(ConfigError, match="as 'boss'"):
        approve(town.store, case, runtime=town.as_("bob"), wanted=Wanted("boss"))


def test_n_of_m_by_role_without_the_author(town: Town, case: Case) -> None:
    for who in ("bob", "cid"):
        grant(town.store, who, "approver", runtime=town.as_("ann"))
    for who in ("ann", "bob", "cid"):
        add_key(town.store, who, runtime=town.as_("ann"))
    rule = approved_by("approver", 2, not_author=True)
    owners = approved_by("owner", not_author=True)

    def holds() -> tuple[bool, bool]:
        with town.store.catalogue.read() as tx:
            facts, reasons = valid_approvals(tx, case, town.clock.now())
        known = Facts(approvals=tuple(facts), now=town.clock.now(), author=case.author, not_counted=tuple(reasons))
        return rule.evaluate(known).holds, owners.evaluate(known).holds

    approve(town.store, case, runtime=town.as_("ann"))
    approve(town.store, case, runtime=town.as_("bob"))
    approve(town.store, case, runtime=town.as_("bob"))
    assert holds() == (False, False)
    approve(town.store, case, runtime=town.as_("cid"))
    assert holds() == (True, False)


def wrong_with(tx: Transaction, record: ApprovalRecord) -> Reason | None:
    return tampering(record, tx.project, known_keys(tx))


def forged(record: ApprovalRecord, **body: object) -> ApprovalRecord:
    changed = {**record.body, **body}
    fields: dict[str, Any] = {"body": changed, "id": approval_id(changed, record.signature)}
    fields |= {name: value for name, value in body.items() if name in ("plan", "kind")}
    return msgspec.structs.replace(record, **fields)


def test_a_changed_body_is_named(town: Town, case: Case) -> None:
    made = approve(town.store, case, runtime=town.as_("ann"))
    with town.store.catalogue.read() as tx:
        assert wrong_with(tx, made) is None
        changes: dict[str, Any] = {"kind": "legal", "plan": "ff" * 20, "verdicts": [], "note": "!", "project": "x"}
        for name, value in changes.items():
            wrong = wrong_with(tx, forged(made, **{name: value}))
            assert wrong is not None
            assert made.by in wrong.text


def test_columns_that_differ_from_what_was_signed_are_named(town: Town, case: Case) -> None:
    made = approve(town.store, case, runtime=town.as_("ann"), wanted=Wanted(expires="7d"))
    with town.store.catalogue.read() as tx:
        for name, value in (("kind", "legal"), ("expires_at", None), ("environment", "trial"), ("id", "approval_0")):
            wrong = wrong_with(tx, msgspec.structs.replace(made, **{name: value}))
            assert wrong is not None
            assert name in wrong.text
        wrong = wrong_with(tx, msgspec.structs.replace(made, by="bob"))
        assert wrong is not None
        assert "was signed by ann" in wrong.text


def test_a_foreign_key_and_a_changed_signature_are_named(town: Town, case: Case) -> None:
    made = approve(town.store, case, runtime=town.as_("ann"))
    eve = sign("eve", DOMAIN, made.body)
    as_ann = replace(sign("ann", DOMAIN, made.body), key=eve.key)
    cut = {**made.signature, "value": "00" * 64}
    elsewhere = sign("ann", "waiver", made.body).to_dict()
    with town.store.catalogue.read() as tx:
        for signature, said in (
            (eve.to_dict(), "was signed by eve"),
            (as_ann.to_dict(), "is not what was signed"),
            (cut, "is not what was signed"),
            (elsewhere, "is not what was signed"),
            ({"signer": "ann"}, "lacks"),
        ):
            record = msgspec.structs.replace(made, signature=signature, id=approval_id(made.body, signature))
            wrong = wrong_with(tx, record)
            assert wrong is not None
            assert said in wrong.text


def test_an_approval_with_a_key_that_nobody_registered_does_not_count(
    town: Town, case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = approve(town.store, case, runtime=town.as_("ann"))
    monkeypatch.setenv("SOROI_KEYS", str(tmp_path_factory.mktemp("eve")))
    signature = sign("ann", DOMAIN, made.body).to_dict()
    forged = msgspec.structs.replace(made, signature=signature, id=approval_id(made.body, signature))
    with town.store.catalogue.write() as tx:
        tx.approvals.add(forged)
        judged, damaged = judged_approvals(tx, case, town.clock.now())
    assert damaged == []
    assert [one.why_not is None for one in judged] == [True, False]
    assert judged[1].why_not is not None
    assert "a key that is not registered to ann" in judged[1].why_not.text
