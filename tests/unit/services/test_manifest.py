"""What the manifest tells servers, and no client: which files there are already."""

from __future__ import annotations

from typing import Any

import pytest

from mlkeep.core.errors import InvalidInput
from mlkeep.services.dispatch import Dispatcher
from mlkeep.wire.artifacts import ForgetFiles, RecordFiles, StoredFileMessage
from mlkeep.wire.experiments import CreateExperiment
from mlkeep.wire.logged_models import CreateLoggedModel
from mlkeep.wire.runs import CreateRun, DeleteRun

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def roots(dispatcher: Dispatcher) -> dict[str, str]:
    """Artifact roots: of the runs `a` and `b` and of a logged model in one experiment, and of `c` in another."""
    made: dict[str, str] = {}
    for experiment_id, location in (("1", "s3://bucket/e1"), ("2", "file:///srv/e 2")):
        dispatcher.call(CreateExperiment(name=experiment_id, artifact_location=location))
    for run_id, experiment_id in (("a", "1"), ("b", "1"), ("c", "2"), ("d", "2")):
        run: Any = dispatcher.call(CreateRun(experiment_id=experiment_id, run_id=run_id))
        made[run_id] = run.run.info.artifact_uri
    model: Any = dispatcher.call(CreateLoggedModel(experiment_id="1"))
    return {**made, "model": model.model.info.artifact_uri}


def record(dispatcher: Dispatcher, uri: str, path: str, size: int, sha256: str) -> None:
    file = StoredFileMessage(path=path, size=size, sha256=sha256)
    dispatcher.call(RecordFiles(uri=uri, files=[file]))


def test_a_twin_has_the_same_bytes_in_the_same_experiment(dispatcher: Dispatcher, roots: dict[str, str]) -> None:
    record(dispatcher, roots["a"], "m/weights", 5, ONE)
    record(dispatcher, roots["a"], "m/other", 6, TWO)
    for uri in (f"{roots['b']}/m/weights", f"{roots['model']}/weights", f"{roots['a']}/copy"):
        assert dispatcher.find_twin(uri, 5, ONE) == f"{roots['a']}/m/weights"
        assert dispatcher.find_twin(uri, 5) == f"{roots['a']}/m/weights"
        assert dispatcher.find_twin(uri, 5, TWO) is None
        assert dispatcher.find_twin(uri, 7) is None
    assert dispatcher.find_twin(f"{roots['c']}/m/weights", 5, ONE) is None
    assert dispatcher.find_twin("s3://elsewhere/x/artifacts/m", 5, ONE) is None


def test_a_file_is_not_its_own_twin(dispatcher: Dispatcher, roots: dict[str, str]) -> None:
    record(dispatcher, roots["a"], "m", 5, ONE)
    assert dispatcher.find_twin(f"{roots['a']}/m", 5, ONE) is None
    record(dispatcher, roots["model"], "m", 5, ONE)
    assert dispatcher.find_twin(f"{roots['a']}/m", 5, ONE) == f"{roots['model']}/m"
    assert dispatcher.find_twin(f"{roots['model']}/m", 5) == f"{roots['a']}/m"


def test_a_twin_of_a_deleted_run_is_one_and_a_forgotten_file_is_none(
    dispatcher: Dispatcher, roots: dict[str, str]
) -> None:
    record(dispatcher, roots["a"], "m", 5, ONE)
    dispatcher.call(DeleteRun(run_id="a"))
    assert dispatcher.find_twin(f"{roots['b']}/m", 5, ONE) == f"{roots['a']}/m"
    dispatcher.call(ForgetFiles(uri=roots["a"], paths=["m"]))
    assert dispatcher.find_twin(f"{roots['b']}/m", 5, ONE) is None


def test_the_uri_of_a_twin_is_written_as_its_root_is(dispatcher: Dispatcher, roots: dict[str, str]) -> None:
    record(dispatcher, roots["c"], "100% of/it", 5, ONE)
    assert dispatcher.find_twin(f"{roots['d']}/x", 5, ONE) == "file:///srv/e 2/c/artifacts/100%25%20of/it"


def test_what_makes_no_sense_is_refused(dispatcher: Dispatcher, roots: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="sha256"):
        dispatcher.find_twin(f"{roots['a']}/m", 5, "nonsense")
    with pytest.raises(InvalidInput, match=r"\.\."):
        dispatcher.find_twin(f"{roots['a']}/../../b/m", 5, ONE)
