"""A server process as the tests of artifact routes see it: answers as they are, and what lies on its disk."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.processes import MlkeepServer

PROXY = "/api/2.0/mlflow-artifacts/artifacts"
MPU = "/api/2.0/mlflow-artifacts/mpu"
OWN = "/api/mlkeep/1/artifacts"
API = "/api/2.0/mlflow"
JSON = {"Content-Type": "application/json"}

Body = bytes | Iterator[bytes] | Mapping[str, Any] | None


class Answer(NamedTuple):
    """What came back. Names of `headers` are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of a refusal."""
        return self.status, self.json["error_code"]


class Client:
    """Sends requests on one connection, or on a new one where the server closed it. Paths go out as they are."""

    def __init__(self, server: MlkeepServer) -> None:
        self._server = server
        self._connection = server.connect()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(self, method: str, path: str, body: Body = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One answer. A mapping goes out as JSON, an iterator in chunks."""
        sent = {**JSON, **(headers or {})} if isinstance(body, Mapping) else dict(headers or {})
        data = json.dumps(body).encode() if isinstance(body, Mapping) else body
        try:
            self._connection.request(method, path, data, sent, encode_chunked=isinstance(data, Iterator))
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            if isinstance(data, Iterator):
                raise
            self._connection.close()
            self._connection = self._server.connect()
            self._connection.request(method, path, data, sent)
            answer = self._connection.getresponse()
        headers_told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers_told, answer.read())

    def new_run(self) -> tuple[str, str]:
        """The id of a new run, and where its artifacts lie below the destination."""
        made = self.ask("POST", f"{API}/runs/create", {"experiment_id": "0"}).json["run"]["info"]
        return made["run_id"], made["artifact_uri"].removeprefix("mlflow-artifacts:/")

    def new_model(self) -> tuple[str, str]:
        """The id of a new logged model, and where its artifacts lie below the destination."""
        made = self.ask("POST", f"{API}/logged-models", {"experiment_id": "0", "name": "m"}).json["model"]["info"]
        return made["model_id"], made["artifact_uri"].removeprefix("mlflow-artifacts:/")

    def new_version(self, run_id: str) -> tuple[str, str]:
        """Name and version of a new model version, whose files are the folder `model` of a run."""
        self.ask("POST", f"{API}/registered-models/create", {"name": "registered"})
        source = {"name": "registered", "source": f"runs:/{run_id}/model", "run_id": run_id}
        return "registered", self.ask("POST", f"{API}/model-versions/create", source).json["model_version"]["version"]

    def manifest(self, path: str) -> dict[str, tuple[int, str]]:
        """What is recorded of the files below a path of the destination: size and SHA-256."""
        told = self.ask("GET", f"{OWN}/manifest?uri=mlflow-artifacts:/{path}").json
        return {file["path"]: (file.get("size", 0), file["sha256"]) for file in told.get("files", [])}


def files_below(folder: Path) -> dict[str, bytes]:
    """The files in a folder, without marks that say when it was last swept."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if path.name != "swept"}
