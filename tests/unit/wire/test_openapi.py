"""The OpenAPI document: complete, valid, and saying what the tables say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from litestar.routes import HTTPRoute

from mlkeep.blobs.folder.store import FolderStore
from mlkeep.blobs.opening import open_store
from mlkeep.core import limits
from mlkeep.server.app import build_app
from mlkeep.server.artifacts.routes import Served
from mlkeep.services.call import Settings
from mlkeep.services.dispatch import Dispatcher
from mlkeep.storage.sql.storage import SqlStorage
from mlkeep.version import __version__
from mlkeep.wire.endpoint import Permission
from mlkeep.wire.openapi import document
from mlkeep.wire.resources import RESOURCES

VERBS = {"get", "head", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """The document."""
    return document(__version__)


def operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in told["paths"].items():
        for verb in VERBS & set(item):
            yield verb.upper(), path, item[verb]


def test_it_is_valid(told: dict[str, Any]) -> None:
    assert told["openapi"] == "3.1.0"
    assert told["info"]["version"] == __version__
    schemathesis.openapi.from_dict(told).validate()
    ids = [operation["operationId"] for _, _, operation in operations(told)]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere(told: dict[str, Any]) -> None:
    found = set(re.findall(r"#/components/(\w+)/([\w.]+)", repr(told)))
    assert found <= {(kind, name) for kind, parts in told["components"].items() for name in parts}


@pytest.mark.parametrize("with_proxy", [True, False])
def test_it_names_every_route_of_the_server_and_no_other(
    told: dict[str, Any], tmp_path: Path, with_proxy: bool
) -> None:
    storage = SqlStorage(f"sqlite:///{tmp_path / 'mlkeep.db'}")
    dispatcher = Dispatcher(storage, Settings(artifact_root="mlflow-artifacts:/"), open_store)
    app = build_app(dispatcher, Served(FolderStore(tmp_path)) if with_proxy else None, open_store)
    served = {
        (str(method), re.sub(r":\w+\}", "}", route.path))
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if str(method) != "OPTIONS"
    }
    dispatcher.close()
    assert {(method, path) for method, path, _ in operations(told)} == served


def test_every_operation_says_who_may_call_it(told: dict[str, Any]) -> None:
    known = {permission.value for permission in Permission}
    assert {operation["x-permission"] for _, _, operation in operations(told)} <= known
    assert all(isinstance(row.permission, Permission) for row in RESOURCES)


def test_both_roots_say_the_same(told: dict[str, Any]) -> None:
    for path, item in told["paths"].items():
        other = told["paths"].get(f"/ajax-{path[1:]}")
        for verb in (VERBS & set(item)) if other else ():
            plain, ajax = ({**operation, "operationId": ""} for operation in (item[verb], other[verb]))
            assert plain == ajax


def test_a_request_is_told_with_its_limits(told: dict[str, Any]) -> None:
    schema = told["components"]["schemas"]["LogMetric"]
    int64 = {"type": "integer", "format": "int64", "minimum": limits.MIN_INT64, "maximum": limits.MAX_INT64}
    text = {"type": "string", "default": ""}
    assert schema == {
        "type": "object",
        "properties": {
            "run_id": {"type": "string", "minLength": 1},
            "run_uuid": text,
            "key": {"type": "string", "minLength": 1, "maxLength": 250},
            "value": {"anyOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]},
            "timestamp": {**int64, "minimum": 0},
            "step": {**int64, "default": 0},
            "model_id": text,
            "dataset_name": text,
            "dataset_digest": text,
        },
        "required": ["key", "value", "timestamp"],
        "anyOf": [{"required": ["run_id"]}, {"required": ["run_uuid"]}],
    }


def test_enumerations_are_told_by_name_and_number(told: dict[str, Any]) -> None:
    schema = told["components"]["schemas"]["RunStatus"]
    assert schema["anyOf"] == [
        {"type": "string", "enum": ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]},
        {"type": "integer", "enum": [1, 2, 3, 4, 5]},
    ]


def test_a_get_has_its_fields_in_the_query_and_those_of_the_path_in_the_path(told: dict[str, Any]) -> None:
    parameters = told["paths"]["/api/2.0/mlflow/logged-models/{model_id}"]["get"]["parameters"]
    assert parameters == [
        {"name": "model_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}},
        {
            "name": "allow_deleted",
            "in": "query",
            "required": False,
            "schema": {"type": "boolean", "default": False},
        },
    ]


def test_the_statuses_of_errors_are_those_that_occur(told: dict[str, Any]) -> None:
    def statuses(method: str, path: str) -> list[str]:
        return list(told["paths"][f"/api/2.0/{path}"][method]["responses"])

    assert statuses("post", "mlflow/runs/log-metric") == ["200", "400", "404", "413", "415", "500", "503"]
    assert statuses("post", "mlflow/runs/search") == ["200", "400", "413", "415", "500", "503"]
    assert statuses("get", "mlflow/runs/get") == ["200", "400", "404", "500", "503"]
    assert statuses("put", "mlflow-artifacts/artifacts/{path}") == ["200", "400", "403", "422", "500", "503", "507"]
    assert statuses("get", "mlflow-artifacts/artifacts/{path}")[:4] == ["200", "206", "304", "400"]
    assert statuses("get", "mlflow/artifacts/list") == ["200", "400", "404", "500", "501", "503"]
    shapes = {repr(response["content"]) for response in told["components"]["responses"].values()}
    assert shapes == {"{'application/json': {'schema': {'$ref': '#/components/schemas/ErrorBody'}}}"}
