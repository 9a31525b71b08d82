"""Metrics and their histories."""

from __future__ import annotations

from tests.wire.exchange import Ours, Row, get, post

_BULK = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
_SAMPLED = "metrics/get-history-bulk-interval"
_MANY = "".join("&run_id=x" for _ in range(101))
_MANY_IDS = "".join("&run_ids=x" for _ in range(101))
_LOG = "runs/log-metric"

ROWS: tuple[Row, ...] = (
    post("make an experiment", "experiments/create", {"name": "metrics"}, keep={"e": "experiment_id"}),
    post("make a run", "runs/create", {"experiment_id": "<e>"}, keep={"r": "run.info.run_id"}),
    post("make another run", "runs/create", {"experiment_id": "<e>"}, keep={"s": "run.info.run_id"}),
    post("twenty points", "runs/log-batch", {"run_id": "<r>", "metrics": [{"key": "m", "value": i / 2, "timestamp": 100 - i, "step": i} for i in range(20)]}),
    post("a point", _LOG, {"run_id": "<s>", "key": "m", "value": 1.5, "timestamp": 7, "step": -1}),
    post("the point again", _LOG, {"run_id": "<s>", "key": "m", "value": 1.5, "timestamp": 7, "step": -1}),
    post("no number", _LOG, {"run_id": "<s>", "key": "m", "value": "NaN", "timestamp": 8}),
    post("beyond all numbers", _LOG, {"run_id": "<s>", "key": "inf", "value": "Infinity", "timestamp": 8}),
    post("a point without a key", _LOG, {"run_id": "<s>", "value": 1, "timestamp": 1}),
    post("a point without a value", _LOG, {"run_id": "<s>", "key": "m", "timestamp": 1}),
    post("a point without a time", _LOG, {"run_id": "<s>", "key": "m", "value": 1}),
    post("a point before all time", _LOG, {"run_id": "<s>", "key": "m", "value": 1, "timestamp": -1}),
    post("a point that is a text", _LOG, {"run_id": "<s>", "key": "m", "value": "x", "timestamp": 1}),
    post("a point of a model nobody has", _LOG, {"run_id": "<s>", "key": "m", "value": 1, "timestamp": 1, "model_id": "m-nobody"}, ours=Ours(400, "INVALID_PARAMETER_VALUE", "the code says what is wrong")),
    post("a point of a dataset", _LOG, {"run_id": "<s>", "key": "d", "value": 1, "timestamp": 1, "dataset_name": "d", "dataset_digest": "g"}),
    get("the run", "runs/get?run_id=<r>"),
    # one history
    get("a history", "metrics/get-history?run_id=<s>&metric_key=m"),
    get("a history by the older name", "metrics/get-history?run_uuid=<s>&metric_key=m"),
    get("the infinite", "metrics/get-history?run_id=<s>&metric_key=inf", ours=Ours(200, "", "infinity stays what it is")),
    get("the first page", "metrics/get-history?run_id=<r>&metric_key=m&max_results=2", keep={"token": "next_page_token"}),
    get("the second page", "metrics/get-history?run_id=<r>&metric_key=m&max_results=2&page_token=<token>"),
    get("no page", "metrics/get-history?run_id=<r>&metric_key=m&max_results=0"),
    get("less than no page", "metrics/get-history?run_id=<r>&metric_key=m&max_results=-1"),
    get("a token that is none", "metrics/get-history?run_id=<r>&metric_key=m&max_results=1&page_token=x"),
    get("a key nobody logged", "metrics/get-history?run_id=<r>&metric_key=none"),
    get("a run nobody has", "metrics/get-history?run_id=nobody&metric_key=m"),
    get("no run", "metrics/get-history?metric_key=m"),
    get("no key", "metrics/get-history?run_id=<r>"),
    # several histories
    get("in bulk", f"{_BULK}?run_id=<r>&metric_key=m&max_results=3"),
    get("the bulk of nothing", f"{_BULK}?run_id=<r>&metric_key=none"),
    get("the bulk of a run nobody has", f"{_BULK}?run_id=nobody&metric_key=m"),
    get("a run asked for twice", f"{_BULK}?run_id=<r>&run_id=<r>&metric_key=m&max_results=30"),
    get("bulk, NaN", f"{_BULK}?run_id=<s>&metric_key=m", ours=Ours(200, "", "NaN as a text: no browser reads the bare word")),
    get("bulk without runs", f"{_BULK}?metric_key=m"),
    get("bulk without a key", f"{_BULK}?run_id=<r>"),
    get("bulk of too many runs", f"{_BULK}?metric_key=m{_MANY}"),
    get("bulk of no points", f"{_BULK}?run_id=<r>&metric_key=m&max_results=0"),
    get("bulk of fewer than none", f"{_BULK}?run_id=<r>&metric_key=m&max_results=-1", ours=Ours(400, "INVALID_PARAMETER_VALUE", "not all points")),
    get("bulk of a word", f"{_BULK}?run_id=<r>&metric_key=m&max_results=x", ours=Ours(400, "INVALID_PARAMETER_VALUE", "clients repeat a 500 for minutes")),
    # samples
    *(get(f"{k} of twenty points", f"{_SAMPLED}?run_ids=<r>&metric_key=m&max_results={k}") for k in (1, 2, 3, 5, 7, 19, 20, 21)),
    get("all points", f"{_SAMPLED}?run_ids=<r>&metric_key=m"),
    get("under the ajax root", f"/ajax-api/2.0/mlflow/{_SAMPLED}?run_ids=<s>&metric_key=m"),
    get("some steps", f"{_SAMPLED}?run_ids=<r>&metric_key=m&start_step=3&end_step=5"),
    get("a sample of some steps", f"{_SAMPLED}?run_ids=<r>&metric_key=m&start_step=3&end_step=12&max_results=4"),
    get("one step", f"{_SAMPLED}?run_ids=<r>&metric_key=m&start_step=5&end_step=5"),
    get("no steps", f"{_SAMPLED}?run_ids=<r>&metric_key=m&start_step=5&end_step=4"),
    get("steps without an end", f"{_SAMPLED}?run_ids=<r>&metric_key=m&start_step=5"),
    get("steps without a start", f"{_SAMPLED}?run_ids=<r>&metric_key=m&end_step=5"),
    get("runs in the order they were asked for", f"{_SAMPLED}?run_ids=<s>&run_ids=<r>&run_ids=<s>&metric_key=m&max_results=2"),
    get("samples without runs", f"{_SAMPLED}?metric_key=m"),
    get("samples without a key", f"{_SAMPLED}?run_ids=<r>"),
    get("samples of a run nobody has", f"{_SAMPLED}?run_ids=nobody&metric_key=m"),
    get("samples of too many runs", f"{_SAMPLED}?metric_key=m{_MANY_IDS}"),
    get("no points", f"{_SAMPLED}?run_ids=<r>&metric_key=m&max_results=0"),
    get("too many points", f"{_SAMPLED}?run_ids=<r>&metric_key=m&max_results=2501"),
)  # fmt: skip
