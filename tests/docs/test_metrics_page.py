"""The page about metrics says what works: its code runs, its requests are understood and answered as it says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import MlkeepServer, environment
from mlkeep import MlkeepClient
from mlkeep.sdk.doors import door_to
from mlkeep.wire.charts import ChartSeries, GetChart
from mlkeep.wire.decode import from_body

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
CHARTS, _, AT_ONCE = PAGE.partition("## Many points at once")

SEND = """
import os
from urllib.request import Request, urlopen

where = os.environ["MLKEEP_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-batch"
assert urlopen(Request(where, body, {"Content-Type": "application/msgpack"}), timeout=60).read() == b"{}"
assert len(client.get_metric_history(run.info.run_id, "accuracy")) == 5_000
"""


def test_the_chart_of_the_page_is_that_of_its_run(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlkeep.db'}"
    script = "\n".join(re.findall(r"```python\n(.*?)```", CHARTS, re.DOTALL))
    command = [sys.executable, "-W", "error", "-c", script]
    subprocess.run(command, cwd=tmp_path, env={**environment(), "MLKEEP_TRACKING_URI": uri}, check=True)
    (run,) = MlkeepClient(tracking_uri=uri).search_runs(["0"])

    (body,) = re.findall(r"```json\n(.*?)```", CHARTS, re.DOTALL)
    told = door_to(uri).call(from_body(GetChart, body.replace("RUN", run.info.run_id).encode()))

    series, nobody = told.series
    assert (told.width, series.n, series.exact) == (8, 1_000, False)
    assert (series.x[:3], series.count[:3]) == ([0, 8, 16], [8, 8, 8])
    assert (series.nan.x, nobody) == ([], ChartSeries(run_id="nobody", key="loss", n=0, exact=True))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlkeepServer]:
    server = MlkeepServer(tmp_path / "server")
    yield server
    server.end()


def test_many_points_are_logged_at_once_as_the_page_shows(server: MlkeepServer, tmp_path: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", AT_ONCE, re.DOTALL))
    env = {**environment(), "MLKEEP_TRACKING_URI": server.url}
    subprocess.run([sys.executable, "-W", "error", "-c", code + SEND], cwd=tmp_path, env=env, check=True)
