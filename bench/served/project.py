"""soroi with one of the models: a project whose decision takes a row as it comes, built, released and served whole.

    python -m bench.served.project fill --model a --work DIR
    python -m bench.served.project serve --model a --work DIR --port 8000 --variant native

Variants: ``native``, ``asgi``, and ``bare``, which is native without the record: nothing is encoded for it or written.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.peers.serving_common import Asked, Task, run
from bench.served.examples import COLUMNS, HELD, MODELS, TEXT, asked, fitted, is_text, labelled, probabilities

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(minutes=10)

CODE = '''"""A decision about things, by one model."""

import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import soroi as so

COLUMNS = {columns!r}


@so.source(key="id", time="at", files=so.file("things.parquet"))
def things() -> pl.LazyFrame:
    """What is decided on."""
    return pl.scan_parquet("things.parquet").select("id", "at", *COLUMNS)


@so.source(key="id", time="at", files=so.file("things.parquet"))
def outcomes() -> pl.LazyFrame:
    """What became of it."""
    return pl.scan_parquet("things.parquet").select("id", "at", "bad")


@so.features(things)
def handed(things: pl.LazyFrame) -> pl.LazyFrame:
    """The columns as they come."""
    return things.select("id", *COLUMNS)


@so.dataset(handed, outcomes)
def examples(handed: pl.LazyFrame, outcomes: pl.LazyFrame) -> pl.LazyFrame:
    """Things with what became of them."""
    return outcomes.join(handed, on="id")


@so.model(examples, target="bad", features=[handed], split=so.by_time(test="{half}m", calibration="{half}m"))
def {model}(train: pl.DataFrame):
    """The model that is measured."""
    X, y = so.xy(train)
    return {estimator}.fit(X, y)


cut = so.threshold({model}, maximise=so.f1)
answer = so.decision(
    cascade=[cut], deadline="1s", positive="stop", negative="go", fail_safe="go",{domain}
)
'''

ESTIMATORS = {
    "a": "make_pipeline(StandardScaler(), LogisticRegression())",
    "b": "HistGradientBoostingClassifier(max_iter=200, early_stopping=False, random_state=0)",
    "c": 'make_pipeline(make_column_transformer((TfidfVectorizer(max_features=20_000), "text")),'
    " LogisticRegression(max_iter=500))",
}
DOMAIN = "\n    domain=dict.fromkeys(COLUMNS, so.between(-100, 100)),"
CONFIG = '[project]\nname = "answers"\nmodule = "answers"\n'


def write(model: str, folder: Path) -> None:
    """Write the project of a model, with its data."""
    import polars as pl

    folder.mkdir(parents=True)
    columns = (TEXT,) if is_text(model) else COLUMNS
    half = HELD * EVERY // timedelta(minutes=2)
    domain = "" if is_text(model) else DOMAIN
    code = CODE.format(half=half, model=model, columns=columns, estimator=ESTIMATORS[model], domain=domain)
    (folder / "answers.py").write_text(code, "utf-8")
    (folder / "soroi.toml").write_text(CONFIG, "utf-8")
    rows, labels = labelled(model)
    named: dict[str, Any] = {TEXT: rows} if is_text(model) else dict(zip(COLUMNS, rows.T, strict=True))
    when = [START + EVERY * place for place in range(len(labels))]
    ids = [f"t{place:06d}" for place in range(len(labels))]
    pl.DataFrame({"id": ids, "at": when, **named, "bad": labels}).write_parquet(folder / "things.parquet")


def save(task: Task) -> Asked:
    """Build and release the project of a model; what it is asked, and what its model says of that alone."""
    import soroi

    folder = task.work / "project"
    write(task.model, folder)
    with soroi.open(folder) as project:
        built = project.build()
        if not built.ok:
            raise RuntimeError("; ".join(str(one.error) for one in built.failed))
        project.stage(everything=True)
        project.release()
    rows = [{TEXT: one} if is_text(task.model) else dict(zip(COLUMNS, one, strict=True)) for one in asked(task.model)]
    bodies = [json.dumps({"row": {"id": f"n{place}", **row}}) for place, row in enumerate(rows)]
    # a row that no model answered has no score, which counts as an error
    said = probabilities(fitted(task.model), task.model)
    return Asked(
        f"soroi {soroi.__version__}", "/decisions/answer", bodies, said, ("answer", "score"), wrong='"score":null'
    )


def serve(task: Task) -> None:
    """Serve it by the command that everybody uses."""
    from soroi.cli.main import main

    if task.variant == "bare":
        leave_out_records()
    protocol = "asgi" if task.variant == "asgi" else "native"
    sys.argv = ["soroi", "serve", "--port", str(task.port), "--protocol", protocol, "--project"]
    sys.argv.append(str(task.work / "project"))
    main()


def leave_out_records() -> None:
    """Answer without a record: there is no option for that, as no decision may be without."""
    from soroi.serve import prompt
    from soroi.serve.recording import Recorder

    def nothing(*_given: Any) -> None:
        return None

    prompt._Record = nothing  # type: ignore[assignment, misc]
    Recorder.keep = nothing  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    assert set(ESTIMATORS) == set(MODELS)
    run(save, serve)
