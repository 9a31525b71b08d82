"""Runs without any server: what is logged waits beside the program, which sees it all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlkeep
from mlkeep.core.entities import Dataset, DatasetInput, FileInfo, InputTag, Metric
from mlkeep.core.errors import InvalidInput, NotFound, Unavailable
from mlkeep.sdk import recording
from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.delivery import request_in
from mlkeep.sdk.journal.records import Asked, Placed, Points
from mlkeep.sdk.journal.whereabouts import journal_folder, staging_folder

DATA = Dataset("flowers", "abc", "local", "{}")


@pytest.fixture(autouse=True)
def offline(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLKEEP_MODE", "offline")
    mlkeep.set_tracking_uri("http://127.0.0.1:9")


def journaled(run_id: str) -> Iterator[object]:
    """What the journals of a run hold."""
    for path in sorted(journal_folder().glob(f"{run_id}.*.journal"), key=lambda path: path.stat().st_mtime_ns):
        for one in records.scan(path.read_bytes()):
            assert isinstance(one, Placed)
            yield request_in(one.record) if isinstance(one.record, Asked) else one.record


def test_a_program_sees_what_it_logged() -> None:
    mlkeep.set_experiment("flowers")
    with mlkeep.start_run(run_name="first", tags={"team": "risk"}, description="note") as run:
        assert mlkeep.log_param("depth", 3) == 3
        mlkeep.log_params({"lr": 0.1})
        mlkeep.log_metric("loss", 0.5, step=1, timestamp=7)
        mlkeep.log_metric("loss", 0.25, step=2, timestamp=8)
        mlkeep.log_metrics({"acc": 0.5, "f1": 0.25}, dataset=DATA)
        mlkeep.set_tags({"a": 1, "b": 2})
        mlkeep.delete_tag("a")
        mlkeep.log_input(DATA, context="training")
        active = mlkeep.active_run()

    assert active is not None
    assert active.info.status == "RUNNING"
    seen = mlkeep.last_active_run()
    assert seen is not None
    assert seen == mlkeep.get_run(run.info.run_id)
    assert (seen.info.run_name, seen.info.status) == ("first", "FINISHED")
    assert seen.info.end_time is not None
    assert seen.data.params == {"depth": "3", "lr": "0.1"}
    assert seen.data.metrics == {"loss": 0.25, "acc": 0.5, "f1": 0.25}
    assert {key: seen.data.tags.get(key) for key in ("team", "a", "b", "mlflow.note.content", "mlflow.runName")} == {
        "team": "risk",
        "a": None,
        "b": "2",
        "mlflow.note.content": "note",
        "mlflow.runName": "first",
    }
    assert seen.inputs.dataset_inputs == [
        DatasetInput(DATA),
        DatasetInput(DATA, [InputTag("mlflow.data.context", "training")]),
    ]
    client = mlkeep.MlkeepClient()
    assert client.get_metric_history(run.info.run_id, "loss") == [Metric("loss", 0.5, 7, 1), Metric("loss", 0.25, 8, 2)]
    assert client.get_metric_history(run.info.run_id, "never") == []


def test_what_is_logged_is_in_the_journal_in_order() -> None:
    mlkeep.set_experiment("flowers")
    with mlkeep.start_run() as run:
        mlkeep.log_metrics({"a": 1, "b": 2}, step=3, timestamp=4)
        mlkeep.log_param("p", 1)

    kinds = [type(record).__name__ for record in journaled(run.info.run_id)]
    assert kinds == ["Opened", "CreateRun", "Points", "LogParam", "UpdateRun"]
    assert Points(4, 3, {"a": 1.0, "b": 2.0}) in list(journaled(run.info.run_id))


def test_a_changed_param_and_what_cannot_be_are_refused_at_once() -> None:
    mlkeep.log_params({"lr": 1})
    with pytest.raises(InvalidInput, match=r"Changing param values is not allowed.*key='lr'.*value='1'.*'2'"):
        mlkeep.log_param("lr", 2)
    with pytest.raises(InvalidInput, match="Changing param values is not allowed"):
        mlkeep.log_params({"new": 1, "lr": 3})
    with pytest.raises(InvalidInput, match=r"m\$"):
        mlkeep.log_metric("m$", 1)
    with pytest.raises(NotFound, match="No tag with name: gone"):
        mlkeep.delete_tag("gone")
    run = mlkeep.active_run()
    assert run is not None
    assert mlkeep.get_run(run.info.run_id).data.params == {"lr": "1"}


def test_artifacts_wait_beside_the_journal(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "w.bin").write_bytes(b"123")
    with mlkeep.start_run() as run:
        mlkeep.log_text("hello", "notes/a.txt")
        mlkeep.log_dict({"a": 1}, "conf.json")
        mlkeep.log_artifact(tmp_path / "model")
        mlkeep.log_artifacts(tmp_path / "model", "flat")
        mlkeep.log_table({"q": ["x"]}, "eval.json")
        mlkeep.log_table({"q": ["y"]}, "eval.json")
        folder = staging_folder(run.info.run_id)
        assert mlkeep.get_artifact_uri("conf.json") == f"{folder}/conf.json"

    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "conf.json",
        "eval.json",
        "flat/w.bin",
        "model/w.bin",
        "notes/a.txt",
    ]
    client = mlkeep.MlkeepClient()
    assert client.list_artifacts(run.info.run_id, "notes") == [FileInfo("notes/a.txt", is_dir=False, file_size=5)]
    assert mlkeep.artifacts.load_text(f"runs:/{run.info.run_id}/notes/a.txt") == "hello"
    assert mlkeep.artifacts.load_dict(f"{folder}/eval.json")["data"] == [["x"], ["y"]]


def test_children_name_their_parents() -> None:
    with mlkeep.start_run(run_name="outer") as outer, mlkeep.start_run(nested=True) as inner:
        pass
    with mlkeep.start_run(parent_run_id=outer.info.run_id) as other:
        pass
    for child in (inner, other):
        parent = mlkeep.get_parent_run(child.info.run_id)
        assert parent is not None
        assert parent.info.run_name == "outer"


def test_the_environment_names_the_experiment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLFLOW_EXPERIMENT_NAME", "of the environment")
    with mlkeep.start_run() as run:
        pass
    made = [record for record in journaled(run.info.run_id) if type(record).__name__ == "CreateRun"]
    assert [getattr(request, "experiment_id", None) for request in made] == ["unsent:of the environment"]


def test_programs_started_from_one_that_is_offline_know_the_experiment_by_its_name() -> None:
    experiment = mlkeep.set_experiment("inherited")
    assert (experiment.name, experiment.experiment_id) == ("inherited", "unsent:inherited")
    named = {name: text for name, text in os.environ.items() if "EXPERIMENT" in name}
    assert named == {"MLFLOW_EXPERIMENT_NAME": "inherited", "MLKEEP_EXPERIMENT_NAME": "inherited"}
    with mlkeep.start_run() as run:
        assert run.info.experiment_id == "unsent:inherited"


def test_a_run_is_gone_on_with_also_by_a_later_program() -> None:
    with mlkeep.start_run(run_name="first") as run:
        mlkeep.log_param("p", 1)
        mlkeep.log_metric("loss", 1, step=1, timestamp=1)
    with mlkeep.start_run(run.info.run_id):
        mlkeep.log_metric("loss", 2, step=2, timestamp=2)
    recording.forget()  # as a program that ends does

    with mlkeep.start_run(run.info.run_id, run_name="second") as again:
        assert (again.info.run_name, again.info.status) == ("second", "RUNNING")
        assert again.data.params == {"p": "1"}
        with pytest.raises(InvalidInput, match="Changing param values"):
            mlkeep.log_param("p", 2)
        mlkeep.log_metric("loss", 3, step=3, timestamp=3)
    history = mlkeep.MlkeepClient().get_metric_history(run.info.run_id, "loss")
    assert [point.value for point in history] == [1.0, 2.0, 3.0]


def test_a_run_that_nobody_here_knows_is_gone_on_with() -> None:
    with mlkeep.start_run("f" * 32) as run:
        mlkeep.log_metric("m", 1, step=0, timestamp=1)
        mlkeep.set_tag("t", 1)
        mlkeep.delete_tag("of an earlier program")
    assert run.info.run_id == "f" * 32
    kinds = [type(record).__name__ for record in journaled("f" * 32)]
    assert kinds == ["Opened", "UpdateRun", "Points", "SetTag", "DeleteTag", "UpdateRun"]


def test_what_needs_a_server_says_so() -> None:
    client = mlkeep.MlkeepClient()
    for ask in (
        mlkeep.search_runs,
        lambda: mlkeep.get_run("0" * 32),
        lambda: mlkeep.create_experiment("e"),
        lambda: mlkeep.initialize_logged_model("net"),
        lambda: mlkeep.register_model("models:/m-1", "net"),
        lambda: client.create_registered_model("net"),
        lambda: client.get_model_version_by_alias("net", "best"),
        lambda: client.log_metric("0" * 32, "m", 1),
    ):
        with pytest.raises(Unavailable, match=r"MLKEEP_MODE is offline.*mlkeep sync"):
            ask()


def test_a_run_that_has_ended_can_still_be_logged_to() -> None:
    with mlkeep.start_run() as run:
        mlkeep.log_metric("m", 1)
    client = mlkeep.MlkeepClient()
    client.log_metric(run.info.run_id, "after", 2)
    client.set_tag(run.info.run_id, "t", 1)
    client.delete_run(run.info.run_id)
    seen = client.get_run(run.info.run_id)
    assert (seen.data.metrics, seen.data.tags["t"]) == ({"m": 1.0, "after": 2.0}, "1")
    assert (seen.info.status, seen.info.lifecycle_stage) == ("FINISHED", "deleted")


def test_there_is_nobody_who_could_answer_what_is_logged_synchronously() -> None:
    with mlkeep.start_run() as run:
        assert mlkeep.log_metric("m", 1, synchronous=True) is None
        assert mlkeep.log_param("p", 1, synchronous=True) == 1
        operations = mlkeep.log_metrics({"n": 1}, synchronous=False)
        assert operations is not None
        operations.wait()
        mlkeep.flush_async_logging()
    assert mlkeep.get_run(run.info.run_id).data.metrics == {"m": 1.0, "n": 1.0}


PROGRAM = """
import mlkeep
mlkeep.set_experiment("e")
for _ in range(2):
    with mlkeep.start_run():
        for step in range(3):
            mlkeep.log_metrics({"a": 1, "b": 2}, step=step)
mlkeep.start_run()
mlkeep.log_metric("open", 1)
mlkeep.log_text("text", "a.txt")
"""


def test_a_program_says_once_what_it_leaves_where_and_how_to_send_it(tmp_path: Path) -> None:
    folder = tmp_path / "my journals"
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "MLKEEP_JOURNAL_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == (
        f"mlkeep: 13 points and artifacts of 3 runs wait to be sent: they are in {folder}. Send them with: mlkeep sync '{folder}'\n"
    )
    assert len(list(folder.glob("*.journal"))) == 3
