"""Everything a server knows of some experiments, read over REST; whatever differs from time to time has a name instead.

Two servers that were told the same give equal answers here: the same fields, the same values, of the same JSON types,
but for the fields that only we have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

Json = dict[str, Any]

ONLY_OURS = {"artifact_bytes"}
"""Fields that MLflow does not have (docs/decisions/0007-differences-from-mlflow.md)."""

_MOMENTS = re.compile(r"timestamp(_ms)?$|^(start|end|creation|last_update)_time$")
_DURATIONS = re.compile(r"_(runtime|per_second|fit_time|score_time)$")
_MADE_UP_NAME = re.compile(r"[a-z]+-[a-z]+-\d+")
_ID = re.compile(r"(m-)?(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?"), "<time>"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"(?<=mlflow-artifacts:/)\d+"), "<experiment>"),
    (re.compile(r'(?<="model_size_bytes": )\d+'), "<size>"),
)


@dataclass(frozen=True)
class Recorded:
    """What a server holds of some experiments and registered models, ids and times named.

    The order of runs and of logged models follows from their content alone.
    """

    experiments: list[Json]
    runs: list[Json]
    models: list[Json]
    registered: list[Json]

    def run(self, name: str) -> Json:
        """The only run of that name."""
        (found,) = (run for run in self.runs if run["info"]["run_name"] == name)
        return found

    def children(self, parent: Json) -> list[Json]:
        """The runs whose parent is the given one."""
        return [run for run in self.runs if run["tags"].get("mlflow.parentRunId") == parent["info"]["run_id"]]


def recorded(url: str, experiments: Sequence[str], registered: Sequence[str] = ()) -> Recorded:
    """All that the server at `url` holds of the named experiments and registered models."""
    rest = _Rest(url)
    found = [rest.get("experiments/get-by-name", experiment_name=name)["experiment"] for name in experiments]
    ids = [experiment["experiment_id"] for experiment in found]
    runs = _in_order(rest.run(run) for run in rest.all_posted("runs/search", "runs", ids))
    models = _in_order(rest.logged_model(model) for model in rest.all_posted("logged-models/search", "models", ids))
    names = {run["info"]["run_id"]: f"<run {number}>" for number, run in enumerate(runs)}
    names |= {model["info"]["model_id"]: f"<model {number}>" for number, model in enumerate(models)}
    return Recorded(
        _named(found, names),
        _named(runs, names),
        _named(models, names),
        _named([rest.registered(name) for name in registered], names),
    )


class _Rest:
    """A tracking server's REST API."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/api/2.0/mlflow/"

    def run(self, run: Json) -> Json:
        """A run as a search gives it, with the whole histories of its metrics and all its files."""
        data, of = run.pop("data"), {"run_id": run["info"]["run_id"]}
        latest = {metric["key"]: metric for metric in data.get("metrics", [])}
        history = {
            key: self.all_got("metrics/get-history", "metrics", **of, metric_key=key, max_results="1000")
            for key in latest
        }
        return {
            **run,
            "params": _pairs(data.get("params", [])),
            "tags": _pairs(data.get("tags", [])),
            "latest": {key: _point(metric) for key, metric in sorted(latest.items())},
            "history": {key: _once(_point(metric) for metric in points) for key, points in sorted(history.items())},
            "files": sorted(self.files("artifacts/list", "path", of)),
        }

    def logged_model(self, model: Json) -> Json:
        """A logged model as a search gives it, with all its files; of the metrics the whole histories."""
        info, data = model["info"], model.get("data", {})
        files = self.files(f"logged-models/{info['model_id']}/artifacts/directories", "artifact_directory_path", {})
        points = data.get("metrics", [])
        keys = sorted({point["key"] for point in points})
        return {
            "info": {**info, "tags": _pairs(info.get("tags", []))},
            "params": _pairs(data.get("params", [])),
            "metrics": {key: _once(_point(point) for point in points if point["key"] == key) for key in keys},
            "files": sorted(files),
        }

    def registered(self, name: str) -> Json:
        """A registered model and its versions.

        Without the ids of the versions' models, which the official server knows and does not tell.
        """
        model = self.get("registered-models/get", name=name)["registered_model"]
        versions = self.all_got("model-versions/search", "model_versions", filter=f"name = '{name}'")
        for version in (*model["latest_versions"], *versions):
            version.pop("model_id", None)
        return {"model": model, "versions": versions}

    def files(self, endpoint: str, field: str, query: Mapping[str, str]) -> Iterator[str]:
        """All files below the folder that the query names as `field`; folders end in a slash."""
        for file in self.get(endpoint, **query).get("files", []):
            if file["is_dir"]:
                yield f"{file['path']}/"
                yield from self.files(endpoint, field, {**query, field: file["path"]})
            else:
                yield file["path"]

    def all_got(self, endpoint: str, field: str, **query: str) -> list[Json]:
        """The entries of all pages of a GET."""
        return list(_entries(field, lambda token: self.get(endpoint, **query, **token)))

    def all_posted(self, endpoint: str, field: str, experiment_ids: list[str]) -> list[Json]:
        """The entries of all pages of a search of experiments, in pages of a few."""
        asked = {"experiment_ids": experiment_ids, "max_results": 3}
        return list(_entries(field, lambda token: self.post(endpoint, {**asked, **token})))

    def get(self, endpoint: str, **query: str) -> Json:
        return _answer(Request(f"{self.url}{endpoint}?{urlencode(query)}"))

    def post(self, endpoint: str, body: Json) -> Json:
        return _answer(Request(self.url + endpoint, json.dumps(body).encode(), {"Content-Type": "application/json"}))


