"""Many processes of one job: who logs, and to which run."""

from __future__ import annotations

import socket
import sys
import types
from pathlib import Path

import pytest

import mlkeep
from mlkeep.core.errors import InvalidInput
from mlkeep.sdk import ranks
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.ranks import Place
from tests.unit.sdk.conftest import Start

LAUNCHER_VARIABLES = [name for rank, sizes in ranks._LAUNCHERS for name in (rank, *sizes)] + [
    name for names in ranks._JOBS for name in names
]

TRAIN = """
import os
rank = int(os.environ["RANK"])
with mlkeep.start_run(run_name="train", tags={"team": "risk"}, description="All."%s) as run:
    mlkeep.log_param(f"seen by {rank}", rank)
    for step in range(5):
        mlkeep.log_metrics({"loss": 10 * rank + step, f"loss.{rank}": step}, step=step)
    mlkeep.set_tag("rank", rank)
print(run.info.run_id)
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No launcher has started this."""
    for name in LAUNCHER_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def run_ranks(start: Start, script: str, count: int = 3, **variables: str) -> list[list[str]]:
    """What each of so many processes prints that a launcher starts at the same time."""
    world = {"WORLD_SIZE": str(count), "MLKEEP_JOB_ID": "job 7", **variables}
    programs = [start(script, RANK=str(rank), **world) for rank in range(count)]
    ended = [program.ended() for program in programs]
    assert [(code, errors) for code, _, errors in ended] == count * [(0, "")]
    return [output.splitlines() for _, output, _ in ended]


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4"}, Place(3, 4)),
        ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}, Place(0, 2)),
        ({"PMI_RANK": "1", "PMI_SIZE": "2"}, Place(1, 2)),
        ({"PMIX_RANK": "5"}, Place(5, 0)),
        ({"PMIX_RANK": "1", "SLURM_NTASKS": "8"}, Place(1, 8)),
        ({"MV2_COMM_WORLD_RANK": "1", "MV2_COMM_WORLD_SIZE": "2"}, Place(1, 2)),
        ({"HOROVOD_RANK": "1", "HOROVOD_SIZE": "2"}, Place(1, 2)),
        ({"SLURM_PROCID": "2", "SLURM_NTASKS": "8"}, Place(2, 8)),
        ({"SLURM_PROCID": "2", "SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "4"}, Place(2, 4)),
        ({"RANK": "1", "WORLD_SIZE": "2", "SLURM_PROCID": "7", "SLURM_NTASKS": "8"}, Place(1, 2)),
        ({"RANK": "0", "WORLD_SIZE": "1", "SLURM_PROCID": "7", "SLURM_NTASKS": "8"}, None),
        ({"RANK": "1"}, None),
        ({"RANK": "first", "WORLD_SIZE": "2"}, None),
        ({"RANK": "2", "WORLD_SIZE": "2"}, None),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, None),
        ({"PMIX_RANK": "0"}, None),
        ({}, None),
    ],
)
def test_launchers_say_the_place_of_a_process(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], place: Place | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ranks.place() == place


def test_an_initialized_torch_knows_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    is_ready = False
    torch = types.SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: is_ready,
        get_rank=lambda: 5,
        get_world_size=lambda: 8,
    )
    monkeypatch.setitem(sys.modules, "torch.distributed", torch)

    assert ranks.place() == Place(0, 2)
    is_ready = True
    assert ranks.place() == Place(5, 8)


def test_who_logs_is_one_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ranks.policy() is ranks.Policy.ZERO
    monkeypatch.setenv("MLKEEP_RANKS", "Each")
    assert ranks.policy() is ranks.Policy.EACH
    monkeypatch.setenv("MLKEEP_RANKS", "some")
    with pytest.raises(InvalidInput, match=r"Invalid value 'some' .* MLKEEP_RANKS: it must be one of zero, all, each"):
        ranks.policy()


@pytest.mark.parametrize(
    "names",
    [
        {"MLKEEP_JOB_ID": "%s"},
        {"TORCHELASTIC_RUN_ID": "%s"},
        {"SLURM_JOB_ID": "%s", "SLURM_STEP_ID": "0"},
        {"SLURM_JOB_ID": "17", "SLURM_STEP_ID": "%s"},
        {"PMIX_NAMESPACE": "%s"},
        {"OMPI_MCA_ess_base_jobid": "%s"},
        {"TORCHELASTIC_RUN_ID": "none", "MASTER_PORT": "%s"},
    ],
    ids=" ".join,
)
def test_all_ranks_of_a_job_find_the_same_run_and_those_of_others_do_not(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, str]
) -> None:
    def ids(job: str) -> list[str]:
        for name, value in names.items():
            monkeypatch.setenv(name, value.replace("%s", job))
        monkeypatch.setattr(ranks, "_started", {})
        return [ranks.job_run_id(experiment) for experiment in ("1", "1", "2")]

    first = ids("29500")
    assert ids("29500") == first
    assert len({*first, *ids("29501")}) == 6


def test_rank_0_logs_and_the_others_are_silent(start: Start, client: MlkeepClient) -> None:
    script = """
import logging, sys
logging.getLogger("mlkeep").addHandler(logging.StreamHandler(sys.stdout))
logging.getLogger("mlkeep").setLevel("INFO")
"""
    (run_id,), *others = run_ranks(start, script + TRAIN % "", 4)

    run = client.get_run(run_id)
    assert (run.info.status, run.data.params) == ("FINISHED", {"seen by 0": "0"})
    assert run.data.metrics == {"loss": 4, "loss.0": 4}
    assert [printed[0] for printed in others] == [
        f"Rank {rank} of 4 logs nothing: rank 0 does. MLKEEP_RANKS=each or all has every rank log."
        for rank in (1, 2, 3)
    ]


