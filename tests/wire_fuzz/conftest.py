"""A server with one of everything in it, and the ids to ask it for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from bench.processes import MlkeepServer
from mlkeep import MlkeepClient
from mlkeep.core.errors import NotFound
from mlkeep.sdk.doors import door_to
from mlkeep.wire.evaluation_datasets import CreateDataset, DatasetResponse
from mlkeep.wire.runs import CreateRun

API = "/api/2.0/mlflow"
JSON = {"Content-Type": "application/json"}


class Answer(NamedTuple):
    """What came back."""

    status: int
    content_type: str
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The body of a refusal. Raises AssertionError: it is none in the shape of errors."""
        told = json.loads(self.body)
        assert list(told) == ["error_code", "message"], self
        assert told["message"], self
        return dict(told)


class Server:
    """A server process, and one of everything in it under names that are known beforehand."""

    experiment_id = "1"
    deleted_experiment_id = "2"
    run_id = "fuzzed-run"
    model = "fuzzed-model"
    alias = "champion"

    def __init__(self, process: MlkeepServer) -> None:
        self.process = process
        self._client = MlkeepClient(tracking_uri=process.url)
        assert self._client.create_experiment("fuzzed", tags={"a": "1"}) == self.experiment_id
        assert self._client.create_experiment("deleted") == self.deleted_experiment_id
        self._log_to_a_run()
        self.model_id = self.dataset_id = ""
        self.mend()

    def _log_to_a_run(self) -> None:
        door_to(self.process.url).call(CreateRun(experiment_id=self.experiment_id, run_id=self.run_id))
        self._client.log_metric(self.run_id, "loss", 0.5)
        self._client.log_param(self.run_id, "lr", "0.1")
        self._client.set_tag(self.run_id, "team", "red")
        self._client.log_text(self.run_id, "text", "notes/a.txt")

    def mend(self) -> None:
        """Put back what the tests may have removed."""
        client = self._client
        if client.get_experiment(self.experiment_id).lifecycle_stage != "active":
            client.restore_experiment(self.experiment_id)
        if client.get_experiment(self.deleted_experiment_id).lifecycle_stage == "active":
            client.delete_experiment(self.deleted_experiment_id)
        client.rename_experiment(self.experiment_id, "fuzzed")
        for key in ("a", "team"):
            client.set_experiment_tag(self.experiment_id, key, "1")
        client.restore_run(self.run_id)
        client.set_tag(self.run_id, "team", "red")
        for name in (self.model, "another name"):
            with suppress(NotFound):
                client.delete_registered_model(name)
        client.create_registered_model(self.model, tags={"a": "1"})
        client.create_model_version(self.model, "s3://b/m", self.run_id, tags={"a": "1"})
        client.set_registered_model_alias(self.model, self.alias, 1)
        self.model_id = client.create_logged_model(self.experiment_id, "logged", tags={"a": "1"}).model_id
        made = door_to(self.process.url).call(CreateDataset(name="fuzzed", tags='{"a": "1"}'))
        assert isinstance(made, DatasetResponse)
        self.dataset_id = made.dataset.dataset_id

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request on a connection of its own."""
        connection = self.process.connect(timeout_s=30)
        try:
            connection.request(method, path, body, dict(JSON if headers is None else headers))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers.get("content-type", ""), answer.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the module's own. It must survive what the tests do to it, and fail at nothing."""
    process = MlkeepServer(tmp_path_factory.mktemp("fuzzed"), "--no-access-log")
    try:
        server = Server(process)
        yield server
        assert server.ask("GET", "/health").body == b"OK"
        assert process.stop() == 0
        assert " failed" not in process.output
        assert "Traceback" not in process.output
    finally:
        process.end()
