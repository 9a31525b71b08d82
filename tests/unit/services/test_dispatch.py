"""The one way in: every request finds its use-case, in a thread and in an event loop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mlkeep.blobs.opening import open_store
from mlkeep.core.errors import InvalidInput, NotFound, NotOffered, Unavailable
from mlkeep.services.call import Settings
from mlkeep.services.dispatch import Dispatcher
from mlkeep.storage.sql.storage import SqlStorage
from mlkeep.wire.artifacts import ListArtifacts, ListLoggedModelArtifacts
from mlkeep.wire.experiments import CreateExperiment, DeleteExperiment, GetExperiment
from mlkeep.wire.logged_models import CreateLoggedModel
from mlkeep.wire.message import Request
from mlkeep.wire.runs import CreateRun, SetTag


def test_a_thread_and_an_event_loop_get_the_same(dispatcher: Dispatcher) -> None:
    made = dispatcher.call(CreateExperiment(name="e"))

    async def ask() -> tuple[Any, Any, Any]:
        await dispatcher.check()
        return await asyncio.gather(
            dispatcher.call_async(GetExperiment(experiment_id="1")),
            dispatcher.call_async(CreateExperiment(name="e")),
            dispatcher.call_async(GetExperiment(experiment_id="7")),
            return_exceptions=True,
        )

    found, taken, missing = asyncio.run(ask())
    assert found == dispatcher.call(GetExperiment(experiment_id="1"))
    assert (made.__struct_fields__, str(taken), type(missing)) == (
        ("experiment_id",),
        "Experiment 'e' already exists.",
        NotFound,
    )


def test_the_default_experiment_is_made_once(dispatcher: Dispatcher, tmp_path: Path) -> None:
    dispatcher.call(DeleteExperiment(experiment_id="0"))
    dispatcher.close()
    again = Dispatcher(
        SqlStorage(f"sqlite:///{tmp_path / 'mlkeep.db'}"), Settings(artifact_root="s3://elsewhere"), open_store
    )
    experiment: Any = again.call(GetExperiment(experiment_id="0"))
    assert (experiment.experiment.lifecycle_stage, experiment.experiment.name) == ("deleted", "Default")
    again.close()


def test_a_request_is_checked_before_anything_is_done(dispatcher: Dispatcher) -> None:
    with pytest.raises(InvalidInput, match="'name'"):
        dispatcher.call(CreateExperiment())
    with pytest.raises(InvalidInput, match="'value'"):
        dispatcher.call(SetTag(run_id="r", key="k", value="\ud800"))


def test_artifacts_are_listed_where_they_lie(dispatcher: Dispatcher, tmp_path: Path) -> None:
    dispatcher.call(CreateExperiment(name="e"))
    dispatcher.call(CreateRun(experiment_id="1", run_id="r"))
    model: Any = dispatcher.call(CreateLoggedModel(experiment_id="1"))
    roots = {
        ListArtifacts(run_id="r", path="sub"): tmp_path / "artifacts/1/r/artifacts",
        ListLoggedModelArtifacts(model_id=model.model.info.model_id, artifact_directory_path="sub"): (
            tmp_path / f"artifacts/1/models/{model.model.info.model_id}/artifacts"
        ),
    }
    for request, root in roots.items():
        (root / "sub").mkdir(parents=True)
        (root / "sub" / "a.txt").write_text("text")
        answer: Any = dispatcher.call(request)
        assert (answer.root_uri, [(file.path, file.file_size) for file in answer.files]) == (
            str(root),
            [("sub/a.txt", 4)],
        )


def test_artifacts_out_of_reach_are_said_to_be(dispatcher: Dispatcher) -> None:
    dispatcher.call(CreateExperiment(name="e", artifact_location="dbfs:/bucket/e"))
    dispatcher.call(CreateRun(experiment_id="1", run_id="r"))
    with pytest.raises(NotOffered, match="dbfs:/bucket/e/r/artifacts"):
        dispatcher.call(ListArtifacts(run_id="r"))


def test_a_request_of_no_use_case_is_not_offered(dispatcher: Dispatcher) -> None:
    class Dance(Request, frozen=True, kw_only=True):
        pass

    with pytest.raises(NotOffered, match="Dance"):
        dispatcher.call(Dance())


def test_after_the_end_nothing_is_written(dispatcher: Dispatcher) -> None:
    dispatcher.close()
    with pytest.raises(Unavailable, match="closed"):
        dispatcher.call(CreateExperiment(name="e"))
