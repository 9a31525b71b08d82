"""The table of endpoints: complete, unambiguous, and guarded row by row."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

from mlkeep.services import dispatch
from mlkeep.services.logged import LOGS
from mlkeep.wire import artifacts, evaluation_datasets, experiments, heartbeats, logged_models, metrics, registry, runs
from mlkeep.wire.columns import LogColumns
from mlkeep.wire.endpoint import AJAX_ONLY, OWN, AuditTag, Endpoint, Permission
from mlkeep.wire.message import Empty, Message, Request
from mlkeep.wire.quick import QUICK
from mlkeep.wire.table import BY_REQUEST, ENDPOINTS, NOT_OFFERED, not_offered

MODULES = (artifacts, evaluation_datasets, experiments, heartbeats, logged_models, metrics, registry, runs)
LISTINGS: tuple[type[Request], ...] = (artifacts.ListArtifacts, artifacts.ListLoggedModelArtifacts)
"""Requests that are not answered in one transaction."""


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda row: row.path)
def test_a_row_says_all_there_is_to_say(endpoint: Endpoint) -> None:
    assert isinstance(endpoint.permission, Permission)
    assert endpoint.audit is None or isinstance(endpoint.audit, AuditTag)
    assert issubclass(endpoint.request, Request)
    assert issubclass(endpoint.response, Message)
    assert endpoint.methods
    assert set(endpoint.methods) <= {"GET", "POST", "PATCH", "DELETE"}
    assert set(endpoint.path_fields) <= set(endpoint.request.__struct_fields__)
    assert set(endpoint.request.required) <= set(endpoint.request.__struct_fields__)


def test_a_row_without_a_permission_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="permission"):
        Endpoint(("GET",), "runs/get", runs.GetRun, runs.RunResponse)  # type: ignore[call-arg]  # what is tested


def test_a_row_answers_under_both_roots() -> None:
    row = BY_REQUEST[logged_models.SetLoggedModelTags]
    assert row.paths == (
        "/api/2.0/mlflow/logged-models/{model_id}/tags",
        "/ajax-api/2.0/mlflow/logged-models/{model_id}/tags",
    )
    assert row.path_fields == ("model_id",)


def test_no_two_rows_answer_the_same() -> None:
    answered = [(method, path) for row in ENDPOINTS for path in row.paths for method in row.methods]
    assert len(answered) == len(set(answered))


def test_a_kind_of_request_belongs_to_one_row_and_one_use_case() -> None:
    assert len(BY_REQUEST) == len(ENDPOINTS)
    logs = set(LOGS) - set(QUICK.values()) - {LogColumns}  # those are other forms of the same
    bound = [*dispatch.READS, *dispatch.WRITES, *logs, *LISTINGS]
    assert len(bound) == len(set(bound))
    assert set(bound) == set(BY_REQUEST)


def test_what_only_reads_changes_nothing_governed() -> None:
    reads: list[type[Request]] = [*dispatch.READS, *LISTINGS]
    for kind in reads:
        row = BY_REQUEST[kind]
        assert row.audit is None, row.path
        assert row.permission.value.endswith((":read", ":search")), row.path
    for kind in dispatch.WRITES:
        assert not BY_REQUEST[kind].permission.value.endswith((":read", ":search")), BY_REQUEST[kind].path


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_message_of_a_resource_is_immutable_and_every_request_of_it_refuses_what_it_does_not_know(
    module: ModuleType,
) -> None:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if issubclass(kind, Message):
            assert kind.__struct_config__.frozen, kind
        if issubclass(kind, Request):
            assert kind.__struct_config__.forbid_unknown_fields, kind


PROMISED = """
POST experiments/create; GET experiments/get; GET experiments/get-by-name; POST experiments/update
POST experiments/delete; POST experiments/restore; POST experiments/set-experiment-tag
POST experiments/delete-experiment-tag; POST experiments/search; GET experiments/search
POST runs/create; GET runs/get; POST runs/update; POST runs/delete; POST runs/restore; POST runs/log-metric
POST runs/log-parameter; POST runs/set-tag; POST runs/delete-tag; POST runs/log-batch; POST runs/log-inputs
POST runs/outputs; POST runs/log-model; POST runs/search; GET metrics/get-history; GET artifacts/list
POST logged-models; POST logged-models/search; GET logged-models/{model_id}; PATCH logged-models/{model_id}
DELETE logged-models/{model_id}; PATCH logged-models/{model_id}/tags; DELETE logged-models/{model_id}/tags/{key}
POST logged-models/{model_id}/params; GET logged-models/{model_id}/artifacts/directories
POST registered-models/create; GET registered-models/get; POST registered-models/rename
PATCH registered-models/update; DELETE registered-models/delete; GET registered-models/search
POST registered-models/get-latest-versions; GET registered-models/get-latest-versions
POST registered-models/set-tag; DELETE registered-models/delete-tag; POST registered-models/alias
DELETE registered-models/alias; GET registered-models/alias; POST model-versions/create; GET model-versions/get
PATCH model-versions/update; POST model-versions/transition-stage; DELETE model-versions/delete
GET model-versions/search; GET model-versions/get-download-uri; POST model-versions/set-tag
DELETE model-versions/delete-tag
POST experiments/search-datasets; GET metrics/get-history-bulk; GET metrics/get-history-bulk-interval
POST datasets/create; POST datasets/search; GET datasets/search; GET datasets/{dataset_id}; DELETE datasets/{dataset_id}
PATCH datasets/{dataset_id}/tags; DELETE datasets/{dataset_id}/tags/{key}; POST datasets/{dataset_id}/records
GET datasets/{dataset_id}/records; DELETE datasets/{dataset_id}/records; GET datasets/{dataset_id}/experiment-ids
POST datasets/{dataset_id}/add-experiments; POST datasets/{dataset_id}/remove-experiments
"""


def test_every_verb_and_path_of_the_protocol_is_there() -> None:
    wanted = {tuple(item.split()) for line in PROMISED.strip().splitlines() for item in line.split(";")}
    known = {(method, row.path) for row in ENDPOINTS for method in row.methods}
    assert wanted - known == set()
    ours = {
        "artifacts/record",
        "artifacts/forget",
        "artifacts/manifest",
        "experiments/{experiment_id}/counts",
        "metrics/chart",
        "runs/heartbeat",
    }
    assert {row.path for row in ENDPOINTS if row.version == OWN} == ours
    assert {row.version for row in ENDPOINTS if not row.path.startswith("datasets/")} == {"2.0", OWN}
    assert {row.version for row in ENDPOINTS if row.path.startswith("datasets/")} == {"3.0"}
    for_the_interface = {row.path for row in ENDPOINTS if row.roots == AJAX_ONLY}
    assert for_the_interface == {"metrics/get-history-bulk", "experiments/search-datasets"}


def test_what_is_not_offered_is_not_in_the_table() -> None:
    assert [path for row in ENDPOINTS for path in row.paths if not_offered(path)] == []


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("/api/3.0/mlflow/traces/t/assessments", "mlflow/traces"),
        ("/ajax-api/2.0/mlflow/traces", "mlflow/traces"),
        ("/api/2.0/mlflow/tracesx", None),
        ("/api/2.0/mlflow/runs/create-promptlab-run", "mlflow/runs/create-promptlab-run"),
        ("/api/2.0/mlflow-artifacts/mpu/create/a/b", None),
        ("/graphql", "graphql"),
        ("/api/2.0/mlflow/runs/search", None),
        ("/", None),
        ("", None),
    ],
)
def test_a_path_belongs_to_what_is_not_offered(path: str, start: str | None) -> None:
    assert (not_offered(path), start in {None, *NOT_OFFERED}) == (start, True)


def test_what_says_nothing_is_an_empty_object() -> None:
    assert Empty().__struct_fields__ == ()
