"""The page about metrics: its code runs against a server, and what it sends is taken."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import MlkeepServer, environment

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()

SEND = """
import os
from urllib.request import Request, urlopen

where = os.environ["MLKEEP_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-batch"
assert urlopen(Request(where, body, {"Content-Type": "application/msgpack"}), timeout=60).read() == b"{}"
assert len(client.get_metric_history(run.info.run_id, "accuracy")) == 5_000
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlkeepServer]:
    server = MlkeepServer(tmp_path / "server")
    yield server
    server.end()


def test_many_points_are_logged_at_once_as_the_page_shows(server: MlkeepServer, tmp_path: Path) -> None:
    section = PAGE.partition("## Many points at once")[2].partition("\n## ")[0]
    code = "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
    env = {**environment(), "MLKEEP_TRACKING_URI": server.url}
    subprocess.run([sys.executable, "-W", "error", "-c", code + SEND], cwd=tmp_path, env=env, check=True)
