"""What an installation may decide for itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlkeep.blobs.opening import open_store
from mlkeep.core.errors import InvalidInput
from mlkeep.services.call import Settings
from mlkeep.services.dispatch import Dispatcher
from mlkeep.services.rules import HOST_ADDRESSED, Rules, rules_from
from mlkeep.storage.sql.storage import SqlStorage
from mlkeep.wire.experiments import CreateExperiment
from mlkeep.wire.registry import CreateModelVersion, CreateRegisteredModel
from mlkeep.wire.runs import CreateRun, LogParam, SetTag

RULES = Rules(
    trusted_schemes=frozenset({"http", "hdfs"}),
    source_pattern="b/x",
    max_location_length=30,
    truncates_long_values=False,
)
ENVIRONMENT = {
    "ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES": " HTTP, hdfs,",
    "CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": "b/x",
    "ARTIFACT_LOCATION_MAX_LENGTH": "30",
    "TRUNCATE_LONG_VALUES": "False",
}


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Dispatcher]:
    """An installation with rules of its own."""
    storage = SqlStorage(f"sqlite:///{tmp_path / 'mlkeep.db'}")
    dispatcher = Dispatcher(storage, Settings(artifact_root="s3://root", rules=RULES), open_store)
    yield dispatcher
    dispatcher.close()


@pytest.mark.parametrize("prefix", ["MLFLOW_", "MLKEEP_"])
def test_rules_are_read_from_the_environment(prefix: str) -> None:
    assert rules_from({f"{prefix}{name}": value for name, value in ENVIRONMENT.items()}) == RULES


def test_without_a_word_the_rules_are_those_of_mlflow() -> None:
    assert rules_from({}) == Rules() == rules_from({"MLFLOW_TRUNCATE_LONG_VALUES": "true"})


def test_our_variables_win() -> None:
    both = {"MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH": "1", "MLKEEP_ARTIFACT_LOCATION_MAX_LENGTH": "2"}
    assert rules_from(both).max_location_length == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ARTIFACT_LOCATION_MAX_LENGTH", "long"),
        ("TRUNCATE_LONG_VALUES", "perhaps"),
        ("CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX", "("),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        rules_from({f"MLKEEP_{name}": value})


@pytest.mark.parametrize("scheme", sorted(HOST_ADDRESSED))
def test_a_host_must_be_trusted(scheme: str) -> None:
    uri = f"{scheme.upper()}://host/x"
    with pytest.raises(InvalidInput, match=f"'source'.*MLKEEP_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES={scheme}"):
        Rules().check_host(uri, "source")
    Rules(trusted_schemes=frozenset({scheme})).check_host(uri, "source")


@pytest.mark.parametrize("uri", ["mlflow-artifacts:/x", "s3://b/x", "http", "/http://x", "gs://b", "odd+http://h"])
def test_what_names_no_host_needs_no_trust(uri: str) -> None:
    Rules().check_host(uri, "source")


def test_the_rules_hold_for_what_is_asked(strict: Dispatcher) -> None:
    strict.call(CreateExperiment(name="trusted", artifact_location="hdfs://h/x"))
    strict.call(CreateRun(experiment_id="1", run_id="r"))
    strict.call(CreateRegisteredModel(name="m"))
    strict.call(CreateModelVersion(name="m", source="http://h/b/x"))
    for request, field in (
        (CreateExperiment(name="e", artifact_location="https://h/x"), "artifact_location"),
        (CreateExperiment(name="e", artifact_location="s3://bucket/" + "x" * 20), "artifact_location"),
        (CreateModelVersion(name="m", source="s3://c/d"), "b/x"),
        (CreateModelVersion(name="m", source="https://h/b/x"), "https"),
        (LogParam(run_id="r", key="p", value="v" * 6_001), "value"),
        (SetTag(run_id="r", key="t", value="v" * 8_001), "t"),
    ):
        with pytest.raises(InvalidInput, match=field):
            strict.call(request)
