"""``soroi decide``: decides on one row, or on every row of a file, without a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from soroi.cli.common import Common, opened
from soroi.cli.output import console, show, styled, table


def decide(
    decision: str,
    *,
    input: str,  # noqa: A002 (the name of the option)
    output: Path,
    environment: str = "production",
    record: Annotated[bool, Parameter(negative="--no-record")] = True,
    together: Annotated[bool, Parameter(negative=())] = False,
    refused: Path | None = None,
    common: Common | None = None,
) -> int:
    """Decide on every row of a file or table, by what is live. The answers are the same as over HTTP.

    Args:
        decision: Id of the decision.
        input: A file of rows (.parquet, .csv, .jsonl, .ndjson), or the id of the decision's source.
        output: Where the answers go (.parquet, .csv, .jsonl, .ndjson). It is there whole, or not at all.
        environment: Whose release answers.
        record: Write the answers down in the answers log, so that soroi trace finds them.
        together: Ask rows together, many at a time: quicker where features are computed by Polars, whose last bits can
            then differ from those of a row asked alone, as a server is asked.
        refused: Set rows that are not what the source holds aside in this file of JSON lines, and go on.
    """
    common = common or Common()
    with opened(common) as project:
        from soroi.project.deciding import Batch, decide_batch

        batch = Batch(decision, input, output, environment, record, together, refused)
        done = decide_batch(project, batch, _Progress())
    rate = f"{done.rows / done.seconds:,.0f} a second" if done.seconds else ""
    rows = [[action, f"{count:,}", f"{count / done.rows:.1%}"] for action, count in done.actions.most_common()]
    falls = [styled(f"{count:,} × {fall.replace('_', ' ')}", "yellow") for fall, count in done.falls.most_common()]
    aside = [styled(f"{done.refused:,} rows refused: {refused}", "yellow")] if done.refused else []
    title = f"{done.rows:,} rows decided by {done.manifest} in {done.seconds:.1f} s ({rate}): {done.output}"
    show(common, done.to_dict, styled(title, "bold"), table(["action", "rows", "share"], rows), *falls, *aside)
    return 0


class _Progress:
    """A line now and then, on standard error."""

    def __init__(self) -> None:
        self._out = console(sys.stderr)
        self._told = 0

    def __call__(self, done: int, total: int | None) -> None:
        if done - self._told >= 50_000:
            self._told = done
            self._out.print(styled(f"{done:,} of {total:,} rows" if total else f"{done:,} rows", "dim"))
