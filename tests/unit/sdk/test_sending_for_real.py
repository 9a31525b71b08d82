"""What is logged is stored once, through each door."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlkeep.core.entities import RunStatus
from mlkeep.core.ids import new_run_id
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.journal.link import Link
from mlkeep.sdk.journal.local_run import LocalRun
from mlkeep.sdk.journal.recorder import Recorder
from mlkeep.sdk.journal.records import Points
from mlkeep.wire.runs import CreateRun, LogParam, SetTag, UpdateRun


@pytest.fixture
def recorder(tracking: str, tmp_path: Path) -> Iterator[Recorder]:
    """Of a run that the server does not know yet."""
    created = CreateRun(experiment_id="0", run_id=new_run_id(), run_name="mine", start_time=5)
    folder = tmp_path / "journal"
    folder.mkdir()
    link = Link(tracking)
    recorder = Recorder(link, folder, created.run_id, LocalRun(created, "here"))
    recorder.begin(created)
    yield recorder
    link.close(60)


def test_everything_is_there_after_flushing(recorder: Recorder, client: MlkeepClient) -> None:
    run_id = recorder.run_id

    def log(key: str) -> None:
        for step in range(10_000):
            recorder.log(7, step, {key: step / 2})

    threads = [threading.Thread(target=log, args=(f"k{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    recorder.log(7, -(2**63), {"nan": math.nan, "most": math.inf})
    for step in range(1_200):
        recorder.log_measured(Points(7, step, {"on data": 0.5}, "", "data", "abc"))
    recorder.ask(LogParam(run_id=run_id, key="p", value="1"))
    recorder.ask(SetTag(run_id=run_id, key="t", value="1"))
    recorder.ask(SetTag(run_id=run_id, key="t", value="2"))
    for thread in threads:
        thread.join()
    recorder.ask(UpdateRun(run_id=run_id, status=RunStatus.FINISHED, end_time=9))
    assert recorder.flush(60)
    folder = recorder._folder
    assert recorder.close() is None
    assert list(folder.iterdir()) == []

    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status, run.info.end_time) == ("mine", "FINISHED", 9)
    assert (run.data.params, run.data.tags) == ({"p": "1"}, {"t": "2", "mlflow.runName": "mine"})
    assert math.isnan(run.data.metrics.pop("nan"))
    expected = {"k0": 4999.5, "k1": 4999.5, "k2": 4999.5, "most": math.inf, "on data": 0.5}
    assert run.data.metrics == expected
    for i in range(3):
        points = client.get_metric_history(run_id, f"k{i}")
        assert [(point.step, point.value) for point in points] == [(step, step / 2) for step in range(10_000)]
    assert len(client.get_metric_history(run_id, "on data")) == 1_200


def test_a_param_that_changes_while_the_run_is_unknown_is_refused_and_the_rest_is_stored(
    recorder: Recorder, client: MlkeepClient, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = recorder.run_id
    recorder.log(7, 1, {"loss": 0.5})
    for value in ("1", "2"):
        recorder._journal_asked(LogParam(run_id=run_id, key="p", value=value))
    recorder.log(7, 2, {"loss": 0.25})
    assert recorder.flush(60)
    assert client.get_run(run_id).data.params == {"p": "1"}
    assert [point.value for point in client.get_metric_history(run_id, "loss")] == [0.5, 0.25]
    assert "Changing param values is not allowed" in caplog.text
