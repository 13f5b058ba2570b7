"""MLflow's model registry: which version of every model is live, and all versions. It has no staleness to ask for.

The registry is filled through MLflow's own tables, as its public calls take about 10 ms for each version; it is
read through MlflowClient.
"""

from __future__ import annotations

import mlflow
from common import arguments, repeated, report, timed
from mlflow import MlflowClient
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModel, SqlRegisteredModelAlias
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

PAGE = 1_000
BATCH = 500


def fill(address: str, nodes: int, versions: int) -> None:
    """Registered models, each with versions and an alias ``production`` on the last."""
    store = SqlAlchemyStore(address)
    for start in range(0, nodes, BATCH):
        with store.ManagedSessionMaker() as session:
            models, rest = [], []
            for place in range(start, min(nodes, start + BATCH)):
                name = f"model_{place:06d}"
                models.append(SqlRegisteredModel(name=name, creation_time=1, last_updated_time=1, description="x"))
                rest += [
                    SqlModelVersion(
                        name=name, version=one + 1, creation_time=one, last_updated_time=one, source="s3://b"
                    )
                    for one in range(versions)
                ]
                rest.append(SqlRegisteredModelAlias(name=name, alias="production", version=versions))
            session.add_all(models)
            session.flush()
            session.add_all(rest)


def live(client: MlflowClient) -> dict[str, str]:
    """The version that the alias of every registered model names."""
    found: dict[str, str] = {}
    token = None
    while True:
        page = client.search_registered_models(max_results=PAGE, page_token=token)
        found |= {one.name: one.aliases["production"] for one in page}
        token = page.token
        if not token:
            return found


def everything(client: MlflowClient) -> int:
    """How many model versions a search lists."""
    count, token = 0, None
    while True:
        page = client.search_model_versions(max_results=10_000, page_token=token)
        count += len(page)
        token = page.token
        if not token:
            return count


def main() -> None:
    """Fill, then ask."""
    options = arguments(__doc__ or "")
    address = f"sqlite:///{options.work / f'mlflow-{options.nodes}.db'}"
    setup, _ = timed(lambda: fill(address, options.nodes, options.versions))
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    client = MlflowClient()
    first, found = timed(lambda: live(client))
    assert len(found) == options.nodes
    _, count = timed(lambda: everything(client))
    assert count == options.nodes * options.versions
    report(
        version=mlflow.__version__,
        setup=setup,
        nodes=options.nodes,
        versions=options.nodes * options.versions,
        figures={
            "registered models with their aliases, first": first,
            "registered models with their aliases, again": repeated(lambda: live(client)),
            "all model versions": repeated(lambda: everything(client)),
        },
        status="registered models with their aliases, again",
    )


if __name__ == "__main__":
    main()
