"""MLflow's model registry: which version of every model is live, and all versions. It has no staleness to ask for.

The registry is filled through MLflow's own tables, as its public calls take about 10 ms for each version; it is
read through MlflowClient, in pages as large as it allows.
"""

from __future__ import annotations

import mlflow  # type: ignore[import-not-found]
from mlflow import MlflowClient
from mlflow.store.model_registry.dbmodels.models import (  # type: ignore[import-not-found]
    SqlModelVersion,
    SqlRegisteredModel,
    SqlRegisteredModelAlias,
)
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore  # type: ignore[import-not-found]

from bench.peers.common import Report, Task, read_task

MODELS_PAGE, VERSIONS_PAGE = 1_000, 10_000
BATCH = 500
SAMPLE = 500
"""How many aliases are looked up one by one."""


def name(place: int) -> str:
    """Name of a registered model."""
    return f"model_{place:06d}"


def fill(address: str, task: Task) -> None:
    """Registered models, each with versions and an alias ``production`` on the last."""
    store = SqlAlchemyStore(address)
    for start in range(0, task.nodes, BATCH):
        with store.ManagedSessionMaker() as session:
            models, rest = [], []
            for model in map(name, range(start, min(task.nodes, start + BATCH))):
                models.append(SqlRegisteredModel(name=model, creation_time=1, last_updated_time=1, description="x"))
                rest += [
                    SqlModelVersion(
                        name=model, version=one + 1, creation_time=one, last_updated_time=one, source="s3://b"
                    )
                    for one in range(task.versions)
                ]
                rest.append(SqlRegisteredModelAlias(name=model, alias="production", version=task.versions))
            session.add_all(models)
            session.flush()
            session.add_all(rest)


def live(client: MlflowClient) -> dict[str, str]:
    """The version that the alias of every registered model names."""
    found: dict[str, str] = {}
    token = None
    while True:
        page = client.search_registered_models(max_results=MODELS_PAGE, page_token=token)
        found |= {one.name: one.aliases["production"] for one in page}
        token = page.token
        if not token:
            return found


def everything(client: MlflowClient) -> int:
    """How many model versions a search lists."""
    count, token = 0, None
    while True:
        page = client.search_model_versions(max_results=VERSIONS_PAGE, page_token=token)
        count += len(page)
        token = page.token
        if not token:
            return count


def ask(address: str, task: Task) -> None:
    """Which versions are live, then all of them."""
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    client = MlflowClient()
    report = Report(mlflow.__version__, task.nodes * task.versions)
    assert len(live(client)) == task.nodes
    report.new_process("new process: live versions of all models", "status, shell, again", task.began)
    report.repeated("live versions of all models, in pages", "status, warm", lambda: live(client))
    looked = range(0, task.nodes, max(1, task.nodes // SAMPLE))
    report.repeated(
        f"{len(looked)} look-ups by alias",
        "",
        lambda: [client.get_model_version_by_alias(name(one), "production") for one in looked],
    )
    assert report.once("all model versions, in pages", "", lambda: everything(client)) == task.nodes * task.versions
    report.print()


def main() -> None:
    """Do one step."""
    task = read_task()
    address = f"sqlite:///{task.work / 'mlflow.db'}"
    (fill if task.step == "fill" else ask)(address, task)


if __name__ == "__main__":
    main()
