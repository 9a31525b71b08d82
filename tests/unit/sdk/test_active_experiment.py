"""Which experiment runs belong to."""

from __future__ import annotations

import os

import pytest

import mlkeep
from mlkeep.core.errors import InvalidInput, NotFound, NotOffered
from mlkeep.testing.conformance.suite import unique

pytestmark = pytest.mark.usefixtures("tracking")


def started_in() -> str:
    """The experiment of a run that is started now."""
    with mlkeep.start_run() as run:
        return run.info.experiment_id


def test_runs_belong_to_the_default_experiment_until_another_is_set() -> None:
    name = unique("risk")
    assert started_in() == "0"
    made = mlkeep.set_experiment(name)
    assert (made.name, started_in()) == (name, made.experiment_id)
    assert os.environ["MLFLOW_EXPERIMENT_ID"] == made.experiment_id
    assert mlkeep.set_experiment(name) == made
    assert mlkeep.set_experiment(experiment_id="0").name == "Default"
    with mlkeep.start_run(experiment_id=int(made.experiment_id)) as run:
        assert run.info.experiment_id == made.experiment_id


def test_an_experiment_is_named_in_exactly_one_way_and_is_not_deleted() -> None:
    for names in ({}, {"experiment_name": "a", "experiment_id": "0"}):
        with pytest.raises(InvalidInput, match="exactly one of: `experiment_id` or `experiment_name`"):
            mlkeep.set_experiment(**names)
    for name in ("", 5):
        with pytest.raises(InvalidInput, match=f"Invalid experiment name: {name!r}"):
            mlkeep.set_experiment(name)  # type: ignore[arg-type]  # as a careless program does
    with pytest.raises(NotFound, match="98765"):
        mlkeep.set_experiment(experiment_id="98765")
    name = unique("gone")
    mlkeep.delete_experiment(mlkeep.create_experiment(name))
    with pytest.raises(InvalidInput, match="Cannot set a deleted experiment"):
        mlkeep.set_experiment(name)
    with pytest.raises(NotOffered, match="trace_location"):
        mlkeep.set_experiment("a", trace_location="here")
    with pytest.raises(NotOffered, match="trace_location"):
        mlkeep.create_experiment("a", trace_location="here")
    assert started_in() == "0"


def test_the_environment_names_an_experiment_by_id_or_name(environment: pytest.MonkeyPatch) -> None:
    experiment_id = mlkeep.create_experiment(unique("by id"))
    environment.setenv("MLFLOW_EXPERIMENT_ID", experiment_id)
    assert started_in() == experiment_id
    environment.setenv("MLFLOW_EXPERIMENT_ID", "98765")
    with pytest.raises(InvalidInput, match="MLFLOW_EXPERIMENT_ID environment variable value `98765` does not exist"):
        mlkeep.start_run()

    name = unique("by name")
    environment.delenv("MLFLOW_EXPERIMENT_ID")
    environment.setenv("MLFLOW_EXPERIMENT_NAME", name)
    made = started_in()
    assert mlkeep.get_experiment(made).name == name
    environment.setenv("MLFLOW_EXPERIMENT_ID", made)
    assert started_in() == made
    environment.setenv("MLFLOW_EXPERIMENT_ID", experiment_id)
    with pytest.raises(InvalidInput, match="name different experiments"):
        mlkeep.start_run()


def test_tags_of_the_active_experiment_are_set_and_removed() -> None:
    experiment_id = mlkeep.set_experiment(unique("tags")).experiment_id
    mlkeep.set_experiment_tags({"a": 1, "b": "x"})
    mlkeep.set_experiment_tag("a", 2)
    mlkeep.delete_experiment_tag("b")
    assert mlkeep.get_experiment(experiment_id).tags == {"a": "2"}
    with pytest.raises(NotFound, match="b"):
        mlkeep.delete_experiment_tag("b")
