"""What can be wrong with data and functions: each named with its place and remedy, and the project usable after it."""

# ruff: noqa: E501 (a table: one wrong thing a line)
from __future__ import annotations

from typing import NamedTuple

import pytest
from tests.projects import CODE, SMALL, Maker, Tiny, edit, states

FIT = "    return LogisticRegression(C=strength).fit(X, y)\n"


class Wrong(NamedTuple):
    """A change to the small project that makes a node fail."""

    old: str
    new: str
    node: str
    """The node that fails."""
    code: str
    """Code of the error."""
    says: str
    hint: str
    at: str
    """A text of the line that is named."""


SELECT = '"id", "x", "bad", at=pl.col("at").str.to_datetime(time_zone="UTC", time_unit="us")'
JOIN = 'return basic.join(items.select("id", "at", "bad"), on="id")'

WRONG = {
    "a missing file": Wrong(
        'so.file("items.csv")', 'so.file("item.csv")', "items", "missing-file", "'item.csv', and no such file", "bring the file", "@so.source"
    ),
    "a missing file that is not declared": Wrong(
        'pl.scan_csv("outcomes.csv")', 'pl.scan_csv("gone.csv")', "items", "missing-file", "did not find a file", "check the path", "@so.source"
    ),
    "a missing file that the function opens": Wrong(
        "    rows = pl.scan_csv", "    open('gone.csv')\n    rows = pl.scan_csv", "items", "missing-file", "gone.csv", "check the path", "open("
    ),
    "a missing column": Wrong(
        '"id", "x", "bad", at', '"id", "xx", "bad", at', "items", "data", "ColumnNotFoundError", "a column is missing", "@so.source"
    ),
    "a missing key": Wrong(
        SELECT, SELECT.replace('"id", ', "") + ', ident="id"', "items", "data", "has no column 'id'", "its columns are", "@so.source"
    ),
    "a time that is text": Wrong(
        SELECT, '"id", "x", "bad", "at"', "items", "data", "column 'at' is String, not a time", "to_datetime(time_zone='UTC')", "@so.source"
    ),
    "a time without a zone": Wrong(
        'time_zone="UTC", time_unit="us")', 'format="%+").dt.replace_time_zone(None)', "items", "data", "'at' has no time zone", "replace_time_zone('UTC')", "@so.source"
    ),
    "a row without its time": Wrong(
        SELECT, SELECT.replace("at=", 'at=pl.when(pl.col("x") > 0).then(').rstrip(")") + "))", "items", "data", "rows have no 'at'", "drop or repair", "@so.source"
    ),
    "an empty source": Wrong(
        "    return rows.select", "    return rows.head(0).select", "items", "data", "source 'items' is empty", "check the files", "@so.source"
    ),
    "keys that repeat": Wrong(
        "    return rows.select", "    return pl.concat([rows, rows.head(2)]).select", "items", "data", "4 of 2402 rows share their key with another, such as id='i0000", "drop duplicates", "@so.source"
    ),
    "keys that are missing": Wrong(
        SELECT, SELECT.replace('"id", ', "") + ', id=pl.when(pl.col("x") < 2).then("id")', "items", "data", "have no value in the key (id)", "drop or repair", "@so.source"
    ),
    "a source that gives no rows": Wrong(
        "    return rows.select(\n        " + SELECT, "    return (rows, None", "items", "data", "returned tuple, not rows", "LazyFrame or DataFrame", "@so.source"
    ),
    "a raising source": Wrong(
        "    rows = pl.scan_csv", "    raise KeyError('zone')\n    rows = pl.scan_csv", "items", "build", "source 'items' raised KeyError: 'zone'", "soroi status items --log", "raise KeyError"
    ),
    "features that lose rows": Wrong(
        'items.select("id", "x")', 'items.select("id", "x").filter(pl.col("x") > 0)', "basic", "data", "rows for the 2400 rows of its spine", "use left joins", "@so.features"
    ),
    "features that repeat rows": Wrong(
        'items.select("id", "x")', 'pl.concat([items.select("id", "x")] * 2)', "basic", "data", "returned 4800 rows for the 2400", "left joins", "@so.features"
    ),
    "features for other rows": Wrong(
        'items.select("id", "x")', 'items.select(pl.col("id") + "x", "x")', "basic", "data", "2400 of them are missing", "left joins", "@so.features"
    ),
    "features without the key": Wrong(
        'items.select("id", "x")', 'items.select("x")', "basic", "data", "has no column 'id' (the key of its spine 'items')", "its columns are x", "@so.features"
    ),
    "features without features": Wrong(
        'items.select("id", "x")', 'items.select("id")', "basic", "data", "no column besides its key", "", "@so.features"
    ),
    "a query that fails when it runs": Wrong(
        'items.select("id", "x")', 'items.select("id", z=pl.col("id").cast(pl.Int64))', "basic", "data", "InvalidOperationError", "of another type", "@so.features"
    ),
    "a raising helper of features": Wrong(
        'return items.select("id", "x")', 'return {}["nothing"]', "basic", "build", "raised KeyError: 'nothing'", "--log", '{}["nothing"]'
    ),
    "a dataset without rows": Wrong(
        JOIN, JOIN + '.filter(pl.col("x") > 99)', "examples", "data", "has no rows", "check the joins", "@so.dataset"
    ),
    "a dataset with repeated rows": Wrong(
        JOIN, "rows = " + JOIN[7:] + "\n    return pl.concat([rows, rows])", "examples", "data", "share their key", "drop duplicates", "@so.dataset"
    ),
    "a dataset without time": Wrong(
        JOIN, JOIN + '.drop("at")', "examples", "data", "has no time column", "keep the column 'at'", "@so.dataset"
    ),
    "a low join rate": Wrong(
        "@so.dataset(basic, items)", "@so.dataset(basic.__wrapped__ if False else basic, items, join_rate=so.at_least(1.0))", "", "", "", "", ""
    ),
    "a target that is not there": Wrong(
        'target="bad"', 'target="good"', "guess", "data", "has no column 'good'", "the columns are", "@so.model"
    ),
    "a target that is no truth value": Wrong(
        '"id", "at", "bad")', '"id", "at", bad=pl.col("bad").cast(pl.Int8))', "guess", "data", "'bad' is Int8, not Boolean", "pl.col('bad') > 0", "@so.model"
    ),
    "a dataset without features": Wrong(
        JOIN, JOIN + '.rename({"x": "z"})', "guess", "data", "no feature columns", "@so.features", "@so.model"
    ),
    "a split longer than the data": Wrong(
        'test="7d"', 'test="40d"', "guess", "build", "the train part has 0 rows", "shorten split", "@so.model"
    ),
    "a part of one class": Wrong(
        JOIN, JOIN.replace('"bad")', 'bad=pl.col("bad") & (pl.col("at") < pl.datetime(2026, 2, 1, time_zone="UTC")))'), "guess", "build", "rows of a single class", "bring more data", "@so.model"
    ),
    "a raising training function": Wrong(
        FIT, '    raise ValueError("no luck")\n', "guess", "build", "model 'guess' raised ValueError: no luck", "soroi status guess --log", "no luck"
    ),
    "a training function that gets text": Wrong(
        'items.select("id", "x")', 'items.select("id", pl.col("x").cast(pl.String) + "!")', "guess", "build", "could not convert string to float", "--log", "fit(X, y)"
    ),
    "a training function that gives nothing": Wrong(FIT, "    return None\n", "guess", "", "NoneType", "", "@so.model"),
    "a model of a strangers type": Wrong(
        FIT, "    from sklearn.neighbors import KNeighborsClassifier\n    class Mine(KNeighborsClassifier): pass\n    return Mine().fit(X, y)\n", "guess", "unsafe-artefact", "Mine", "", "@so.model"
    ),
    "a message of many lines": Wrong(FIT, '    raise ValueError("one\\ntwo")\n', "guess", "build", "raised ValueError: one", "--log", "raise ValueError"),
    "no message": Wrong(FIT, "    raise ValueError\n", "guess", "build", "raised ValueError: no message", "--log", "raise ValueError"),
}  # fmt: skip
WRONG.pop("a low join rate")


