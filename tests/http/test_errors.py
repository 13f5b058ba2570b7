from __future__ import annotations

import pytest

from soroi.base.errors import (
    ConflictError,
    CorruptError,
    DataError,
    RequestError,
    SoroiError,
    StorageFullError,
    UnknownNameError,
)
from soroi.http.body import BodyError, EncodingError, TooLargeError
from soroi.http.errors import status_of
from soroi.serve import NotReadyError


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (BodyError, 400),
        (UnknownNameError, 404),
        (TooLargeError, 413),
        (EncodingError, 415),
        (RequestError, 422),
        (NotReadyError, 503),
        (StorageFullError, 503),
        (CorruptError, 503),
        (ConflictError, 500),
        (DataError, 500),
    ],
)
def test_each_kind_of_error_has_its_status(kind: type[SoroiError], status: int) -> None:
    assert status_of(kind("x")) == status
