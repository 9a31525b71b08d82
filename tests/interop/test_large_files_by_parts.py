"""The official clients send and fetch large files in parts, past the proxy or through it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.environments import Library, plain_environment
from bench.objectstore import S3Server
from bench.processes import MlkeepServer
from tests.e2e.artifact_server import Client

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("official")]

SCRIPT = Path(__file__).parent / "large_files.py"
SIZE = 32 * 400_000
PARTS = {
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true",
    "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": "1048576",
    "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": "5242880",
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "true",
    "MLFLOW_MULTIPART_DOWNLOAD_MINIMUM_FILE_SIZE": "1048576",
    "MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE": "5242880",
}


@pytest.fixture(params=["folder", "s3"])
def server(request: pytest.FixtureRequest, tmp_path: Path, s3_server: S3Server) -> Iterator[MlkeepServer]:
    """A server that offers URLs for parts, of itself or of a bucket; what it wrote is shown if the test fails."""
    options = ["--multipart-uploads", "--multipart-downloads"]
    if request.param == "s3":
        options += ["--artifacts-destination", f"s3://{s3_server.new_bucket()}/kept"]
    running = MlkeepServer(tmp_path / "server", *options, env=s3_server.variables)
    try:
        yield running
        assert running.stop() == 0
    finally:
        running.end()
        print(running.output)


def test_a_large_file_goes_up_and_comes_down_in_parts(
    official_mlflow: Library, server: MlkeepServer, tmp_path: Path
) -> None:
    env = {**plain_environment(), **PARTS}
    output = official_mlflow.run(SCRIPT, server.url, str(tmp_path), env=env, cwd=tmp_path)
    root = output.splitlines()[-1].removeprefix("mlflow-artifacts:/")

    asked = [f"{method} {path}" for method, path in re.findall(r'"method":"(\w+)","path":"([^"]+)"', server.output)]
    assert [line for line in asked if "/mpu/create/" in line or "/mpu/complete/" in line] == [
        f"POST /api/2.0/mlflow-artifacts/mpu/{verb}/{root}/model/data" for verb in ("create", "complete")
    ]
    assert not any(line.startswith("PUT /api/2.0/mlflow-artifacts/artifacts/") for line in asked)
    client = Client(server)
    found = client.ask("HEAD", f"/api/2.0/mlflow-artifacts/artifacts/{root}/model/data/weights%201.bin")
    client.close()
    assert found.headers["content-length"] == str(SIZE)
