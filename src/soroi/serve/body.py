"""Bodies of requests for decisions and rows: decoded without guessing."""

from __future__ import annotations

from typing import Any

import msgspec

from soroi.base.errors import RequestError, did_you_mean
from soroi.serve.values import shown


class BodyError(RequestError):
    """A body that cannot be read as a JSON document."""

    code = "malformed-body"


def decode_rows(body: bytes, *, single: bool) -> tuple[list[Any], bool]:
    """The rows of a body ``{"row": {…}}`` or ``{"rows": [{…}, …]}``.

    Args:
        body: The bytes.
        single: Whether ``row`` may be used.

    Returns:
        The rows, and whether it was a single one.

    Raises:
        BodyError: It is not JSON.
        RequestError: It is JSON of another form.
    """
    try:
        document = msgspec.json.decode(body)
    except RecursionError:
        raise BodyError("the body is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise BodyError(f"the body is not valid JSON: {error}") from None
    form = 'send {"row": {…}} or {"rows": [{…}, …]}' if single else 'send {"rows": [{…}, …]}'
    if not isinstance(document, dict):
        raise RequestError(f"the body is {shown(document)}, not an object", hint=form)
    known = ("row", "rows") if single else ("rows",)
    for name in document:
        if name not in known:
            told, hint = name[:80], did_you_mean(name[:80], known)
            raise RequestError(f"the body has an unknown field {told!a}", hint=hint or form, field=told)
    if len(document) != 1:
        problem = "both 'row' and 'rows'" if document else "no rows"
        raise RequestError(f"the body holds {problem}", hint=form)
    if "row" in document:
        return [document["row"]], True
    rows = document["rows"]
    if not isinstance(rows, list):
        raise RequestError(f"'rows' is {shown(rows)}, not a list", hint=form, field="rows")
    return rows, False
