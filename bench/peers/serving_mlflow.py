"""``mlflow models serve`` with one worker; rows as ``inputs``, which its server takes quickest."""

from __future__ import annotations

import json

from bench.peers.serving_common import Asked, Task, become, run
from bench.served.examples import asked, fitted, probabilities


def save(task: Task) -> Asked:
    """Save the model as MLflow does."""
    import mlflow  # type: ignore[import-not-found]
    import mlflow.sklearn  # type: ignore[import-not-found]

    model = fitted(task.model)
    options = {"pyfunc_predict_fn": "predict_proba", "serialization_format": "cloudpickle"}
    mlflow.sklearn.save_model(model, str(task.work / "model"), **options)
    bodies = [json.dumps({"inputs": [one]}) for one in asked(task.model)]
    said = probabilities(model, task.model)
    return Asked(f"MLflow {mlflow.__version__}", "/invocations", bodies, said, ("predictions", 0, 1))


def serve(task: Task) -> None:
    """Serve it."""
    options = ("--env-manager", "local", "-h", "127.0.0.1", "-p", str(task.port), "-w", "1")
    become("mlflow", "models", "serve", "-m", str(task.work / "model"), *options, folder=task.work)


if __name__ == "__main__":
    run(save, serve)
