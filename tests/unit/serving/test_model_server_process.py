"""A server as a process of its own."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # no stubs in the development environment
import pytest

from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.serving.server import serve
from mlkeep.web.listen import bind, url_of

_SCRIPT = """
import sys
from mlkeep.serving.server import serve

if __name__ == "__main__":
    serve(sys.argv[1], host="127.0.0.1", port=0, workers=int(sys.argv[2]), on_ready=lambda url: print(url, flush=True))
    print("ended", flush=True)
"""


@contextmanager
def server(model: Path, tmp_path: Path, *, workers: int = 1) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A serving process and its port, once it accepts requests."""
    script = tmp_path / "serve.py"
    script.write_text(_SCRIPT)
    command = [sys.executable, str(script), str(model), str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.kill()


def until(condition: Callable[[], bool]) -> None:
    """Wait for another process; 20 seconds are more than any step here takes."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


def post(connection: http.client.HTTPConnection, inputs: list[object]) -> tuple[int, object]:
    connection.request("POST", "/invocations", json.dumps({"inputs": inputs}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_one_connection_carries_many_requests(scripted_path: Path, tmp_path: Path) -> None:
    with server(scripted_path, tmp_path) as (_, port):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        answers, sockets = [], set()
        for word in ("a", "b", "c"):
            answers.append(post(connection, [word]))
            sockets.add(connection.sock.getsockname())
        connection.close()

    assert answers == [(200, {"predictions": word}) for word in ("a", "b", "c")]
    assert len(sockets) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_closes_the_port_and_lets_a_request_in_flight_finish(
    scripted_path: Path, tmp_path: Path, workers: int
) -> None:
    started, released = tmp_path / "started", tmp_path / "released"
    answers: list[tuple[int, object]] = []
    with server(scripted_path, tmp_path, workers=workers) as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        inputs: list[object] = ["wait", str(started), str(released)]
        asking = threading.Thread(target=lambda: answers.append(post(connection, inputs)))
        asking.start()
        until(started.exists)
        process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(port))
        released.touch()
        asking.join()
        connection.close()
        remaining = process.stdout.read() if process.stdout else ""
        process.wait(20)

    assert answers == [(200, {"predictions": "wait"})]
    assert (remaining, process.returncode) == ("ended\n", 0)


def test_several_workers_share_the_port_and_one_that_dies_is_replaced(scripted_path: Path, tmp_path: Path) -> None:
    with server(scripted_path, tmp_path, workers=2) as (process, port):
        parent = psutil.Process(process.pid)
        before = workers_of(parent)
        before[0].kill()
        before[0].wait()
        until(lambda: len(workers_of(parent)) == 2)
        after = workers_of(parent)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        answer = post(connection, ["a"])
        connection.close()
        process.send_signal(signal.SIGTERM)
        process.wait(20)

    assert (len(before), len(after)) == (2, 2)
    assert before[0] not in after
    assert answer == (200, {"predictions": "a"})


def workers_of(parent: psutil.Process) -> list[psutil.Process]:
    found = []
    for child in parent.children():
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_the_socket_sends_without_delay_and_so_do_its_connections() -> None:
    with bind("127.0.0.1", 0) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            options = [s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for s in (listening, accepted)]
        assert listening.proto == socket.IPPROTO_TCP

    assert all(options)


def test_a_port_in_use_is_told_in_one_sentence_before_the_model_is_loaded() -> None:
    with bind("127.0.0.1", 0) as listening:
        listening.listen()
        port = listening.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"^Port {port} on 127.0.0.1 is in use by another process: .* --port"):
            serve("models:/nothing/1", host="127.0.0.1", port=port, on_ready=print)


def test_a_host_that_is_not_here_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"Cannot listen on port 5000 of 203.0.113.1: "):
        bind("203.0.113.1", 5000)


def test_an_address_of_ipv6_is_written_in_brackets() -> None:
    with bind("::1", 0) as listening:
        assert url_of(listening) == f"http://[::1]:{listening.getsockname()[1]}"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_that_is_not_there_is_not_found(tmp_path: Path, workers: int) -> None:
    with pytest.raises(NotFound, match="nothing-here"):
        serve(str(tmp_path / "nothing-here"), host="127.0.0.1", port=0, workers=workers, on_ready=print)
