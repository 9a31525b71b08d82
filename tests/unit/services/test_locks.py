"""What each request says it touches."""

from __future__ import annotations

import pytest

from mlkeep.services import dispatch, locks
from mlkeep.services.locks import touched
from mlkeep.storage.contract import EVERYTHING
from mlkeep.wire import artifacts, experiments, heartbeats, logged_models, registry, runs
from mlkeep.wire.message import Request

MODEL = f"m-{'0' * 32}"


def test_every_request_that_changes_something_has_a_rule() -> None:
    assert set(locks.RULES) == set(dispatch.WRITES)


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (runs.DeleteRun(run_id="r"), {"run/r"}),
        (runs.DeleteRun(run_uuid="r"), {"run/r"}),
        (runs.CreateRun(experiment_id="1"), set()),
        (runs.CreateRun(experiment_id="1", run_id="mine"), {"run/mine"}),
        (experiments.CreateExperiment(name="e"), {"experiment-name/e"}),
        (experiments.SetExperimentTag(experiment_id="007", key="k"), {"experiment/7"}),
        (experiments.SetExperimentTag(experiment_id="0", key="k"), {"experiment/0"}),
        (experiments.DeleteExperiment(experiment_id="1"), {EVERYTHING}),
        (experiments.UpdateExperiment(experiment_id="1", new_name="n"), {EVERYTHING}),
        (logged_models.CreateLoggedModel(experiment_id="1"), set()),
        (logged_models.FinalizeLoggedModel(model_id="m-1"), {"logged-model/m-1"}),
        (
            registry.RenameRegisteredModel(name="a", new_name="b"),
            {"registered-model/a", "registered-model/b"},
        ),
        (heartbeats.Heartbeat(run_ids=["a", "b", "a"], interval_ms=1), {"run/a", "run/b"}),
        (heartbeats.Heartbeat(run_ids=[f"r{i}" for i in range(17)], interval_ms=1), {EVERYTHING}),
        (registry.SetAlias(name="a", alias="x", version="1"), {"registered-model/a"}),
        (registry.CreateModelVersion(name="a", source="s3://b"), {"registered-model/a"}),
        (
            registry.CreateModelVersion(name="a", source="s3://b", model_id="m-1"),
            {"registered-model/a", "logged-model/m-1"},
        ),
        (registry.CreateModelVersion(name="a", source="models:/m-1"), {"registered-model/a", "logged-model/m-1"}),
        (registry.CreateModelVersion(name="a", source="runs:/r/model"), {"registered-model/a", "run/r"}),
        (registry.CreateModelVersion(name="a", source="s3://b/1/r/artifacts/model"), {"registered-model/a", "run/r"}),
        (registry.CreateModelVersion(name="a", source="models:/b/1"), {EVERYTHING}),
        (registry.CreateModelVersion(name="a", source="models:/b@champion"), {EVERYTHING}),
        (
            runs.LogInputs(run_id="r", datasets=[runs.DatasetUse(dataset=runs.DatasetFields(name="d", digest="1"))]),
            {"run/r", "dataset/d/1"},
        ),
        (
            runs.LogInputs(
                run_id="r",
                datasets=[runs.DatasetUse(dataset=runs.DatasetFields(name="d", digest=str(i))) for i in range(16)],
            ),
            {EVERYTHING},
        ),
        (artifacts.RecordFiles(uri="mlflow-artifacts:/1/r/artifacts/a"), {"run/r"}),
        (artifacts.ForgetFiles(uri="mlflow-artifacts:/1/r/artifacts"), {"run/r"}),
        (artifacts.RecordFiles(uri="/home/artifacts/1/r/artifacts/x/artifacts"), {"run/home", "run/r", "run/x"}),
        (artifacts.RecordFiles(uri=f"s3://b/models/{MODEL}/artifacts"), {f"logged-model/{MODEL}", f"run/{MODEL}"}),
        (artifacts.RecordFiles(uri="nobody's"), set()),
    ],
)
def test_a_request_touches_what_it_changes_and_rests_upon(request_: Request, names: set[str]) -> None:
    assert set(touched(request_)) == names


def test_what_has_no_rule_runs_alone() -> None:
    assert touched(runs.GetRun(run_id="r")) == (EVERYTHING,)
