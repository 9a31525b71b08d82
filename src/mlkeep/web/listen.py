"""The socket a server listens on."""

from __future__ import annotations

import errno
import socket

from mlkeep.core.errors import InvalidInput


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket bound to `host` and `port`, not yet listening.

    TCP_NODELAY is set on it, which accepted connections inherit on Linux: without it an answer in two segments waits
    for the client's delayed acknowledgement, some 40 ms. The protocol is named because asyncio sets the option itself
    only on sockets that say they are TCP.

    Raises:
        InvalidInput: the port is in use or forbidden, or the host is none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, OverflowError) as error:
        raise InvalidInput(
            f"Cannot listen on host {host!r}, port {port}: {error}. Name another with --host."
        ) from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise port_in_use(host, port) from error
        raise InvalidInput(f"Cannot listen on port {port} of {host}: {error.strerror}.") from error
    return listening


def url_of(listening: socket.socket) -> str:
    """The address of a bound socket as a URL."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def port_in_use(host: str, port: int) -> InvalidInput:
    """What to tell somebody who asked for a port that another process has."""
    return InvalidInput(
        f"Port {port} on {host} is in use by another process: stop that one, or choose another port with --port "
        "(0 takes a free one)."
    )
