"""What an MLflow model registry takes for each operation of bench/registry.py: the same numbers of models and versions.

It is filled through MLflow's own tables and then only asked through ``MlflowClient``. A set of models that belong
together is staged and released by moving an alias of each, one after another: MLflow knows no set.

It is asked for one operation at a time, so that bench/registry.py can ask both registries in turns: each line that it
reads is ``[operation, how often]``, and the line behind ``ANSWER`` that it prints holds the seconds of each call.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable
from typing import Any

import mlflow  # type: ignore[import-not-found]
from mlflow import MlflowClient
from mlflow.store.model_registry.dbmodels.models import (  # type: ignore[import-not-found]
    SqlModelVersion,
    SqlRegisteredModel,
    SqlRegisteredModelAlias,
)
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore  # type: ignore[import-not-found]

from bench.timing import Often, taken

PAGE = 100


def name(place: int) -> str:
    """Name of a registered model."""
    return f"model_{place:06d}"


def fill(address: str, models: int, versions: int) -> None:
    """Registered models, each with versions from a run of its own generation, and an alias on the last."""
    store = SqlAlchemyStore(address)
    for model in map(name, range(models)):
        with store.ManagedSessionMaker() as session:
            session.add(SqlRegisteredModel(name=model, creation_time=1, last_updated_time=1, description="x"))
            session.flush()
            rows: list[Any] = [
                SqlModelVersion(
                    name=model,
                    version=one + 1,
                    creation_time=one,
                    last_updated_time=one,
                    source=f"s3://bucket/{model}/{one}",
                    run_id=f"run_{one:08d}",
                    user_id="bench",
                )
                for one in range(versions)
            ]
            session.add_all(rows)
            session.flush()
            session.add(SqlRegisteredModelAlias(name=model, alias="production", version=versions))


Operation = tuple[Callable[[Any], Any], Callable[[], Any]]
"""What is done, and what draws that with which it is done."""


def operations(models: int, versions: int, of_a_set: int) -> dict[str, Operation]:
    """What can be asked for, by the name that it has in bench/registry.py."""
    client, chance = MlflowClient(), random.Random(1)

    def search(query: str, order: str = "version_number DESC") -> Any:
        return client.search_model_versions(query, max_results=PAGE, order_by=[order])

    def model() -> str:
        return name(chance.randrange(models))

    def version() -> int:
        return chance.randrange(versions) + 1

    def alias(which: str, several: int) -> Callable[[int], None]:
        def move(to: int) -> None:
            for one in range(several):
                client.set_registered_model_alias(name(one), which, str(to))

        return move

    source = "source_path='s3://bucket/{}/{}'"
    return {
        "list a node": (lambda one: search(f"name='{one}'"), model),
        "list all": (lambda _: search("", "creation_timestamp DESC"), model),
        "by id": (lambda one: client.get_model_version(*one), lambda: (model(), str(version()))),
        "by run": (lambda one: search(f"run_id='{one}'"), lambda: f"run_{version() - 1:08d}"),
        "by output": (search, lambda: source.format(model(), version() - 1)),
        "head of a node": (lambda one: client.get_model_version_by_alias(one, "production"), model),
        "heads": (lambda _: client.search_registered_models(max_results=1_000), model),
        "stage one": (alias("staging", 1), version),
        "stage a set": (alias("staging", of_a_set), version),
        "release a set": (alias("production", of_a_set), version),
    }


def main() -> None:
    """Fill, then answer until no more is asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    for one in ("nodes", "versions", "set"):
        parser.add_argument(f"--{one}", type=int, required=True)
    given = parser.parse_args()
    mlflow.set_tracking_uri(given.address)
    fill(given.address, given.nodes, given.versions)
    known = operations(given.nodes, given.versions, given.set)
    answer({"version": mlflow.__version__, "operations": list(known)})
    for line in sys.stdin:
        what, often = json.loads(line)
        answer(taken(*known[what], Often(**often)))


def answer(what: Any) -> None:
    """Tell one thing."""
    print("\nANSWER " + json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
