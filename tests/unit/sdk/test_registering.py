"""Registering what was logged."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import mlkeep
from mlkeep.core.entities import LoggedModelOutput
from mlkeep.core.errors import NotFound, NotOffered
from mlkeep.core.versions import VersionNumber
from mlkeep.sdk.client import MlkeepClient
from mlkeep.testing.conformance.suite import unique


def test_a_model_among_the_artifacts_of_a_run_is_registered_and_progress_is_told(
    client: MlkeepClient, capsys: pytest.CaptureFixture[str]
) -> None:
    name = unique("iris")
    with mlkeep.start_run() as run:
        mlkeep.log_text("flavors: {}\n", "deep/model/MLmodel")
        for _ in range(2):
            version = mlkeep.register_model(f"runs:/{run.info.run_id}/deep/model", name, tags={"a": 1})

    assert (version.version, version.run_id, version.tags) == ("2", run.info.run_id, {"a": "1"})
    assert version.source == f"{run.info.artifact_uri}/deep/model"
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        f"Successfully registered model '{name}'.",
        f"Created version '1' of model '{name}'.",
        f"Registered model '{name}' already exists. Creating a new version of this model...",
        f"Created version '2' of model '{name}'.",
    ]


def test_of_several_logged_models_of_a_name_that_of_the_highest_step_is_taken(client: MlkeepClient) -> None:
    name = unique("net")
    with mlkeep.start_run() as run:
        models = [mlkeep.create_external_model("checkpoint") for _ in range(3)]
        for model, step in zip(models, (1, 30, 2), strict=True):
            mlkeep.log_outputs([LoggedModelOutput(model.model_id, step)])
    version = mlkeep.register_model(f"runs:/{run.info.run_id}/checkpoint", name)
    direct = mlkeep.register_model(models[0].model_uri, name)

    assert (version.source, version.run_id) == (models[1].model_uri, run.info.run_id)
    assert (direct.source, direct.run_id, direct.version) == (models[0].model_uri, run.info.run_id, "2")


def test_what_is_not_there_cannot_be_registered(client: MlkeepClient) -> None:
    run_id = client.create_run("0").info.run_id
    name = unique("nothing")
    with pytest.raises(NotFound, match=f"Unable to find a logged_model with artifact_path x under run {run_id}"):
        mlkeep.register_model(f"runs:/{run_id}/x", name)
    with pytest.raises(NotFound, match="m-1"):
        mlkeep.register_model("models:/m-1", name)
    with pytest.raises(NotOffered, match="env_pack"):
        mlkeep.register_model("models:/m-1", name, env_pack="databricks_model_serving")
    assert mlkeep.search_registered_models(filter_string=f"name = '{name}'") == []


def test_versions_count_and_their_tags_know_their_values(client: MlkeepClient) -> None:
    name = unique("counted")
    client.create_registered_model(name, tags={"team": "risk"})
    client.create_model_version(name, "s3://b/1")
    client.create_model_version(name, "s3://b/2", tags={"a": "1", "b c": "2"})
    version: Any = client.get_model_version(name, 2)
    model: Any = client.get_registered_model(name)

    assert version.version == "2"
    assert (version.version + 1, 1 + version.version, version.version - 1, 5 - version.version) == (3, 3, 1, 3)
    assert (version.version + "x", f"v{version.version}", int(version.version)) == ("2x", "v2", 2)
    assert {tag.key: tag.value for tag in version.tags} == version.tags == {"a": "1", "b c": "2"}
    assert {tag.key: tag.value for tag in model.tags} == {"team": "risk"}
    assert pickle.loads(pickle.dumps(version)) == version
    # They can be given back.
    client.set_registered_model_alias(name, "champion", version.version)
    client.set_registered_model_alias(name, "before", version.version - 1)
    assert client.get_registered_model(name).aliases == {"champion": "2", "before": "1"}
    for tag in version.tags:
        client.delete_model_version_tag(name, version.version, tag)
        client.set_model_version_tag(name, version.version - 1, tag, tag.value)
    assert [client.get_model_version(name, number).tags for number in (1, 2)] == [{"a": "1", "b c": "2"}, {}]
    assert isinstance(client.get_model_version_by_alias(name, "champion").version, VersionNumber)


def test_models_and_versions_are_found_however_many(client: MlkeepClient) -> None:
    prefix = unique("many")
    for i in range(3):
        client.create_registered_model(f"{prefix}{i}")
        client.create_model_version(f"{prefix}{i}", "s3://b/1")
    mine = f"name LIKE '{prefix}%'"

    names = [f"{prefix}{i}" for i in range(3)]
    assert [model.name for model in mlkeep.search_registered_models(filter_string=mine)] == names
    assert [one.name for one in mlkeep.search_model_versions(filter_string=mine, order_by=["name ASC"])] == names
    assert [model.name for model in mlkeep.search_registered_models(1, mine, ["name DESC"])] == [f"{prefix}2"]
    mlkeep.set_model_version_tag(f"{prefix}0", "1", "a", 5)
    assert client.get_model_version(f"{prefix}0", 1).tags == {"a": "5"}
