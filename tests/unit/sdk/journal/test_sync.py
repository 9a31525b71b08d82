"""What processes left is sent once, whoever sends it, whenever they are interrupted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlkeep
from bench.processes import MlkeepServer, environment, free_port
from mlkeep import MlkeepClient
from mlkeep.core.entities import Run, RunStatus
from mlkeep.core.errors import NotFound
from mlkeep.sdk.journal.folder import journals_in
from mlkeep.sdk.journal.records import Damage, framed
from mlkeep.sdk.journal.refused import refusals
from mlkeep.wire import runs
from tests.unit.sdk.journal.left_behind import STARTED_MS, Writer

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journals"


@pytest.fixture(autouse=True)
def _quick(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLKEEP_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture
def tracking(tracking: str) -> str:
    """As elsewhere, but nothing is said of it."""
    mlkeep.set_tracking_uri(None)
    return tracking


def steps_of(client: MlkeepClient, run_id: str, key: str = "loss") -> list[int]:
    return [point.step for point in client.get_metric_history(run_id, key)]


def whole(run: Run) -> tuple[str, str, dict[str, float], dict[str, str], int | None]:
    return run.info.run_name, run.info.status, run.data.metrics, run.data.params, run.info.end_time


def test_a_run_that_was_made_without_a_server_is_sent_whole(folder: Path, tracking: str, client: MlkeepClient) -> None:
    left = Writer(folder, tracking).make_run(team="risk").log(0, 1, 2)
    left.ask(runs.LogParam(run_id=left.run_id, key="lr", value="0.1")).end().leave()

    told = mlkeep.sync(folder)

    (sent,) = told.sent
    assert (told.kept, told.live) == ([], [])
    assert (sent.run_id, sent.records, sent.refused, sent.damage) == (left.run_id, 6, 0, [])
    run = client.get_run(left.run_id)
    assert whole(run) == ("offline", "FINISHED", {"loss": 1.0}, {"lr": "0.1"}, STARTED_MS + 9_000)
    assert run.data.tags["team"] == "risk"
    assert client.get_experiment(run.info.experiment_id).name == left.experiment
    assert steps_of(client, left.run_id) == [0, 1, 2]
    assert list(folder.iterdir()) == []
    assert mlkeep.sync(folder) == mlkeep.sync(folder / "nothing there")


def test_two_copies_of_a_folder_are_sent_once(folder: Path, tracking: str, client: MlkeepClient) -> None:
    """As after rsync, when both machines send."""
    left = Writer(folder, tracking).make_run().log(*range(50)).end().leave()
    copy = Path(shutil.copytree(folder, folder.with_name("copy")))

    assert [len(mlkeep.sync(each).sent) for each in (folder, copy)] == [1, 1]

    assert steps_of(client, left.run_id) == list(range(50))
    assert len(client.search_runs([client.get_run(left.run_id).info.experiment_id])) == 1


def test_a_server_that_is_given_wins_over_the_one_in_the_journal(
    folder: Path, tracking: str, client: MlkeepClient
) -> None:
    first = Writer(folder, "http://user:secret@elsewhere:5000").make_run().end().leave()
    assert b"secret" not in first.journal.path.read_bytes()
    assert [one.reason for one in mlkeep.sync(folder).kept] == [
        "The password of http://user:***@elsewhere:5000 is not kept: give the tracking URI."
    ]
    assert len(mlkeep.sync(folder, tracking).sent) == 1
    assert client.get_run(first.run_id).info.status == "FINISHED"


def test_a_server_may_be_named_by_the_environment(
    folder: Path, tracking: str, client: MlkeepClient, environment: pytest.MonkeyPatch
) -> None:
    left = Writer(folder, NOWHERE).make_run().leave()
    environment.setenv("MLKEEP_TRACKING_URI", tracking)
    assert len(mlkeep.sync(folder).sent) == 1
    assert client.get_run(left.run_id).info.status == "RUNNING"


def test_a_journal_whose_server_is_silent_is_kept_and_others_go(
    folder: Path, tracking: str, client: MlkeepClient
) -> None:
    silent = f"http://127.0.0.1:{free_port()}"
    waiting = [Writer(folder, silent).make_run().leave() for _ in range(2)]
    left = Writer(folder, tracking).make_run().leave()

    told = mlkeep.sync(folder)

    assert [one.run_id for one in told.sent] == [left.run_id]
    assert {one.run_id for one in told.kept} == {one.run_id for one in waiting}
    assert all(f"API request to {silent} failed" in one.reason for one in told.kept)
    assert set(folder.iterdir()) == {one.journal.path for one in waiting}


def test_journals_of_living_processes_are_named_and_left_alone(
    folder: Path, tracking: str, client: MlkeepClient
) -> None:
    alive = Writer(folder, tracking).make_run().log(1)
    told = mlkeep.sync(folder)
    assert (told.sent, told.kept) == ([], [])
    (named,) = told.live
    assert named.path == alive.journal.path
    assert named.reason.startswith(f"Process {os.getpid()} on ")
    with pytest.raises(NotFound):
        client.get_run(alive.run_id)
    alive.leave()
    assert len(mlkeep.sync(folder).sent) == 1


def test_several_writers_of_a_run_make_it_once_and_end_it_last(
    folder: Path, tracking: str, client: MlkeepClient
) -> None:
    """The one that made the run ended it before the other was done."""
    maker = Writer(folder, tracking).make_run()
    other = Writer(folder, tracking, maker.run_id).log(0, 2, 4, key="rank1")
    maker.log(1, 3).end().leave()

    told = mlkeep.sync(folder)

    assert [one.path for one in told.live] == [other.journal.path]
    assert [one.reason for one in told.kept] == [
        f"The end of the run, or its artifacts, waits for {other.journal.path.name}."
    ]
    assert client.get_run(maker.run_id).info.status == "RUNNING"
    assert steps_of(client, maker.run_id) == [1, 3]

    other.end(RunStatus.FAILED, STARTED_MS + 20_000).leave()
    assert len(mlkeep.sync(folder).sent) == 2
    assert whole(client.get_run(maker.run_id))[1:] == (
        "FAILED",
        {"loss": 1.5, "rank1": 2.0},
        {},
        STARTED_MS + 20_000,
    )


def test_artifacts_that_wait_are_uploaded_and_removed(folder: Path, tracking: str, client: MlkeepClient) -> None:
    left = Writer(folder, tracking).make_run().end()
    waiting = left.journal.artifacts_path
    (waiting / "plots").mkdir(parents=True)
    (waiting / "plots" / "loss.txt").write_text("going down")
    (waiting / "notes.md").write_text("fine")
    left.leave()

    assert len(mlkeep.sync(folder).sent) == 1

    assert list(folder.iterdir()) == []
    assert sorted(file.path for file in client.list_artifacts(left.run_id)) == ["notes.md", "plots"]
    kept = Path(client.download_artifacts(left.run_id, "plots/loss.txt"))
    assert kept.read_text() == "going down"


def test_what_the_server_refuses_is_kept_with_the_reason(folder: Path, tracking: str, client: MlkeepClient) -> None:
    left = Writer(folder, tracking).make_run().log(1)
    for value in ("0.1", "0.2"):
        left.ask(runs.LogParam(run_id=left.run_id, key="lr", value=value))
    left.log(2).end().leave()

    (sent,) = mlkeep.sync(folder).sent

    assert (sent.records, sent.refused) == (6, 1)
    assert whole(client.get_run(left.run_id))[1:4] == ("FINISHED", {"loss": 1.0}, {"lr": "0.1"})
    (refused,) = refusals(left.journal.refused_path)
    assert "lr" in refused.reason
    assert list(folder.iterdir()) == [left.journal.refused_path]


def test_a_run_that_cannot_be_made_stays_in_its_journal(folder: Path, tracking: str, client: MlkeepClient) -> None:
    left = Writer(folder, tracking).make_run().log(1).end().leave()
    made = client.create_experiment(left.experiment)
    client.delete_experiment(made)

    (kept,) = mlkeep.sync(folder).kept
    assert kept.path == left.journal.path
    assert made in kept.reason

    client.restore_experiment(made)
    assert len(mlkeep.sync(folder).sent) == 1
    assert client.get_run(left.run_id).info.status == "FINISHED"


def test_damage_takes_only_what_it_hit_and_the_journal_is_kept(
    folder: Path, tracking: str, client: MlkeepClient
) -> None:
    left = Writer(folder, tracking).make_run().log(*range(10)).end().leave()
    data = bytearray(left.journal.path.read_bytes())
    hit = data.index((STARTED_MS + 5).to_bytes(8, "big"))
    data[hit] ^= 1
    left.journal.path.write_bytes(data)

    (sent,) = mlkeep.sync(folder).sent

    assert [damage.at < hit < damage.end for damage in sent.damage] == [True]
    assert steps_of(client, left.run_id) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert list(folder.iterdir()) == [sent.damaged_path]


def test_a_damaged_beginning_costs_the_server_not_the_records(
    folder: Path, tracking: str, client: MlkeepClient
) -> None:
    left = Writer(folder, tracking).make_run().log(1, 2).leave()
    data = bytearray(left.journal.path.read_bytes())
    data[12] ^= 1
    left.journal.path.write_bytes(data)
    assert [(one.run_id, one.reason) for one in mlkeep.sync(folder).kept] == [
        (left.run_id, "It does not tell which server it is for: give the tracking URI.")
    ]
    assert len(mlkeep.sync(folder, tracking).sent) == 1
    assert steps_of(client, left.run_id) == [1, 2]


def test_a_torn_end_is_no_reason_to_keep_a_journal(folder: Path, tracking: str, client: MlkeepClient) -> None:
    left = Writer(folder, tracking).make_run().log(1, 2).leave()
    with left.journal.path.open("ab") as file:
        file.write(framed(b"whatever it was")[:-1])
    (sent,) = mlkeep.sync(folder).sent
    assert [type(one) for one in sent.damage] == [Damage]
    assert steps_of(client, left.run_id) == [1, 2]
    assert list(folder.iterdir()) == []


def test_what_a_newer_version_wrote_is_kept(folder: Path, tracking: str, client: MlkeepClient) -> None:
    left = Writer(folder, tracking).make_run().log(1)
    left.journal.append(framed(b"\x92\x4d\xa4what"))
    left.log(2).leave()
    assert [one.refused for one in mlkeep.sync(folder).sent] == [1]
    assert steps_of(client, left.run_id) == [1, 2]
    assert [one.reason for one in refusals(left.journal.refused_path)] == [
        "This version of mlkeep does not know such records."
    ]


def test_empty_and_unfinished_files_are_tidied_up(folder: Path, tracking: str) -> None:
    folder.mkdir()
    (folder / "a.b.journal").touch()
    (folder / "a.b.0123.cut").write_bytes(b"the half of something")
    told = mlkeep.sync(folder)
    assert (told.sent, told.kept, told.live) == ([], [], [])
    assert list(folder.iterdir()) == []


KILLED = """
import os, sys
import mlkeep
from mlkeep.sdk import doors
from mlkeep.sdk.journal import delivery
from pathlib import Path

