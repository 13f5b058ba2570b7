"""``soroi trace``: what stands behind an answer, a version or a release."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from soroi.cli.common import Common, opened
from soroi.cli.output import show
from soroi.cli.reasons import reason_tree


def trace(text: str, *, replay: Annotated[bool, Parameter(negative=())] = False, common: Common | None = None) -> int:
    """From an answer, a version or a release to everything it rests on.

    Args:
        text: Id of an answer, a version or a manifest, or the beginning of one of the latter two.
        replay: Take the answer again, step by step, under the manifest that gave it, and compare to the last bit; with
            what each input did to the score. The exit status is 1 when something comes out otherwise.
    """
    common = common or Common()
    with opened(common) as project:
        if replay:
            from soroi.project.replaying import replay as take_again

            again = take_again(project, text)
            show(common, again.to_dict, reason_tree(again.reason.text, again.reason.because))
            return 0 if again.equal else 1
        from soroi.project.trace import trace as trace_of

        found = trace_of(project, text)
    show(common, found.to_dict(), reason_tree(found.reason.text, found.reason.because))
    return 0
