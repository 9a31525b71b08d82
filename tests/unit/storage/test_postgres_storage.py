"""What is about PostgreSQL alone: URLs, locks, lost connections, numbers of keys, PgBouncer."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from bench.postgres import PgBouncer, PostgresServer
from mlkeep.core.entities import Metric
from mlkeep.core.errors import InvalidInput, NotOffered, Unavailable
from mlkeep.storage.contract import EVERYTHING, RunKey
from mlkeep.storage.sql.dialect.postgres_locks import locking, number_of
from mlkeep.storage.sql.storage import SqlStorage
from tests.unit.storage.test_sql_storage import add_experiment, add_run, values

RUN = RunKey(1, 1)


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


# Opening


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_a_database_has_several_spellings(url: str, scheme: str) -> None:
    storage = SqlStorage(url.replace("postgresql", scheme, 1))
    storage.check()
    storage.close()


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(NotOffered, match=r"pip install 'mlkeep\[postgres\]'"):
        SqlStorage("postgresql://ann:secret@h/db")


def test_a_database_of_another_encoding_is_refused(postgres: PostgresServer) -> None:
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(InvalidInput, match="has the encoding LATIN1"):
        SqlStorage(postgres.url("latin"))


def test_a_server_that_is_not_there_is_unavailable_and_the_password_not_told() -> None:
    with pytest.raises(Unavailable, match=r"ann:\*\*\*@127.0.0.1:1/db' cannot be opened: .*refused") as error:
        SqlStorage("postgresql://ann:secret@127.0.0.1:1/db")
    assert "secret" not in error.value.message


@pytest.mark.parametrize(("durability", "setting"), [(None, "on"), ("full", "on"), ("normal", "off")])
def test_transactions_are_set_up_and_sessions_left_alone(url: str, durability: str | None, setting: str) -> None:
    storage = SqlStorage(url, durability=durability)
    wanted = ["synchronous_commit", "transaction_isolation", "transaction_read_only"]

    def settings(tx: Any) -> list[str]:
        return [show(tx, name) for name in wanted]

    assert storage.write(settings).result(10) == [setting, "read committed", "off"]
    assert storage.read(settings) == ["on", "repeatable read", "on"]
    storage.close()


def show(tx: Any, name: str) -> str:
    return str(tx.session.connection.exec_driver_sql(f"SHOW {name}").scalar())


# Locks


def test_operations_that_touch_the_same_go_one_after_another_across_storages(storage: SqlStorage, url: str) -> None:
    other = SqlStorage(url)
    storage.write(lambda tx: (add_experiment(tx), add_run(tx))).result(10)

    def count(tx: Any) -> None:
        tx.tags.put(RUN, {"n": str(int(tx.tags.find(RUN, "n") or "0") + 1)})

    futures = [one.write(count, ["run/r"]) for _ in range(100) for one in (storage, other)]
    for future in futures:
        future.result(30)
    assert storage.read(lambda tx: tx.tags.find(RUN, "n")) == "200"
    other.close()


def test_who_touches_everything_is_alone(storage: SqlStorage, url: str) -> None:
    other = SqlStorage(url)
    entered, release = threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        entered.set()
        assert release.wait(10)

    alone = storage.write(hold, [EVERYTHING])
    assert entered.wait(10)
    waiting = [other.write(lambda _: None, touches) for touches in ([], ["run/r"])]
    assert not wait_for(waiting, 0.3).done
    release.set()
    assert [future.result(10) for future in [alone, *waiting]] == [None] * 3
    other.close()


def test_locks_are_taken_in_the_order_of_their_numbers(url: str) -> None:
    numbers = sorted(number_of(f"name{i}") for i in range(20))
    *_, statement = locking(numbers[::-1], everything=False)
    with psycopg.connect(url, autocommit=True) as watcher, psycopg.connect(url) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [numbers[10]])
        taker = psycopg.connect(url)
        pid = taker.info.backend_pid
        thread = threading.Thread(target=taker.execute, args=[statement.encode()])
        thread.start()
        query = (
            "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks"
            " WHERE locktype = 'advisory' AND pid = %s AND granted = %s"
        )
        while not (waited_for := watcher.execute(query, [pid, False]).fetchall()):
            pass
        held = watcher.execute(query, [pid, True]).fetchall()
        holder.rollback()
        thread.join(10)
        taker.close()
    assert waited_for == [(numbers[10],)]
    assert sorted(number for (number,) in held) == numbers[:10]


# Keys


def test_two_that_need_the_same_new_keys_in_another_order_do_not_wait_for_each_other(
    storage: SqlStorage, url: str
) -> None:
    other = SqlStorage(url)
    storage.write(lambda tx: (add_experiment(tx), add_run(tx, "r1"), add_run(tx, "r2"))).result(10)
    keys = [f"k{i}" for i in range(50)]

    def log(run: RunKey, names: list[str]) -> Any:
        return lambda tx: [tx.params.add(run, {name: "1"}) for name in names]

    futures: list[Future[Any]] = [
        storage.write(log(RUN, keys), ["run/r1"]),
        other.write(log(RunKey(2, 1), keys[::-1]), ["run/r2"]),
    ]
    for future in futures:
        future.result(20)

    def numbers_of(tx: Any) -> list[int]:
        return [tx.session.key_number(key) for key in keys]

    numbers = [one.read(numbers_of) for one in (storage, other)]
    assert numbers[0] == numbers[1]
    assert len(set(numbers[0])) == 50
    other.close()


# Lost connections


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that may be stopped."""
    server = PostgresServer(16, fsync=True)
    yield server
    server.end()


