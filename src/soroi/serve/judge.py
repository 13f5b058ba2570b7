"""The gate "loads and answers": a manifest must load here and answer rows of its own data before it is released."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from soroi.base.errors import SoroiError
from soroi.base.reason import Reason
from soroi.release.manifest import Manifest, read_manifest
from soroi.rules import Finding
from soroi.serve.answer import Outcome
from soroi.serve.cascade import Budget
from soroi.serve.engine import Engine
from soroi.serve.evaluation import Evaluation, describe
from soroi.serve.loading import load_snapshot
from soroi.serve.runner import Late
from soroi.serve.saying import say
from soroi.serve.snapshot import DecisionPart, Snapshot
from soroi.serve.view import Serving
from soroi.store import AnswerLog, RowLog, Store

_ENOUGH_SECONDS = 60.0


def judge_loads(store: Store, manifest: str, *, module: str, home: Path) -> Finding:
    """Judge whether a manifest loads and answers: every part read and proven, every decision asked for real.

    Args:
        store: The store.
        manifest: Id of the manifest.
        module: Name of the module with the declarations.
        home: Folder of the project.
    """
    try:
        with store.catalogue.read() as tx:
            found = read_manifest(tx, manifest)
        verify_files(store, found)
        snapshot = load_snapshot(store, found, module=module, home=home)
        reasons = answer_apart(snapshot)
    except Exception as error:  # whatever keeps it from loading here keeps it from being released
        facts = error.to_dict() if isinstance(error, SoroiError) else {}
        why = Reason("error", describe(error), manifest, facts=facts)
        return Finding(False, Reason("loads", f"{manifest} does not load here", manifest, because=(why,)))
    bad = tuple(reason for reason in reasons if reason.kind != "answers")
    if bad:
        return Finding(False, Reason("loads", f"{manifest} loads, but does not answer", manifest, because=bad))
    return Finding(True, Reason("loads", f"{manifest} loads and answers", manifest, because=tuple(reasons)))


def rehearse(engine: Engine, serving: Serving) -> list[Reason]:
    """Ask every decision about a few rows of its spine, with time enough, writing nothing down.

    Every model of its cascade is asked, also those that a sure answer before them would spare.

    Returns:
        A reason per decision; its kind is ``answers`` when all is well.
    """
    return [_rehearse_one(engine, serving, part) for part in serving.snapshot.decisions.values()]


def verify_files(store: Store, manifest: Manifest) -> None:
    """Read the files of all models, those too that answering does without, because a scorer was compiled of them.

    Args:
        store: The store.
        manifest: Whose models.

    Raises:
        CorruptError: One is missing, or not what its digest says; names it.
    """
    with store.catalogue.read() as tx:
        records = tx.versions.get_many(set(manifest.picks.values()))
    for record in records.values():
        for name, key in record.outputs.items():
            if name.startswith("file:"):
                store.objects.get(key, what=f"{name} of {record.id}")


def answer_apart(snapshot: Snapshot) -> list[Reason]:
    """Ask every decision of a manifest in an engine of its own, writing nothing down; see :func:`rehearse`."""
    with tempfile.TemporaryDirectory(prefix="soroi-judge-") as folder:
        engine = Engine(AnswerLog(Path(folder)), RowLog(Path(folder)))
        try:
            serving = engine.switch(snapshot, environment="judge", revision=0)
            return rehearse(engine, serving)
        finally:
            engine.close()


def _rehearse_one(engine: Engine, serving: Serving, part: DecisionPart) -> Reason:
    rows = part.spine.trusted(part.sample)
    evaluation = Evaluation(part.spine, rows, serving.tables.view)
    places = np.arange(len(rows), dtype=np.intp)
    faults: list[Reason] = []
    for step in part.asked:
        try:
            failures = engine.runner.run(partial(evaluation.score, step.model, places), _ENOUGH_SECONDS).failures
        except Late:
            text = f"'{step.name}' was not done after {_ENOUGH_SECONDS:g} s"
            faults.append(Reason(Outcome.LATE.value, text, step.name))
            continue
        if len(failures) == len(rows):
            outcome, why = failures[0]
            faults.append(Reason(outcome.value, f"'{step.name}' answers none of {len(rows)} rows: {why}", step.name))
    budget = Budget(_ENOUGH_SECONDS, time.perf_counter())
    given = engine.answer(serving, part, rows, engine.runtime.clock.now(), budget)
    for rule in part.rules:
        said = [say(rule, rows.row(place)) for place in range(len(rows))]
        if all(outcome is Outcome.RAISED for outcome, _, _ in said):
            faults.append(Reason("raised", f"the rule '{rule.name}' answers no row: {said[0][1]}", rule.name))
    if faults:
        return Reason("fault", f"'{part.node}' does not answer as declared", part.node, because=tuple(faults))
    kinds = sorted({answer.path[-1].name for answer in given.answers})
    text = f"'{part.node}' answered {len(rows)} rows of '{part.spine.source}' by {', '.join(kinds)}"
    return Reason("answers", text, part.node, facts={"milliseconds": given.details[0].milliseconds})
