"""Group commit: operations share transactions, fail alone, and are answered after the commit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import pytest

from mlkeep.core.errors import InvalidInput, MlkeepException, Unavailable
from mlkeep.storage.contract import Logged
from mlkeep.storage.writer import MAX_GROUP, REPEATS, Outage, Remedy, Writer
from tests.unit.storage.holding import busy

Tx = list[str]
"""What was written in a transaction."""


class DiskFullError(Exception):
    pass


class Ledger:
    """A database that keeps words, and does what `storage.sql.database.WriteConnection` does with transactions."""

    def __init__(self) -> None:
        self.commits: list[Tx] = []
        self.failing: dict[str, list[Exception]] = {}
        self.abandoned = 0
        self.touched: list[list[str]] = []
        self.is_closed = False
        self._mark = 0

    def begin(self, touches: Sequence[str]) -> Tx:
        self.touched.append(list(touches))
        self._fail_if_asked("begin")
        return []

    def mark(self, tx: Tx) -> None:
        self._mark = len(tx)

    def keep(self, tx: Tx) -> None:
        pass

    def undo(self, tx: Tx) -> None:
        del tx[self._mark :]

    def log(self, tx: Tx, given: Sequence[Logged]) -> list[MlkeepException | None]:
        """Write the ids of runs together; one called bad is refused, and one called odd fails."""
        ids = [each.run_id for each in given]
        if "odd" in ids:
            tx.append("half of it")
            raise ZeroDivisionError("a fault of ours")
        self._fail_if_asked("log")
        tx.append("+".join(run_id for run_id in ids if run_id != "bad"))
        return [InvalidInput("Bad.") if run_id == "bad" else None for run_id in ids]

    def complete(self, _: Tx) -> None:
        self._fail_if_asked("complete")

    def commit(self, tx: Tx) -> None:
        self._fail_if_asked("commit")
        self.commits.append(list(tx))

    def rollback(self, tx: Tx) -> None:
        tx.clear()

    def abandon(self) -> None:
        self.abandoned += 1

    def close(self) -> None:
        self.is_closed = True

    def _fail_if_asked(self, step: str) -> None:
        if self.failing.get(step):
            raise self.failing[step].pop(0)


class ConnectionLostError(Exception):
    pass


class DeadlockError(Exception):
    pass


def outage(error: BaseException) -> Outage | None:
    match error:
        case DiskFullError():
            return Outage("disk full")
        case ConnectionLostError():
            return Outage("connection lost", Remedy.RECONNECT)
        case DeadlockError():
            return Outage("deadlock", Remedy.REPEAT)
        case _:
            return None


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def writer(ledger: Ledger) -> Iterator[Writer]:
    writer = Writer([ledger], outage)
    yield writer
    writer.close()


def write(word: str) -> Callable[[Tx], str]:
    def operation(tx: Tx) -> str:
        tx.append(word)
        return f"wrote {word}"

    return operation


def write_and_fail(word: str, error: Exception) -> Callable[[Tx], str]:
    def operation(tx: Tx) -> str:
        tx.append(word)
        raise error

    return operation


def test_an_operation_is_answered_after_its_commit(writer: Writer, ledger: Ledger) -> None:
    assert writer.submit(write("a")).result(10) == "wrote a"
    assert ledger.commits == [["a"]]


def test_waiting_operations_share_a_transaction_in_their_order(writer: Writer, ledger: Ledger) -> None:
    with busy(writer.submit):
        futures = [writer.submit(write(word)) for word in "abc"]
    assert [future.result(10) for future in futures] == ["wrote a", "wrote b", "wrote c"]
    assert ledger.commits == [[], ["a", "b", "c"]]


def test_a_transaction_takes_only_so_many(writer: Writer, ledger: Ledger) -> None:
    with busy(writer.submit):
        futures = [writer.submit(write("x")) for _ in range(MAX_GROUP + 1)]
    assert {future.result(10) for future in futures} == {"wrote x"}
    assert [len(words) for words in ledger.commits] == [0, MAX_GROUP, 1]


@pytest.mark.parametrize("error", [InvalidInput("No."), ZeroDivisionError("a fault of ours")])
def test_an_operation_that_fails_fails_alone_and_leaves_nothing(
    writer: Writer, ledger: Ledger, error: Exception
) -> None:
    with busy(writer.submit):
        before, failing, after = (
            writer.submit(operation) for operation in (write("a"), write_and_fail("b", error), write("c"))
        )
    assert (before.result(10), after.result(10)) == ("wrote a", "wrote c")
    with pytest.raises(type(error)) as failed:
        failing.result(10)
    assert failed.value is error
    with pytest.raises(type(error)):  # by itself it is rolled back
        writer.submit(write_and_fail("d", error)).result(10)
    assert ledger.commits == [[], ["a", "c"]]


@pytest.mark.parametrize("step", ["begin", "complete", "commit"])
def test_a_failure_of_the_database_is_told_to_everybody_and_nothing_is_kept(
    writer: Writer, ledger: Ledger, step: str
) -> None:
    with busy(writer.submit):
        futures = [writer.submit(write(word)) for word in "abc"]
        ledger_fails_next(ledger, step, DiskFullError())
    for future in futures:
        with pytest.raises(Unavailable, match=r"could not keep the change: disk full\. Try again"):
            future.result(10)
    assert (ledger.commits, ledger.abandoned) == ([[]], 1)
    assert writer.submit(write("d")).result(10) == "wrote d"
    assert ledger.commits == [[], ["d"]]


def ledger_fails_next(ledger: Ledger, step: str, *errors: Exception) -> None:
    """Let the step fail in the transactions after the one under way."""
    original = ledger.commit

    def commit_then_fail(tx: Tx) -> None:
        ledger.commit = original  # type: ignore[method-assign]  # back to the class's own
        original(tx)
        ledger.failing = {step: list(errors)}

    ledger.commit = commit_then_fail  # type: ignore[method-assign]  # once


def test_a_failure_of_the_database_inside_an_operation_ends_the_transaction(writer: Writer, ledger: Ledger) -> None:
    with busy(writer.submit):
        futures = [
            writer.submit(operation) for operation in (write("a"), write_and_fail("b", DiskFullError()), write("c"))
        ]
    for future in futures:
        with pytest.raises(Unavailable, match="disk full"):
            future.result(10)
    assert (ledger.commits, ledger.abandoned) == ([[]], 1)


def test_a_transaction_is_told_what_its_operations_touch(writer: Writer, ledger: Ledger) -> None:
    with busy(writer.submit):
        futures = [writer.submit(write("x"), touches) for touches in (["b", "a"], [], ["a", "c"])]
    assert [future.result(10) for future in futures] == ["wrote x"] * 3
    assert ledger.touched == [[], ["b", "a", "c"]]


@pytest.mark.parametrize(
    ("step", "errors"),
    [
        ("begin", [ConnectionLostError()]),
        ("complete", [ConnectionLostError()]),
        ("commit", [DeadlockError(), DeadlockError()]),
        ("complete", [DeadlockError()] * REPEATS),
    ],
)
def test_what_was_surely_not_kept_is_run_again(
    writer: Writer, ledger: Ledger, step: str, errors: list[Exception]
) -> None:
    failing = write_and_fail("b", InvalidInput("No."))
    with busy(writer.submit):
        first, refused, last = (writer.submit(operation) for operation in (write("a"), failing, write("c")))
        ledger_fails_next(ledger, step, *errors)
    assert (first.result(10), last.result(10)) == ("wrote a", "wrote c")
    assert isinstance(refused.exception(10), InvalidInput)
    assert ledger.commits == [[], ["a", "c"]]
    assert ledger.abandoned == len(errors)


@pytest.mark.parametrize(
    ("step", "errors"),
    [
        ("commit", [ConnectionLostError()]),
        ("begin", [ConnectionLostError()] * 2),
        ("complete", [DeadlockError()] * (REPEATS + 1)),
    ],
    ids=["nobody knows what became of it", "the new connection is lost too", "always in somebody's way"],
)
def test_what_may_have_been_kept_or_does_not_succeed_is_told(
    writer: Writer, ledger: Ledger, step: str, errors: list[Exception]
) -> None:
    with busy(writer.submit):
        future = writer.submit(write("a"))
        ledger_fails_next(ledger, step, *errors)
    with pytest.raises(Unavailable, match=str(outage(errors[0]).words)):  # type: ignore[union-attr]  # it is one
        future.result(10)
    assert ledger.commits == [[]]


def test_what_is_logged_next_to_each_other_is_written_together_in_its_place(writer: Writer, ledger: Ledger) -> None:
    with busy(writer.submit):
        futures = [
            *(writer.log(Logged(run_id=run_id)) for run_id in ("a", "bad", "b")),
            writer.submit(write("operation")),
            writer.submit(write_and_fail("failing", InvalidInput("No."))),
            *(writer.log(Logged(run_id=run_id)) for run_id in ("bad", "c")),
        ]
    failures = [future.exception(10) for future in futures]  # type: ignore[attr-defined]  # all of them are futures
    assert [str(failure or "") for failure in failures] == ["", "Bad.", "", "", "No.", "Bad.", ""]
    assert ledger.commits == [[], ["a+b", "operation", "c"]]


def test_of_what_is_refused_nothing_is_committed(writer: Writer, ledger: Ledger) -> None:
    assert isinstance(writer.log(Logged(run_id="bad")).exception(10), InvalidInput)
    assert ledger.commits == []


def test_where_nobody_knows_whose_fault_it_was_each_is_written_alone(writer: Writer, ledger: Ledger) -> None:
    with busy(writer.submit):
        futures = [writer.log(Logged(run_id=run_id)) for run_id in ("a", "odd", "bad", "b")]
    assert [type(future.exception(10)).__name__ for future in futures] == [
        "NoneType",
        "ZeroDivisionError",
        "InvalidInput",
        "NoneType",
    ]
    assert ledger.commits == [[], ["a", "b"]]


def test_what_was_logged_is_written_again_when_the_database_undid_it(writer: Writer, ledger: Ledger) -> None:
    with busy(writer.submit):
        futures = [writer.log(Logged(run_id=run_id), [f"run/{run_id}"]) for run_id in ("a", "b")]
        ledger_fails_next(ledger, "log", DeadlockError(), DeadlockError())
    assert [future.exception(10) for future in futures] == [None, None]
    assert ledger.commits == [[], ["a+b"]]
    assert ledger.touched == [[], *[["run/a", "run/b"]] * 3]


def test_an_event_loop_hands_over_together_what_it_has_to_write(writer: Writer, ledger: Ledger) -> None:
    async def ask() -> None:
        logged = [writer.log_from_loop(Logged(run_id=run_id)) for run_id in "abc"]
        await asyncio.gather(*logged, writer.submit_from_loop(write("then")))

    asyncio.run(ask())
    assert ledger.commits == [["a+b+c", "then"]]


def test_an_event_loop_is_told_that_nothing_more_is_written(writer: Writer) -> None:
    async def ask() -> None:
        future = writer.log_from_loop(Logged(run_id="a"))
        writer.close()
        await future

    with pytest.raises(Unavailable, match="closed"):
        asyncio.run(ask())


def test_several_connections_write_at_once() -> None:
    ledgers = [Ledger(), Ledger()]
    writer = Writer(ledgers, outage)
    with busy(writer.submit, writers=2):
        future = writer.submit(write("a"))
    assert future.result(10) == "wrote a"
    assert sorted(len(ledger.commits) for ledger in ledgers) == [1, 2]
    writer.close()
    assert all(ledger.is_closed for ledger in ledgers)


def test_what_was_queued_before_the_end_is_kept_and_what_comes_after_is_refused(writer: Writer, ledger: Ledger) -> None:
    with busy(writer.submit):
        queued = writer.submit(write("a"))
        closing = threading.Thread(target=writer.close)
        closing.start()
    closing.join(10)
    assert queued.result(10) == "wrote a"
    assert ledger.is_closed
    with pytest.raises(Unavailable, match="closed"):
        writer.submit(write("b"))
    writer.close()
    assert ledger.commits == [[], ["a"]]


def test_a_writer_nobody_used_can_be_closed(ledger: Ledger) -> None:
    Writer([ledger], outage).close()


def test_an_event_loop_gets_its_answers(writer: Writer, ledger: Ledger) -> None:
    async def ask() -> list[object]:
        words = [writer.submit_from_loop(write(str(i))) for i in range(100)]
        failing = writer.submit_from_loop(write_and_fail("x", InvalidInput("No.")))
        return await asyncio.gather(*words, failing, return_exceptions=True)

    *answers, error = asyncio.run(ask())
    assert answers == [f"wrote {i}" for i in range(100)]
    assert isinstance(error, InvalidInput)
    assert [word for words in ledger.commits for word in words] == [str(i) for i in range(100)]


def test_who_stopped_waiting_disturbs_nobody(writer: Writer, ledger: Ledger) -> None:
    async def ask_and_leave() -> None:
        writer.submit_from_loop(write("loop")).cancel()

    with busy(writer.submit):
        gone: Future[str] = writer.submit(write("gone"))
        assert gone.cancel()
        asyncio.run(ask_and_leave())  # its loop is closed before the answer comes
        waiting = writer.submit(write("waiting"))
    assert waiting.result(10) == "wrote waiting"
    assert ledger.commits == [[], ["gone", "loop", "waiting"]]


def test_many_threads_are_served(writer: Writer, ledger: Ledger) -> None:
    def ask() -> None:
        for _ in range(50):
            assert writer.submit(write("x")).result(10) == "wrote x"

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(len(words) for words in ledger.commits) == 400
