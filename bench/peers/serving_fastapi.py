"""A server by hand: FastAPI and uvicorn, the row checked by pydantic, the model asked in the handler.

The handler is a coroutine, so that no request pays for a thread, and the model gets an array, not a frame: the
quickest that one would write.
"""

from __future__ import annotations

import json
import pickle
from importlib import import_module
from importlib.metadata import version
from typing import Any

from bench.peers.serving_common import Asked, Task, run
from bench.served.examples import COLUMNS, TEXT, asked, fitted, is_text, probabilities


def save(task: Task) -> Asked:
    """Pickle the model."""
    model = fitted(task.model)
    (task.work / "model.pickle").write_bytes(pickle.dumps(model))
    rows = [{TEXT: one} if is_text(task.model) else dict(zip(COLUMNS, one, strict=True)) for one in asked(task.model)]
    tool = f"FastAPI {version('fastapi')}, uvicorn {version('uvicorn')}"
    said = probabilities(model, task.model)
    return Asked(tool, "/predict", [json.dumps(one) for one in rows], said, ("probability",))


def serve(task: Task) -> None:
    """Serve it."""
    np, uvicorn, fastapi, pydantic = map(import_module, ("numpy", "uvicorn", "fastapi", "pydantic"))
    model = pickle.loads((task.work / "model.pickle").read_bytes())
    text = is_text(task.model)
    names = (TEXT,) if text else COLUMNS
    row_type = pydantic.create_model("Row", **dict.fromkeys(names, (str if text else float, ...)))
    app = fastapi.FastAPI()

    async def predict(row: Any) -> dict[str, float]:
        given = [row.text] if text else np.array([[getattr(row, name) for name in names]])
        return {"probability": float(model.predict_proba(given)[0, 1])}

    predict.__annotations__["row"] = row_type
    app.post("/predict")(predict)
    uvicorn.run(app, host="127.0.0.1", port=task.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    run(save, serve)
