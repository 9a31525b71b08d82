"""Our SDK searches all experiments of any server: in one go where the server knows how, else by naming them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import mlkeep
from bench.environments import newest, plain_environment
from bench.processes import MlkeepServer, ServerProcess, free_port, is_healthy
from mlkeep import MlkeepClient
from mlkeep.core.errors import NotOffered

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("official")]


@pytest.fixture
def official_server(tmp_path: Path) -> Iterator[str]:
    """The address of an official server on an empty database."""
    port = free_port()
    command = [str(newest(3).python), "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"]
    process = ServerProcess(command, tmp_path / "official.log", env=plain_environment(), cwd=tmp_path)
    try:
        process.until(lambda: is_healthy(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.end()


def filled(address: str) -> tuple[MlkeepClient, list[str]]:
    """A client of a server with a run in each of three experiments, one of them deleted; the ids of the others."""
    client = MlkeepClient(tracking_uri=address)
    experiments = [client.create_experiment(name) for name in ("first", "second", "third")]
    runs = [client.create_run(one, start_time=i + 1).info.run_id for i, one in enumerate(experiments)]
    for run_id in runs:
        client.log_metric(run_id, "loss", 0.5)
    client.delete_experiment(experiments[1])
    return client, [runs[2], runs[0]]


def found(address: str) -> list[str]:
    """The ids `mlkeep.search_runs` finds in all experiments."""
    before = mlkeep.get_tracking_uri() if mlkeep.is_tracking_uri_set() else None
    mlkeep.set_tracking_uri(address)
    try:
        runs = mlkeep.search_runs(search_all_experiments=True, output_format="list", fields=["metrics.loss"])
        assert isinstance(runs, list)
        assert {run.data.metrics["loss"] for run in runs} == {0.5}
        return [run.info.run_id for run in runs]
    finally:
        mlkeep.set_tracking_uri(before)


def test_an_official_server_is_told_which_experiments_there_are(official_server: str) -> None:
    client, runs = filled(official_server)
    assert found(official_server) == runs
    with pytest.raises(NotOffered, match="all experiments"):
        client.search_runs([], all_experiments=True)
    page = client.search_runs(["1"], count=True, fields=["metrics"])
    assert (page.total, page[0].data.metrics, page[0].info.status) == (None, {"loss": 0.5}, "RUNNING")


def test_our_server_is_asked_once(server: MlkeepServer) -> None:
    _, runs = filled(server.url)
    assert found(server.url) == runs
    server.until(lambda: '/search"' in server.output)  # a line is written after the answer was sent
    assert server.output.count('/search"') == server.output.count('/runs/search"') == 1
