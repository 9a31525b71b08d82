"""Servers of artifacts only, servers without artifacts, and destinations of every kind."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.processes import MlkeepServer, environment, mlkeep_server
from tests.e2e.artifact_server import API, MPU, OWN, PROXY, Client, files_below

INFO = "/api/3.0/mlflow/server-info"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[MlkeepServer, Client]]]:
    """Starts a server in a folder of its own, and gives a connection to it."""
    with ExitStack() as running:

        def started(*options: str, backend: str | None = None, **env: str) -> tuple[MlkeepServer, Client]:
            server = MlkeepServer(tmp_path / "server", *options, backend=backend, env=env)
            running.callback(server.end)
            client = Client(server)
            running.callback(client.close)
            return server, client

        yield started


def refusal_of(folder: Path, *options: str, backend: str = "", **env: str) -> str:
    """What a server that cannot start says."""
    command = [*mlkeep_server(backend), "--port", "0", *options]
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env={**environment(), **env}, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_server_of_artifacts_only_has_the_proxy_and_needs_no_database(
    start: Callable[..., tuple[MlkeepServer, Client]],
) -> None:
    server, client = start("--artifacts-only", backend="")
    up = client.ask("PUT", f"{PROXY}/1/r/artifacts/a.txt", b"text")
    down = client.ask("GET", f"{PROXY}/1/r/artifacts/a.txt")
    tree = client.ask("GET", f"{OWN}/tree?path=1")
    begun = client.ask("POST", f"{OWN}/uploads", {"path": "b", "size": 1, "fingerprint": "1", "part_bytes": 1})
    works = {path: client.ask("GET", path).status for path in ("/", "/health", "/version", INFO, f"/ajax-{INFO[1:]}")}
    info = client.ask("GET", INFO).json
    disabled = [
        client.ask("GET", f"{API}/experiments/search?max_results=1"),
        client.ask("POST", "/ajax-api/2.0/mlflow/runs/search", {}),
        client.ask("GET", "/get-artifact?run_id=a&path=b"),
        client.ask("GET", "/model-versions/get-artifact?name=a&version=1&path=b"),
        client.ask("POST", "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=a&path=b", b"x"),
        client.ask("GET", f"{OWN}/archive?run_id=a"),
        client.ask("GET", f"{OWN}/manifest?uri=mlflow-artifacts:/1"),
        client.ask("POST", f"{API}/artifacts/presigned-upload-url", {"run_id": "a", "path": "b"}),
        client.ask("GET", "/graphql"),
    ]

    assert (up.status, down.body, down.headers.get("repr-digest")) == (200, b"text", None)
    assert tree.json == {"files": [{"path": "r/artifacts/a.txt", "size": 4}]}
    assert begun.status == 200
    assert set(works.values()) == {200}
    assert (info["mlkeep_transfer"], info["mlkeep_manifest"], info["multipart_uploads_enabled"]) == (1, False, False)
    assert {(a.status, a.headers["content-type"], b"--artifacts-only" in a.body) for a in disabled} == {
        (503, "text/plain; charset=utf-8", True)
    }
    assert client.ask("GET", "/nothing").status == 404
    assert client.ask("GET", "/api/2.0/mlflow-artifacts/nothing").status == 404
    assert list(server.folder.rglob("*.db")) == []


def test_a_server_of_artifacts_only_is_told_of_no_database(tmp_path: Path) -> None:
    named = refusal_of(tmp_path, "--artifacts-only", backend="sqlite:///other.db")
    nothing = refusal_of(tmp_path, "--artifacts-only", "--no-serve-artifacts")
    assert "--backend-store-uri" in named
    assert "--no-serve-artifacts" in nothing


def test_a_server_without_the_proxy_says_so_as_mlflow_does(start: Callable[..., tuple[MlkeepServer, Client]]) -> None:
    server, client = start("--no-serve-artifacts")
    of_a_file = [client.ask(method, f"{PROXY}/a", b"x" if method == "PUT" else None) for method in ("GET", "PUT")]
    head = client.ask("HEAD", f"{PROXY}/a")
    others = [
        client.ask("GET", PROXY),
        client.ask("DELETE", f"{PROXY}/a"),
        client.ask("POST", f"{MPU}/create/a", {"path": "a", "num_parts": 1}),
        client.ask("GET", "/api/2.0/mlflow-artifacts/presigned/a"),
        client.ask("GET", f"{OWN}/tree"),
        client.ask("POST", f"{OWN}/bundle", b"x"),
    ]
    info = client.ask("GET", INFO).json
    run_id, root = client.new_run()
    uploaded = client.ask("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=a.txt", b"text")
    found = client.ask("GET", f"/get-artifact?run_id={run_id}&path=a.txt")

    assert [(answer.status, list(answer.json)) for answer in of_a_file] == [(503, ["detail"])] * 2
    assert all(answer.json["detail"].startswith("Artifact serving is disabled") for answer in of_a_file)
    assert head.status == 503
    assert {(a.status, a.headers["content-type"], b"--no-serve-artifacts" in a.body) for a in others} == {
        (503, "text/plain; charset=utf-8", True)
    }
    assert (info["mlkeep_transfer"], info["mlkeep_manifest"]) == (0, False)
    assert root == str(server.folder / "artifacts" / "0" / run_id / "artifacts")
    assert (uploaded.json, found.body) == ({}, b"text")
    assert files_below(server.folder / "artifacts") == {f"0/{run_id}/artifacts/a.txt": b"text"}


def test_relative_places_are_those_of_the_folder_it_was_started_in(
    start: Callable[..., tuple[MlkeepServer, Client]],
) -> None:
    server, client = start("--artifacts-destination", "kept/here", "--default-artifact-root", "./roots")
    _, root = client.new_run()
    client.ask("PUT", f"{PROXY}/a.txt", b"text")
    assert root.startswith(f"{server.folder}/roots/0/")
    assert files_below(server.folder / "kept") == {"here/a.txt": b"text"}


def test_multipart_is_said_to_be_on_only_where_it_was_turned_on(
    start: Callable[..., tuple[MlkeepServer, Client]],
) -> None:
    _, client = start(MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD="true", MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD="true")
    _, plain = start()
    told = [client.ask("GET", INFO).json, plain.ask("GET", INFO).json]
    assert [(each["multipart_uploads_enabled"], each["multipart_downloads_enabled"]) for each in told] == [
        (True, False),  # a folder has no signed URLs to read from
        (False, False),
    ]


@pytest.mark.parametrize(
    ("destination", "named"),
    [
        ("/dev/null/artifacts", "/dev/null"),
        ("hdfs://namenode/artifacts", "hdfs"),
        ("s3://bucket/path", "credentials"),
        ("file://elsewhere/path", "another host"),
    ],
)
def test_a_destination_that_cannot_be_used_is_told_in_one_sentence(
    tmp_path: Path, destination: str, named: str
) -> None:
    keyless = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
        "MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:9",
    }
    told = refusal_of(tmp_path, "--artifacts-destination", destination, **keyless)
    assert told.startswith("Error: The artifact")
    assert f"'{destination}' cannot be " in told
    assert named in told
