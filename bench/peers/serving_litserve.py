"""LitServe with one process for HTTP and one that infers, as it comes; no batching, no logging."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import litserve  # type: ignore[import-not-found]

from bench.peers.serving_common import Asked, Task, run
from bench.served.examples import asked, fitted, probabilities


class Risk(litserve.LitAPI):  # type: ignore[misc]
    """Asks the model. It is sent to the process that infers, so it stands here.

    Args:
        path: The pickled model.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def setup(self, _device: str) -> None:
        """Load the model."""
        self.model = pickle.loads(self._path.read_bytes())

    def decode_request(self, request):  # type: ignore[no-untyped-def]
        """The rows of a request. LitServe reads its type off the signature: without one, it is the parsed body."""
        return [request["row"]]

    def predict(self, given: Any) -> float:
        """Ask about them."""
        return float(self.model.predict_proba(given)[0, 1])

    def encode_response(self, output: float) -> dict[str, float]:
        """The body of a reply."""
        return {"probability": output}


def save(task: Task) -> Asked:
    """Pickle the model."""
    model = fitted(task.model)
    (task.work / "model.pickle").write_bytes(pickle.dumps(model))
    bodies = [json.dumps({"row": one}) for one in asked(task.model)]
    said = probabilities(model, task.model)
    return Asked(f"LitServe {litserve.__version__}", "/predict", bodies, said, ("probability",))


def serve(task: Task) -> None:
    """Serve it."""
    server = litserve.LitServer(Risk(task.work / "model.pickle"), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=task.port, generate_client_file=False, log_level="warning", num_api_servers=1)


if __name__ == "__main__":
    run(save, serve)