delivery.MOST_POINTS = 7
calls = 0

def dying(kind, name):
    usual = getattr(kind, name)
    def call(*words, **named):
        global calls
        calls += 1
        if calls == {calls}:
            os._exit(9)
        return usual(*words, **named)
    setattr(kind, name, call)

dying(doors.HttpDoor, "call")
dying(doors.HttpDoor, "log_columns")
for name in ("fsync", "unlink", "open", "write"):
    dying(os, name)
mlkeep.sync({folder!r})
os._exit(0)
"""


def test_a_sync_that_is_killed_anywhere_is_done_again(folder: Path, server: str) -> None:
    client = MlkeepClient(server)
    left = Writer(folder, server).make_run().log(*range(60)).end()
    (left.journal.artifacts_path).mkdir()
    (left.journal.artifacts_path / "notes.md").write_text("fine")
    left.leave()
    killed = 0
    for calls in range(1, 200, 3):
        script = KILLED.format(calls=calls, folder=str(folder))
        done = subprocess.run([sys.executable, "-c", script], env=environment(), check=False)
        if done.returncode == 0:
            break
        assert done.returncode == 9
        killed += 1
    assert killed >= 3
    assert list(folder.iterdir()) == []
    assert steps_of(client, left.run_id) == list(range(60))
    assert client.get_run(left.run_id).info.status == "FINISHED"
    assert [file.path for file in client.list_artifacts(left.run_id)] == ["notes.md"]
    assert len(client.search_runs([client.get_run(left.run_id).info.experiment_id])) == 1


def test_several_syncs_at_once_do_no_harm(folder: Path, tmp_path: Path) -> None:
    server = MlkeepServer(tmp_path / "server")
    try:
        left = [Writer(folder, server.url).make_run().log(*range(200)).end().leave() for _ in range(12)]
        script = f"import mlkeep, sys; told = mlkeep.sync({str(folder)!r}); print(len(told.sent))"
        command = [sys.executable, "-W", "error", "-c", script]
        running = [subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) for _ in range(3)]
        sent = [int(one.communicate()[0]) for one in running]
        assert [one.returncode for one in running] == [0, 0, 0]
        assert sum(sent) == len(left)
        client = MlkeepClient(server.url)
        for one in left:
            assert steps_of(client, one.run_id) == list(range(200))
            assert client.get_run(one.run_id).info.status == "FINISHED"
    finally:
        server.end()


def test_the_next_program_sends_what_an_earlier_one_left(folder: Path, server: str) -> None:
    script = (
        "import os\nfrom pathlib import Path\nfrom tests.unit.sdk.journal.left_behind import Writer\n"
        f"left = Writer(Path({str(folder)!r}), {server!r}).make_run().log(1, 2, 3).end()\nprint(left.run_id)\n"
        "os.kill(os.getpid(), 9)"
    )
    variables = {**environment(), "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run(
        [sys.executable, "-c", script], env=variables, stdout=subprocess.PIPE, text=True, check=False
    )
    assert killed.returncode == -9
    (path,) = journals_in(folder)
    run_id = killed.stdout.strip() or path.name.partition(".")[0]
    next_one = (
        "import mlkeep, pathlib, time\nwith mlkeep.start_run():\n    mlkeep.log_metric('loss', 1.0)\n"
        f"    ends = time.monotonic() + 60\n    while pathlib.Path({str(path)!r}).exists() and time.monotonic() < ends:\n"
        "        time.sleep(0.05)\n"
    )
    tracking = {"MLKEEP_TRACKING_URI": server, "MLKEEP_JOURNAL_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", next_one], env={**environment(), **tracking}, check=True)
    client = MlkeepClient(server)
    assert steps_of(client, run_id) == [1, 2, 3]
    assert client.get_run(run_id).info.status == "FINISHED"
    assert list(folder.iterdir()) == []