def line_of(tiny: Tiny, text: str, node: str) -> int:
    """The line that is named: the one with the text; of a decorator, that of the node."""
    lines = (tiny.folder / "tiny.py").read_text().split("\n")
    if not text.startswith("@"):
        return next(number for number, line in enumerate(lines, 1) if text in line)
    named = next(number for number, line in enumerate(lines, 1) if line.startswith(f"def {node}("))
    return next(number for number in range(named, 0, -1) if lines[number - 1].startswith("@"))


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_with_place_and_remedy_and_the_project_goes_on(make: Maker, name: str) -> None:
    wrong = WRONG[name]
    tiny = make(SMALL)
    edit(tiny.folder, wrong.old, wrong.new)
    result = tiny.attempt()
    assert states(result)[wrong.node] == "failed"
    (failed,) = result.failed
    error = failed.error or {}
    assert wrong.says in error["message"]
    assert wrong.hint in (error["hint"] or "")
    assert wrong.code in ("", error["code"])
    assert wrong.node in error["message"] or wrong.node in str(error["where"])
    assert error["where"].rpartition("/")[2] == f"tiny.py:{line_of(tiny, wrong.at, wrong.node)}"
    edit(tiny.folder, wrong.new, wrong.old)
    assert tiny.build().ok
    assert tiny.project.stage(everything=True).manifest is not None


