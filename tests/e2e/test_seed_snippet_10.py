"""A script that has only rank 0 log, written for MLflow, runs unchanged in every process of a job."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.processes import MlkeepServer, environment
from mlkeep import MlkeepClient

SNIPPETS = Path(__file__).parent / "snippets"
SHIM = Path(__file__).parents[2] / "packages" / "mlflow-shim" / "src"


def test_only_rank_0_of_a_job_makes_a_run(server: MlkeepServer, tmp_path: Path) -> None:
    script = SNIPPETS / "10_distributed_setup.py"
    world = {"WORLD_SIZE": "3", "PYTHONPATH": str(SHIM)}
    processes = [
        subprocess.Popen(
            [sys.executable, str(SNIPPETS / "with_server.py"), server.url, str(script)],
            env={**environment(), **world, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=tmp_path,
        )
        for rank in range(3)
    ]

    assert [process.wait(120) for process in processes] == [0, 0, 0]
    client = MlkeepClient(server.url)
    experiment = client.get_experiment_by_name("distributed-training")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("dist-train-3gpu", "FINISHED")
    assert (run.data.params, run.data.metrics) == ({"world_size": "3"}, {"loss": 0.5})
