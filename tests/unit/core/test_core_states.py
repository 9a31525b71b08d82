"""States and kinds, under the names and numbers of MLflow; entities as dictionaries."""

from __future__ import annotations

import json

import pytest

from mlkeep.core.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    LoggedModel,
    LoggedModelStatus,
    Metric,
    RunStatus,
    SourceType,
    ViewType,
)


def test_statuses_of_runs_have_numbers_and_names() -> None:
    assert RunStatus.all_status() == [1, 2, 3, 4, 5]
    assert [RunStatus.to_string(number) for number in RunStatus.all_status()] == RunStatus.all_names()
    assert RunStatus.from_string("FAILED") is RunStatus.FAILED
    assert int(RunStatus.FAILED) == 4
    assert [RunStatus.is_terminated(number) for number in RunStatus.all_status()] == [False, False, True, True, True]
    assert RunStatus.is_terminated("KILLED")
    with pytest.raises(ValueError, match="'DONE'"):
        RunStatus.from_string("DONE")


def test_a_view_looks_at_stages() -> None:
    assert LifecycleStage.view_type_to_stages() == ["active", "deleted"]
    assert LifecycleStage.view_type_to_stages(ViewType.DELETED_ONLY) == ["deleted"]
    assert LifecycleStage.matches_view_type(ViewType.ACTIVE_ONLY, "active")
    assert not LifecycleStage.matches_view_type(ViewType.ACTIVE_ONLY, "deleted")
    assert [LifecycleStage.is_valid(stage) for stage in ("active", "deleted", "gone")] == [True, True, False]


def test_kinds_of_sources_have_numbers_and_names() -> None:
    assert SourceType.from_string("LOCAL") is SourceType.LOCAL
    assert int(SourceType.LOCAL) == 4
    assert SourceType.to_string(1) == "NOTEBOOK"
    with pytest.raises(ValueError, match="'CLOUD'"):
        SourceType.from_string("CLOUD")


def test_a_status_of_logged_models_is_its_name_and_knows_its_number() -> None:
    assert [(f"{status}", status.number) for status in LoggedModelStatus] == [
        ("UNSPECIFIED", 0),
        ("PENDING", 1),
        ("READY", 2),
        ("FAILED", 3),
    ]
    assert [LoggedModelStatus.from_number(number) for number in range(4)] == list(LoggedModelStatus)
    assert LoggedModelStatus("READY") == "READY"


def test_a_logged_model_tells_its_uri_as_an_attribute_and_its_status_as_a_number() -> None:
    model = LoggedModel(
        "m-1", "0", "net", "file:/a", 1, 2, metrics=[Metric("m", 0.5, 1)], tags={"a": "1"}, artifact_bytes=7
    )

    assert list(dict(model)) == sorted([*model.__struct_fields__, "model_uri"])
    assert (dict(model)["model_uri"], dict(model)["status"]) == ("models:/m-1", "PENDING")
    told = model.to_dictionary()
    assert json.loads(json.dumps(told)) == told
    assert (told["status"], told["metrics"][0]["key"], "model_uri" in told) == (1, "m", False)


def test_the_tags_of_an_input_are_one_dictionary() -> None:
    data = Dataset("d", "abc", "local", "{}")
    assert DatasetInput(data, [InputTag("a", "1")]).to_dictionary() == {
        "dataset": {
            "name": "d",
            "digest": "abc",
            "source_type": "local",
            "source": "{}",
            "schema": None,
            "profile": None,
        },
        "tags": {"a": "1"},
    }
