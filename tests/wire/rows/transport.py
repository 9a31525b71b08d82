"""Paths, verbs, content types, spellings and numbers: what holds for every endpoint."""

from __future__ import annotations

from tests.wire.exchange import Ours, Raw, Row, delete, get, patch, post

_NO_JSON = Ours(400, "INVALID_PARAMETER_VALUE", "a body that is not JSON is said to be so")
_A_TYPE = Ours(400, "INVALID_PARAMETER_VALUE", "a value of a wrong type is refused, not made 0")
_NOT_OFFERED = Ours(501, "NOT_IMPLEMENTED", "not offered")
_CAMEL = Ours(200, "", "camelCase is as good for what is required; MLflow takes it for the rest only")
_OTHER_TYPE = {"Content-Type": "text/plain"}

ROWS: tuple[Row, ...] = (
    post("make an experiment", "experiments/create", {"name": "wire"}, keep={"e": "experiment_id"}),
    post("make a run", "runs/create", {"experiment_id": "<e>", "run_name": "r"}, keep={"r": "run.info.run_id"}),
    # paths and verbs
    get("the other root", "/ajax-api/2.0/mlflow/runs/get?run_id=<r>"),
    get("another version", "/api/3.0/mlflow/runs/get?run_id=<r>"),
    get("no version", "/api/2.1/mlflow/runs/get?run_id=<r>"),
    get("preview", "/api/2.0/preview/mlflow/runs/get?run_id=<r>"),
    get("trailing slash", "runs/get/?run_id=<r>"),
    get("no such path", "runs/nothing"),
    get("no such verb", "runs/create"),
    post("no such verb either", "runs/get", {"run_id": "<r>"}),
    Row("head", "HEAD", "runs/get?run_id=<r>", ours=Ours(405, "", "nobody asks so; MLflow says 400")),
    Row("options", "OPTIONS", "/api/2.0/mlflow/runs/get"),
    post("only for the interface, under the other root", "experiments/search-datasets", {"experiment_ids": ["<e>"]}),
    get("bulk only under the ajax root", "metrics/get-history-bulk?run_id=<r>&metric_key=m"),
    get("the odd version", "/api/2.11/mlflow/metrics/get-history-bulk-interval?run_ids=<r>&metric_key=m"),
    get("a logged model under 3.0", "/api/3.0/mlflow/logged-models/m-1"),
    # bodies
    post("content type with charset", "runs/set-tag", {"run_id": "<r>", "key": "a", "value": "1"}, headers={"Content-Type": "application/json; charset=utf-8"}),
    post("another content type", "runs/set-tag", {"run_id": "<r>", "key": "a", "value": "1"}, headers=_OTHER_TYPE),
    Row("no content type", "POST", "runs/set-tag", Raw('{"run_id": "<r>", "key": "a"}'), {"Content-Type": ""}),
    Row("no body", "POST", "runs/set-tag", Raw("")),
    Row("no json", "POST", "runs/set-tag", Raw("{nonsense")),
    Row("no json where nothing is required", "POST", "runs/search", Raw("{nonsense"), ours=_NO_JSON),
    Row("a list", "POST", "runs/search", Raw("[]"), ours=_NO_JSON),
    Row("json in a json string", "POST", "runs/set-tag", Raw('"{\\"run_id\\": \\"<r>\\", \\"key\\": \\"twice\\", \\"value\\": \\"1\\"}"')),
    Row("a get with a body", "GET", "runs/get", Raw('{"run_id": "<r>"}')),
    Row("a get with a query and a body", "GET", "runs/get?run_id=<r>", Raw('{"run_id": "other"}')),
    patch("patch needs no content type", "registered-models/update", {"name": "nobody"}, headers=_OTHER_TYPE),
    delete("delete reads its body", "registered-models/delete?name=nobody"),
    # names
    post("camelCase", "runs/set-tag", {"runId": "<r>", "key": "a", "value": "1"}, ours=_CAMEL),
    post("both spellings", "runs/set-tag", {"runId": "<r>", "run_id": "<r>", "key": "a", "value": "1"}),
    post("an unknown field", "runs/set-tag", {"run_id": "<r>", "key": "u", "value": "1", "colour": {"deep": [1]}}),
    post("null is absent", "runs/set-tag", {"run_id": "<r>", "key": None, "value": "1"}),
    post("an empty text is absent", "runs/set-tag", {"run_id": "<r>", "key": "", "value": "1"}),
    post("the older name of a run", "runs/set-tag", {"run_uuid": "<r>", "key": "old", "value": "1"}),
    get("the older name in a query", "runs/get?run_uuid=<r>"),
    get("both names in a query", "runs/get?run_uuid=<r>&run_id=<r>"),
    get("camelCase in a query", "runs/get?runId=<r>", ours=_CAMEL),
    # values
    post("a number for a text", "runs/set-tag", {"run_id": "<r>", "key": "n", "value": 5}),
    post("an object for a text", "runs/set-tag", {"run_id": "<r>", "key": {"a": 1}}),
    post("integers as texts", "runs/log-metric", {"run_id": "<r>", "key": "i", "value": "0.5", "timestamp": "17", "step": "3"}),
    post("integers as R writes them", "runs/log-metric", {"run_id": "<r>", "key": "i", "value": "1e-05", "timestamp": "1.7e+12", "step": "1e+05"}),
    get("and what they were", "metrics/get-history?run_id=<r>&metric_key=i"),
    post("a broken integer", "runs/create", {"experiment_id": "<e>", "start_time": 1.5}, ours=_A_TYPE),
    post("R's page size", "runs/search", {"experiment_ids": ["<e>"], "max_results": "1e+01"}, ours=Ours(200, "", "R writes numbers so")),
    post("true is a number", "runs/log-metric", {"run_id": "<r>", "key": "t", "value": True, "timestamp": 1}),
    post("NaN as a text", "runs/log-metric", {"run_id": "<r>", "key": "nan", "value": "NaN", "timestamp": 1}),
    Row("more than the largest double", "POST", "runs/log-metric", Raw('{"run_id": "<r>", "key": "big", "value": 1e400, "timestamp": 1}')),
    post("an enum by number", "runs/update", {"run_id": "<r>", "status": 3}),
    post("an enum by an unknown name", "runs/update", {"run_id": "<r>", "status": "DANCING"}),
    post("an enum by an unknown number", "runs/update", {"run_id": "<r>", "status": 77}),
    post("a view by number", "runs/search", {"experiment_ids": ["<e>"], "run_view_type": 2}),
    post("a list that is none", "runs/search", {"experiment_ids": "<e>"}),
    post("a flag as R writes it", "model-versions/transition-stage", {"name": "no", "version": "1", "stage": "Staging", "archive_existing_versions": "FALSE"}, ours=Ours(404, "RESOURCE_DOES_NOT_EXIST", "the R client sends flags as texts")),
    get("a flag in a query", "logged-models/m-1?allow_deleted=true"),
    # workspaces
    get("the workspace that is there", "runs/get?run_id=<r>", headers={"X-MLFLOW-WORKSPACE": "default"}, ours=Ours(200, "", "the default workspace is there")),
    get("another workspace", "runs/get?run_id=<r>", headers={"X-MLFLOW-WORKSPACE": "other"}, ours=Ours(501, "FEATURE_DISABLED", "clients repeat a 500 for minutes")),
    # what is not offered
    get("traces", "/api/3.0/mlflow/traces/t", ours=_NOT_OFFERED),
    post("older traces", "traces", {}, ours=_NOT_OFFERED),
    get("scorers", "/api/3.0/mlflow/scorers/list?experiment_id=<e>", ours=_NOT_OFFERED),
    get("webhooks", "webhooks", ours=_NOT_OFFERED),
    get("the gateway", "/api/3.0/mlflow/gateway/secrets/list", ours=_NOT_OFFERED),
    get("review queues", "/api/3.0/mlflow/review-queues/list?experiment_id=<e>", ours=_NOT_OFFERED),
    get("label schemas", "/api/3.0/mlflow/label-schemas/list?experiment_id=<e>", ours=_NOT_OFFERED),
    get("health", "/health"),
)  # fmt: skip
