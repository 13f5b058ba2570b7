"""A rollout as it is declared: who is compared by which key, in which steps, under which guards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import msgspec

from soroi.base.duration import brief, duration
from soroi.base.errors import ConfigError, did_you_mean
from soroi.store import RolloutRecord

EACH_ANSWER = "answer id"
"""The key that says by name that there is none: every request is drawn by itself."""

BASE, CHALLENGER, SHADOW = "base", "challenger", "shadow"
"""The arms that an answer can be of."""

Mode = Literal["shadow", "canary", "split"]
Measure = Literal["errors", "latency", "actions", "disagreement", "quality", "business"]

_MEASURES: dict[str, str] = {
    "errors": "answers in which a step fell, or no step answered",
    "latency": "answers that took longer than a limit",
    "actions": "answers with the positive action, more or fewer",
    "disagreement": "shadow answers with another action than the one returned",
    "quality": "answers whose outcome, once known, was wrong",
    "business": "mean of a named figure of the outcome",
}


@dataclass(frozen=True)
class Guard:
    """What ends a rollout: something is worse with the challenger, by evidence that may be looked at all the time."""

    measure: Measure
    """What is watched; see :data:`Measure`."""

    tolerance: float = 1.2
    """How many times as often it may happen with the challenger as with the base, at least 1."""

    most: float | None = None
    """Instead: the largest share of the challenger's own answers, in (0, 1)."""

    over: float | None = None
    """Of ``latency``: the limit in milliseconds. ``None``: what 95 % of the base's last answers stayed within."""

    outcome: str | None = None
    """Of ``quality`` and ``business``: name of the figure in the outcome."""

    low: float = 0.0
    """Of ``business``: smallest value that counts; smaller ones count as this."""

    high: float = 1.0
    """Of ``business``: largest value that counts. A lower mean is worse."""

    def __post_init__(self) -> None:
        if self.measure not in _MEASURES:
            raise ConfigError(f"no guard is called '{self.measure}'", hint=did_you_mean(self.measure, _MEASURES))
        if self.tolerance < 1.0:
            raise ConfigError(f"tolerance={self.tolerance} of the guard '{self.measure}' is less than 1")
        if self.most is not None and not 0.0 < self.most < 1.0:
            raise ConfigError(f"most={self.most} of the guard '{self.measure}' is not a share between 0 and 1")
        if self.measure == "disagreement" and self.most is None:
            raise ConfigError("the guard 'disagreement' needs the largest share", hint="such as disagreement:0.05")
        if self.measure in ("quality", "business") and not self.outcome:
            raise ConfigError(
                f"the guard '{self.measure}' needs the name of the outcome's figure",
                hint=f"such as {self.measure}:name",
            )
        if not self.low < self.high:
            raise ConfigError(f"low={self.low} of the guard '{self.measure}' is not below high={self.high}")

    @property
    def waits_for_outcomes(self) -> bool:
        """Whether it says nothing before outcomes are known."""
        return self.measure in ("quality", "business")

    @property
    def name(self) -> str:
        """How it is called in reports."""
        return f"{self.measure} ({self.outcome})" if self.outcome else self.measure

    @property
    def doc(self) -> str:
        """What it watches."""
        return _MEASURES[self.measure]

    @classmethod
    def parse(cls, text: str) -> Guard:
        """Read a guard as it is written on a command line.

        ``errors``, ``errors:1.5`` (times as often), ``errors:0.02`` (largest share), ``latency:40ms``,
        ``latency:40ms:0.01``, ``actions:1.3``, ``disagreement:0.05``, ``quality:wrong``, ``business:revenue:0:500``.

        Raises:
            ConfigError: It is none of these.
        """
        measure, *rest = text.split(":")
        given: dict[str, Any] = {}
        try:
            if measure == "latency" and rest and rest[0][-1:].isalpha():
                given["over"] = duration(rest.pop(0)).total_seconds() * 1000.0
            if measure in ("quality", "business") and rest:
                given["outcome"] = rest.pop(0)
            if measure == "business" and len(rest) == 2:
                given |= {"low": float(rest.pop(0)), "high": float(rest.pop(0))}
            if rest:
                number = float(rest.pop(0))
                given["most" if number < 1.0 else "tolerance"] = number
            if rest:
                raise ValueError(f"'{':'.join(rest)}' is left over")
        except ValueError as error:
            raise ConfigError(
                f"'{text}' is not a guard: {error}", hint="such as errors, errors:1.5, latency:40ms, disagreement:0.05"
            ) from None
        return cls(measure, **given)  # type: ignore[arg-type]  # checked where it is made


