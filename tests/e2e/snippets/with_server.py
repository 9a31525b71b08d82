"""Run a script to which the host `mlflow-server` is the server at the given address: `with_server.py URL SCRIPT`."""

from __future__ import annotations

import runpy
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

HOST = "mlflow-server"


def point_host_to(url: str) -> None:
    """Resolve `HOST`, whatever the port, to the host and port of `url`."""
    target = urlsplit(url)
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return resolve(*((target.hostname, target.port) if name == HOST else (host, port)), *args, **options)

    socket.getaddrinfo = getaddrinfo


if __name__ == "__main__":
    point_host_to(sys.argv[1])
    script = sys.argv[2]
    sys.argv = [script]
    runpy.run_path(script, run_name="__main__")
