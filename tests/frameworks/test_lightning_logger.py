"""PyTorch Lightning's MLFlowLogger works on mlkeep as it does on MLflow."""

from __future__ import annotations

import pytest

from tests.frameworks.conftest import Frameworks

pytestmark = pytest.mark.frameworks


def test_trainings_leave_the_same_runs_as_on_the_official_server(frameworks: Frameworks) -> None:
    ours, official = frameworks.run("lightning_training", ["lightning"])

    assert ours == official
    # Two that agree could be wrong together.
    assert ours.printed == {"it is one run": True}
    statuses = {run["info"]["run_name"]: run["info"]["status"] for run in ours.recorded.runs}
    assert statuses == {"every checkpoint": "FINISHED", "at the end": "FINISHED", "broken": "FAILED"}

    begun = ours.recorded.run("every checkpoint")
    assert begun["params"] == {
        "breaks": "False",
        "note": ("a long note " * 60)[:250],
        "optimizer/lr": "0.01",
        "optimizer/name": "sgd",
    }
    assert begun["tags"]["team"] == "flowers"
    # Two epochs, then a third from the checkpoint of the second.
    steps = {key: [step for step, _ in points] for key, points in begun["history"].items() if key != "epoch"}
    assert steps == {"train_loss_step": [0, 1, 2, 3, 4, 5], "train_loss_epoch": [1, 3, 5], "valloss": [1, 3, 5]}
    assert dict(begun["history"]["epoch"]) == {0: 0, 1: 0, 2: 1, 3: 1, 4: 2, 5: 2}
    losses = [value for _, value in begun["history"]["train_loss_epoch"]]
    assert losses == sorted(losses, reverse=True)
    assert begun["files"] == [*checkpoint("epoch=0"), *checkpoint("epoch=1"), *checkpoint("last")]

    whole = ours.recorded.run("at the end")
    assert set(whole["latest"]) == {"fit-epoch", "fit-train_loss_epoch", "fit-train_loss_step", "fit-valloss"}
    assert whole["latest"]["fit-valloss"] == begun["history"]["valloss"][0]
    assert whole["files"] == [*checkpoint("epoch=0"), *checkpoint("last")]

    assert [step for step, _ in ours.recorded.run("broken")["history"]["train_loss_step"]] == [0]


def checkpoint(name: str) -> list[str]:
    """The files that the logger makes of a checkpoint."""
    return [f"{name}/", f"{name}/aliases.txt", f"{name}/{name}.ckpt", f"{name}/metadata.yaml"]
