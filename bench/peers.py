"""Who takes part, and how each server is started, on a fresh database or on a copy of a filled one."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import msgspec
import psutil  # type: ignore[import-untyped]  # no stubs in the development environment

from bench.environments import ROOT, Library, bench_environment, newest, output_of, plain_environment
from bench.load import Load, Plan
from bench.postgres import PostgresServer
from bench.processes import ServerProcess, environment, free_port, is_healthy, mlkeep_server
from mlkeep.version import __version__

System = Literal["mlkeep", "FastTrackML", "MLflow"]
POSTGRES = 18
SETTLE_LIMIT_S = 60
STOP_LIMIT_S = 20
LOAD_LIMIT_S = 1200


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server in one setting.

    In `command` {uri}, {folder} and {port} are put in.
    """

    key: str
    system: System
    version: str
    setting: str
    durability: str
    command: tuple[str, ...]
    on_postgres: bool = False
    env: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The head of its column."""
        return ", ".join(part for part in (f"{self.system} {self.version}", self.setting) if part)

    @property
    def is_ours(self) -> bool:
        """Whether this is mlkeep."""
        return self.system == "mlkeep"

    def with_env(self, env: dict[str, str]) -> Contestant:
        """The same with more variables."""
        return replace(self, env={**self.env, **env})


def contestants() -> list[Contestant]:
    """Everyone; ours in the setting it comes with stands first. What is not installed yet is installed now."""
    official, fast, driver = newest(3), bench_environment("fasttrackml"), bench_environment("psycopg2")
    mlkeep: tuple[str, ...] = (*mlkeep_server("{uri}"), "--port", "{port}")
    mlflow: tuple[str, ...] = (str(official.python), "-m", "mlflow", "server", "--backend-store-uri", "{uri}")
    mlflow += ("--artifacts-destination", "{folder}/artifacts", "--port", "{port}")
    fml = (str(fast.python.with_name("fml")), "server", "-d", "{uri}", "-a", "127.0.0.1:{port}")
    dies, power = "survives the death of the process", "survives the loss of power"
    wal, full = f"WAL, `synchronous=NORMAL`: {dies}", f"WAL, `synchronous=FULL`: {power}"
    journal = f"rollback journal, `synchronous=FULL`: {power}"
    postgres = f"`fsync` and `synchronous_commit` on: {power}"
    ours, theirs = __version__, official.version
    with_driver = {"PYTHONPATH": str(packages_of(driver))}
    return [
        Contestant("ours", "mlkeep", ours, "SQLite", wal, mlkeep),
        Contestant("ours-full", "mlkeep", ours, "SQLite, `--durability full`", full, (*mlkeep, "--durability", "full")),
        Contestant("fasttrackml", "FastTrackML", fast.version, "SQLite", wal, fml),
        Contestant("mlflow-1", "MLflow", theirs, "SQLite, `--workers 1`", journal, (*mlflow, "--workers", "1")),
        Contestant("mlflow", "MLflow", theirs, "SQLite, as it comes (4 workers)", journal, mlflow),
        Contestant("ours-pg", "mlkeep", ours, "PostgreSQL", postgres, mlkeep, on_postgres=True),
        Contestant(
            "mlflow-pg",
            "MLflow",
            theirs,
            "PostgreSQL, `--workers 1`",
            postgres,
            (*mlflow, "--workers", "1"),
            on_postgres=True,
            env=with_driver,
        ),
    ]


def packages_of(library: Library) -> Path:
    """The folder of the packages of a virtualenv."""
    return next((library.python.parents[1] / "lib").glob("python3*/site-packages"))


class Running:
    """A server that answers, with its database."""

    def __init__(
        self, contestant: Contestant, folder: Path, server: ServerProcess, port: int, postgres: PostgresServer | None
    ) -> None:
        self.contestant = contestant
        self.server = server
        self.port = port
        self.start_s = 0.0
        self._folder = folder
        self._postgres = postgres

    def settle(self) -> None:
        """Wait until it has ended what it does in the background at first: MLflow starts jobs."""
        ends = time.monotonic() + SETTLE_LIMIT_S
        used = self.server.cpu_seconds()
        while time.monotonic() < ends:
            time.sleep(1 if self.contestant.system == "MLflow" else 0.25)
            before, used = used, self.server.cpu_seconds()
            if used - before < 0.1:
                return

    def load(self, plan: Plan) -> Load:
        """Do what a plan says, in a process of its own; the port is put in."""
        plan = msgspec.structs.replace(plan, port=self.port)
        command = [sys.executable, "-m", "bench.load", msgspec.json.encode(plan).decode()]
        answer = output_of(command, env=environment(), cwd=ROOT, limit_s=LOAD_LIMIT_S)
        return msgspec.json.decode(answer, type=Load)

    def stop(self) -> None:
        """End the server, not its database, as one does who means it well."""
        family = self.server.family()
        try:
            self.server.process.terminate()
            self.server.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.server.end()
        for process in psutil.wait_procs(family, timeout=1)[1]:
            process.kill()

    def database_bytes(self) -> int:
        """What the database takes on disk; the server has stopped, and nothing is left in the write-ahead log."""
        if self._postgres:
            self._postgres.execute("CHECKPOINT")
            ((size,),) = self._postgres.execute("SELECT pg_database_size('db1')")
            return int(str(size))
        with sqlite3.connect(self.sqlite_file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return sum(file.stat().st_size for file in self.sqlite_file.parent.iterdir())

    @property
    def sqlite_file(self) -> Path:
        """The file of the database."""
        return self._folder / "db" / "tracking.db"

    @property
    def url(self) -> str:
        """The database, as SQLAlchemy and mlkeep spell it."""
        return self._postgres.url("db1") if self._postgres else f"sqlite:///{self.sqlite_file}"

    def leave(self, place: Path) -> None:
        """Copy the database to a folder that is made; the server has stopped."""
        if self._postgres:
            place.mkdir(parents=True)
            self._postgres.leave(place / "data")
        else:
            shutil.copytree(self.sqlite_file.parent, place)


@contextmanager
def running(contestant: Contestant, folder: Path, filled: Path | None = None) -> Iterator[Running]:
    """A server on a fresh database, or on a copy of what `Running.leave` left; gone with its files afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    postgres = _postgres(filled) if contestant.on_postgres else None
    try:
        if filled and not postgres:
            subprocess.run(["cp", "-a", "--reflink=auto", str(filled), str(folder / "db")], check=True)
        else:
            (folder / "db").mkdir()
        server, port, start_s = _started(contestant, folder, postgres)
        one = Running(contestant, folder, server, port, postgres)
        one.start_s = start_s
        try:
            yield one
        except Exception as error:
            error.add_note(f"{contestant.name} wrote at last:\n{server.output[-3000:]}")
            raise
        finally:
            server.end()
    finally:
        if postgres:
            postgres.end()
        shutil.rmtree(folder, ignore_errors=True)


