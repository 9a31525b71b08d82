"""The autologging of XGBoost and of LightGBM works on mlkeep as it does on MLflow."""

from __future__ import annotations

import pytest

from tests.frameworks.conftest import Frameworks

pytestmark = pytest.mark.frameworks

REGISTERED = ["xgboost trees", "lightgbm trees"]
ROUNDS = 100


def test_trainings_leave_the_same_runs_and_models_as_on_the_official_server(frameworks: Frameworks) -> None:
    ours, official = frameworks.run("boosting_autolog", ["boosting"], REGISTERED)

    assert ours == official
    # Two that agree could be wrong together.
    assert set(ours.printed) == set(REGISTERED)
    assert all(answer["loaded"] == answer["trained"] for answer in ours.printed.values())

    xgboost, lightgbm = ours.recorded.run("xgboost"), ours.recorded.run("lightgbm")
    assert (xgboost["params"]["max_depth"], lightgbm["params"]["num_leaves"]) == ("2", "4")
    keys = ["test-mae", "test-rmse", "train-mae", "train-rmse"]
    assert {key: [step for step, _ in points] for key, points in xgboost["history"].items()} == {
        key: list(range(ROUNDS)) for key in keys
    }
    # With early stopping, the values of the best round are repeated behind the last.
    train, test = lightgbm["history"]["train-l2"], lightgbm["history"]["test-l2"]
    best, stopped = (int(lightgbm["latest"][key][1]) for key in ("best_iteration", "stopped_iteration"))
    assert [step for step, _ in train] == [step for step, _ in test] == list(range(stopped + 1))
    assert test[-1][1] == min(value for _, value in test) == test[best - 1][1]
    assert lightgbm["files"] == [
        f"feature_importance_{kind}.{suffix}" for kind in ("gain", "split") for suffix in ("json", "png")
    ]

    for run, registered in zip((xgboost, lightgbm), ours.recorded.registered, strict=True):
        (model,) = (each for each in ours.recorded.models if each["info"]["source_run_id"] == run["info"]["run_id"])
        assert model["info"]["status"] == "LOGGED_MODEL_READY"
        assert run["outputs"]["model_outputs"][0]["model_id"] == model["info"]["model_id"]
        assert set(model["metrics"]) == set(run["history"])
        assert registered["model"]["aliases"] == [{"alias": "champion", "version": "1"}]
        assert [(version["version"], version["source"]) for version in registered["versions"]] == [
            ("1", f"models:/{model['info']['model_id']}")
        ]
