"""Runs, their params, tags, batches, inputs and outputs."""

from __future__ import annotations

import json
from typing import Any

from tests.wire.exchange import Ours, Row, get, post

_NOBODY = "f" * 32


def _dataset(name: str = "d", digest: str = "g", **more: Any) -> dict[str, Any]:
    return {
        "tags": [{"key": "mlflow.data.context", "value": "train"}],
        "dataset": {"name": name, "digest": digest, "source_type": "http", "source": "{}", **more},
    }


_MODEL = {"artifact_path": "m", "flavors": {}, "utc_time_created": "now", "run_id": "<r>"}
_OF_RUN = ("update", "delete", "restore", "log-metric", "log-parameter", "set-tag", "delete-tag", "log-batch", "log-inputs", "outputs", "log-model")  # fmt: skip
_WHOLE: dict[str, Any] = {"key": "k", "value": "1", "timestamp": 1, "models": [], "model_json": json.dumps(_MODEL)}

ROWS: tuple[Row, ...] = (
    post("make an experiment", "experiments/create", {"name": "runs"}, keep={"e": "experiment_id"}),
    post("create", "runs/create", {"experiment_id": "<e>", "user_id": "u", "run_name": "n", "start_time": 5, "tags": [{"key": "a", "value": "b"}]}, keep={"r": "run.info.run_id"}),
    post("create with nothing said", "runs/create", {"experiment_id": "<e>"}, keep={"s": "run.info.run_id"}),
    post("create without an experiment", "runs/create", {}),
    post("create in an experiment that is not there", "runs/create", {"experiment_id": "999999999999"}),
    post("create with a name in a tag", "runs/create", {"experiment_id": "<e>", "tags": [{"key": "mlflow.runName", "value": "tagged"}]}, keep={"t": "run.info.run_id"}),
    post("create with two names", "runs/create", {"experiment_id": "<e>", "run_name": "n", "tags": [{"key": "mlflow.runName", "value": "m"}]}),
    post("create with a tag twice", "runs/create", {"experiment_id": "<e>", "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "1"}]}),
    get("get", "runs/get?run_id=<r>"),
    get("get what is not there", f"runs/get?run_id={_NOBODY}"),
    get("get nothing", "runs/get"),
    *(post(f"{verb} a run that is not there", f"runs/{verb}", {"run_id": _NOBODY, **_WHOLE}) for verb in _OF_RUN),
    *(post(f"{verb} no run", f"runs/{verb}", _WHOLE) for verb in _OF_RUN),
    post("update", "runs/update", {"run_id": "<r>", "status": "FINISHED", "end_time": 9, "run_name": "new"}),
    post("update to running again", "runs/update", {"run_id": "<r>", "status": "RUNNING"}),
    post("update to no name", "runs/update", {"run_id": "<r>", "run_name": ""}),
    get("what became of it", "runs/get?run_id=<r>"),
    post("log a param", "runs/log-parameter", {"run_id": "<r>", "key": "p", "value": "1"}),
    post("log it again", "runs/log-parameter", {"run_id": "<r>", "key": "p", "value": "1"}),
    post("log another value", "runs/log-parameter", {"run_id": "<r>", "key": "p", "value": "2"}),
    post("log a param without a value", "runs/log-parameter", {"run_id": "<r>", "key": "empty"}),
    post("log a param without a key", "runs/log-parameter", {"run_id": "<r>", "value": "1"}),
    post("log a long param", "runs/log-parameter", {"run_id": "<r>", "key": "long", "value": "v" * 6_001}),
    post("log a key that is too long", "runs/log-parameter", {"run_id": "<r>", "key": "k" * 251, "value": "1"}),
    *(post(f"log the key {key!r}", "runs/log-parameter", {"run_id": "<r>", "key": key, "value": "1"}) for key in ("a/b c:d.e-f_é", "a*b", "/a", "a/../b", "a//b", "a/", ".")),
    post("set a tag", "runs/set-tag", {"run_id": "<r>", "key": "t", "value": "1"}),
    post("set a tag anew", "runs/set-tag", {"run_id": "<r>", "key": "t", "value": "2"}),
    post("set a long tag", "runs/set-tag", {"run_id": "<r>", "key": "long", "value": "v" * 8_001}),
    post("set the name by a tag", "runs/set-tag", {"run_id": "<r>", "key": "mlflow.runName", "value": "by tag"}),
    post("set no name by a tag", "runs/set-tag", {"run_id": "<r>", "key": "mlflow.runName", "value": ""}),
    post("delete a tag", "runs/delete-tag", {"run_id": "<r>", "key": "t"}),
    post("delete a tag again", "runs/delete-tag", {"run_id": "<r>", "key": "t"}),
    post("delete the tag of the name", "runs/delete-tag", {"run_id": "<s>", "key": "mlflow.runName"}),
    get("a run without the tag of its name", "runs/get?run_id=<s>"),
    get("a run with all that", "runs/get?run_id=<r>"),
    # batches
    post("a batch", "runs/log-batch", {"run_id": "<s>", "metrics": [{"key": "m", "value": 1, "timestamp": 1}, {"key": "m", "value": 2, "timestamp": 2, "step": 1, "run_id": "<s>"}], "params": [{"key": "p", "value": "1"}], "tags": [{"key": "t", "value": "1"}, {"key": "t", "value": "2"}]}),
    post("an empty batch", "runs/log-batch", {"run_id": "<s>"}),
    post("a batch with a param twice", "runs/log-batch", {"run_id": "<s>", "params": [{"key": "q", "value": "1"}, {"key": "q", "value": "1"}]}),
    post("a batch with another value", "runs/log-batch", {"run_id": "<s>", "params": [{"key": "p", "value": "2"}]}),
    post("a batch with the same value", "runs/log-batch", {"run_id": "<s>", "params": [{"key": "p", "value": "1"}]}),
    post("too many metrics", "runs/log-batch", {"run_id": "<s>", "metrics": [{"key": "m", "value": 1, "timestamp": i} for i in range(1_001)]}),
    post("too many params", "runs/log-batch", {"run_id": "<s>", "params": [{"key": f"p{i}", "value": "1"} for i in range(101)]}),
    post("too many tags", "runs/log-batch", {"run_id": "<s>", "tags": [{"key": f"t{i}", "value": "1"} for i in range(101)]}),
    post("too much in all", "runs/log-batch", {"run_id": "<s>", "metrics": [{"key": "m", "value": 1, "timestamp": i} for i in range(1_000)], "tags": [{"key": "t", "value": "1"}]}),
    post("a metric without a value", "runs/log-batch", {"run_id": "<s>", "metrics": [{"key": "m", "timestamp": 1}]}),
    post("a metric without a time", "runs/log-batch", {"run_id": "<s>", "metrics": [{"key": "m", "value": 1}]}),
    post("a metric without a key", "runs/log-batch", {"run_id": "<s>", "metrics": [{"value": 1, "timestamp": 1}]}),
    post("a run id that cannot be", "runs/log-batch", {"run_id": "a/b", "tags": []}, ours=Ours(404, "RESOURCE_DOES_NOT_EXIST", "an id nobody has")),
    get("after the batches", "runs/get?run_id=<s>"),
    # inputs and outputs
    post("a dataset", "runs/log-inputs", {"run_id": "<s>", "datasets": [_dataset(schema="{}", profile="{}")]}),
    post("the dataset again", "runs/log-inputs", {"run_id": "<s>", "datasets": [_dataset(source="other")]}),
    post("a dataset without a name", "runs/log-inputs", {"run_id": "<t>", "datasets": [{"dataset": {"digest": "g"}}]}, ours=Ours(400, "INVALID_PARAMETER_VALUE", "a dataset needs a name")),
    post("a dataset with a name only", "runs/log-inputs", {"run_id": "<s>", "datasets": [{"dataset": {"name": "only"}}]}),
    post("a long name of a dataset", "runs/log-inputs", {"run_id": "<s>", "datasets": [_dataset(name="n" * 501)]}),
    post("a long digest", "runs/log-inputs", {"run_id": "<s>", "datasets": [_dataset(digest="g" * 37)]}),
    post("a model went in", "runs/log-inputs", {"run_id": "<s>", "models": [{"model_id": "m-1"}]}),
    post("a model came out", "runs/outputs", {"run_id": "<s>", "models": [{"model_id": "m-2", "step": 3}]}),
    post("it came out again", "runs/outputs", {"run_id": "<s>", "models": [{"model_id": "m-2", "step": 3}]}, ours=Ours(200, "", "a repeated request is no fault")),
    post("no model came out", "runs/outputs", {"run_id": "<s>", "models": []}),
    post("outputs without models", "runs/outputs", {"run_id": "<s>"}),
    post("a run for an older model", "runs/create", {"experiment_id": "<e>"}, keep={"x": "run.info.run_id"}),
    post("an older model", "runs/log-model", {"run_id": "<x>", "model_json": json.dumps({**_MODEL, "run_id": "r"})}),
    post("an older model without json", "runs/log-model", {"run_id": "<s>", "model_json": "x"}),
    post("an older model without flavors", "runs/log-model", {"run_id": "<s>", "model_json": "{}"}),
    post("an older model without anything", "runs/log-model", {"run_id": "<s>"}),
    get("with an older model", "runs/get?run_id=<x>", ours=Ours(200, "", "the model is kept as it was sent")),
    get("with inputs and outputs", "runs/get?run_id=<s>"),
    # search
    post("search", "runs/search", {"experiment_ids": ["<e>"], "filter": "run_name = 'by tag'"}),
    post("search in no experiment", "runs/search", {}),
    post("search in one that is not there", "runs/search", {"experiment_ids": ["999999999999"]}),
    post("search in one that cannot be", "runs/search", {"experiment_ids": ["x"]}),
    post("search for too many", "runs/search", {"experiment_ids": ["<e>"], "max_results": 50_001}),
    post("search for none", "runs/search", {"experiment_ids": ["<e>"], "max_results": 0}),
    post("search by nonsense", "runs/search", {"experiment_ids": ["<e>"], "filter": "foo.x = 1"}),
    get("search by get", "runs/search?experiment_ids=<e>"),
    # deleted runs
    post("delete", "runs/delete", {"run_id": "<r>"}),
    post("delete again", "runs/delete", {"run_id": "<r>"}),
    get("a deleted run is seen", "runs/get?run_id=<r>"),
    *(post(f"{verb} a deleted run", f"runs/{verb}", {"run_id": "<r>", **_WHOLE}) for verb in _OF_RUN if verb not in {"delete", "restore"}),
    post("search among the deleted", "runs/search", {"experiment_ids": ["<e>"], "run_view_type": "DELETED_ONLY"}),
    post("restore", "runs/restore", {"run_id": "<r>"}),
    post("restore again", "runs/restore", {"run_id": "<r>"}),
)  # fmt: skip