def test_a_low_join_rate_is_refused_and_says_what_was_joined(make: Maker) -> None:
    tiny = make(SMALL)
    edit(tiny.folder, "@so.dataset(basic, items)", "@so.dataset(basic, items, join_rate=so.at_least(0.9))")
    edit(tiny.folder, 'items.select("id", "at", "bad")', 'items.head(2000).select("id", "at", "bad")')
    (failed,) = tiny.attempt().failed
    assert failed.error is not None
    assert "holds 2000 of the 2400 rows of its first input: a join rate of 0.833, below the declared 0.9" in str(
        failed.reason
    )
    assert "never a negative label" in failed.error["hint"]


def test_a_moment_before_all_data_is_named(make: Maker) -> None:
    (failed,) = make(SMALL).attempt(as_of="2020-01-01").failed
    assert failed.error is not None
    assert "has 2400 rows, but none that was known before 2020-01-01" in failed.error["message"]
    assert "--as-of" in failed.error["hint"]


def test_features_of_one_name_from_two_nodes_are_refused(make: Maker) -> None:
    tiny = make(SMALL)
    more = '@so.features(items)\ndef again(items):\n    return items.select("id", "x")\n\n\n@so.dataset(basic, again, items)'
    edit(tiny.folder, "@so.dataset(basic, items)", more)
    edit(tiny.folder, "def examples(basic: pl.LazyFrame, items", "def examples(basic: pl.LazyFrame, again, items")
    (failed,) = tiny.attempt().failed
    assert "the column 'x' comes from 'basic' and from 'again'" in str(failed.reason)


def test_a_model_may_take_only_features_that_its_dataset_holds(make: Maker) -> None:
    tiny = make(SMALL)
    edit(
        tiny.folder,
        "@so.dataset(basic, items)",
        '@so.features(items)\ndef again(items):\n    return items.select("id", z="x")\n\n\n@so.dataset(basic, items)',
    )
    edit(tiny.folder, '@so.model(examples, target="bad"', '@so.model(examples, target="bad", features=[again]')
    (failed,) = tiny.attempt().failed
    assert "takes the features again, which are not in 'examples'" in str(failed.reason)