@pytest.mark.parametrize("how", ["restart", "crash"])
def test_a_server_that_was_started_anew_is_found_again(own_server: PostgresServer, how: str) -> None:
    storage = SqlStorage(own_server.new_database())
    storage.write(lambda tx: (add_experiment(tx), add_run(tx))).result(10)
    storage.write(lambda tx: tx.metrics.add(RUN, [Metric("a", 1.0, 1)]), ["run/r"]).result(10)
    assert storage.read(lambda tx: values(tx, RUN, "a")) == [1.0]
    getattr(own_server, how)()
    storage.write(lambda tx: tx.metrics.add(RUN, [Metric("a", 2.0, 2), Metric("b", 3.0, 2)]), ["run/r"]).result(10)
    getattr(own_server, how)()
    assert storage.read(lambda tx: (values(tx, RUN, "a"), values(tx, RUN, "b"))) == ([1.0, 2.0], [3.0])
    storage.close()


def test_pgbouncer_may_be_started_anew(pgbouncer: PgBouncer) -> None:
    storage = SqlStorage(pgbouncer.url(pgbouncer.server.new_database()))
    storage.write(add_experiment).result(10)
    for name in ("second", "third"):
        pgbouncer.restart()
        storage.write(lambda tx, name=name: add_experiment(tx, name)).result(10)  # type: ignore[misc]
        pgbouncer.restart()
        assert storage.read(lambda tx, name=name: tx.experiments.find_by_name(name)) is not None  # type: ignore[misc]
    storage.close()


def test_a_commit_that_nobody_knows_the_fate_of_is_not_repeated(storage: SqlStorage, postgres: PostgresServer) -> None:
    def cut(tx: Any) -> None:
        add_experiment(tx, "lost")
        pid = tx.session.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        commit = tx.session.connection.commit

        def commit_without_a_connection() -> None:
            postgres.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
            commit()

        tx.session.connection.commit = commit_without_a_connection

    with pytest.raises(Unavailable, match="could not keep the change"):
        storage.write(cut).result(10)
    assert storage.write(lambda tx: add_experiment(tx, "next")).result(10)


# Texts


def test_texts_are_compared_by_code_points(storage: SqlStorage) -> None:
    names = ["a", "B", "é", "É", "Z", "_", "😀", "ａ"]
    for name in names:
        storage.write(lambda tx, name=name: add_experiment(tx, name)).result(10)  # type: ignore[misc]

    def in_order(tx: Any) -> list[str]:
        return list(tx.session.connection.scalars(sa.text("SELECT name FROM experiments ORDER BY name")))

    assert storage.read(in_order) == sorted(names)


def test_connections_are_few(storage: SqlStorage, postgres: PostgresServer, url: str) -> None:
    reads = [
        threading.Thread(target=storage.read, args=[lambda tx: tx.experiments.find_by_name("x")]) for _ in range(30)
    ]
    writes = [storage.write(lambda tx, i=i: add_experiment(tx, f"e{i}"), [f"e{i}"]) for i in range(30)]  # type: ignore[misc]
    for thread in reads:
        thread.start()
    for thread in reads:
        thread.join()
    for future in writes:
        future.result(10)
    name = url.rpartition("/")[2]
    ((count,),) = postgres.execute(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")
    assert isinstance(count, int)
    assert count <= 8 + 2 + 1