def _postgres(filled: Path | None) -> PostgresServer:
    server = PostgresServer(POSTGRES, fsync=True, data=filled / "data" if filled else None)
    if not filled:
        try:
            server.new_database()
        except BaseException:
            server.end()
            raise
    return server


def _started(contestant: Contestant, folder: Path, postgres: PostgresServer | None) -> tuple[ServerProcess, int, float]:
    """A server that is healthy, its port, and how many seconds that took."""
    port = free_port()
    words = {"folder": str(folder), "port": str(port), "uri": _uri(contestant, folder, postgres)}
    command = [part.format(**words) for part in contestant.command]
    own = environment() if contestant.is_ours else plain_environment()
    started = time.perf_counter()
    server = ServerProcess(command, folder / "server.log", env={**own, **contestant.env}, cwd=folder)
    try:
        server.until(lambda: is_healthy(port))
    except BaseException:
        server.end()
        raise
    return server, port, time.perf_counter() - started


def _uri(contestant: Contestant, folder: Path, postgres: PostgresServer | None) -> str:
    """The address of the database as this server spells it."""
    file = folder / "db" / "tracking.db"
    if contestant.system == "FastTrackML":
        return f"sqlite://{file}"
    if not postgres:
        return f"sqlite:///{file}"
    # SQLAlchemy has to be told which driver it has.
    scheme = "postgresql+psycopg2" if contestant.system == "MLflow" else "postgresql"
    return postgres.url("db1").replace("postgresql", scheme, 1)
