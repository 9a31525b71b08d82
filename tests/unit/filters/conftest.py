"""The six runs every example of the filter language is about."""

from __future__ import annotations

import math

import pytest

from mlkeep.core.entities import Dataset, DatasetInput, InputTag, Run, RunData, RunInfo, RunInputs


def _used(name: str, digest: str, context: str) -> RunInputs:
    dataset = Dataset(name, digest, source_type="local", source="{}")
    return RunInputs(dataset_inputs=[DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])


def _info(run_id: str, name: str, start: int, status: str, end: int | None = None, user: str = "") -> RunInfo:
    return RunInfo(run_id, "1", name, user, status, start, end, artifact_uri=f"mlflow-artifacts:/1/{run_id}/artifacts")


@pytest.fixture(scope="session")
def six_runs() -> list[Run]:
    """Runs in the order of their ids, which is not the order of any search."""
    nan = Run(_info("id1", "nan", 500, "RUNNING"), RunData({"loss": math.nan}, {"opt": "adam"}, {"team": "red"}))
    zed = Run(_info("id2", "zed", 400, "RUNNING"))
    alpha = Run(
        _info("id3", "alpha", 1000, "RUNNING", user="ann"),
        RunData(
            {"loss": 0.5, "acc m": 1.0, "a/b": 2.0},
            {"lr": "0.1", "opt": "adam", "my param": "x"},
            {"team": "red", "k.dot": "1", "mlflow.source.type": "LOCAL"},
        ),
        _used("D1", "dg1", "train"),
    )
    beta = Run(
        _info("id4", "Beta", 2000, "FINISHED", 2500),
        RunData({"loss": 0.1}, {"lr": "0.2", "opt": "SGD"}, {"team": "blue"}),
        _used("D2", "dg2", "eval"),
    )
    delta = Run(_info("id5", "delta%", 3000, "RUNNING"), RunData({"loss": math.inf}))
    gamma = Run(
        _info("id6", "gamma_1", 3000, "FAILED", 3500),
        RunData({"loss": 1.5}, {"lr": "10", "opt": "o'brien"}, {"team": "Red"}),
    )
    return [nan, zed, alpha, beta, delta, gamma]
