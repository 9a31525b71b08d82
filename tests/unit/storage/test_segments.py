"""When points are sealed and merged, what that costs, and what is left when it fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from mlkeep.core.entities import Metric
from mlkeep.core.errors import Damaged
from mlkeep.storage.contract import Columns, RunKey
from mlkeep.storage.series.points import points_of
from mlkeep.storage.sql.series.sealing import Sealing, SeriesMemory
from mlkeep.storage.sql.session import Session
from mlkeep.storage.sql.storage import SqlStorage
from tests.unit.storage.test_sql_storage import add_experiment, add_run, all_busy, run_sql

S = Sealing()


@pytest.fixture
def run(storage: SqlStorage) -> RunKey:
    """The key of a run in experiment 1."""

    def operation(tx: Any) -> RunKey:
        add_experiment(tx)
        return add_run(tx)

    return storage.write(operation).result(10)


def metrics(begin: int, end: int, key: str = "m") -> list[Metric]:
    return [Metric(key, i / 7, 1_000 + i, i) for i in range(begin, end)]


def log(storage: SqlStorage, run: RunKey, points: list[Metric]) -> None:
    storage.write(lambda tx: tx.metrics.add(run, points), ["run/r"]).result(30)


def seal(storage: SqlStorage, run: RunKey) -> None:
    storage.write(lambda tx: tx.metrics.seal(run), ["run/r"]).result(30)


def layout(storage: SqlStorage) -> tuple[list[int], int]:
    """The sizes of all segments, in the order of their steps, and the number of rows."""
    sizes = run_sql(storage, "SELECT points FROM metric_segments ORDER BY min_step, id")
    return [size for (size,) in sizes], run_sql(storage, "SELECT count(*) FROM metric_tail")[0][0]


def steps(storage: SqlStorage, run: RunKey, between: tuple[int, int] | None = None) -> list[int]:
    found: list[int] = storage.read(lambda tx: tx.metrics.series(run, "m", between)).steps.tolist()
    return found


# When


def test_few_points_are_rows_and_many_a_segment(storage: SqlStorage, run: RunKey) -> None:
    log(storage, run, metrics(0, S.batch - 1))
    assert layout(storage) == ([], S.batch - 1)
    log(storage, run, metrics(S.batch, 2 * S.batch))
    assert layout(storage) == ([S.batch], S.batch - 1)


def test_a_tail_is_sealed_when_it_is_long(storage: SqlStorage, run: RunKey) -> None:
    for i in range(0, S.tail - 1, 30):
        log(storage, run, metrics(i, min(i + 30, S.tail - 1)))
    assert layout(storage) == ([], S.tail - 1)
    log(storage, run, metrics(S.tail - 1, S.tail))
    assert layout(storage) == ([S.tail], 0)
    log(storage, run, metrics(S.tail, S.tail + 1))
    assert layout(storage) == ([S.tail], 1)
    assert steps(storage, run) == list(range(S.tail + 1))


def test_segments_grow_until_they_are_whole(storage: SqlStorage, run: RunKey) -> None:
    for i in range(0, 20_000, 100):
        log(storage, run, metrics(i, i + 100))
    sizes, rows = layout(storage)
    assert (sum(sizes), rows) == (20_000, 0)
    assert all(S.whole <= size <= S.most for size in sizes[:-14])
    assert len(sizes) < 20
    assert steps(storage, run) == list(range(20_000))


def test_very_many_points_at_once_are_several_segments(storage: SqlStorage, run: RunKey) -> None:
    whole = range(10_000)
    columns = [Columns("m", points_of(whole, whole, whole)), Columns("n", points_of([1], [2], [math.nan]))]
    storage.write(lambda tx: tx.metrics.add_columns(run, columns)).result(10)
    assert layout(storage) == ([3333, 3333, 3334], 1)
    assert steps(storage, run) == list(whole)
    latest = storage.read(lambda tx: tx.runs.get("r")).metrics
    assert repr(latest) == repr([("m", 9_999.0, 9_999, 9_999), ("n", math.nan, 2, 1)])


def test_a_run_that_ends_has_its_longer_tails_sealed(storage: SqlStorage, run: RunKey) -> None:
    log(storage, run, metrics(0, S.tail_at_end, "long") + metrics(0, S.tail_at_end - 1, "short"))
    seal(storage, run)
    assert layout(storage) == ([S.tail_at_end], S.tail_at_end - 1)
    seal(storage, run)
    assert layout(storage) == ([S.tail_at_end], S.tail_at_end - 1)


def test_a_run_that_ends_has_scattered_segments_merged(url: str) -> None:
    """As they are left by processes that each wrote a few."""
    storage = SqlStorage(url)
    storage.write(lambda tx: (add_experiment(tx), add_run(tx))).result(10)
    storage.close()
    run = RunKey(1, 1)
    for i in range(S.fan):
        storage = SqlStorage(url)
        log(storage, run, metrics(i * 100, i * 100 + 100))
        if i == S.fan - 1:
            assert layout(storage) == ([100] * S.fan, 0)
            seal(storage, run)
            assert layout(storage) == ([100 * S.fan], 0)
            assert steps(storage, run) == list(range(100 * S.fan))
        storage.close()


def test_points_of_models_stay_rows(storage: SqlStorage, run: RunKey) -> None:
    run_sql(
        storage,
        "INSERT INTO logged_models (model_id, experiment_id, name, model_type, source_run_id, artifact_uri, status,"
        " status_message, lifecycle, created_ms, updated_ms) VALUES ('m-1', 1, '', '', '', '', 1, '', 0, 1, 1)",
    )
    of_model = [Metric("m", 1.0, i, i, "m-1") for i in range(2 * S.tail)]
    log(storage, run, [*of_model, *metrics(5_000, 5_000 + S.tail)])
    seal(storage, run)
    assert layout(storage) == ([S.tail], 2 * S.tail)
    assert steps(storage, run) == [*range(2 * S.tail), *range(5_000, 5_000 + S.tail)]


def test_many_tails_that_are_long_at_once_are_sealed_a_few_at_a_time(url: str) -> None:
    storage = SqlStorage(url, sealing=Sealing(tail=4, series_at_once=2, tail_at_end=3, rows_at_end=8))
    run = storage.write(lambda tx: (add_experiment(tx), add_run(tx))[1]).result(10)
    for i in range(4):
        log(storage, run, [Metric(f"k{k}", 1.0, i, i) for k in range(5)])
    assert layout(storage) == ([4, 4], 12)
    log(storage, run, [Metric(f"k{k}", 1.0, 4, 4) for k in range(5)])
    assert layout(storage) == ([4, 4, 5, 5], 7)
    seal(storage, run)
    assert layout(storage) == ([4, 4, 5, 5, 5], 2)
    storage.close()


def test_a_segment_takes_a_few_bytes_a_point(storage: SqlStorage, run: RunKey) -> None:
    log(storage, run, [Metric("m", math.sin(i), 1_700_000_000_000 + 17 * i + i % 5, i) for i in range(4_000)])
    assert run_sql(storage, "SELECT sum(length(data)) FROM metric_segments")[0][0] < 4_000 * 10


# What is read


def test_segments_that_cannot_matter_are_not_opened(storage: SqlStorage, run: RunKey) -> None:
    log(storage, run, metrics(0, 4_000))
    log(storage, run, metrics(4_000, 8_000))
    run_sql(storage, "UPDATE metric_segments SET data = substr(data, 1, 5) WHERE min_step < 4000")
    assert steps(storage, run, (4_000, 9_000)) == list(range(4_000, 8_000))
    with pytest.raises(Damaged):
        steps(storage, run, (3_999, 9_000))


def test_a_page_opens_no_more_segments_than_it_needs(storage: SqlStorage, run: RunKey) -> None:
    for i in range(0, 16_000, 4_000):
        log(storage, run, metrics(i, i + 4_000))
    first = storage.read(lambda tx: tx.metrics.history(run, "m", 3_000, None))
    second = storage.read(lambda tx: tx.metrics.history(run, "m", 6_000, first.token))
    run_sql(storage, "UPDATE metric_segments SET data = substr(data, 1, 5) WHERE min_step = 0 OR min_step = 12000")
    third = storage.read(lambda tx: tx.metrics.history(run, "m", 1_000, second.token))
    assert third.points.steps.tolist() == list(range(9_000, 10_000))
    with pytest.raises(Damaged):
        storage.read(lambda tx: tx.metrics.history(run, "m", 1_000, None))


def test_a_token_stays_good_while_segments_are_merged(storage: SqlStorage, run: RunKey) -> None:
    for i in range(S.fan - 1):
        log(storage, run, metrics(i * 100, i * 100 + 100))
    page = storage.read(lambda tx: tx.metrics.history(run, "m", 250, None))
    log(storage, run, metrics(700, 800))
    assert layout(storage) == ([800], 0)
    rest = storage.read(lambda tx: tx.metrics.history(run, "m", None, page.token))
    assert (rest.points.steps.tolist(), rest.token) == (list(range(250, 800)), None)


# What is left


def test_sealing_that_fails_leaves_the_tail(storage: SqlStorage, run: RunKey) -> None:
    log(storage, run, metrics(0, 20) + metrics(0, 20, "n"))

    def fails(tx: Any) -> None:
        tx.metrics.seal(run)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        storage.write(fails).result(10)
    assert layout(storage) == ([], 40)
    with all_busy(storage):
        others = [storage.write(fails), storage.write(lambda tx: tx.metrics.add(run, metrics(20, 21)))]
    others[1].result(10)
    assert isinstance(others[0].exception(10), ZeroDivisionError)
    assert layout(storage) == ([], 41)
    assert steps(storage, run) == list(range(21))


@pytest.mark.parametrize("statement", ["INSERT INTO metric_segments", "INSERT INTO latest_metrics"])
def test_a_write_that_breaks_off_while_it_seals_leaves_everything(
    storage: SqlStorage, run: RunKey, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement that fails comes after rows and segments were removed."""
    log(storage, run, [metric for i in range(S.fan - 1) for metric in metrics(i * 100, i * 100 + 1)])
    for i in range(S.fan - 1):
        log(storage, run, metrics(i * S.tail, i * S.tail + S.tail))
    before = layout(storage), steps(storage, run)
    for name in ("insert", "insert_returning"):
        monkeypatch.setattr(Session, name, breaking(getattr(Session, name), statement))
    with pytest.raises(OSError, match="broken"):
        log(storage, run, metrics(9_000, 9_000 + S.tail))
    monkeypatch.undo()
    assert (layout(storage), steps(storage, run)) == before
    for i in range(S.fan):
        log(storage, run, metrics(9_000 + i * S.tail, 9_000 + i * S.tail + S.tail))
    assert steps(storage, run) == [*before[1], *range(9_000, 9_000 + S.fan * S.tail)]
    assert len(layout(storage)[0]) <= S.fan


