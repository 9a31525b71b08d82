"""A server that answers as it is told to: with errors, half of a body, or nothing at all."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """What one request is answered. `sent` bytes of the body are sent before the connection is closed, if it is given.

    With `hangs`, nothing is sent until the server ends; with `delay_s`, not before so many seconds.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}
    sent: int | None = None
    hangs: bool = False
    delay_s: float = 0


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
    """A server of this process. Each request takes the next answer; the last is given again and again.

    Requests to the paths in `fixed` are answered with what it says, and are not kept in `asked`.
    """

    def __init__(
        self, answers: Sequence[Answer] = (), *, fixed: Mapping[str, Answer] | None = None, port: int = 0
    ) -> None:
        """Start it, on this port or a free one."""
        self.answers = list(answers)
        self.fixed = dict(fixed or {})
        self.asked: list[Asked] = []
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def end(self) -> None:
        """Stop it; requests that hang are dropped."""
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, request: Asked) -> Answer:
        if (always := self.fixed.get(request.target)) is not None:
            return always
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
                if server._ended.wait(None if answer.hangs else answer.delay_s):
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