def test_a_model_takes_only_the_features_it_names(make: Maker) -> None:
    tiny = make(SMALL)
    edit(
        tiny.folder,
        "@so.dataset(basic, items)",
        '@so.features(items)\ndef again(items):\n    return items.select("id", z="x")\n\n\n@so.dataset(basic, again, items)',
    )
    edit(tiny.folder, "def examples(basic: pl.LazyFrame, items", "def examples(basic: pl.LazyFrame, again, items")
    edit(tiny.folder, JOIN, JOIN + '.join(again, on="id")')
    edit(tiny.folder, '@so.model(examples, target="bad"', '@so.model(examples, target="bad", features=[again]')
    record = tiny.build("guess").versions["guess"]
    assert [one["name"] for one in record.facts["inputs"]] == ["z"]
    assert record.facts["feature_nodes"] == {"z": "again"}
    assert {(edge.role, edge.name) for edge in record.edges} == {("trains on", "examples"), ("uses feature", "again")}


def test_a_threshold_that_cannot_be_kept_never_acts_and_says_what_is_needed(make: Maker) -> None:
    tiny = make(SMALL.replace("so.precision >= 0.5", "so.precision >= 1.0"))
    facts = tiny.build().versions["cut"].facts
    assert (facts["met"], facts["value"]) == (False, None)
    assert facts["reason"]
    figures = {one["name"]: one["value"] for one in facts["figures"]}
    assert figures["alert_rate"] == 0


def test_a_decision_cannot_be_sure_of_a_threshold_that_is_not_kept(make: Maker) -> None:
    code = CODE.replace(
        "quick, maximise=so.recall, subject_to=so.precision >= 0.5",
        "quick, maximise=so.recall, subject_to=so.precision >= 1.0",
    )
    result = make(code).attempt("check")
    assert result.nodes["check"].status == "failed"
    assert "when 'quick_cut' is sure" in str(result.nodes["check"].reason)


def test_facts_say_what_there_is(tiny: Tiny) -> None:
    versions = {node: tiny.project.version(pick) for node, pick in tiny.picks().items()}
    source = tiny.project.versions("items")[0]
    assert source.facts["columns"][0] == ["id", "String"]
    assert (source.facts["key"], source.facts["time"], source.facts["known_at"]) == (["id"], "at", "at")
    careful = versions["careful"].facts
    assert [one["name"] for one in careful["inputs"]] == ["x", "y"]
    assert careful["feature_nodes"] == {"x": "basic", "y": "basic"}
    assert careful["parts"]["calibration"]["rows"] == 7 * 48
    assert {one["name"] for one in careful["figures"]} >= {"roc_auc", "brier"}
    second = versions["second"].facts
    assert second["score_inputs"] == ["careful"]
    assert [one["name"] for one in second["inputs"]] == ["x", "y", "careful"]
    assert versions["careful_cut"].facts["model"] == versions["careful"].id
    check = versions["check"].facts
    assert (check["deadline"], check["fallbacks"], check["fail_safe"]) == (0.1, ["rule"], "go")
    assert set(check["steps"][0]["band"]) >= {"low", "high"}
    assert versions["check"].edges[0].role == "sure by"


def test_the_watermark_is_when_the_last_row_became_known(tiny: Tiny) -> None:
    marks = {node: tiny.project.versions(node)[0].watermark for node in ("items", "outcomes", "careful", "careful_cut")}
    assert f"{marks['items']:%d %H:%M}" == "31 23:30"
    assert f"{marks['outcomes']:%d %H:%M}" == "31 23:30"
    assert marks["careful"] == marks["careful_cut"] == max(marks["items"], marks["outcomes"])  # type: ignore[type-var]


def test_what_trains_at_random_is_seeded(make: Maker) -> None:
    code = SMALL.replace(
        FIT, "    from sklearn.ensemble import RandomForestClassifier\n    return RandomForestClassifier(5).fit(X, y)\n"
    )
    tiny = make(code)
    first = tiny.build().versions["guess"].id
    assert tiny.build("guess", force=True).versions["guess"].id == first


def test_out_of_fold_scores_are_of_models_that_did_not_see_the_row(tiny: Tiny) -> None:
    record = tiny.project.version(tiny.picks()["careful"])
    scores = tiny.project.store.tables.read(record.facts["scores"]["out_of_fold"])
    assert scores.height == record.facts["parts"]["train"]["rows"]
    assert scores["id"].n_unique() == scores.height
