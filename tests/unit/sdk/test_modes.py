"""The modes of logging, and servers that are not there, or not there any more."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlkeep
from bench.processes import MlkeepServer, free_port
from mlkeep.core.entities import Dataset, DatasetInput, Metric, Param, RunTag
from mlkeep.core.errors import InvalidInput, MlkeepException, NotFound, Unavailable
from mlkeep.sdk import recording
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.journal.whereabouts import journal_folder, staging_folder
from mlkeep.wire.runs import CreateRun

DATA = Dataset("flowers", "abc", "local", "{}")


def journals() -> list[Path]:
    """What lies in the folder of journals."""
    return sorted(journal_folder().iterdir())


def start(folder: Path, port: int) -> MlkeepServer:
    return MlkeepServer(folder, "--port", str(port))


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def log_everything() -> None:
    """What a training program does."""
    mlkeep.log_params({"lr": 0.1})
    mlkeep.set_tag("team", "risk")
    mlkeep.log_input(DATA)
    for step in range(5):
        mlkeep.log_metrics({"loss": 1 / (step + 1), "acc": step / 5}, step=step, timestamp=step)
    mlkeep.log_text("hello", "notes/a.txt")


def assert_everything(client: MlkeepClient, run_id: str) -> None:
    run = client.get_run(run_id)
    assert (run.info.status, run.data.params) == ("FINISHED", {"lr": "0.1"})
    assert run.data.metrics == {"loss": 0.2, "acc": 0.8}
    assert run.data.tags["team"] == "risk"
    assert run.inputs.dataset_inputs == [DatasetInput(DATA)]
    assert client.get_metric_history(run_id, "loss") == [
        Metric("loss", 1 / (step + 1), step, step) for step in range(5)
    ]
    assert [file.path for file in client.list_artifacts(run_id, "notes")] == ["notes/a.txt"]


def test_a_server_that_starts_after_the_training_has_everything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    mlkeep.set_tracking_uri(uri)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "mlkeep"):
        experiment = mlkeep.set_experiment("flowers")
        with mlkeep.start_run(run_name="outer") as outer:
            log_everything()
            with mlkeep.start_run(nested=True) as inner:
                mlkeep.log_metric("m", 1)
            assert mlkeep.get_run(outer.info.run_id).data.metrics["loss"] == 0.2
            assert time.monotonic() - began < 5
            server = start(tmp_path / "server", port)
            try:
                mlkeep.end_run()
                waiting = staging_folder(outer.info.run_id)
                assert [message.partition(" (")[0] for message in caplog.messages] == [
                    f"{uri} does not take what is logged",
                    f"The server is not there: artifacts of run {outer.info.run_id} are kept in {waiting}, and uploaded when it is back.",
                ]
                recording.flush_all()
                recording.drain()
                client = MlkeepClient(uri)
                assert_everything(client, outer.info.run_id)
                parent = client.get_parent_run(inner.info.run_id)
                assert parent is not None
                assert (parent.info.run_id, parent.info.run_name) == (outer.info.run_id, "outer")
                found = client.get_experiment(parent.info.experiment_id)
                assert (found.name, experiment.experiment_id) == ("flowers", "unsent:flowers")
                with mlkeep.start_run() as later:  # the placeholder of the experiment is looked up
                    assert later.info.experiment_id == found.experiment_id
                runs = mlkeep.search_runs([experiment.experiment_id], output_format="list")
                assert isinstance(runs, list)
                assert {run.info.run_id for run in runs} >= {outer.info.run_id, later.info.run_id}
                assert journals() == []
            finally:
                mlkeep.MlkeepClient(uri)
                recording.forget()
                server.end()


def test_a_server_that_stops_in_the_middle_has_everything_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    server = start(tmp_path / "server", port)
    mlkeep.set_tracking_uri(server.url)
    mlkeep.set_experiment("flowers")
    with mlkeep.start_run() as run:
        mlkeep.log_text("before", "before.txt")
        server.stop()
        log_everything()
        mlkeep.log_text("newer", "before.txt")
        server = start(tmp_path / "server", port)
    try:
        recording.drain()
        client = MlkeepClient(server.url)
        assert_everything(client, run.info.run_id)
        assert mlkeep.artifacts.load_text(f"runs:/{run.info.run_id}/before.txt") == "newer"
        assert journals() == []
    finally:
        recording.forget()
        server.end()


def test_rows_logged_while_the_server_is_down_do_not_replace_those_before(tmp_path: Path) -> None:
    port = free_port()
    server = start(tmp_path / "server", port)
    mlkeep.set_tracking_uri(server.url)
    with mlkeep.start_run() as run:
        mlkeep.log_table({"q": ["a"]}, "eval.json")
        server.stop()
        mlkeep.log_table({"q": ["b"]}, "eval.json")
        server = start(tmp_path / "server", port)
    try:
        recording.drain()
        aside, table = (file.path for file in MlkeepClient(server.url).list_artifacts(run.info.run_id))
        assert (aside[:5], aside[-5:], table) == ("eval-", ".json", "eval.json")
        read = [mlkeep.artifacts.load_dict(f"runs:/{run.info.run_id}/{path}")["data"] for path in (table, aside)]
        assert read == [[["a"]], [["b"]]]
    finally:
        recording.forget()
        server.end()


def test_a_run_is_gone_on_with_while_the_server_is_down(tmp_path: Path) -> None:
    port = free_port()
    server = start(tmp_path / "server", port)
    mlkeep.set_tracking_uri(server.url)
    run_id = MlkeepClient().create_run("0").info.run_id
    recording.forget()
    server.stop()
    with mlkeep.start_run(run_id) as run:
        log_everything()
        assert run.info.run_id == run_id
        assert mlkeep.get_run(run_id).data.metrics == {"loss": 0.2, "acc": 0.8}
    server = start(tmp_path / "server", port)
    try:
        recording.drain()
        assert_everything(MlkeepClient(server.url), run_id)
    finally:
        recording.forget()
        server.end()


def test_a_server_that_never_answers_is_waited_for_once(
    environment: pytest.MonkeyPatch, silent_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("MLKEEP_HTTP_REQUEST_TIMEOUT", "1")
    environment.setenv("MLKEEP_FLUSH_TIMEOUT", "1")
    mlkeep.set_tracking_uri(silent_server)
    began = time.monotonic()
    mlkeep.set_experiment("flowers")
    with mlkeep.start_run() as run:
        log_everything()
    client = MlkeepClient(silent_server)
    for _ in range(3):
        other = client.create_run("0").info.run_id
        client.log_batch(other, [Metric("m", 1, 0, 0)], [Param("p", "1")], [RunTag("t", "1")])
        client.set_terminated(other)
    assert time.monotonic() - began < 5
    assert client.get_run(run.info.run_id).info.status == "FINISHED"
    recording.drain()
    folder = journal_folder()
    assert capsys.readouterr().err == (
        f"mlkeep: 13 points and artifacts of 4 runs have not reached {silent_server}: they are in {folder}. "
        f"Send them with: mlkeep sync {folder}\n"
    )


def test_when_disabled_everything_can_be_done_and_nothing_is_kept(
    environment: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("MLKEEP_MODE", "disabled")
    mlkeep.set_tracking_uri("http://127.0.0.1:9")
    mlkeep.set_experiment("flowers")
    with mlkeep.start_run(run_name="r") as run:
        log_everything()
        mlkeep.log_param("lr", 0.2)
        mlkeep.log_metric("not: a $ key", 1)
        seen = mlkeep.get_run(run.info.run_id)
        assert (seen.info.run_name, seen.data.params, seen.data.metrics["loss"]) == ("r", {"lr": "0.1"}, 0.2)
        model = mlkeep.create_external_model("agent")
        mlkeep.log_metric("m", 1, model_id=model.model_id)
        assert mlkeep.register_model(model.model_uri, "agent").version == "1"
        assert MlkeepClient().list_artifacts(run.info.run_id) == []
    with mlkeep.start_run(run.info.run_id):
        mlkeep.delete_tag("nowhere")
    mlkeep.delete_run(run.info.run_id)
    assert mlkeep.search_runs(output_format="list") == []
    assert MlkeepClient().search_registered_models()[0].name == "agent"  # until the program ends
    recording.drain()
    assert (journals(), list(tmp_path.iterdir()), capfd.readouterr()) == ([], [], ("", ""))


def test_a_silent_run_beside_others_asks_no_server(server: str) -> None:
    mlkeep.set_tracking_uri(server)
    run_id = recording.start_silent(CreateRun(experiment_id="0", run_name="rank 1")).info.run_id
    mlkeep.log_metrics({"m": 1}, run_id=run_id)
    mlkeep.log_text("text", "a.txt", run_id=run_id)
    client = MlkeepClient(server)
    model = client.create_logged_model("77", "of a silent rank", source_run_id=run_id)
    assert client.finalize_logged_model(model.model_id, "READY").status == "READY"
    assert client.get_run(run_id).data.metrics == {"m": 1.0}
    client.set_terminated(run_id)
    assert (client.get_run(run_id).info.status, client.get_metric_history(run_id, "m")[0].value) == ("FINISHED", 1.0)
    assert MlkeepClient(server).search_logged_models(["0"], "name = 'of a silent rank'") == []
    assert journals() == []


def test_direct_is_what_mlflow_does(environment: pytest.MonkeyPatch, tracking: str) -> None:
    environment.setenv("MLKEEP_MODE", "direct")
    with mlkeep.start_run() as run:
        mlkeep.log_metric("m", 1)
        assert mlkeep.get_run(run.info.run_id).data.metrics == {"m": 1.0}
        MlkeepClient(tracking).delete_run(run.info.run_id)
        with pytest.raises(MlkeepException, match="must be in the 'active' state"):
            mlkeep.log_metric("m", 2)
        mlkeep.restore_run(run.info.run_id)
    assert journals() == []


def test_direct_waits_for_a_server_and_raises_that_it_is_not_there(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLKEEP_MODE", "direct")
    environment.setenv("MLKEEP_HTTP_REQUEST_MAX_RETRIES", "0")
    mlkeep.set_tracking_uri("http://127.0.0.1:9")
    for call in (lambda: mlkeep.set_experiment("e"), mlkeep.start_run):
        with pytest.raises(Unavailable, match="Is the server running"):
            call()


def test_another_mode_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLKEEP_MODE", "sometimes")
    with pytest.raises(InvalidInput, match=r"'sometimes'.*MLKEEP_MODE.*online, offline, direct, disabled"):
        mlkeep.start_run()


def test_a_run_is_logged_to_where_it_was_started(tmp_path: Path) -> None:
    first, second = (f"sqlite:///{tmp_path / name}.db" for name in ("first", "second"))
    mlkeep.set_tracking_uri(first)
    with mlkeep.start_run() as run:
        mlkeep.set_tracking_uri(second)
        mlkeep.log_metric("m", 1)
        mlkeep.log_param("p", 1)
        mlkeep.log_text("text", "a.txt")
        assert mlkeep.get_run(run.info.run_id).data.metrics == {"m": 1.0}
        assert [file.path for file in MlkeepClient().list_artifacts(run.info.run_id)] == ["a.txt"]
        with pytest.raises(NotFound):
            MlkeepClient(second).list_artifacts(run.info.run_id)
        with pytest.raises(NotFound):
            MlkeepClient(second).log_metric(run.info.run_id, "m", 2)
    found = MlkeepClient(first).get_run(run.info.run_id)
    assert (found.info.status, found.data.metrics, found.data.params) == ("FINISHED", {"m": 1.0}, {"p": "1"})


def test_each_client_logs_where_it_tracks(tmp_path: Path) -> None:
    clients = [MlkeepClient(f"sqlite:///{tmp_path / name}.db") for name in ("first", "second")]
    runs = [client.create_run("0").info.run_id for client in clients]
    for value, (client, run_id) in enumerate(zip(clients, runs, strict=True)):
        client.log_batch(run_id, [Metric("m", value, 1, 0)], [Param("p", "1")])
        client.set_terminated(run_id)
    assert [client.get_run(run_id).data.metrics for client, run_id in zip(clients, runs, strict=True)] == [
        {"m": 0.0},
        {"m": 1.0},
    ]


def test_synchronously_means_that_the_server_has_it_or_says_why_not(client: MlkeepClient, tracking: str) -> None:
    run_id = client.create_run("0").info.run_id
    other = MlkeepClient(tracking)
    client.log_metric(run_id, "m", 1, synchronous=True)
    assert recording.recorder_of(run_id) is not None
    assert other.get_run(run_id).data.metrics == {"m": 1.0}
    with pytest.raises(InvalidInput, match="m-nobody"):
        client.log_metric(run_id, "m", 2, model_id="m-nobody", synchronous=True)


def test_who_waits_for_what_was_logged_learns_that_it_was_refused(
    client: MlkeepClient, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = client.create_run("0").info.run_id
    good = client.log_metric(run_id, "m", 1, synchronous=False)
    with caplog.at_level(logging.ERROR, "mlkeep"):
        bad = client.log_metric(run_id, "m", 2, model_id="m-nobody", synchronous=False)
        assert (good, bad) != (None, None)
        assert good is not None
        assert bad is not None
        good.wait()
        for _ in range(2):
            with pytest.raises(InvalidInput, match="m-nobody"):
                bad.wait()
    assert "refused" in caplog.text
    assert client.get_run(run_id).data.metrics == {"m": 1.0}


def test_a_batch_with_something_that_cannot_be_logs_nothing(client: MlkeepClient) -> None:
    run_id = client.create_run("0").info.run_id
    client.log_param(run_id, "p", 1)
    for metrics, params in (
        ([Metric("good", 1, 0, 0), Metric("b$d", 1, 0, 0)], []),
        ([Metric("good", 1, 0, 0), Metric("bad", "high", 0, 0)], []),  # type: ignore[arg-type]  # a careless program
        ([Metric("good", 1, 0, 0), Metric("bad", 1, -1, 0)], []),
        ([Metric("good", 1, 0, 0), Metric("bad", 1, 0, 2**63)], []),
        ([Metric("good", 1, 0, 0)], [Param("p", "2")]),
    ):
        with pytest.raises(InvalidInput):
            client.log_batch(run_id, metrics, params)
    assert client.get_run(run_id).data.metrics == {}


def test_a_run_that_has_ended_or_was_deleted_is_logged_to_directly(client: MlkeepClient) -> None:
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "m", 1)
    client.set_terminated(run_id)
    client.log_metric(run_id, "after", 1)
    assert recording.recorder_of(run_id) is None
    assert client.get_run(run_id).data.metrics == {"m": 1.0, "after": 1.0}
    client.delete_run(run_id)
    with pytest.raises(InvalidInput, match="must be in the 'active' state"):
        client.log_metric(run_id, "m", 2)


def test_many_runs_keep_few_files_open(embedded: str) -> None:
    client = MlkeepClient(embedded)
    runs = [client.create_run("0").info.run_id for _ in range(recording.MOST_JOURNALS + 40)]
    for run_id in runs:
        client.log_metric(run_id, "m", 1)
    recording.flush_all()
    client.create_run("0")
    for _ in range(16):
        client.create_run("0")
    assert len(journals()) <= recording.MOST_JOURNALS + 16
    client.log_metric(runs[0], "m", 2)  # its journal is begun anew
    assert client.get_run(runs[0]).data.metrics == {"m": 2.0}
