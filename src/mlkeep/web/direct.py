"""The short way for large bodies: between the socket and a file in a thread, past the event loop.

uvicorn hands a body on in pieces of some 64 KB, each through the parser, the event loop and a copy or two; that is enough
for messages, and a third of what a socket can do. Here a thread takes over the connection for the body of one request
or answer, and gives it back.

It needs uvicorn's httptools protocol and a socket without TLS. Where one is missing nothing is offered, and bodies take
the usual way (`mlkeep.web.bodies`).
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import FileIO
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mlkeep.web.bodies import EXTENSION, PIECE

MOST_AT_ONCE = 64
"""Bodies on this way in one process. Each has a thread for as long as its client takes; further ones go the usual way."""

IDLE_LIMIT_S = 300
"""Seconds without a byte after which a client is taken for gone."""

MOST_READ_FOR_NOTHING = 64 * 1024 * 1024
"""Bytes of a body that was refused. With more to come the connection is closed after the answer."""

_threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="mlkeep-direct")
_free = threading.Semaphore(MOST_AT_ONCE)


class DirectProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which offers its connection to the application."""

    def on_headers_complete(self) -> None:
        if self.scheme == "http":
            self.scope["extensions"] = {EXTENSION: Connection(self)}  # type: ignore[dict-item]  # ours is no dictionary
        super().on_headers_complete()


class Connection:
    """The connection of one request."""

    def __init__(self, protocol: HttpToolsProtocol) -> None:
        self._protocol = protocol

    async def receive(self, size: int, write: Callable[[memoryview], object]) -> bool:
        """Hand the `size` bytes of the request's body to `write` in pieces, all in one thread.

        Nothing of the body may have been asked for before. False, and nothing done, if there is no thread for it.

        Raises:
            ConnectionError: the body broke off.
        """
        protocol, cycle = self._protocol, self._protocol.cycle
        if not cycle.more_body or not _free.acquire(blocking=False):
            return False
        try:
            if cycle.waiting_for_100_continue:
                protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                cycle.waiting_for_100_continue = False
            protocol.flow.pause_reading()  # until the answer is complete
            begun, cycle.body = bytes(cycle.body), bytearray()
            with self._socket() as connection:
                body = _Body(connection, begun, size)
                try:
                    await _in_thread(connection, lambda: body.hand_to(write))
                finally:
                    if body.left:
                        cycle.keep_alive = False
            # The parser still waits for the body, and has nothing of the next request.
            protocol.parser = httptools.HttpRequestParser(protocol)
            cycle.more_body = False
            cycle.message_event.set()
        finally:
            _free.release()
        if body.failure is not None:
            raise body.failure
        return True

    async def send(self, file: FileIO, start: int, end: int) -> bool:
        """Send bytes of an open file as the body of the answer, whose head must have been sent.

        False, and nothing done, if there is no thread for it. After True only the end of the answer is to be sent.

        Raises:
            ConnectionError: the client is gone.
        """
        protocol, cycle = self._protocol, self._protocol.cycle
        if not _free.acquire(blocking=False):
            return False
        try:
            while protocol.transport.get_write_buffer_size():  # the head, on its way
                await asyncio.sleep(0.0005)
            with self._socket() as connection:
                await _in_thread(connection, lambda: _send(connection, file, start, end))
            cycle.expected_content_length -= end - start
        except BaseException:
            protocol.transport.abort()  # the client must not take what came for the whole
            cycle.disconnected = True
            raise
        finally:
            _free.release()
        return True

    @contextmanager
    def _socket(self) -> Iterator[socket.socket]:
        """The connection's socket, by a descriptor of our own that stays valid if the event loop closes its one."""
        if self._protocol.transport.is_closing():
            raise ConnectionResetError("the client is gone")
        ours: Any = self._protocol.transport.get_extra_info("socket")
        connection = socket.socket(fileno=os.dup(ours.fileno()))
        try:
            connection.settimeout(IDLE_LIMIT_S)
            yield connection
        finally:
            connection.close()


async def _in_thread(connection: socket.socket, work: Callable[[], None]) -> None:
    """Do work in a thread. If it is cancelled, the connection is cut, which ends the work."""
    working = asyncio.get_running_loop().run_in_executor(_threads, work)
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            await working
        raise


class _Body:
    """The body of a request, of which `begun` has come already. `left` bytes of it have not been read yet."""

    def __init__(self, connection: socket.socket, begun: bytes, size: int) -> None:
        self._connection = connection
        self._begun = begun
        self.left = size - len(begun)
        self.failure: Exception | None = None

    def hand_to(self, write: Callable[[memoryview], object]) -> None:
        """Write all of it. If `write` fails, the rest is read for nothing, so that the client comes to read why.

        That is `failure` then, or is raised if there is too much left to be read for nothing.
        """
        buffer = memoryview(bytearray(min(PIECE, max(self.left, 1))))
        piece = memoryview(self._begun)
        while True:
            try:
                if self.failure is None and piece:
                    write(piece)
            except Exception as err:
                if self.left > MOST_READ_FOR_NOTHING:
                    raise
                self.failure = err
            if not self.left:
                return
            piece = buffer[: self._fill(buffer)]

    def _fill(self, buffer: memoryview) -> int:
        held, wanted = 0, min(len(buffer), self.left)
        while held < wanted:
            try:
                count = self._connection.recv_into(buffer[held:wanted])
            except TimeoutError as err:
                raise ConnectionAbortedError("nothing came for too long") from err
            if count == 0:
                raise ConnectionResetError("the client is gone")
            held += count
            self.left -= count
        return held


def _send(connection: socket.socket, file: FileIO, start: int, end: int) -> None:
    try:
        sent = connection.sendfile(file, start, end - start)
    except TimeoutError as err:
        raise ConnectionAbortedError("nothing was taken for too long") from err
    if sent != end - start:
        raise ConnectionAbortedError("the file has become shorter")
