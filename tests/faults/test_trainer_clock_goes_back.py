"""A clock that goes backwards, in the trainer or in the server, loses nothing and mixes nothing up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.processes import MlkeepServer
from mlkeep import MlkeepClient
from tests.faults.driven import KEYS, value_of
from tests.faults.drivers import Driven, logged, stored
from tests.faults.misbehaving import AWAY, MisbehavingServer
from tests.faults.trainers import recover

pytestmark = pytest.mark.faults

HOUR_MS = 3_600_000

_LATE = """
import os, time
_true_time_ns = time.time_ns
def _late_ns():
    try:
        with open(os.environ["LATE_MS"]) as file:
            return int(file.read() or 0) * 1_000_000
    except OSError:
        return 0
time.time_ns = lambda: _true_time_ns() - _late_ns()
time.time = lambda: time.time_ns() / 1e9
"""
"""A `sitecustomize` for which a file says how late the wall clock is."""


class LateServer:
    """A server whose clock can be set."""

    def __init__(self, folder: Path) -> None:
        code = folder / "code"
        code.mkdir(parents=True)
        (code / "sitecustomize.py").write_text(_LATE)
        self._late = folder / "late"
        path = os.pathsep.join(filter(None, [str(code), os.environ.get("PYTHONPATH")]))
        env = {"PYTHONPATH": path, "LATE_MS": str(self._late)}
        self.process = MlkeepServer(folder, "--no-access-log", env=env)
        self.uri = self.process.url

    def be_late(self, late_ms: int) -> None:
        """Set its clock."""
        self._late.write_text(str(late_ms))


@pytest.fixture
def late_server(tmp_path: Path) -> Iterator[LateServer]:
    running = LateServer(tmp_path / "late")
    yield running
    running.process.end()
    print(running.process.output)


def log_while_the_clock_goes_back(trainer: Driven) -> None:
    for turn in range(4):
        assert trainer.tell(f"clock {turn * HOUR_MS}") == "done"
        assert trainer.tell(f"log {turn * 50} {turn * 50 + 50}") == "done"
        assert trainer.tell(f"param p{turn} {turn}") == "done"


def latest(uri: str, run_id: str) -> dict[str, float]:
    return MlkeepClient(uri).get_run(run_id).data.metrics


def test_the_clock_of_a_trainer_may_go_back_while_it_logs(
    shared_server: MlkeepServer, front: MisbehavingServer, start_trainer: Callable[..., Driven]
) -> None:
    trainer = start_trainer(front.url)
    log_while_the_clock_goes_back(trainer)
    assert trainer.tell("end") == "done"
    assert trainer.finish() == 0

    assert stored(shared_server.url, trainer.run_id) == logged(range(200))
    assert latest(shared_server.url, trainer.run_id) == {key: value_of(key, 199) for key in KEYS}
    run = MlkeepClient(shared_server.url).get_run(trainer.run_id)
    assert (run.info.status, run.data.params) == ("FINISHED", {f"p{turn}": str(turn) for turn in range(4)})
    assert trainer.left_over() == []


def test_the_clock_of_a_trainer_may_go_back_while_its_server_is_away(
    shared_server: MlkeepServer, front: MisbehavingServer, start_trainer: Callable[..., Driven]
) -> None:
    trainer = start_trainer(front.url)
    front.misbehaviour = AWAY
    log_while_the_clock_goes_back(trainer)
    trainer.kill()

    assert recover(trainer.journals, shared_server.url) == []
    assert stored(shared_server.url, trainer.run_id) == logged(range(200))
    assert latest(shared_server.url, trainer.run_id) == {key: value_of(key, 199) for key in KEYS}


def test_the_clock_of_the_server_may_go_back_while_a_trainer_logs(
    late_server: LateServer, start_trainer: Callable[..., Driven]
) -> None:
    trainer = start_trainer(late_server.uri)
    for turn in range(4):
        late_server.be_late(turn * 24 * HOUR_MS)
        assert trainer.tell(f"log {turn * 50} {turn * 50 + 50}") == "done"
        assert trainer.tell(f"param p{turn} {turn}") == "done"
        assert trainer.tell("flush") == "done"
        assert stored(late_server.uri, trainer.run_id) == logged(range(turn * 50 + 50))
    assert trainer.tell("end") == "done"
    assert trainer.finish() == 0

    run = MlkeepClient(late_server.uri).get_run(trainer.run_id)
    assert (run.info.status, run.data.params) == ("FINISHED", {f"p{turn}": str(turn) for turn in range(4)})
    assert trainer.left_over() == []
