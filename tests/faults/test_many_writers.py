"""Several servers with several workers on one database: what many clients do to the same things comes out right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.postgres import PostgresServer
from bench.processes import MlkeepServer
from mlkeep import MlkeepClient
from tests.faults.hammering import (
    EXPERIMENTS,
    KEYS,
    MODEL,
    PARAMS,
    PULSE_RUN,
    RUNS,
    STARTED_MS,
    Answer,
    Client,
)

pytestmark = pytest.mark.faults

PROCESSES = 4
SERVERS = 2
TURNS = 4


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'mlkeep.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def servers(url: str, tmp_path: Path) -> Iterator[list[MlkeepServer]]:
    """Two servers on one database, of two workers each."""
    with ExitStack() as running:
        started = []
        for number in range(SERVERS):
            server = MlkeepServer(tmp_path / f"server{number}", "--no-access-log", "--workers", "2", backend=url)
            running.callback(server.end)
            running.callback(_show, server)
            started.append(server)
        yield started


def _show(server: MlkeepServer) -> None:
    print(server.output)


def hammered(servers: list[MlkeepServer], pulse: str) -> list[Answer]:
    """What all clients of all processes were answered."""
    ports = json.dumps([server.port for server in servers])
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.hammering", ports, str(number), str(TURNS), pulse],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    told = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    return [tuple(answer) for each in told for answer in json.loads(each)]


def test_many_clients_change_the_same_things_and_nothing_is_lost(
    servers: list[MlkeepServer], url: str, request: pytest.FixtureRequest
) -> None:
    client = MlkeepClient(tracking_uri=servers[0].url)
    pulse = client.create_experiment("pulse")
    before = Client(servers[0].port, "before")
    for run_id in (PULSE_RUN, *RUNS):
        before.post("runs/create", experiment_id=pulse if run_id == PULSE_RUN else "0", run_id=run_id, start_time=1)
    before.close()
    client.create_registered_model(MODEL)

    answers = hammered(servers, pulse)

    check_statuses(answers)
    accepted = [answer for answer in answers if answer[2] == 200]
    check_points(client, accepted)
    check_params(client, answers)
    check_names(client, answers)
    check_versions(client, accepted)
    for server in servers:
        assert server.stop() == 0
        assert "run again" not in server.output  # the order of the locks suffices, nothing had to be repeated
    if url.startswith("postgresql"):
        postgres: PostgresServer = request.getfixturevalue("postgres")
        database = url.rpartition("/")[2]
        statement = f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{database}'"
        assert postgres.execute(statement) == [(0,)]


def check_statuses(answers: list[Answer]) -> None:
    """Everything succeeds, except what cannot because somebody else did it first."""
    refusals: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for path, _, status, told in answers:
        if status != 200:
            refusals[path].add((status, told["error_code"]))
    missing, invalid = (404, "RESOURCE_DOES_NOT_EXIST"), (400, "INVALID_PARAMETER_VALUE")
    possible = {
        "runs/log-parameter": {invalid},
        "runs/log-metric": {invalid},
        "experiments/create": {(400, "RESOURCE_ALREADY_EXISTS")},
        "experiments/delete": {missing},
        "experiments/restore": {missing},
    }
    assert [(path, found - possible.get(path, set())) for path, found in refusals.items()] == [
        (path, set()) for path in refusals
    ]


def check_points(client: MlkeepClient, accepted: list[Answer]) -> None:
    """Each accepted point is there once, and the latest of each key is known as the latest."""
    expected: dict[tuple[str, str], list[int]] = defaultdict(list)
    for path, body, _, _ in accepted:
        if path == "runs/log-metric":
            expected[PULSE_RUN, "beat"].append(body["step"])
        for point in body.get("metrics", []) if path == "runs/log-batch" else []:
            expected[body["run_id"], point["key"]].append(point["step"])
    assert {run_id for run_id, _ in expected} >= set(RUNS)
    for (run_id, key), steps in expected.items():
        assert [point.step for point in client.get_metric_history(run_id, key)] == sorted(steps)
    for run_id in RUNS:
        latest = {key: max(expected[run_id, key]) / 7 for key in KEYS}
        assert client.get_run(run_id).data.metrics == latest


def check_params(client: MlkeepClient, answers: list[Answer]) -> None:
    """Each param has the one value that was accepted; each tag one that somebody set."""
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, body, status, _ in answers:
        if path == "runs/log-parameter" and status == 200:
            values[body["run_id"], body["key"]].add(body["value"])
    assert len(values) == len(RUNS) * PARAMS
    for run_id in RUNS:
        data = client.get_run(run_id).data
        assert {f"p{i}": values[run_id, f"p{i}"] for i in range(PARAMS)} == {
            f"p{i}": {data.params[f"p{i}"]} for i in range(PARAMS)
        }
        assert len(data.params) == PARAMS + TURNS * 10
        assert data.tags["last"]


def check_names(client: MlkeepClient, answers: list[Answer]) -> None:
    """Of those who make the same experiment, one does; a run that all make is made once, with one name."""
    made = [body["name"] for path, body, status, _ in answers if path == "experiments/create" and status == 200]
    assert sorted(made) == [f"e{i}" for i in range(EXPERIMENTS)]
    for turn in range(TURNS):
        told = {
            body["run"]["info"]["run_name"]
            for path, asked, _, body in answers
            if path == "runs/create" and asked["run_id"] == f"made{turn}"
        }
        run = client.get_run(f"made{turn}")
        assert told == {run.info.run_name}
        assert (run.info.start_time, run.data.tags) == (STARTED_MS, {"mlflow.runName": run.info.run_name})
    for run_id in RUNS:
        used = [each.dataset.digest for each in client.get_run(run_id).inputs.dataset_inputs]
        assert len(used) == len(set(used))


def check_versions(client: MlkeepClient, accepted: list[Answer]) -> None:
    """Numbers without gaps, one version in Production, the alias on a version somebody gave it to."""
    numbers = [
        int(told["model_version"]["version"]) for path, _, _, told in accepted if path == "model-versions/create"
    ]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    versions: list[Any] = client.search_model_versions(f"name = '{MODEL}'", max_results=100_000)
    stages = [version.current_stage for version in versions]
    assert len(versions) == len(numbers)
    assert {stage: stages.count(stage) for stage in stages} == {"Production": 1, "Archived": len(numbers) - 1}
    assert int(client.get_model_version_by_alias(MODEL, "champion").version) in numbers
