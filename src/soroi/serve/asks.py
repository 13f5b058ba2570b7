"""Asking a step that runs somebody's code: in a thread of this process, or in a worker process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from soroi.serve.answer import Outcome
from soroi.serve.breaker import Breakers, Overloaded
from soroi.serve.evaluation import Evaluation, Places, Scored
from soroi.serve.runner import Late, Runner, Ticket
from soroi.serve.saying import Said, say
from soroi.serve.snapshot import RulePart, StepPart


class Asks(Protocol):
    """Asks steps, each for a limited time."""

    def score(self, step: StepPart, evaluation: Evaluation, places: Places, seconds: float) -> Scored:
        """The scores of a step's model for some rows; what was computed on the way is in the evaluation then.

        Raises:
            Late: It was not done in time.
            Overloaded: It was not asked, because it would not have been.
            BaseException: What the call raised.
        """
        ...

    def say(self, rule: RulePart, evaluation: Evaluation, places: Sequence[int], seconds: float, said: Said) -> None:
        """Ask a rule about some rows. What it said of each is put into ``said``, also when it is late.

        Raises:
            Late: As above.
            Overloaded: As above.
            BaseException: As above.
        """
        ...


class ThreadAsks:
    """Asks in threads: a step that holds the interpreter holds everything up.

    Args:
        runner: Where steps run.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def score(self, step: StepPart, evaluation: Evaluation, places: Places, seconds: float) -> Scored:
        """See :meth:`Asks.score`."""
        return self._runner.run(lambda ticket: evaluation.score(step.model, places, ticket), seconds)

    def say(self, rule: RulePart, evaluation: Evaluation, places: Sequence[int], seconds: float, said: Said) -> None:
        """See :meth:`Asks.say`."""

        def call(ticket: Ticket) -> None:
            for place in places:
                ticket.check()
                said[place] = say(rule, evaluation.rows.row(place))

        self._runner.run(call, seconds)


class GuardedAsks:
    """Asks through others, and leaves a step alone that was late or raised again and again.

    Args:
        asks: What asks.
        breakers: What is known of the steps.
        manifest: The manifest whose steps they are.
    """

    def __init__(self, asks: Asks, breakers: Breakers, manifest: str) -> None:
        self._asks = asks
        self._breakers = breakers
        self._manifest = manifest

    def score(self, step: StepPart, evaluation: Evaluation, places: Places, seconds: float) -> Scored:
        """See :meth:`Asks.score`.

        Raises:
            Resting: The step is left alone.
        """
        with self._guarded(step.name, seconds) as came:
            scored = self._asks.score(step, evaluation, places, seconds)
            came.raised = all(why[0] is Outcome.RAISED for why in scored.failures.values()) and (
                len(scored.failures) >= len(places)
            )
            return scored

    def say(self, rule: RulePart, evaluation: Evaluation, places: Sequence[int], seconds: float, said: Said) -> None:
        """See :meth:`Asks.say`.

        Raises:
            Resting: The rule is left alone.
        """
        with self._guarded(rule.name, seconds) as came:
            self._asks.say(rule, evaluation, places, seconds, said)
            came.raised = all(one[0] is Outcome.RAISED for one in said.values())

    @contextmanager
    def _guarded(self, name: str, seconds: float) -> Iterator[_Came]:
        if seconds <= 0:
            raise Late
        breaker = self._breakers.of(self._manifest, name)
        breaker.enter()
        came = _Came()
        late = raised = False
        asked = True
        try:
            yield came
            raised = came.raised
        except Late:
            late = True
            raise
        except Overloaded:
            asked = False
            raise
        except BaseException:
            raised = True
            raise
        finally:
            breaker.leave(late=late, raised=raised, asked=asked)


class _Came:
    """What came of a guarded call."""

    raised = False
