"""Incidents: opened once, closed once, found again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from soroi.base.errors import ConflictError, UnknownNameError
from soroi.store import Catalogue, IncidentRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INCIDENT = IncidentRecord(
    id="incident_1", category="rollout", title="m2 errs", body={"rollout": "rollout_1"}, by="watch", at=NOW
)


def test_an_incident_is_opened_once_and_closed_once(catalogue: Catalogue) -> None:
    later = NOW + timedelta(days=1)
    with catalogue.write() as tx:
        assert tx.incidents.open(INCIDENT)
        assert not tx.incidents.open(msgspec.structs.replace(INCIDENT, title="another"))
        assert tx.incidents.get("incident_1") == INCIDENT
        assert tx.incidents.all(is_open=True) == [INCIDENT]
        closed = tx.incidents.close(INCIDENT, by="bob", at=later, body={"cause": "a slow model"})
        with pytest.raises(ConflictError, match="incident_1 is not open"):
            tx.incidents.close(INCIDENT, by="bob", at=later)
    with catalogue.read() as tx:
        assert tx.incidents.all(is_open=True) == []
        assert tx.incidents.all() == [closed]
    assert (closed.status, closed.closed_at, closed.body) == ("closed", later, {"cause": "a slow model"})


def test_the_newest_incident_comes_first_and_an_unknown_one_is_said(catalogue: Catalogue) -> None:
    second = msgspec.structs.replace(INCIDENT, id="incident_2")
    with catalogue.write() as tx:
        tx.incidents.open(INCIDENT)
        tx.incidents.open(second)
        assert tx.incidents.all() == [second, INCIDENT]
        assert tx.incidents.close(INCIDENT, by="bob", at=NOW).body == INCIDENT.body
        with pytest.raises(UnknownNameError, match="no incident 'x'"):
            tx.incidents.get("x")