@dataclass(frozen=True)
class RolloutStep:
    """One step on the way."""

    share: float
    """Share of the key's values that the challenger answers (shadow: answers as well), in (0, 1]."""

    seconds: float = 0.0
    """How long it lasts at least."""

    answers: int = 0
    """How many answers of the challenger it takes at least."""

    @classmethod
    def of(cls, given: Any) -> RolloutStep:
        """A step as people give it: a share, ``(share, time, answers)``, or text such as ``5%:1h:1000``.

        Raises:
            ConfigError: It is none of these, or no share.
        """
        try:
            if isinstance(given, RolloutStep):
                step = given
            elif isinstance(given, str):
                share, span, least, *_ = [*given.split(":"), "", ""]
                number = float(share.removesuffix("%")) / (100.0 if share.endswith("%") else 1.0)
                step = cls(number, duration(span).total_seconds() if span else 0.0, int(least or 0))
            elif isinstance(given, int | float):
                step = cls(float(given))
            else:
                number, span, least = (*given, 0, 0)[:3]
                seconds = duration(span).total_seconds() if isinstance(span, str | timedelta) else float(span)
                step = cls(float(number), seconds, int(least))
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{given!r} is not a step: {error}", hint="such as (0.05, '1h', 1000)") from None
        if not 0.0 < step.share <= 1.0 or step.seconds < 0 or step.answers < 0:
            raise ConfigError(f"{given!r} is not a step", hint="a share in (0, 1], a time and a number of answers")
        return step

    def __str__(self) -> str:
        return f"{self.share:.3g} for at least {brief(self.seconds)} and {self.answers} answers"


DEFAULT_STEPS = (RolloutStep(0.01, 3600.0, 1000), RolloutStep(0.05, 3600.0, 1000), RolloutStep(0.25, 3600.0, 1000))
"""1 % → 5 % → 25 %, each for an hour and a thousand answers; then the head moves."""

DEFAULT_GUARDS = (Guard("errors"), Guard("latency", tolerance=1.25), Guard("actions", tolerance=1.25))
SHADOW_GUARDS = (Guard("errors"), Guard("latency", tolerance=2.0))
"""A shadow answers when there is time for it, so its times compare less closely."""