def test_a_silent_rank_asks_no_server(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        uri = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        program = start(TRAIN % "", RANK="1", WORLD_SIZE="2", MLKEEP_TRACKING_URI=uri)
        assert program.ended()[0] == 0
        nobody.settimeout(0)
        with pytest.raises(BlockingIOError):
            nobody.accept()
    assert not (tmp_path / "journal").exists()


def test_several_ranks_log_to_one_run_that_rank_0_ends(start: Start, client: MlkeepClient) -> None:
    run = client.create_run("0")
    script = TRAIN.replace('run_name="train", tags', f'"{run.info.run_id}", tags').replace(', description="All."%s', "")
    run_ranks(start, script, MLKEEP_RANKS="all")

    now = client.get_run(run.info.run_id)
    assert now.info.status == "FINISHED"
    assert now.data.params == {f"seen by {rank}": str(rank) for rank in range(3)}
    points = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.timestamp, point.step) for point in points] == sorted(
        (point.timestamp, point.step) for point in points
    )
    assert sorted(point.value for point in points) == [10 * rank + step for rank in range(3) for step in range(5)]
    for rank in range(3):
        history = client.get_metric_history(run.info.run_id, f"loss.{rank}")
        assert [point.step for point in history] == list(range(5))


@pytest.mark.parametrize("asked", ["argument", "environment"])
def test_each_rank_has_a_run_in_that_of_the_job(start: Start, client: MlkeepClient, asked: str) -> None:
    experiment_id = client.create_experiment(f"ranks by {asked} at {client.tracking_uri[-12:]}")
    by_argument = asked == "argument"
    printed = run_ranks(
        start,
        TRAIN % (", per_rank=True" if by_argument else ""),
        MLKEEP_EXPERIMENT_ID=experiment_id,
        MLKEEP_RANKS="zero" if by_argument else "each",
    )
    ids = [lines[0] for lines in printed]

    runs = [client.get_run(run_id) for run_id in ids]
    parent = client.get_run(runs[0].data.tags["mlflow.parentRunId"])
    assert {run.info.run_id for run in client.search_runs([experiment_id])} == {*ids, parent.info.run_id}
    assert (parent.info.run_name, parent.info.status, parent.data.tags["team"]) == ("train", "FINISHED", "risk")
    assert (parent.data.tags["mlflow.note.content"], parent.data.metrics) == ("All.", {})
    for rank, run in enumerate(runs):
        assert (run.info.run_name, run.info.status) == (f"train-rank{rank}", "FINISHED")
        assert run.data.metrics == {"loss": 10 * rank + 4, f"loss.{rank}": 4}
        expected = {
            "mlflow.parentRunId": parent.info.run_id,
            "mlkeep.job": parent.info.run_id,
            "mlkeep.rank": str(rank),
            "mlkeep.world_size": "3",
            "team": "risk",
        }
        assert expected.items() <= run.data.tags.items()
        assert "mlflow.note.content" not in run.data.tags


def test_the_run_of_the_job_can_be_given_and_runs_of_a_rank_have_children(start: Start, client: MlkeepClient) -> None:
    given = client.create_run("0", run_name="given").info.run_id
    script = """
    with mlkeep.start_run(per_rank=True) as run:
        with mlkeep.start_run(nested=True) as fold:
            print(run.info.run_id, fold.info.run_id)
    """
    printed = run_ranks(start, script, 2, MLFLOW_RUN_ID=given)

    for rank, (line,) in enumerate(printed):
        run, fold = (client.get_run(run_id) for run_id in line.split())
        assert (run.info.run_name, run.data.tags["mlflow.parentRunId"]) == (f"given-rank{rank}", given)
        assert fold.data.tags["mlflow.parentRunId"] == run.info.run_id
    assert client.get_run(given).info.status == "FINISHED"


def test_a_job_that_is_started_again_goes_on_with_its_run(start: Start, client: MlkeepClient) -> None:
    script = "run = mlkeep.start_run(per_rank=True); print(run.data.tags['mlflow.parentRunId'])\n"
    world = {"WORLD_SIZE": "2", "RANK": "0", "MLKEEP_JOB_ID": client.tracking_uri}
    failing = start(script + "1 / 0", **world)
    job = failing.line()
    failing.ended()
    failed = client.get_run(job)
    again = start(script, **world)
    same = again.line()
    again.ended()

    assert (failed.info.status, same, client.get_run(job).info.status) == ("FAILED", job, "FINISHED")


def test_a_process_alone_has_one_run(start: Start, client: MlkeepClient) -> None:
    program = start("print(mlkeep.start_run(per_rank=True, run_name='alone').info.run_id)")
    run_id = program.line()

    assert program.ended()[0] == 0
    run = client.get_run(run_id)
    assert (run.info.run_name, "mlkeep.rank" in run.data.tags) == ("alone", False)


def test_a_silent_run_is_a_run_like_others(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("RANK", "1")
    environment.setenv("WORLD_SIZE", "2")
    with mlkeep.start_run(run_name="quiet") as run, mlkeep.start_run(nested=True):
        mlkeep.log_metric("m", 1)
        mlkeep.log_param("p", 1)
        mlkeep.set_tag("t", 1)
        mlkeep.log_metric("a//b", 1)  # what rank 0 is refused, nobody else is told of

    assert (run.info.run_name, mlkeep.active_run(), list(tmp_path.iterdir())) == ("quiet", None, [])
