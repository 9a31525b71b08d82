"""The page about how runs stand says what works: its code runs, its request is understood."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bench.processes import environment
from mlkeep.cli.server import server
from mlkeep.core.presence import LOST_AFTER_S, LOST_TAG, MISSED_INTERVALS
from mlkeep.sdk.journal.presence import INTERVAL_S
from mlkeep.sdk.local import open_local
from mlkeep.wire.decode import from_body
from mlkeep.wire.heartbeats import ENDPOINTS, Heartbeat
from mlkeep.wire.message import KeyValueInput
from mlkeep.wire.runs import CreateRun

PAGE = (Path(__file__).parents[2] / "docs" / "runs.md").read_text()


def test_its_python_tells_of_lost_runs(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlkeep.db'}"
    dispatcher = open_local(uri)
    tags = [KeyValueInput(key=LOST_TAG, value="2026-01-02T03:04:05Z")]
    dispatcher.call(CreateRun(experiment_id="0", run_name="gone", tags=tags))
    dispatcher.call(CreateRun(experiment_id="0", run_name="there"))
    dispatcher.close()
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block],
        cwd=tmp_path,
        env={**environment(), "MLKEEP_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stderr, done.stdout) == ("", "gone RUNNING last heard of at 2026-01-02T03:04:05Z\n")


def test_its_request_is_understood() -> None:
    path, body = re.findall(r"    POST (\S+)\n    (\{.*\})\n", PAGE)[0]
    assert path == ENDPOINTS[0].paths[0]
    assert from_body(Heartbeat, body.encode()) == Heartbeat(run_ids=["5d65ef34…", "8a0c1b22…"], interval_ms=30_000)


def test_its_figures_are_those_of_the_code() -> None:
    assert (LOST_AFTER_S, MISSED_INTERVALS, INTERVAL_S) == (120, 3, 30)
    assert "three heartbeats are missing, but not before two minutes" in PAGE
    assert "every 30 seconds" in PAGE
    assert [option.default for option in server.params if "--lost-after" in option.opts] == [LOST_AFTER_S]
