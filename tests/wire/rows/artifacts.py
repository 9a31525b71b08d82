"""Lists of artifacts, and the datasets of experiments."""

from __future__ import annotations

from typing import Any

from tests.wire.exchange import Raw, Row, get, post

_PROXY = "/api/2.0/mlflow-artifacts/artifacts"
_DATASETS = "/ajax-api/2.0/mlflow/experiments/search-datasets"
_FOLDERS = "logged-models/<m>/artifacts/directories"


def _use(name: str, context: str = "") -> dict[str, Any]:
    tags = [{"key": "mlflow.data.context", "value": context}] if context else []
    return {"tags": tags, "dataset": {"name": name, "digest": "g", "source_type": "l", "source": "{}"}}


ROWS: tuple[Row, ...] = (
    post("make an experiment", "experiments/create", {"name": "artifacts"}, keep={"e": "experiment_id"}),
    post("make a run", "runs/create", {"experiment_id": "<e>"}, keep={"r": "run.info.run_id"}),
    post("make a model", "logged-models", {"experiment_id": "<e>", "name": "m"}, keep={"m": "model.info.model_id"}),
    get("nothing yet", "artifacts/list?run_id=<r>"),
    *(Row(f"upload {name}", "PUT", f"{_PROXY}/<e>/{name}", Raw(text)) for name, text in (("<r>/artifacts/b.txt", "12345"), ("<r>/artifacts/dir/a.txt", "1"), ("<r>/artifacts/empty", ""), ("models/<m>/artifacts/MLmodel", "{}"), ("models/<m>/artifacts/data/w", "123"))),
    get("list", "artifacts/list?run_id=<r>"),
    get("list by the older name", "artifacts/list?run_uuid=<r>"),
    get("list a folder", "artifacts/list?run_id=<r>&path=dir"),
    get("list a file", "artifacts/list?run_id=<r>&path=b.txt"),
    get("list what is not there", "artifacts/list?run_id=<r>&path=none"),
    *(get(f"list {path}", f"artifacts/list?run_id=<r>&path={path}") for path in ("..", "dir/../..", "%2fetc", "%252e%252e", "dir%23x")),
    get("list of a run that is not there", "artifacts/list?run_id=nobody"),
    get("list of no run", "artifacts/list"),
    get("a model's folder", _FOLDERS),
    get("a folder in a model's folder", f"{_FOLDERS}?artifact_directory_path=data"),
    get("out of a model's folder", f"{_FOLDERS}?artifact_directory_path=.."),
    get("a model that is not there", "logged-models/m-nobody/artifacts/directories"),
    post("log datasets", "runs/log-inputs", {"run_id": "<r>", "datasets": [_use("d1", "train"), _use("d2")]}),
    post("datasets of an experiment", _DATASETS, {"experiment_ids": ["<e>"]}),
    post("datasets of one that is not there", _DATASETS, {"experiment_ids": ["999999"]}),
    post("datasets of none", _DATASETS, {}),
    post("datasets of an empty list", _DATASETS, {"experiment_ids": []}),
    post("datasets of too many", _DATASETS, {"experiment_ids": ["1"] * 21}),
    post("datasets of what cannot be", _DATASETS, {"experiment_ids": ["x"]}),
)  # fmt: skip
