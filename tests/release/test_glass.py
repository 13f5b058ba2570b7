"""Breaking the glass: by whom, with what reason, and that it stays visible."""

from __future__ import annotations

import pytest
from tests.release.people import Town

from soroi.base.errors import ForbiddenError, RefusedError
from soroi.base.reason import Reason
from soroi.release.glass import break_glass, broken_glass
from soroi.release.granting import grant

GATES = {"latency": Reason("gate", "90 ms, and 40 are allowed", "check")}


def test_every_overridden_gate_is_in_the_history_with_why(town: Town) -> None:
    manifest = town.manifest(check="check@1")
    with town.store.catalogue.write() as tx:
        break_glass(
            tx, town.as_("ann"), environment="production", manifest=manifest.id, gates=GATES, reason="all is down"
        )
    with town.store.catalogue.read() as tx:
        found = broken_glass(tx, manifest.id, "production")
        assert broken_glass(tx, manifest.id) == found
        assert broken_glass(tx, manifest.id, "trial") == []
        assert [(one.kind, one.by, one.body["reason"]) for one in found] == [
            ("release.broke_glass", "ann", "all is down")
        ]
        assert found[0].body["gates"]["latency"]["text"] == "90 ms, and 40 are allowed"


def test_it_needs_a_reason_and_somebody_who_may(town: Town) -> None:
    grant(town.store, "bob", "operator", runtime=town.as_("ann"))
    with town.store.catalogue.write() as tx:
        with pytest.raises(RefusedError, match="needs a reason"):
            break_glass(tx, town.as_("ann"), environment="production", manifest="m1", gates=GATES, reason=" ")
        with pytest.raises(ForbiddenError, match="bob may not override gates in 'production'"):
            break_glass(tx, town.as_("bob"), environment="production", manifest="m1", gates=GATES, reason="!")
        assert tx.events.list(kind="release.broke_glass") == []
