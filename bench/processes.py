"""Servers as processes of their own: started, watched, stopped and killed."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]  # no stubs in the development environment

from bench.environments import Library, plain_environment

START_LIMIT_S = 120
STOP_LIMIT_S = 40

_LISTENING = re.compile(r"listening on (http://\S+)")


class ServerProcess:
    """A running server; what it writes to standard output and error goes to the file `log`."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> None:
        """Start it, as this user or another; nothing is awaited."""
        self.command = list(command)
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                self.command,
                stdout=file,
                stderr=file,
                env=env,
                cwd=cwd,
                user=user,
                extra_groups=[] if user else None,
            )

    @property
    def output(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """The id of the process; that of the parent if there are several."""
        return self.process.pid

    def until(self, condition: Callable[[], bool], limit_s: float = START_LIMIT_S) -> None:
        """Wait for something the server brings about. Raises AssertionError: it ended, or it takes too long."""
        deadline = time.monotonic() + limit_s
        while not condition():
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with exit code {self.process.returncode}:\n{self.output}")
            if time.monotonic() > deadline:
                raise AssertionError(f"the server did not get there in {limit_s} s:\n{self.output}")
            time.sleep(0.005)

    def stop(self) -> int:
        """End it by SIGTERM and give the exit code. Raises AssertionError: it does not end."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.end()
            raise AssertionError(f"the server did not end within {STOP_LIMIT_S} s:\n{self.output}") from None

    def end(self) -> None:
        """Kill it and all its children, if they are still there."""
        for process in self.family():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()

    def family(self) -> list[psutil.Process]:
        """The process and its descendants."""
        try:
            parent = psutil.Process(self.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_seconds(self) -> float:
        """Processor time its processes have used so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.family())

    def resident_bytes(self) -> int:
        """Resident memory of all its processes together; pages that several share count once where the system tells."""
        total = 0
        for process in self.family():
            try:
                memory = process.memory_full_info()
            except psutil.NoSuchProcess:  # it ended meanwhile
                continue
            total += getattr(memory, "pss", memory.rss)
        return total


class MlkeepServer(ServerProcess):
    """`mlkeep server` of this interpreter on a free port, ready to answer; its database and artifacts in `folder`."""

    def __init__(
        self, folder: Path, *options: str, backend: str | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Start it, with `env` on top of the environment, and wait until it listens. Raises AssertionError: it does not.

        With a `backend` of "" it is told of no database.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.database = folder / "mlkeep.db"
        command = mlkeep_server(f"sqlite:///{self.database}" if backend is None else backend)
        command += ["--port", "0", *options]
        log = folder / f"server.{len(list(folder.glob('server.*.log')))}.log"
        super().__init__(command, log, env={**environment(), **(env or {})}, cwd=folder)
        try:
            self.until(lambda: _LISTENING.search(self.output) is not None)
        except AssertionError:
            self.end()
            raise
        found = _LISTENING.search(self.output)
        self.url = found.group(1) if found else ""
        self.port = urlsplit(self.url).port or 0

    def connect(self, timeout_s: float = 60) -> http.client.HTTPConnection:
        """A connection of one's own; it stays open from request to request."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)


class MlflowServer(ServerProcess):
    """An official `mlflow server` on a free port, ready to answer: one worker, SQLite, proxied artifacts."""

    def __init__(self, library: Library, folder: Path) -> None:
        """Start it and wait until it is healthy. Raises AssertionError: it does not become so."""
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        command = [str(library.python), "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(folder / "artifacts")]
        # Without its jobs, which nothing here asks for, it needs two processes instead of ten.
        env = {**plain_environment(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        super().__init__(command, folder / "server.log", env=env, cwd=folder)
        self.url = f"http://127.0.0.1:{port}"
        try:
            self.until(lambda: is_healthy(port))
        except AssertionError:
            self.end()
            raise


def mlkeep_server(backend: str) -> list[str]:
    """The command that serves a database with this interpreter's mlkeep; "" is none that is named."""
    command = [sys.executable, "-m", "mlkeep.cli.main", "server"]
    return [*command, "--backend-store-uri", backend] if backend else command


def environment() -> dict[str, str]:
    """This process's environment without settings that steer mlkeep."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "MLKEEP_"))}


def free_port() -> int:
    """A port nobody listens on, for a server that cannot choose one itself."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def is_healthy(port: int) -> bool:
    """Whether a server on this machine answers `/health` with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def accepts(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
