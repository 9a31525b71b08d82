"""A server that answers as it is told to: with errors, half of a body, or nothing at all."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """What one request is answered. `sent` bytes of the body are sent before the connection is closed, if it is given.

    With `hangs`, nothing is sent until the server ends.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}
    sent: int | None = None
    hangs: bool = False


class Asked(msgspec.Struct, frozen=True):
    """A request that came; the names of its headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away in the middle of an answer are no news."""


class ScriptedServer:
    """A server of this process on a free port. Each request takes the next answer; the last is given again and again."""

    def __init__(self, answers: Sequence[Answer] = ()) -> None:
        """Start it."""
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def end(self) -> None:
        """Stop it; requests that hang are dropped."""
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, request: Asked) -> Answer:
        with self._lock:
            self.asked.append(request)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                answer = server._next(Asked(self.command, self.path, headers, body))
                if answer.hangs:
                    server._ended.wait()
                    self.close_connection = True
                    return
                self.send_response_only(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body[: answer.sent])
                self.close_connection = answer.sent is not None

            do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                """Keep the test's output clean."""

        return Handler