def _answer(request: Request) -> Json:
    with urlopen(request, timeout=60) as response:
        answer: Json = json.load(response)
    return answer


def _entries(field: str, page_at: Callable[[dict[str, str]], Json]) -> Iterator[Json]:
    page = page_at({})
    yield from page.get(field, [])
    while token := page.get("next_page_token"):
        page = page_at({"page_token": token})
        yield from page.get(field, [])


def _pairs(entries: list[Json]) -> dict[str, str]:
    """Params or tags, sorted."""
    return {entry["key"]: entry["value"] for entry in sorted(entries, key=lambda entry: str(entry["key"]))}


def _point(metric: Json) -> list[Any]:
    """Step and value; what else the point has, but for its time, behind them."""
    more = {name: value for name, value in metric.items() if name not in {"key", "value", "step", "timestamp"}}
    return [metric["step"], _value(metric), *([more] if more else [])]


def _once(points: Iterable[list[Any]]) -> list[list[Any]]:
    """Points that differ only in their times, once: whether the times differ is a matter of speed."""
    return [point for point, _ in groupby(points)]


def _value(metric: Json) -> object:
    return "<seconds>" if _DURATIONS.search(metric["key"]) else metric["value"]


def _in_order(entities: Iterable[Json]) -> list[Json]:
    """Entities in an order that is the same whatever their ids are."""
    return sorted(entities, key=lambda entity: json.dumps(_named(entity, {}), sort_keys=True))


def _named(value: Any, names: Mapping[str, str], field: str = "") -> Any:
    """A value with names in place of ids, times and names that the server made up."""
    match value:
        case dict():
            return {each: _named(item, names, each) for each, item in value.items() if each not in ONLY_OURS}
        case list():
            return [_named(item, names) for item in value]
        case str():
            if field in {"run_name", "mlflow.runName"} and _MADE_UP_NAME.fullmatch(value):
                return "<made up>"
            if field == "experiment_id":
                return "<experiment>"
            for pattern, name in _VARYING:
                value = pattern.sub(name, value)
            return _ID.sub(lambda found: names.get(found[0], "<id>"), value)
        case int() if _MOMENTS.search(field):
            return "<moment>"
    return value