@dataclass(frozen=True)
class RolloutPlan:
    """A rollout as it was declared. Never changes once begun."""

    key: str
    """Column whose value says which arm a request belongs to, or :data:`EACH_ANSWER`."""

    mode: Mode = "canary"
    """``shadow``: the challenger answers as well, and is never returned; ``canary``: it answers for a growing share;
    ``split``: for a share that stays."""

    steps: tuple[RolloutStep, ...] = DEFAULT_STEPS
    """The steps, shares rising. Behind the last of them the challenger becomes the head (a shadow just ends)."""

    guards: tuple[Guard, ...] = DEFAULT_GUARDS
    """What ends it."""

    advance: Literal["by hand", "auto"] = "by hand"
    """Who takes the next step when it is due."""

    error: float = 0.05
    """With what probability any guard ever ends it though the challenger is as good, over all looks."""

    @classmethod
    def of(
        cls,
        key: str,
        *,
        mode: str = "canary",
        steps: Sequence[Any] = (),
        guards: Sequence[Guard | str] | None = None,
        advance: str = "by hand",
        error: float = 0.05,
    ) -> RolloutPlan:
        """A plan as people give it; see the fields. A last step of 1 says what happens anyway, and is left out.

        Raises:
            ConfigError: Something in it makes no sense; names it.
        """
        if mode not in ("shadow", "canary", "split"):
            raise ConfigError(f"no rollout has the mode '{mode}'", hint="shadow, canary or split")
        if advance not in ("by hand", "auto"):
            raise ConfigError(f"advance='{advance}' is not known", hint="'auto', or leave it out to advance by hand")
        if not 0.0 < error < 1.0:
            raise ConfigError(f"error={error} is not a probability", hint="such as error=0.05")
        if not key:
            raise ConfigError(
                "a rollout needs the column that an arm sticks to",
                hint=f"such as key='passenger_id'; key='{EACH_ANSWER}' when there is none",
            )
        usual = {"shadow": (RolloutStep(1.0, 3600.0, 1000),), "split": (RolloutStep(0.5, 3600.0, 1000),)}
        taken = tuple(RolloutStep.of(one) for one in steps) or usual.get(mode, DEFAULT_STEPS)
        if mode != "shadow" and len(taken) > 1 and taken[-1].share == 1.0:
            taken = taken[:-1]
        shares = [one.share for one in taken]
        if shares != sorted(set(shares)):
            raise ConfigError(f"the shares do not rise: {', '.join(f'{one:g}' for one in shares)}")
        if mode != "shadow" and shares[-1] >= 1.0:
            raise ConfigError("nothing is left to compare with at a share of 1", hint="soroi release makes it the head")
        if mode == "split" and len(taken) > 1:
            raise ConfigError("a split has one share that stays", hint="mode='canary' has steps")
        usual_guards = SHADOW_GUARDS if mode == "shadow" else DEFAULT_GUARDS
        watched = tuple(Guard.parse(one) if isinstance(one, str) else one for one in guards or ())
        watched = usual_guards if guards is None else watched
        for one in watched:
            _check_guard(one, mode)
        return cls(key, mode, taken, watched, advance, error)  # type: ignore[arg-type]  # checked above


def _check_guard(guard: Guard, mode: str) -> None:
    if guard.measure == "disagreement" and mode != "shadow":
        raise ConfigError(
            "disagreement can only be seen where both answer", hint="mode='shadow'; or leave the guard out"
        )
    if guard.waits_for_outcomes and mode == "shadow":
        raise ConfigError(
            f"the outcomes of a shadow's answers are those of the answers returned, so '{guard.name}' says nothing",
            hint="mode='canary' or 'split'; or leave the guard out",
        )


@dataclass(frozen=True)
class Terms:
    """What a rollout was begun under: its plan, and what was fixed then."""

    plan: RolloutPlan
    """The plan."""

    base_revision: int
    """Revision of the head that it was begun on. It holds only while the head is there."""

    latency: Mapping[str, float] = field(default_factory=dict)
    """The limit of each decision that takes part, in milliseconds. These are the decisions that are compared."""

    reason: str = ""
    """Why, in the words of who began it."""

    groups: tuple[str | None, ...] = ()
    """Groups of the nodes that differ between base and challenger, ``None`` for nodes of no group: who moves it needs
    the role for all of them."""

    @property
    def error_each(self) -> float:
        """The part of the error that each guard of each decision may spend."""
        return self.plan.error / max(len(self.plan.guards) * len(self.latency), 1)


def terms_of(record: RolloutRecord) -> Terms:
    """What a rollout was begun under."""
    return msgspec.convert(record.body, Terms)


def step_of(record: RolloutRecord) -> int:
    """Place of the step that a rollout is at."""
    return int(record.state["step"])


def unit_of(rollout: str, value: Any) -> str:
    """A value of the key as it is recorded with answers: a hash salted by the rollout, 16 hexadecimal characters."""
    return hashlib.blake2b(f"{rollout}\0{value}".encode(), digest_size=8).hexdigest()


def is_challenger(unit: str, share: float) -> bool:
    """Whether a unit is the challenger's at a share. Who is at one share is at every larger one."""
    return int(unit, 16) < share * 2.0**64
