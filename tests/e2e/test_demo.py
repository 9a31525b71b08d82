"""The demo, as a new user runs it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def busy_port() -> Iterator[int]:
    """A port somebody listens on, the next one free."""
    while True:
        with socket.socket() as taken, socket.socket() as free:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            try:
                free.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            free.close()
            yield port
            return


def run_demo(folder: Path, port: int, serving_port: int) -> subprocess.CompletedProcess[str]:
    command = ["demo", "--folder", str(folder), "--port", str(port), "--serving-port", str(serving_port)]
    return subprocess.run(
        [sys.executable, "-m", "mlkeep.cli.main", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_demo_runs_the_whole_loop_and_again_and_takes_the_next_port_when_one_is_busy(
    tmp_path: Path, busy_port: int
) -> None:
    first = run_demo(tmp_path / "demo", busy_port, free_port())
    assert first.returncode == 0, first.stdout + first.stderr
    assert f"Port {busy_port} is busy; port {busy_port + 1} is taken instead." in first.stdout
    assert "model version  iris-classifier 1, alias champion" in first.stdout
    assert '{"predictions": [0]}: a flower with these sepals and petals is iris setosa' in first.stdout

    (model,) = (tmp_path / "demo" / "artifacts").rglob("MLmodel")
    assert "mlkeep_pickles: []" in model.read_text()

    second = run_demo(tmp_path / "demo", free_port(), free_port())
    assert second.returncode == 0, second.stdout + second.stderr
    assert "model version  iris-classifier 2, alias champion" in second.stdout


def test_the_demo_leaves_no_server_behind(tmp_path: Path) -> None:
    port, serving_port = free_port(), free_port()
    assert run_demo(tmp_path / "demo", port, serving_port).returncode == 0
    for each in (port, serving_port):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", each)) != 0
