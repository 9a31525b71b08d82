"""What is logged reaches the server, whatever the server does meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.scriptedserver import Answer, ScriptedServer
from mlkeep.core.entities import RunStatus
from mlkeep.core.errors import Forbidden, InvalidInput, NotFound
from mlkeep.remote import transport
from mlkeep.sdk.doors import Door
from mlkeep.sdk.journal import health, link
from mlkeep.sdk.journal.link import Link
from mlkeep.sdk.journal.recorder import Recorder
from mlkeep.wire import runs
from mlkeep.wire.columns import LogColumns
from mlkeep.wire.resources import SERVER_INFO_PATHS

RUN = "a" * 32
OTHER = "b" * 32
OURS = Answer(body=b'{"mlkeep_columns": 16000000, "mlkeep_encodings": []}')
DONE = Answer(body=b'{"run_info": {}}')
LIMIT_S = 20


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition. Raises AssertionError: it takes too long."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "this should have happened"
        time.sleep(0.002)


def numbers(kind: str, binary: object) -> list[Any]:
    """The numbers of a binary column."""
    assert isinstance(binary, bytes)
    return array(kind, binary).tolist()


class Tracking(ScriptedServer):
    """A server of mlkeep, as far as it says."""

    def __init__(self, *answers: Answer, port: int = 0) -> None:
        super().__init__(answers or [DONE], fixed={SERVER_INFO_PATHS[0]: OURS}, port=port)

    def targets(self) -> list[str]:
        """The last parts of the paths that were asked for."""
        return [asked.target.rpartition("/")[2] for asked in self.asked]

    def points(self, which: int = -1) -> list[tuple[str, int, float]]:
        """Key, step and value of the points of a request."""
        request = msgspec.msgpack.decode(self.asked[which].body, type=LogColumns)
        return [
            (column.key, step, value)
            for column in request.columns
            for step, value in zip(numbers("q", column.steps), numbers("d", column.values), strict=True)
        ]


@pytest.fixture
def start() -> Iterator[Callable[..., Tracking]]:
    """Starts a server that answers so."""
    running: list[Tracking] = []

    def started(*answers: Answer, port: int = 0) -> Tracking:
        running.append(Tracking(*answers, port=port))
        return running[-1]

    yield started
    for server in running:
        server.end()


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Link]]:
    """Links that do not wait long between tries."""
    monkeypatch.setattr(health, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(health, "LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr(link, "LINGER_S", 0.005)
    monkeypatch.setattr(link, "REST_S", 0.01)
    monkeypatch.setattr(transport, "HASTY_TIMEOUT_S", 2)
    made: list[Link] = []

    def connected(url: str) -> Link:
        made.append(Link(url))
        return made[-1]

    yield connected
    for each in made:
        each.close(LIMIT_S)


@pytest.fixture
def server(start: Callable[..., Tracking]) -> Tracking:
    """A server that takes everything."""
    return start()


@pytest.fixture
def to(server: Tracking, connect: Callable[[str], Link]) -> Link:
    """The link to that server."""
    return connect(server.url)


@pytest.fixture
def recorder(to: Link, tmp_path: Path) -> Recorder:
    return Recorder(to, tmp_path, RUN)


def free_port() -> int:
    gone = Tracking()
    gone.end()
    return gone.port


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_points_are_sent_by_themselves(recorder: Recorder, server: Tracking) -> None:
    recorder.log(5, 1, {"loss": 0.5, "acc": 1.0})
    until(lambda: recorder.is_sent)
    assert server.points() == [("loss", 1, 0.5), ("acc", 1, 1.0)]


def test_many_calls_become_few_requests(recorder: Recorder, server: Tracking) -> None:
    for step in range(1_000):
        recorder.log(5, step, {"loss": 0.5})
    assert recorder.flush(LIMIT_S)
    assert sum(len(server.points(i)) for i in range(len(server.asked))) == 1_000
    assert len(server.asked) < 50


def test_flushing_returns_at_once_if_nothing_is_unsent(recorder: Recorder, to: Link, server: Tracking) -> None:
    assert recorder.flush(0)
    assert to.flush(0)
    recorder.log(5, 1, {"loss": 0.5})
    assert recorder.flush(LIMIT_S)
    assert recorder.flush(0)
    assert to.flush(0)
    assert len(server.asked) == 1


GARBAGE = Answer(body=b"<html>Log in to the network of the hotel</html>")
TROUBLE = {
    "fails": Answer(500, b'{"error_code": "INTERNAL_ERROR", "message": "x"}'),
    "is a proxy without a server": Answer(502, b"<html>Bad Gateway</html>"),
    "is busy": Answer(503, b"{}"),
    "is too slow for a proxy": Answer(504, b""),
    "has enough": Answer(429, b"{}"),
    "did not wait": Answer(408, b""),
    "has no room": Answer(507, b'{"error_code": "INSUFFICIENT_STORAGE", "message": "x"}'),
    "breaks off in the answer": Answer(body=b'{"a": 1}', sent=3),
    "closes without an answer": Answer(hangs=False, sent=0, body=b"{}", headers={"Content-Length": "500"}),
    "is somebody else": GARBAGE,
    "says nothing": Answer(body=b""),
    "says something else": Answer(body=b"[1, 2]"),
}


@pytest.mark.parametrize("how", TROUBLE)
def test_what_a_server_in_trouble_does_not_take_is_sent_again(
    how: str,
    start: Callable[..., Tracking],
    connect: Callable[[str], Link],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    server = start(TROUBLE[how])
    recorder = Recorder(connect(server.url), tmp_path, RUN)
    recorder.log(5, 1, {"loss": 0.5})
    until(lambda: len(server.asked) >= 3)
    assert recorder.link.is_down
    recorder.log(5, 2, {"loss": 0.25})
    server.answers = [DONE]
    until(lambda: recorder.is_sent)
    assert {point for i in range(len(server.asked)) for point in server.points(i)} == {
        ("loss", 1, 0.5),
        ("loss", 2, 0.25),
    }
    until(lambda: len(caplog.records) == 2)
    gone, back = caplog.records
    assert gone.levelno == logging.WARNING
    assert gone.getMessage().startswith(f"{server.url} does not take what is logged (")
    assert back.levelno == logging.INFO
    assert back.getMessage().startswith(f"{server.url} takes what is logged again: ")
    assert not recorder.link.is_down


def test_a_server_that_is_gone_gets_everything_when_it_is_back(
    start: Callable[..., Tracking], connect: Callable[[str], Link], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = start()
    recorder = Recorder(connect(first.url), tmp_path, RUN)
    recorder.log(5, 0, {"loss": 0.0})
    assert recorder.flush(LIMIT_S)
    first.end()
    for step in range(1, 4):
        recorder.log(5, step, {"loss": float(step)})
        assert not recorder.flush(LIMIT_S)
    recorder.ask(runs.SetTag(run_id=RUN, key="t", value="v"))
    recorder.log(5, 4, {"loss": 4.0})
    second = start(port=first.port)
    until(lambda: recorder.is_sent)
    assert second.targets() == ["log-batch"]
    assert second.points() == [("loss", step, float(step)) for step in range(1, 5)]
    request = msgspec.msgpack.decode(second.asked[0].body, type=LogColumns)
    assert [(tag.key, tag.value) for tag in request.tags] == [("t", "v")]
    until(lambda: len(caplog.records) == 2)
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]
    assert "5 records that waited are sent" in caplog.records[1].getMessage()


def test_flushing_tries_a_server_that_is_down_once(
    start: Callable[..., Tracking], connect: Callable[[str], Link], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SHORTEST_PAUSE_S", 1_000)
    server = start(Answer(500))
    recorder = Recorder(connect(server.url), tmp_path, RUN)
    recorder.log(5, 1, {"loss": 0.5})
    for tries in range(1, 4):
        assert not recorder.flush(LIMIT_S)
        assert len(server.asked) == tries
    server.answers = [DONE]
    assert recorder.flush(LIMIT_S)
    assert len(server.asked) == 4


def test_flushing_waits_no_longer_than_it_may_for_a_server_that_hangs(
    start: Callable[..., Tracking], connect: Callable[[str], Link], tmp_path: Path
) -> None:
    server = start(Answer(hangs=True))
    recorder = Recorder(connect(server.url), tmp_path, RUN)
    recorder.log(5, 1, {"loss": 0.5})
    began = time.monotonic()
    assert not recorder.flush(0.2)
    assert 0.2 <= time.monotonic() - began < 2


def test_a_server_that_hangs_is_down_after_a_while(
    start: Callable[..., Tracking], connect: Callable[[str], Link], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "HASTY_TIMEOUT_S", 0.1)
    server = start(Answer(hangs=True))
    recorder = Recorder(connect(server.url), tmp_path, RUN)
    recorder.ask(runs.SetTag(run_id=RUN, key="t", value="v"))
    assert recorder.link.is_down
    assert not recorder.is_sent
    server.answers = [DONE]
    until(lambda: recorder.is_sent)
    assert server.targets()[-1] == "set-tag"


def test_a_slow_server_gets_everything_in_large_requests(
    start: Callable[..., Tracking], connect: Callable[[str], Link], tmp_path: Path
) -> None:
    server = start(Answer(body=b"{}", delay_s=0.2))
    recorder = Recorder(connect(server.url), tmp_path, RUN)
    for step in range(20_000):
        recorder.log(5, step, {"a": 0.5, "b": 1.5})
    began = time.monotonic()
    assert recorder.flush(LIMIT_S)
    assert time.monotonic() - began < 2
    assert sum(len(server.points(i)) for i in range(len(server.asked))) == 40_000


@pytest.mark.parametrize("how", ["seconds", "date"])
def test_a_server_is_left_alone_as_long_as_it_asks_for(
    how: str, start: Callable[..., Tracking], connect: Callable[[str], Link], tmp_path: Path
) -> None:
    server = start(Answer(503, headers={"Retry-After": "1" if how == "seconds" else formatdate(time.time() + 2)}), DONE)
    recorder = Recorder(connect(server.url), tmp_path, RUN)
    recorder.log(5, 1, {"loss": 0.5})
    until(lambda: len(server.asked) == 1)
    began = time.monotonic()
    until(lambda: recorder.link.is_down)
    assert not recorder.flush(0.1)
    assert time.monotonic() - began < 0.9
    assert recorder.flush(LIMIT_S)
    assert 0.9 < time.monotonic() - began < 5


def test_what_the_server_refuses_is_kept_apart_and_the_rest_is_sent(
    recorder: Recorder, server: Tracking, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    no = Answer(400, b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "No."}')
    server.answers = [no, no, DONE, no, DONE]
    for step in range(2):
        recorder.log(5, step, {"loss": 0.5})
    assert recorder.flush(LIMIT_S)
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".journal", ".refused"]
    assert len(caplog.records) == 1
    assert "No." in caplog.text


WARNED = {
    401: "MLKEEP_TRACKING_USERNAME",
    403: "permission",
    404: "removed",
    409: "tried again",
    501: "tried again",
}


@pytest.mark.parametrize("status", WARNED)
def test_what_the_server_does_not_want_now_is_kept_and_others_are_sent(
    status: int,
    start: Callable[..., Tracking],
    connect: Callable[[str], Link],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST", 409: "RESOURCE_CONFLICT"}
    body = msgspec.json.encode({"error_code": codes.get(status, "NOT_IMPLEMENTED"), "message": "No."})
    server = start(Answer(status, body))
    to = connect(server.url)
    recorder, other = Recorder(to, tmp_path, RUN), Recorder(to, tmp_path, OTHER)
    recorder.log(5, 1, {"loss": 0.5})
    assert not recorder.flush(LIMIT_S)
    assert not to.is_down
    server.answers = [DONE]
    other.log(5, 1, {"loss": 0.5})
    until(lambda: other.is_sent)
    assert not recorder.is_sent
    (told,) = warnings(caplog)
    assert "No." in told
    assert WARNED[status] in told
    assert str(tmp_path) in told
    recorder.log(5, 2, {"loss": 0.25})
    assert recorder.flush(LIMIT_S)
    assert server.points() == [("loss", 1, 0.5), ("loss", 2, 0.25)]


def test_asking_raises_what_the_server_says(recorder: Recorder, server: Tracking) -> None:
    for status, kind in ((400, InvalidInput), (403, Forbidden), (404, NotFound)):
        server.answers = [Answer(status, msgspec.json.encode({"error_code": kind.code, "message": "No."}))]
        with pytest.raises(kind, match="No"):
            recorder.ask(runs.LogParam(run_id=RUN, key="p", value="v"))
    assert recorder.is_sent
    assert not recorder.link.is_down


def test_what_is_asked_does_not_overtake_what_was_asked_before(
    start: Callable[..., Tracking], connect: Callable[[str], Link], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SHORTEST_PAUSE_S", 1_000)
    server = start(Answer(500))
    recorder = Recorder(connect(server.url), tmp_path, RUN)
    recorder.ask(runs.SetTag(run_id=RUN, key="t", value="first"))
    assert not recorder.is_sent
    server.answers = [DONE]
    recorder.link.ask(runs.SetTag(run_id=OTHER, key="t", value="of another run"))
    server.asked.clear()
    recorder.ask(runs.SetTag(run_id=RUN, key="t", value="second"))
    assert recorder.flush(0)
    assert [msgspec.json.decode(asked.body)["value"] for asked in server.asked] == ["first", "second"]


def test_the_end_of_a_run_comes_after_its_points(recorder: Recorder, server: Tracking) -> None:
    recorder.log(5, 1, {"loss": 0.5})
    recorder.ask(runs.UpdateRun(run_id=RUN, status=RunStatus.FINISHED, end_time=6))
    assert recorder.flush(LIMIT_S)
    assert server.targets() == ["log-batch", "update"]


def test_params_and_tags_that_waited_go_in_one_request(
    start: Callable[..., Tracking], connect: Callable[[str], Link], tmp_path: Path
) -> None:
    port = free_port()
    recorder = Recorder(connect(f"http://127.0.0.1:{port}"), tmp_path, RUN)
    for i in range(5):
        recorder.ask(runs.LogParam(run_id=RUN, key=f"p{i}", value="v"))
        recorder.ask(runs.SetTag(run_id=RUN, key="t", value=str(i)))
    server = start(port=port)
    until(lambda: recorder.is_sent)
    (only,) = server.asked
    assert msgspec.json.decode(only.body) == {
        "run_id": RUN,
        "params": [{"key": f"p{i}", "value": "v"} for i in range(5)],
        "tags": [{"key": "t", "value": "4"}],
    }


def test_flushing_one_run_does_not_wait_for_the_backlog_of_another(
    start: Callable[..., Tracking], connect: Callable[[str], Link], tmp_path: Path
) -> None:
    server = start(Answer(500))
    to = connect(server.url)
    large, small = Recorder(to, tmp_path, RUN), Recorder(to, tmp_path, OTHER)
    values = {f"k{i}": 0.5 for i in range(100)}
    for step in range(5_000):
        large.log(5, step, values)
    server.answers = [Answer(body=b"{}", delay_s=0.05)]
    server.asked.clear()
    small.log(5, 1, {"loss": 0.5})
    assert small.flush(LIMIT_S)
    assert not large.is_sent
    assert len(server.asked) <= 3
    assert large.flush(LIMIT_S)


def test_who_closes_waits_for_what_is_being_sent(
    start: Callable[..., Tracking], connect: Callable[[str], Link], tmp_path: Path
) -> None:
    server = start(Answer(body=b"{}", delay_s=0.1))
    recorder = Recorder(connect(server.url), tmp_path, RUN)
    recorder.log(5, 1, {"loss": 0.5})
    until(lambda: len(server.asked) == 1)
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_is_closed_while_the_server_hangs_stays_whole(
    start: Callable[..., Tracking],
    connect: Callable[[str], Link],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(link, "LETTING_GO_S", 0.05)
    server = start(Answer(hangs=True))
    recorder = Recorder(connect(server.url), tmp_path, RUN)
    recorder.log(5, 1, {"loss": 0.5})
    until(lambda: len(server.asked) == 1)
    left = recorder.close()
    assert [left] == list(tmp_path.iterdir())
    server.end()
    until(lambda: recorder.link.is_down)
    assert [left] == list(tmp_path.iterdir())
    assert "Bad file descriptor" not in caplog.text


def test_nobody_who_logs_and_nobody_who_flushes_is_overlooked(recorder: Recorder, server: Tracking, to: Link) -> None:
    """Single points, each flushed: a wake-up that is missed would take the whole bound."""
    others = [Recorder(to, recorder._folder, f"{i:032x}") for i in range(3)]

    def log(each: Recorder) -> None:
        for step in range(60):
            each.log(5, step, {"loss": 0.5})
            if step % 3 == 0:
                assert each.flush(LIMIT_S)

    began = time.monotonic()
    threads = [threading.Thread(target=log, args=(each,)) for each in [recorder, *others]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: all(each.is_sent for each in [recorder, *others]))
    assert time.monotonic() - began < LIMIT_S
    assert sum(len(server.points(i)) for i in range(len(server.asked))) >= 4 * 60


def test_the_thread_rests_while_there_is_nothing_to_do(recorder: Recorder, to: Link, server: Tracking) -> None:
    recorder.log(5, 1, {"loss": 0.5})
    assert recorder.flush(LIMIT_S)
    looks = 0
    soonest = to._soonest

    def counted(now: float) -> Any:
        nonlocal looks
        looks += 1
        return soonest(now)

    to._soonest = counted  # type: ignore[method-assign]
    until_then = time.monotonic() + 0.3
    until(lambda: time.monotonic() > until_then)
    assert looks <= 2


def test_duties_are_done_while_nothing_is_sent_and_tell_that_the_server_is_gone(
    start: Callable[..., Tracking], connect: Callable[[str], Link], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = start()
    to = connect(server.url)

    def call(door: Door) -> None:
        door.call(runs.SetTag(run_id=RUN, key="alive", value="1"))

    end = to.every(0.01, call)
    until(lambda: len(server.asked) >= 3)
    server.answers = [Answer(503)]
    until(lambda: to.is_down)
    server.answers = [Answer(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"}')]
    until(lambda: not to.is_down)
    end()
    until(lambda: len(caplog.records) == 2)
    assert caplog.records[1].getMessage() == f"{server.url} takes what is logged again."
    server.answers = [DONE]
    to.flush(LIMIT_S)
    count = len(server.asked)
    until_then = time.monotonic() + 0.1
    until(lambda: time.monotonic() > until_then)
    assert len(server.asked) <= count + 1


def test_a_duty_that_fails_harms_nothing(recorder: Recorder, to: Link, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Door] = []

    def fail(door: Door) -> None:
        calls.append(door)
        raise ZeroDivisionError

    to.every(0.005, fail)
    until(lambda: len(calls) >= 3)
    recorder.log(5, 1, {"loss": 0.5})
    assert recorder.flush(LIMIT_S)
    assert len(caplog.records) == 1


def test_something_is_called_once_after_the_first_answer(
    start: Callable[..., Tracking], connect: Callable[[str], Link], tmp_path: Path
) -> None:
    server = start(Answer(500))
    recorder = Recorder(connect(server.url), tmp_path, RUN)
    calls: list[Door] = []
    recorder.link.once(calls.append)
    recorder.log(5, 1, {"loss": 0.5})
    assert not recorder.flush(LIMIT_S)
    assert calls == []
    server.answers = [DONE]
    until(lambda: len(calls) == 1)
    recorder.log(5, 2, {"loss": 0.5})
    assert recorder.flush(LIMIT_S)
    assert len(calls) == 1


def test_what_is_lost_is_told(
    start: Callable[..., Tracking],
    connect: Callable[[str], Link],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = start(Answer(500))
    recorder = Recorder(connect(server.url), tmp_path, RUN)
    recorder.log(5, 1, {"loss": 0.5})
    assert recorder._journal is not None
    recorder._journal.lost = 3
    server.answers = [DONE]
    assert recorder.flush(LIMIT_S)
    (told,) = [text for text in warnings(caplog) if "lost" in text]
    assert told.startswith(f"3 calls that logged to run {RUN} are lost")
