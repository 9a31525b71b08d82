"""`mlkeep sync` and `mlkeep journal`."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from mlkeep import MlkeepClient
from mlkeep.sdk.journal.records import framed
from mlkeep.wire import runs
from tests.unit.sdk.journal.left_behind import STARTED_MS, Writer

NO_SUCH_SERVER = (
    "The tracking URI 'redis://nowhere' cannot be used: give a server (http://host:5000), a SQLite file "
    "(sqlite:///mlkeep.db) or a PostgreSQL database (postgresql://user:password@host/database)."
)

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (made := tmp_path / ".mlkeep" / "journal").mkdir(parents=True)
    return made


@pytest.fixture
def uri(store: Path) -> str:
    return f"sqlite:///{store}"


def hit(left: Writer, step: int) -> tuple[int, int]:
    """Flip a bit in the record of a step; the bytes it takes."""
    data = bytearray(left.journal.path.read_bytes())
    place = data.index((STARTED_MS + step).to_bytes(8, "big"))
    at, end = data.rindex(b"\xa7J", 0, place), data.index(b"\xa7J", place)
    data[place] ^= 1
    left.journal.path.write_bytes(data)
    return at, end


def test_what_waits_is_sent_from_the_folder_of_the_program(mlkeep: Run, folder: Path, uri: str) -> None:
    left = Writer(folder, uri).make_run().log(1, 2).end().leave()
    done = mlkeep("sync")
    assert (done.exit_code, done.output) == (0, f"sent: run {left.run_id} to {uri}, 4 records\n")
    assert MlkeepClient(uri).get_run(left.run_id).info.status == "FINISHED"
    assert (mlkeep("sync").output, mlkeep("sync").exit_code) == ("There is nothing to send.\n", 0)


def test_what_cannot_be_sent_is_named_and_the_exit_code_tells(mlkeep: Run, folder: Path, uri: str) -> None:
    left = Writer(folder, "redis://nowhere").make_run().leave()
    alive = Writer(folder, "redis://nowhere")
    lives = f"Process {os.getpid()} on {socket.gethostname()} lives, or another one is sending it."
    try:
        done = mlkeep("sync", str(folder), env={"MLKEEP_TRACKING_URI": None})
        assert done.exit_code == 1
        assert done.output.splitlines() == [
            f"kept: {left.journal.path}: {NO_SUCH_SERVER}",
            f"skipped: {alive.journal.path}: {lives}",
        ]
    finally:
        alive.leave()
    told = json.loads(mlkeep("sync", str(folder), "--tracking-uri", uri, "--output", "json").output)
    assert {name: len(value) for name, value in told.items()} == {"sent": 1, "kept": 0, "live": 0}


def test_journals_are_listed_with_what_is_unsent_refused_and_damaged(mlkeep: Run, folder: Path, uri: str) -> None:
    left = Writer(folder, uri).make_run().log(*range(5)).leave()
    hit(left, 2)
    for value in ("0.1", "0.2"):
        other = Writer(folder, uri, left.run_id)
        other.ask(runs.LogParam(run_id=left.run_id, key="lr", value=value)).leave()
    refused = Writer(folder, uri, left.run_id)
    refused.ask(runs.SetTag(run_id=left.run_id, key="", value="x")).leave()

    rows = json.loads(mlkeep("journal", "list", "--output", "json").output)
    assert [(row["run_id"], row["tracking_uri"], row["host"], row["is_live"]) for row in rows] == [
        (left.run_id, uri, socket.gethostname(), False)
    ] * 4
    (damaged,) = (row for row in rows if row["damaged"])
    assert (damaged["path"], damaged["unsent"]) == (str(left.journal.path), 5)

    assert mlkeep("sync").exit_code == 0
    told = mlkeep("journal", "list").output.splitlines()
    assert told[0].split() == ["Run", "Server", "Writer", "Begun", "Bytes", "Unsent", "Refused", "Damaged"]
    assert len(told) == 6
    assert [line.partition(": ")[0] for line in told[4:]] == [f"refused of run {left.run_id}"] * 2
    assert "LogParam of 'lr': " in "\n".join(told[4:])


def test_verify_names_each_fault_and_what_is_lost(mlkeep: Run, folder: Path, uri: str) -> None:
    sound = Writer(folder, uri).make_run().log(1).leave()
    assert (mlkeep("journal", "verify").output, mlkeep("journal", "verify").exit_code) == ("1 journal is sound.\n", 0)

    left = Writer(folder, uri).make_run().log(*range(10)).leave()
    at, end = hit(left, 5)
    with left.journal.path.open("ab") as file:
        file.write(torn := framed(b"not the whole of it")[:-3])
    size = left.journal.path.stat().st_size

    done = mlkeep("journal", "verify", str(folder))
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        f"{left.journal.path}: bytes {at} to {end}: one record or more between loss at step 4 and loss at step 6",
        f"{left.journal.path}: bytes {size - len(torn)} to {size}: a record was cut off there, whose writing was not finished",
    ]
    assert mlkeep("journal", "verify", str(sound.journal.path)).exit_code == 0


def test_repair_keeps_what_is_sound_and_what_was_there(mlkeep: Run, folder: Path, uri: str) -> None:
    left = Writer(folder, uri).make_run().log(*range(10)).end().leave()
    at, end = hit(left, 5)
    before = left.journal.path.read_bytes()
    alive = Writer(folder, uri).make_run()
    try:
        damaged = left.journal.path.with_suffix(".damaged")
        done = mlkeep("journal", "repair", str(left.journal.path))
        assert done.output.splitlines() == [
            f"{left.journal.path}: dropped bytes {at} to {end}: one record or more between loss at step 4 and loss at step 6",
            f"{left.journal.path}: 11 records are not sent. The damaged journal is {damaged.name}.",
        ]
        assert damaged.read_bytes() == before
        assert mlkeep("journal", "verify").exit_code == 0

        refused = mlkeep("journal", "repair")
        assert (refused.exit_code, refused.stderr) == (
            1,
            f"The journal {alive.journal.path} is being written or sent by a process that lives: repair it afterwards.\n",
        )
    finally:
        alive.leave()
    assert mlkeep("sync").exit_code == 0
    steps = [point.step for point in MlkeepClient(uri).get_metric_history(left.run_id, "loss")]
    assert steps == [0, 1, 2, 3, 4, 6, 7, 8, 9]


def test_a_journal_without_a_beginning_is_repaired_with_a_server_that_is_given(
    mlkeep: Run, folder: Path, uri: str
) -> None:
    left = Writer(folder, uri).make_run().log(1).leave()
    data = bytearray(left.journal.path.read_bytes())
    data[12] ^= 1
    left.journal.path.write_bytes(data)
    nothing_set = {"MLKEEP_TRACKING_URI": None}
    assert mlkeep("sync", env=nothing_set).exit_code == 1
    assert mlkeep("journal", "repair", "--tracking-uri", uri).exit_code == 0
    assert mlkeep("sync", env=nothing_set).exit_code == 0
    assert MlkeepClient(uri).get_run(left.run_id).data.metrics == {"loss": 0.5}
