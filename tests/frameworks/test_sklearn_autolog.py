"""scikit-learn's autologging works on mlkeep as it does on MLflow."""

from __future__ import annotations

import pytest

from tests.frameworks.conftest import Frameworks

pytestmark = pytest.mark.frameworks


def test_fits_leave_the_same_runs_and_models_as_on_the_official_server(frameworks: Frameworks) -> None:
    ours, official = frameworks.run("sklearn_autolog", ["sklearn"], ["sklearn classifier"])

    assert ours == official
    # Two that agree could be wrong together.
    assert len(ours.printed["loaded"]) == 3
    assert all(answers == ours.printed["trained"] for answers in ours.printed["loaded"].values())
    assert all(run["info"]["status"] == "FINISHED" for run in ours.recorded.runs)

    estimator = ours.recorded.run("estimator")
    assert (estimator["params"]["C"], estimator["params"]["max_iter"]) == ("1.0", "500")
    assert estimator["tags"]["estimator_name"] == "LogisticRegression"
    # Metrics after training: of score() and of a function, each called once.
    after = {key for key in estimator["latest"] if not key.startswith("training_")}
    assert after == {"LogisticRegression_score_test", "accuracy_score_test"}
    assert estimator["files"] == ["estimator.html", "metric_info.json", "training_confusion_matrix.png"]
    sets = [entry["dataset"]["profile"] for entry in estimator["inputs"]["dataset_inputs"]]
    assert sets == ['{"num_rows": 120, "num_elements": 480}', '{"num_rows": 30, "num_elements": 120}']

    (pipeline,) = (run for run in ours.recorded.runs if run["tags"].get("estimator_name") == "Pipeline")
    assert (pipeline["params"]["logisticregression__C"], pipeline["params"]["verbose"]) == ("0.5", "False")

    search = ours.recorded.run("search")
    assert search["params"]["param_grid"] == "{'max_depth': [1, 2, 3]}"
    children = ours.recorded.children(search)
    best = search["params"]["best_max_depth"]
    assert [run["params"]["max_depth"] for run in children if run["latest"]["rank_test_score"] == [0, 1]] == [best]
    assert len(children) == 2

    models = {model["info"]["name"]: model for model in ours.recorded.models}
    assert set(models) == {"model", "classifier"}
    assert estimator["outputs"]["model_outputs"][0]["model_id"] == models["model"]["info"]["model_id"]
    assert models["model"]["params"] == estimator["params"]
    assert {"MLmodel", "input_example.json"} < set(models["model"]["files"])
    (registered,) = ours.recorded.registered
    assert registered["model"]["aliases"] == [{"alias": "champion", "version": "1"}]
    assert [version["source"] for version in registered["versions"]] == [
        f"models:/{models['classifier']['info']['model_id']}"
    ]
