"""The server keeps to its own OpenAPI document, whatever Schemathesis makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.errors import InvalidSchema
from schemathesis.core.result import Ok, Result
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mlkeep.testing.filter_examples import FOUND, FOUND_BY_OUR_EXTENSION, SORTED
from mlkeep.version import __version__
from mlkeep.wire.openapi import document
from tests.wire_fuzz.conftest import Server

Operation: TypeAlias = APIOperation[Any, Any, Any, Any]

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

LOGGED_MODEL, EVALUATION_DATASET = "logged-model", "evaluation-dataset"
"""Stand for their ids, which the server chooses."""

KNOWN: dict[str, list[Any]] = {
    "experiment_id": [Server.experiment_id, Server.deleted_experiment_id],
    "experiment_ids": [[Server.experiment_id], ["0", Server.experiment_id]],
    "experiment_name": ["fuzzed"],
    "run_id": [Server.run_id],
    "run_uuid": [Server.run_id],
    "model_id": [LOGGED_MODEL],
    "dataset_id": [EVALUATION_DATASET],
    "records": ['[{"inputs": {"q": "1"}}]'],
    "tags": ['{"a": "1"}'],
    "name": [Server.model, "another name"],
    "version": ["1"],
    "alias": [Server.alias],
    "key": ["a", "team", "loss"],
    "metric_key": ["loss"],
    "run_ids": [[Server.run_id], [Server.run_id, "nobody"]],
    "keys": [["loss"], ["loss", "a"]],
    "stage": ["Staging", "Production", "Archived"],
    "filter": ["", "tags.a = '1'", *(text for _, text, _ in FOUND + FOUND_BY_OUR_EXTENSION if text)],
    "order_by": [[], *(order_by for _, order_by, _ in SORTED)],
    "fields": [["metrics.loss", "info"], ["params", "tags.team"]],
    "max_results": [1, 100],
    "path": [f"{Server.experiment_id}/{Server.run_id}/artifacts/notes/a.txt", "1", "notes/a.txt"],
    "uri": [f"mlflow-artifacts:/{Server.experiment_id}/{Server.run_id}/artifacts"],
    "sha256": ["0" * 64],
    "paths": [["notes/a.txt"], [""]],
    "artifact_file_path": ["notes/a.txt"],
    "size": [10],
    "part_bytes": [1_048_576],
    "artifact_location": ["s3://bucket/folder"],
    "source": ["s3://bucket/model"],
    "model_json": ['{"artifact_path": "m", "flavors": {}, "utc_time_created": "", "run_id": ""}'],
    "page_token": [""],
    "field_name": ["name", "metrics.loss"],
}
"""Values that lead somewhere, by the name of the field: made-up ones are refused before much has happened."""


IN_CONVERSATION = (
    "/mpu/",
    "/artifacts/uploads/{upload_id}/",
    "/artifacts/bundle/read",
    "/get-artifact",
    "/artifacts/presigned-",
)
"""What is in the paths that only an earlier answer, or another store, makes answer with 200; `tests/e2e` has these."""

NOT_TRIED = "^/ajax-api/|/mlflow-artifacts/presigned/|/artifacts/bundle$"
"""The same again; what only a store that signs answers with anything but 501; what takes more than JSON and bytes."""

ASKED = "Asked"
"""Ends the names of schemas that only requests refer to."""

_JSON_TYPES = {str: "string", int: "integer", list: "array"}


def sharpened(schema: Any, name: str = "", *, known: bool) -> Any:
    """The document without anything it does not name, in requests and in answers.

    With `known`, fields of requests take values that lead somewhere. A message may be asked and answered, so what is
    asked refers to a schema of its own.
    """
    if isinstance(schema, list):
        return [sharpened(item, known=known) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if known and "$ref" in schema:
        return {"$ref": schema["$ref"] + ASKED}
    if known and name in KNOWN and _JSON_TYPES[type(KNOWN[name][0])] == schema.get("type"):
        return {"enum": KNOWN[name]}
    found = {
        key: sharpened(value, known=known and key != "responses")
        for key, value in schema.items()
        if key != "properties"
    }
    if "properties" in schema:
        found["properties"] = {key: sharpened(value, key, known=known) for key, value in schema["properties"].items()}
        found["additionalProperties"] = False
    if {"name", "in", "schema"} <= set(schema):
        found["schema"] = sharpened(schema["schema"], schema["name"], known=known)
    return found


def operations(*, known: bool) -> list[Operation]:
    """The operations of the document, to be tried with fields that are known, or with whatever comes to mind."""
    whole = document(__version__)
    components = whole.pop("components")
    sharp = {**sharpened(whole, known=known), "components": sharpened(components, known=False)}
    for name, schema in components["schemas"].items():
        sharp["components"]["schemas"][name + ASKED] = sharpened(schema, known=known)
    tried = schemathesis.openapi.from_dict(sharp).exclude(path_regex=NOT_TRIED)
    return [valid(found) for found in tried.get_all_operations()]


def valid(found: Result[Operation, InvalidSchema]) -> Operation:
    """An operation. Raises AssertionError: it is none."""
    assert isinstance(found, Ok), found
    return found.ok()


@pytest.fixture
def whole(server: Server) -> Server:
    """The server with everything in place."""
    server.mend()
    return server


def tried(examples: int) -> settings:
    """The same requests in every run."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def with_ids(value: Any, ids: Mapping[str, str]) -> Any:
    """A request with ids in the place of what stands for them."""
    if isinstance(value, dict):
        return {name: with_ids(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [with_ids(item, ids) for item in value]
    return ids.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize("operation", operations(known=True), ids=lambda operation: operation.label)
def test_requests_that_make_sense_are_answered_as_documented(whole: Server, operation: Operation) -> None:
    ids = {LOGGED_MODEL: whole.model_id, EVALUATION_DATASET: whole.dataset_id}
    statuses = set()

    @tried(10)
    @given(operation.as_strategy())
    def answered(case: schemathesis.Case[Any]) -> None:
        case.path_parameters = with_ids(case.path_parameters, ids)
        case.query = with_ids(case.query, ids)
        case.body = with_ids(case.body, ids)
        statuses.add(case.call_and_validate(base_url=whole.process.url, checks=CHECKS).status_code)

    answered()
    assert 200 in statuses or any(part in operation.path for part in IN_CONVERSATION)


@pytest.mark.parametrize("operation", operations(known=False), ids=lambda operation: operation.label)
def test_any_request_is_answered_as_documented(whole: Server, operation: Operation) -> None:
    cases = operation.as_strategy()
    if operation.body or operation.query or operation.path_parameters:
        cases |= operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

    @tried(8)
    @given(cases)
    def answered(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=whole.process.url, checks=CHECKS)

    answered()
