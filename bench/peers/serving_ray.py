"""Ray Serve: one proxy, one replica of a deployment; no dashboard, no access log."""

from __future__ import annotations

import json
import pickle
import signal
from importlib.metadata import version
from typing import Any

from bench.peers.serving_common import Asked, Task, run
from bench.served.examples import asked, fitted, probabilities


def save(task: Task) -> Asked:
    """Pickle the model."""
    model = fitted(task.model)
    (task.work / "model.pickle").write_bytes(pickle.dumps(model))
    bodies = [json.dumps({"row": one}) for one in asked(task.model)]
    said = probabilities(model, task.model)
    return Asked(f"Ray Serve {version('ray')}", "/", bodies, said, ("probability",))


def serve(task: Task) -> None:
    """Serve it, until the process is told to end."""
    import ray  # type: ignore[import-not-found]
    from ray import serve as rays

    data = (task.work / "model.pickle").read_bytes()

    class Risk:
        def __init__(self) -> None:
            self.model = pickle.loads(data)

        async def __call__(self, request: Any) -> dict[str, float]:
            row = (await request.json())["row"]
            return {"probability": float(self.model.predict_proba([row])[0, 1])}

    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)
    rays.start(http_options={"host": "127.0.0.1", "port": task.port}, logging_config={"enable_access_log": False})
    rays.run(rays.deployment(num_replicas=1, ray_actor_options={"num_cpus": 0.1})(Risk).bind(), blocking=False)
    try:
        signal.pause()
    finally:
        rays.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    run(save, serve)
