"""Risk profiles: a complete set of gates for each kind of decision, with numbers to start from and their reasons.

One table; ``docs/gates.md`` shows it as it is here, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from soroi.declare.gate import GateSpec
from soroi.declare.gating import beats, data_checks, in_step, latency, loads, signed_off

ALWAYS = (
    replace(in_step(), why="a set whose parts were not made for each other is silently wrong"),
    replace(loads(), why="what does not load and answer here cannot answer the readers either"),
)
"""The gates of every release, whatever the profile. Nothing overrides them."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One risk profile."""

    name: str
    """``critical``, ``standard`` or ``availability``."""

    about: str
    """For which decisions it is meant."""

    gates: tuple[GateSpec, ...]
    """Its gates, besides those of every release."""


def _because(gate: GateSpec, why: str) -> GateSpec:
    return replace(gate, why=why)


_DEADLINE = "the deadline of the decision is its promise; answers that come later are fallbacks"

PROFILES: dict[str, Profile] = {
    "critical": Profile(
        "critical",
        "a wrong answer harms somebody, and is hard to undo: credit, health, safety, the law",
        (
            _because(
                data_checks(join_rate=0.98, positives=100),
                "two rows in a hundred lost in a join can be a whole group of people; under 100 positives the interval "
                "of recall is wider than ± 0.1",
            ),
            _because(
                beats("live", by=-0.01, mandatory=True),
                "at most one point worse than what answers now, shown: an equal one cannot be shown to be better",
            ),
            _because(
                beats("constant", by=0.05),
                "a model worth its risk is right at least five points more often, where it acts, than acting on all",
            ),
            _because(latency(), _DEADLINE),
            _because(
                signed_off("release", 2, not_author=True),
                "two people who did not make it: one pair of eyes misses what it hopes not to see",
            ),
            _because(signed_off("audit", not_author=True), "somebody answers for the evidence, not for the schedule"),
        ),
    ),
    "standard": Profile(
        "standard",
        "a wrong answer costs money or time and can be put right; one person may be all there is",
        (
            _because(
                data_checks(join_rate=0.90, positives=30),
                "one row in ten lost in a join is a broken join; under 30 positives no interval says anything",
            ),
            _because(
                beats("live", by=-0.05),
                "at most five points worse than what answers now, shown: wide enough for a week of fresh test rows",
            ),
            _because(
                beats("constant", by=0.0),
                "a model that is right no more often than acting on all is not worth running",
            ),
            _because(latency(), _DEADLINE),
        ),
    ),
    "availability": Profile(
        "availability",
        "no answer is worse than a middling one: routing, ranking, caching",
        (
            _because(
                data_checks(join_rate=0.80, positives=30, mandatory=False),
                "shown, and stops nothing: a release that mends an outage must not wait for the data",
            ),
            _because(
                beats("live", by=-0.10, mandatory=False),
                "shown, and stops nothing: answering matters more than answering best",
            ),
            _because(latency(), _DEADLINE + ", and this profile is about them"),
        ),
    ),
}
"""The profiles, by name."""


def profile_table() -> str:
    """The profiles as a Markdown table, one row for each gate."""
    lines = ["| profile | gate | asks for | mandatory | because |", "|---|---|---|---|---|"]
    lines += [_row("every release", gate, "always") for gate in ALWAYS]
    for profile in PROFILES.values():
        lines += [_row(profile.name, gate, "yes" if gate.mandatory else "no") for gate in profile.gates]
    return "\n".join(lines)


def _row(profile: str, gate: GateSpec, mandatory: str) -> str:
    return f"| {profile} | {gate.name} | {asked(gate)} | {mandatory} | {gate.why} |"


def asked(gate: GateSpec) -> str:
    """What a gate asks for, in words for people."""
    options = gate.options
    match gate.kind:
        case "latency":
            promise = "its deadline" if options["p99"] is None else f"{options['p99'] * 1000:g} ms"
            return f"99 of 100 answers within {promise}"
        case "beats":
            rival = {"live": "what answers now", "constant": "the best constant answer"}.get(
                options["other"], f"the rule {gate.function.__name__ if gate.function else ''}"
            )
            metric = options["metric"] or "what its threshold maximises"
            by = options["by"]
            more = f"better than {rival} by {by:g}" if by > 0 else f"better than {rival}" if by == 0 else ""
            return f"{metric}: {more or f'at most {-by:g} worse than {rival}'}"
        case "bound":
            return f"{options['metric']} {options['operator']} {options['level']:g}"
        case "data":
            return _data(gate)
        case "sign-off":
            others = ", not who staged it" if options["not_author"] else ""
            people = "person" if options["n"] == 1 else "people"
            return f"{options['n']} {people} sign off as {options['sign_off']}{others}"
        case "in step":
            return "every part made for the others"
        case "loads":
            return "a real process loads it, repeats its canary scores, and answers"
        case "without":
            return f"left out: {options['reason']}"
    return f"the function {gate.function.__name__}" if gate.function is not None else gate.kind


def _data(gate: GateSpec) -> str:
    options, told = gate.options, []
    if options["join_rate"] is not None:
        told.append(f"{options['join_rate'] * 100:g} % of the rows joined")
    if options["positives"] is not None:
        told.append(f"{options['positives']} positive test rows")
    if options["fresh_within"] is not None:
        told.append(f"no source older than {options['fresh_within'] / 86400:g} days")
    return ", ".join(told) or "nothing"
