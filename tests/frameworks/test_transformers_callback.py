"""The MLflow callback of transformers works on mlkeep as it does on MLflow."""

from __future__ import annotations

import pytest

from tests.frameworks.conftest import Frameworks

pytestmark = pytest.mark.frameworks


def test_trainings_leave_the_same_runs_and_models_as_on_the_official_server(frameworks: Frameworks) -> None:
    ours, official = frameworks.run("transformers_training", ["transformers"])

    assert ours == official
    # Two that agree could be wrong together.
    assert ours.printed["labels"] == {"0": "lower", "1": "upper " * 50}
    flat, parent = ours.recorded.run("with artifacts"), ours.recorded.run("parent")
    (child,) = ours.recorded.children(parent)
    assert (child["info"]["run_name"], parent["history"]) == ("child", {})
    for run, loss in zip((flat, child), ours.printed["losses"], strict=True):
        assert (run["info"]["status"], run["tags"]["team"]) == ("FINISHED", "flowers")
        steps = {key: [step for step, _ in run["history"][key]] for key in ("loss", "learning_rate", "eval_loss")}
        assert steps == {"loss": [1, 2, 3, 4], "learning_rate": [1, 2, 3, 4], "eval_loss": [2, 4]}
        assert run["history"]["train_loss"] == [[4, loss]]

    params = flat["params"]
    assert len(params) > 140
    assert {
        name: params[name] for name in ("id2label.0", "id2label.1", "hidden_size", "run_name", "learning_rate")
    } == {
        "id2label.0": "lower",
        "id2label.1": "upper " * 50,
        "hidden_size": "8",
        "run_name": "with artifacts",
        "learning_rate": "5e-05",
    }
    assert len(child["params"]) == 40
    assert child["params"]["id2label"] == str({0: "lower", 1: "upper " * 50})

    (model,) = ours.recorded.models
    assert (model["info"]["name"], model["info"]["status"]) == ("checkpoint-4", "LOGGED_MODEL_READY")
    assert model["params"] == params
    assert {f"artifacts/checkpoint-4/{name}" for name in ("config.json", "model.safetensors")} < set(model["files"])
    assert flat["outputs"] == {"model_outputs": [{"model_id": model["info"]["model_id"], "step": 0}]}
