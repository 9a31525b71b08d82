"""A store that answers as it is told to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.scriptedserver import ScriptedServer


@pytest.fixture
def scripted(environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ScriptedServer]:
    """A server that `s3://` URIs mean, with keys that it does not look at. Requests are repeated at once."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        environment.delenv(name)
    server = ScriptedServer()
    for name, value in {
        "AWS_CONFIG_FILE": str(tmp_path / "no config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no credentials"),
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE1234",
        "AWS_SECRET_ACCESS_KEY": "the-secret",
        "MLFLOW_S3_ENDPOINT_URL": server.url,
        "MLKEEP_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    }.items():
        environment.setenv(name, value)
    yield server
    server.end()
