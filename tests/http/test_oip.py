from __future__ import annotations

import subprocess
import sys
from typing import Any

import httpx
import pytest
from tests.http.test_app import error_of
from tests.serve.serving_project import visit

COLUMNS = {"visit": "BYTES", "at": "BYTES", "shop": "BYTES", "amount": "FP64", "items": "INT64", "day": "BYTES"}


def tensors(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": [len(rows)], "datatype": kind, "data": [row.get(name) for row in rows]}
        for name, kind in COLUMNS.items()
        if any(name in row for row in rows)
    ]


def outputs(reply: httpx.Response) -> dict[str, list[Any]]:
    assert reply.status_code == 200, reply.text
    return {one["name"]: one["data"] for one in reply.json()["outputs"]}


def test_it_answers_as_the_decision_itself(client: httpx.Client) -> None:
    rows = [visit(visit="a"), visit(visit="b", amount=2.5), visit(visit="c", shop=None)]
    for several in (rows, rows[:1]):
        reply = client.post("/v2/models/check/infer", json={"id": "7", "inputs": tensors(*several)})
        found = outputs(reply)
        plain = client.post("/decisions/check", json={"rows": several}).json()["answers"]
        for name in ("action", "positive", "score", "confidence"):
            assert found[name] == [one[name] for one in plain]
        assert reply.json()["id"] == "7"
        assert reply.headers["soroi-manifest"] == plain[0]["manifest"]
        recorded = client.get(f"/answers/{found['answer_id'][0]}").json()["answer"]
        assert recorded["inputs"]["visit"] == "a"


def test_outputs_can_be_chosen_and_columns_be_upright(client: httpx.Client) -> None:
    inputs = [
        {"name": "visit", "shape": [2, 1], "datatype": "BYTES", "data": [["a"], ["b"]]},
        {"name": "amount", "shape": [2, 1], "datatype": "FP64", "data": [0.5, None]},
    ]
    reply = client.post("/v2/models/check/infer", json={"inputs": inputs, "outputs": [{"name": "action"}]})
    assert outputs(reply).keys() == {"action"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"datatype": "FP65"}, 422),
        ({"datatype": "INT64"}, 422),
        ({"shape": [2]}, 422),
        ({"shape": [1, 2]}, 422),
        ({"shape": []}, 422),
        ({"shape": [-1]}, 422),
        ({"shape": [10**9]}, 422),
        ({"shape": "x"}, 422),
        ({"data": 5}, 422),
        ({"data": [[0.5]]}, 422),
        ({"data": ["x"]}, 422),
        ({"name": "amont"}, 422),
        ({"name": "visit"}, 422),
        ({"parameters": {"binary_data_size": 8}}, 422),
    ],
)
def test_a_tensor_that_is_no_column_is_refused(client: httpx.Client, change: dict[str, Any], status: int) -> None:
    amount = {"name": "amount", "shape": [1], "datatype": "FP64", "data": [0.5], **change}
    reply = client.post("/v2/models/check/infer", json={"inputs": [*tensors({"visit": "a"}), amount]})
    assert reply.status_code == status
    assert error_of(reply)["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"inputs": []}', b"[" * 100_000, b'{"inputs": 1}'])
def test_a_body_of_another_form_is_refused(client: httpx.Client, body: bytes) -> None:
    reply = client.post("/v2/models/check/infer", content=body)
    assert reply.status_code in (400, 422)
    assert error_of(reply)["message"]


def test_decisions_are_models_with_their_columns_and_versions(client: httpx.Client) -> None:
    assert client.get("/v2").json()["name"] == "soroi"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/check/ready").json() == {"name": "check", "ready": True}
    found = client.get("/v2/models/check").json()
    assert {one["name"]: one["datatype"] for one in found["inputs"]} == COLUMNS
    version = found["versions"][0]
    assert client.get(f"/v2/models/check/versions/{version}").json() == found
    inputs = {"inputs": tensors(visit())}
    assert client.post(f"/v2/models/check/versions/{version}/infer", json=inputs).status_code == 200
    assert client.post("/v2/models/check/versions/1/infer", json=inputs).status_code == 404
    assert client.post("/v2/models/chek/infer", json=inputs).status_code == 404
    assert client.get("/v2/models/chek").status_code == client.get("/v2/models/chek/ready").status_code == 404


CLIENT = """
import sys
import numpy as np
import tritonclient.http as oip

client = oip.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("check")
assert client.get_server_metadata()["name"] == "soroi"
inputs = []
for name, kind, data in (
    ("visit", "BYTES", np.array(["a", "b"], dtype=object)),
    ("amount", "FP64", np.array([0.5, 2.5])),
    ("items", "INT64", np.array([3, 9])),
):
    made = oip.InferInput(name, data.shape, kind)
    made.set_data_from_numpy(data, binary_data=False)
    inputs.append(made)
wanted = [oip.InferRequestedOutput(name, binary_data=False) for name in ("action", "score", "positive")]
for outputs in (wanted, None):
    found = client.infer("check", inputs, outputs=outputs, request_id="7")
    print(found.as_numpy("action").tolist(), found.as_numpy("positive").dtype, found.as_numpy("score").shape)
"""


def test_a_client_of_the_protocol_gets_its_answers(client: httpx.Client) -> None:
    address = str(client.base_url).removeprefix("http://").rstrip("/")
    done = subprocess.run([sys.executable, "-c", CLIENT, address], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["['pass', 'check'] bool (2,)"] * 2
