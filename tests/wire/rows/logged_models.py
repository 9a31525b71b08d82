"""Logged models."""

from __future__ import annotations

from typing import Any

from tests.wire.exchange import Ours, Row, delete, get, patch, post

_NOBODY = "logged-models/m-nobody"


def _point(model: str, value: float, step: int, dataset: str = "") -> dict[str, Any]:
    measured = {"dataset_name": dataset, "dataset_digest": f"{dataset}-digest"} if dataset else {}
    return {"key": "acc", "value": value, "timestamp": step, "step": step, "model_id": model, **measured}


def _search(name: str, ours: Ours | None = None, **request: Any) -> Row:
    return post(name, "logged-models/search", {"experiment_ids": ["<e>"], **request}, ours=ours)


def _on(name: str, digest: bool = True) -> dict[str, str]:
    return {"dataset_name": name, **({"dataset_digest": f"{name}-digest"} if digest else {})}


def _by(**order: Any) -> dict[str, Any]:
    return {"order_by": [{"field_name": "metrics.acc", **order}]}


_NAMES = ("a/b", "a:b", "a.b", "a%b", 'a"b', "a'b")
_REPEATED = Ours(400, "INVALID_PARAMETER_VALUE", "the code says what is wrong")

ROWS: tuple[Row, ...] = (
    post("make an experiment", "experiments/create", {"name": "models"}, keep={"e": "experiment_id"}),
    post("make a run", "runs/create", {"experiment_id": "<e>"}, keep={"r": "run.info.run_id"}),
    post("create", "logged-models", {"experiment_id": "<e>", "name": "A", "model_type": "t", "source_run_id": "<r>", "params": [{"key": "lr", "value": "0.1"}], "tags": [{"key": "a", "value": "b"}]}, keep={"a": "model.info.model_id"}),
    post("create another", "logged-models", {"experiment_id": "<e>", "name": "B"}, keep={"b": "model.info.model_id"}),
    post("create one nobody named", "logged-models", {"experiment_id": "<e>", "source_run_id": "nobody"}, keep={"c": "model.info.model_id"}),
    post("create without an experiment", "logged-models", {"name": "x"}),
    post("create in one that is not there", "logged-models", {"experiment_id": "999999"}),
    *(post(f"create {name}", "logged-models", {"experiment_id": "<e>", "name": name}) for name in _NAMES),
    post("create with a param twice", "logged-models", {"experiment_id": "<e>", "params": [{"key": "a", "value": "1"}, {"key": "a", "value": "1"}]}, ours=_REPEATED),
    get("get", "logged-models/<a>"),
    get("get what is not there", _NOBODY),
    patch("ready", "logged-models/<a>", {"model_id": "<a>", "status": "LOGGED_MODEL_READY"}),
    patch("by number", "logged-models/<b>", {"model_id": "<b>", "status": 3}),
    patch("in camelCase", "logged-models/<a>", {"modelId": "<a>", "status": "LOGGED_MODEL_READY"}, ours=Ours(200, "", "the path names the model")),
    patch("an unknown status", "logged-models/<c>", {"model_id": "<c>", "status": "DANCING"}, ours=Ours(200, "", "it changes nothing")),
    patch("back to pending", "logged-models/<c>", {"model_id": "<c>", "status": "LOGGED_MODEL_PENDING"}),
    patch("no status", "logged-models/<a>", {"model_id": "<a>"}),
    patch("no id in the body", "logged-models/<a>", {"status": "LOGGED_MODEL_READY"}, ours=Ours(200, "", "the path names the model")),
    patch("finish what is not there", _NOBODY, {"model_id": "m-nobody", "status": "LOGGED_MODEL_READY"}),
    patch("set tags", "logged-models/<a>/tags", {"tags": [{"key": "a", "value": "c"}, {"key": "t", "value": "1"}]}),
    patch("set tags with the id in the body", "logged-models/<a>/tags", {"model_id": "<a>", "tags": [{"key": "u", "value": "1"}]}),
    patch("set tags of what is not there", f"{_NOBODY}/tags", {"tags": [{"key": "a", "value": "c"}]}),
    delete("delete a tag", "logged-models/<a>/tags/t"),
    delete("delete a tag again", "logged-models/<a>/tags/t"),
    delete("delete a tag of what is not there", f"{_NOBODY}/tags/t"),
    post("add params", "logged-models/<a>/params", {"model_id": "<a>", "params": [{"key": "depth", "value": "3"}]}),
    post("add them again", "logged-models/<a>/params", {"model_id": "<a>", "params": [{"key": "depth", "value": "3"}]}, ours=_REPEATED),
    post("add params to what is not there", f"{_NOBODY}/params", {"model_id": "m-nobody", "params": [{"key": "d", "value": "3"}]}),
    post("points", "runs/log-batch", {"run_id": "<r>", "metrics": [_point("<a>", 0.5, 0, "d1"), _point("<a>", 0.7, 1, "d2"), _point("<b>", 0.9, 0, "d1"), _point("<b>", 0.2, 1, "d1"), _point("<c>", 0.4, 0)]}),
    get("with points", "logged-models/<a>"),
    _search("search", filter="name = 'A'"),
    _search("search in the order of names", order_by=[{"field_name": "name", "ascending": False}], max_results=1),
    _search("any point may fit", filter="metrics.acc > 0.3 AND metrics.acc < 0.6", order_by=[{"field_name": "creation_time"}]),
    _search("on a dataset", datasets=[_on("d1")]),
    _search("on either dataset", datasets=[_on("d1"), _on("d2")], order_by=[{"field_name": "name"}]),
    _search("a point on a dataset", datasets=[_on("d1")], filter="metrics.acc > 0.6"),
    _search("on a dataset by its name", datasets=[_on("d2", digest=False)], ours=Ours(200, "", "without a digest any fits")),
    _search("on a dataset without a name", datasets=[{"dataset_digest": "g"}]),
    _search("by a metric", **_by()),
    _search("by a metric, the greatest first", **_by(ascending=False)),
    _search("by a metric on a dataset", **_by(**_on("d1"))),
    _search("by a metric on a dataset of a name", filter="name = 'A'", **_by(ascending=False, **_on("d2", digest=False))),
    _search("by nothing", order_by=[{"ascending": True}]),
    _search("by params", order_by=[{"field_name": "params.lr"}]),
    _search("by nonsense", filter="param.lr = '0.1'"),
    _search("by a column nobody knows", filter="nonsense = '1'", ours=Ours(400, "INVALID_PARAMETER_VALUE", "clients repeat a 500 for minutes")),
    _search("a metric compared with a text", filter="metrics.acc > 'x'", ours=Ours(400, "INVALID_PARAMETER_VALUE", "clients repeat a 500 for minutes")),
    _search("double quotes", filter='name = "A"', ours=Ours(200, "", "double quotes are quotes here too")),
    _search("status by number", filter="status = 3"),
    _search("zero means a hundred", max_results=0, filter="name = 'B'"),
    _search("fewer than none", max_results=-1, ours=Ours(400, "INVALID_PARAMETER_VALUE", "not an empty page with a token")),
    _search("more than anybody has", max_results=1_000_000, filter="name = 'B'"),
    _search("a token that is none", page_token="x", ours=Ours(400, "INVALID_PARAMETER_VALUE", "clients repeat a 500 for minutes")),
    post("search nowhere", "logged-models/search", {}, ours=Ours(200, "", "in no experiments there are no models")),
    delete("delete", "logged-models/<a>"),
    delete("delete again", "logged-models/<a>"),
    delete("delete what is not there", _NOBODY),
    get("a deleted one", "logged-models/<a>"),
    get("a deleted one, if one asks", "logged-models/<a>?allow_deleted=true"),
    patch("finish a deleted one", "logged-models/<a>", {"model_id": "<a>", "status": "LOGGED_MODEL_READY"}),
    _search("a deleted one is not found", filter="name = 'A'"),
)  # fmt: skip
