"""Journals are sent to a server of the official MLflow, which gives runs ids of its own and takes no columns."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlkeep.core.entities import Metric, RunStatus
from mlkeep.core.ids import new_run_id
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import hasty_door_to
from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.delivery import ORIGIN_TAG, Delivery, parts
from mlkeep.sdk.journal.link import Link
from mlkeep.sdk.journal.local_run import LocalRun
from mlkeep.sdk.journal.recorder import Recorder
from mlkeep.sdk.journal.records import Placed, Points
from mlkeep.testing.conformance.suite import unique
from mlkeep.wire.message import KeyValueInput
from mlkeep.wire.runs import CreateRun, LogBatch, LogParam, SetTag, UpdateRun

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("official")]

KILLED_BEFORE_IT_KNOWS = """
    import os, signal, sys
    from pathlib import Path
    from mlkeep.sdk.journal.file import Journal
    from mlkeep.sdk.journal.link import Link
    from mlkeep.sdk.journal.local_run import LocalRun
    from mlkeep.sdk.journal.recorder import Recorder
    from mlkeep.wire.runs import CreateRun

    url, experiment_id, run_id, folder = sys.argv[1:]
    Journal.mark_known = lambda self, known: os.kill(os.getpid(), signal.SIGKILL)
    created = CreateRun(experiment_id=experiment_id, run_id=run_id, run_name="mine", start_time=5)
    recorder = Recorder(Link(url), Path(folder), run_id, LocalRun(created, folder))
    recorder.begin(created)
    for step in range(1_500):
        recorder.log(5, step, {"loss": step / 2})
    recorder.flush(60)
"""


@pytest.fixture
def client(official_server: str) -> MlkeepClient:
    return MlkeepClient(official_server)


@pytest.fixture
def experiment_id(client: MlkeepClient) -> str:
    return client.create_experiment(unique("experiment"))


@pytest.fixture
def recorder(official_server: str, experiment_id: str, tmp_path: Path) -> Iterator[Recorder]:
    """Of a run that the server does not know yet."""
    run_id = new_run_id()
    created = CreateRun(experiment_id=experiment_id, run_id=run_id, run_name="mine", start_time=5)
    link = Link(official_server)
    recorder = Recorder(link, tmp_path, run_id, LocalRun(created, "here"))
    recorder.begin(created)
    yield recorder
    link.close(60)


def test_a_run_begun_without_the_server_is_made_there_with_everything(
    recorder: Recorder, client: MlkeepClient, experiment_id: str
) -> None:
    run_id = recorder.run_id
    for step in range(1_500):
        recorder.log(7, step, {"loss": step / 2, "acc": 1.0})
    recorder.log(7, 0, {"nan": math.nan, "most": math.inf, "least": -math.inf})
    recorder.log_measured(Points(7, 3, {"on data": 0.5}, "", "data", "abc"))
    recorder.ask(LogParam(run_id=run_id, key="p", value="1"))
    recorder.ask(
        LogBatch(run_id=run_id, params=[KeyValueInput(key="q", value="2")], tags=[KeyValueInput(key="t", value="old")])
    )
    recorder.ask(SetTag(run_id=run_id, key="t", value="new"))
    recorder.ask(UpdateRun(run_id=run_id, status=RunStatus.FINISHED, end_time=9))
    assert recorder.flush(60)
    recorder.close()

    (run,) = client.search_runs([experiment_id])
    assert run.info.run_id == recorder.server_run_id != run_id
    assert (run.info.run_name, run.info.status, run.info.start_time, run.info.end_time) == ("mine", "FINISHED", 5, 9)
    assert run.data.params == {"p": "1", "q": "2"}
    assert run.data.tags == {"t": "new", "mlflow.runName": "mine", ORIGIN_TAG: run_id}
    assert math.isnan(run.data.metrics.pop("nan"))
    biggest = sys.float_info.max  # MLflow keeps no infinity
    assert run.data.metrics == {"loss": 749.5, "acc": 1.0, "most": biggest, "least": -biggest, "on data": 0.5}
    assert client.get_metric_history(run.info.run_id, "loss") == [
        Metric("loss", step / 2, 7, step, run_id=None) for step in range(1_500)
    ]


def test_what_is_asked_after_that_is_asked_of_the_run_there(recorder: Recorder, client: MlkeepClient) -> None:
    assert recorder.flush(60)
    recorder.ask(SetTag(run_id=recorder.run_id, key="t", value="1"))
    assert recorder.is_sent
    assert client.get_run(recorder.server_run_id).data.tags["t"] == "1"


def test_a_run_is_made_once_though_the_program_is_killed_before_it_notes_the_id(
    official_server: str, client: MlkeepClient, experiment_id: str, tmp_path: Path
) -> None:
    run_id = new_run_id()
    program = [sys.executable, "-c", textwrap.dedent(KILLED_BEFORE_IT_KNOWS)]
    killed = subprocess.run([*program, official_server, experiment_id, run_id, str(tmp_path)], timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    found = [one for one in records.scan(left.read_bytes()) if isinstance(one, Placed)]

    known: list[str] = []
    delivery = Delivery(run_id, known.append)
    door = hasty_door_to(official_server)
    for _ in range(2):  # whoever sends it may be killed as well
        for part in parts(found):
            delivery.deliver(door, part, lambda _, reason: pytest.fail(reason))

    (run,) = client.search_runs([experiment_id])
    assert {run.info.run_id} == set(known)
    assert run.data.tags[ORIGIN_TAG] == run_id
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 1_500
