"""What is promised of the counters of an experiment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlkeep.core.entities import ExperimentCounts, Metric, Param, RunTag
from mlkeep.core.errors import NotFound
from mlkeep.sdk.client import MlkeepClient
from mlkeep.testing.conformance.suite import Suite


class ExperimentCountPromises(Suite):
    """Runs by status, and keys, are counted when they change."""

    def test_an_experiment_without_runs_has_nothing(self, client: MlkeepClient, experiment_id: str) -> None:
        assert client.count_experiment(experiment_id) == counts()

    def test_an_experiment_that_is_not_there_is_not_counted(self, client: MlkeepClient) -> None:
        with pytest.raises(NotFound):
            client.count_experiment("999999999999")

    def test_runs_are_counted_by_status(self, client: MlkeepClient, experiment_id: str) -> None:
        runs = [client.create_run(experiment_id).info.run_id for _ in range(4)]
        client.set_terminated(runs[0])
        client.set_terminated(runs[1], status="FAILED")
        client.update_run(runs[1], status="KILLED")
        client.delete_run(runs[0])
        client.delete_run(runs[0])
        told = client.count_experiment(experiment_id)
        assert (told.active_runs, told.deleted_runs) == ({"RUNNING": 2, "KILLED": 1}, {"FINISHED": 1})
        client.restore_run(runs[0])
        assert client.count_experiment(experiment_id).active_runs == {"RUNNING": 2, "FINISHED": 1, "KILLED": 1}

    def test_runs_go_with_their_experiment(self, client: MlkeepClient, experiment_id: str) -> None:
        runs = [client.create_run(experiment_id).info.run_id for _ in range(3)]
        client.set_terminated(runs[0])
        client.delete_experiment(experiment_id)
        told = client.count_experiment(experiment_id)
        assert (told.active_runs, told.deleted_runs) == ({}, {"RUNNING": 2, "FINISHED": 1})
        client.restore_experiment(experiment_id)
        told = client.count_experiment(experiment_id)
        assert (told.active_runs, told.deleted_runs) == ({"RUNNING": 2, "FINISHED": 1}, {})

    def test_keys_are_counted_once_and_stay(self, client: MlkeepClient, experiment_id: str) -> None:
        runs = [client.create_run(experiment_id).info.run_id for _ in range(2)]
        for run_id in runs * 2:
            client.log_batch(
                run_id,
                [Metric("loss", 1.0, 1), Metric("shared", 1.0, 1)],
                [Param("lr", "1"), Param("shared", "1")],
                [RunTag("team", "red")],
            )
        client.log_metric(runs[1], "more", 1.0)
        client.delete_tag(runs[0], "team")
        client.delete_tag(runs[1], "team")
        client.delete_run(runs[1])
        told = client.count_experiment(experiment_id)
        names_of_runs = 1
        assert (told.metric_keys, told.param_keys, told.tag_keys) == (3, 2, 1 + names_of_runs)

    def test_runs_that_are_made_at_once_are_all_counted(self, client: MlkeepClient, experiment_id: str) -> None:
        with ThreadPoolExecutor(4) as threads:
            runs = [threads.submit(client.create_run, experiment_id) for _ in range(40)]
            ended = [threads.submit(client.set_terminated, run.result().info.run_id) for run in runs[::2]]
            assert [each.result() for each in ended] == [None] * 20
        assert client.count_experiment(experiment_id).active_runs == {"RUNNING": 20, "FINISHED": 20}
        assert client.search_runs([experiment_id], max_results=0, count=True).total == 40


def counts() -> ExperimentCounts:
    """The counters of an experiment to which nothing happened."""
    return ExperimentCounts(active_runs={}, deleted_runs={}, metric_keys=0, param_keys=0, tag_keys=0, artifact_bytes=0)
