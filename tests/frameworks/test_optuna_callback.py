"""Optuna's MLflow callback works on mlkeep as it does on MLflow."""

from __future__ import annotations

import pytest

from tests.frameworks.conftest import Frameworks

pytestmark = pytest.mark.frameworks

EXPERIMENTS = ["optuna single", "optuna nested", "optuna tracked"]


def test_studies_leave_the_same_runs_as_on_the_official_server(frameworks: Frameworks) -> None:
    ours, official = frameworks.run("optuna_studies", EXPERIMENTS)

    assert ours == official
    # Two that agree could be wrong together.
    assert [experiment["name"] for experiment in ours.recorded.experiments] == EXPERIMENTS
    single = [run for run in ours.recorded.runs if "owner" in run["tags"]]
    assert {run["info"]["run_name"]: run["tags"]["state"] for run in single} == {
        "0": "COMPLETE",
        "1": "COMPLETE",
        "2": "PRUNED",
        "3": "FAIL",
    }
    for run in single:
        params = run["params"]
        assert set(params) == {"x", "layers", "optimizer"}
        value = (float(params["x"]) - 2) ** 2 + int(params["layers"])
        assert run["history"] == ({"loss": [[0, value]]} if run["tags"]["state"] == "COMPLETE" else {})
        assert (run["tags"]["team"], run["tags"]["seen"]) == ("flowers", str({"layers": int(params["layers"])}))
        assert run["tags"]["optimizer_distribution"] == "CategoricalDistribution(choices=('sgd', 'größer 🌱'))"

    children = ours.recorded.children(ours.recorded.run("parent"))
    assert {run["info"]["run_name"]: run["history"] for run in children} == {
        str(number): {"loss": [[0, float(run["params"]["x"])]], "size": [[0, number]]}
        for number, run in enumerate(sorted(children, key=lambda run: str(run["info"]["run_name"])))
    }
    assert all(run["tags"]["direction"] == "['MINIMIZE', 'MAXIMIZE']" for run in children)

    tracked = [run for run in ours.recorded.runs if "final" in run["history"]]
    for run in tracked:
        x = float(run["params"]["x"])
        assert run["history"] == {"final": [[0, x]], "running": [[step, x / (1 + step)] for step in range(3)]}
    assert max(run["latest"]["final"][1] for run in tracked) == ours.printed["best"]
    assert len(ours.recorded.runs) == len(single) + 1 + len(children) + len(tracked) == 4 + 1 + 2 + 2
