"""BentoML: a service with one worker and one method, not batched; no metrics, traces or access log."""

from __future__ import annotations

import json
import pickle

from bench.peers.serving_common import Asked, Task, become, run
from bench.served.examples import asked, fitted, is_text, probabilities

SERVICE = '''"""The service."""

import pickle
from pathlib import Path

import bentoml
import numpy as np


@bentoml.service(workers=1, metrics={{"enabled": False}}, logging={{"access": {{"enabled": False}}}})
class Risk:
    """Asks the model."""

    def __init__(self) -> None:
        self.model = pickle.loads(Path(__file__).with_name("model.pickle").read_bytes())

    @bentoml.api
    def predict(self, row: {kind}) -> float:
        return float(self.model.predict_proba([row])[0, 1])
'''


def save(task: Task) -> Asked:
    """Pickle the model, and write the service."""
    import bentoml  # type: ignore[import-not-found]

    model = fitted(task.model)
    (task.work / "model.pickle").write_bytes(pickle.dumps(model))
    kind = "str" if is_text(task.model) else "list[float]"
    (task.work / "service.py").write_text(SERVICE.format(kind=kind), "utf-8")
    bodies = [json.dumps({"row": one}) for one in asked(task.model)]
    said = probabilities(model, task.model)
    return Asked(f"BentoML {bentoml.__version__}", "/predict", bodies, said, ())


def serve(task: Task) -> None:
    """Serve it."""
    where = ("--host", "127.0.0.1", "--port", str(task.port), "--working-dir", str(task.work))
    home = {"BENTOML_HOME": str(task.work / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    become("bentoml", "serve", "service:Risk", *where, folder=task.work, environment=home)


if __name__ == "__main__":
    run(save, serve)