def breaking(method: Callable[..., Any], statement: str) -> Callable[..., Any]:
    def insert(session: Any, prepared: Any, rows: Any) -> Any:
        if rows and statement in prepared._each.on(session.connection.dialect)[0]:
            raise OSError("broken")
        return method(session, prepared, rows)

    return insert


# What is remembered


def test_a_point_is_sealed_at_most_three_times() -> None:
    for size in (1, 31, 32, 50, 64, 100, 255, 256, 300, 511, 1_000, 2_047, 2_048, 5_000):
        memory, sealed, numbers = SeriesMemory(S), 0, iter(range(10**6))
        sizes: dict[int, int] = {}
        for _ in range(max(1_000, 40_000 // size)):
            total = size + sum(sizes.pop(number) for number in memory.take_due(1, 1, size))
            sealed += total
            pieces = S.pieces(total)
            for i in range(pieces):
                number = next(numbers)
                sizes[number] = (i + 1) * total // pieces - i * total // pieces
                memory.add_segment(1, 1, number, sizes[number])
        assert sealed <= 3 * size * max(1_000, 40_000 // size) or size < S.batch
        assert sum(each < S.whole for each in sizes.values()) <= 3 * (S.fan - 1)


def test_what_is_remembered_has_a_bound() -> None:
    memory = SeriesMemory(S, most_series=10)
    for run in range(100):
        for key in range(3):
            assert memory.add_rows(run, key, 2) == 2
            memory.add_segment(run, key, 1, 100)
    assert memory.add_rows(99, 0, 1) == 3
    assert memory.add_rows(0, 0, 1) == 1
    memory.forget(99)
    assert memory.add_rows(99, 0, 1) == 1
