"""What was logged without a server can be sent to one of the official MLflow, which gives runs ids of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

import mlkeep
from mlkeep.sdk.client import MlkeepClient
from mlkeep.wire import runs
from tests.unit.sdk.journal.left_behind import STARTED_MS, Writer

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("official")]


def test_a_run_of_several_writers_is_sent_whole_under_the_id_that_the_server_gives(
    official_server: str, tmp_path: Path
) -> None:
    folder, elsewhere = tmp_path / "journals", tmp_path / "elsewhere"
    maker = Writer(folder, official_server)
    maker.make_run().log(*range(1_500))
    maker.ask(runs.LogParam(run_id=maker.run_id, key="lr", value="0.1")).end()
    maker.journal.artifacts_path.mkdir()
    (maker.journal.artifacts_path / "notes.md").write_text("fine")
    other = Writer(folder, official_server, maker.run_id).log(7, key="rank1")
    late = Writer(elsewhere, official_server, maker.run_id).log(9, key="rank2")
    for left in (maker, other, late):
        left.leave()

    assert [len(mlkeep.sync(each).sent) for each in (folder, elsewhere)] == [2, 1]

    client = MlkeepClient(official_server)
    experiment = client.get_experiment_by_name(maker.experiment)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_id != maker.run_id
    assert (run.info.status, run.info.end_time) == ("FINISHED", STARTED_MS + 9_000)
    assert (run.data.params, run.data.metrics) == ({"lr": "0.1"}, {"loss": 749.5, "rank1": 3.5, "rank2": 4.5})
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 1_500
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["notes.md"]
    assert [list(each.iterdir()) for each in (folder, elsewhere)] == [[], []]
