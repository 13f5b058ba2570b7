"""MLServer with its runtime for scikit-learn, by the Open Inference Protocol.

Variants: ``workers`` (as it comes: one process that infers), else none: the model is asked in the server's process.
"""

from __future__ import annotations

import json
import pickle
from typing import Any

from bench.peers.serving_common import Asked, Task, become, run
from bench.served.examples import asked, fitted, probabilities


def save(task: Task) -> Asked:
    """Pickle the model beside its settings."""
    import mlserver  # type: ignore[import-not-found]

    model = fitted(task.model)
    (task.work / "model.pickle").write_bytes(pickle.dumps(model))
    about = {"name": "risk", "implementation": "mlserver_sklearn.SKLearnModel"}
    about["parameters"] = {"uri": "model.pickle", "version": "1"}  # type: ignore[assignment]
    (task.work / "model-settings.json").write_text(json.dumps(about), "utf-8")
    bodies = [
        json.dumps({"inputs": [tensor(one)], "outputs": [{"name": "predict_proba"}]}) for one in asked(task.model)
    ]
    said = probabilities(model, task.model)
    return Asked(f"MLServer {mlserver.__version__}", "/v2/models/risk/infer", bodies, said, ("outputs", 0, "data", 1))


def tensor(row: Any) -> dict[str, Any]:
    """A row as the protocol has it."""
    if isinstance(row, str):
        return {"name": "x", "shape": [1], "datatype": "BYTES", "data": [row], "parameters": {"content_type": "str"}}
    return {"name": "x", "shape": [1, len(row)], "datatype": "FP64", "data": row}


def serve(task: Task) -> None:
    """Serve it."""
    settings = {
        "host": "127.0.0.1",
        "http_port": task.port,
        "grpc_port": task.port + 1,
        "metrics_port": task.port + 2,
        "parallel_workers": 1 if task.variant == "workers" else 0,
        "debug": False,
    }
    (task.work / "settings.json").write_text(json.dumps(settings), "utf-8")
    become("mlserver", "start", str(task.work), folder=task.work)


if __name__ == "__main__":
    run(save, serve)
