"""Databases for all tests. Servers are started when first asked for, and end with the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.postgres import PgBouncer, PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of the older of the versions at hand."""
    server = PostgresServer(16)
    yield server
    server.end()


@pytest.fixture(scope="session")
def newer_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of the newer of the versions at hand."""
    server = PostgresServer(18)
    yield server
    server.end()


@pytest.fixture(scope="session")
def pgbouncer(newer_postgres: PostgresServer) -> Iterator[PgBouncer]:
    """PgBouncer in transaction mode, before the newer PostgreSQL."""
    bouncer = PgBouncer(newer_postgres)
    yield bouncer
    bouncer.end()
