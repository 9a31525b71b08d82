"""Whatever is written, sealed and merged in whatever order: series read as a plain list of their points would."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlkeep.core.entities import Metric
from mlkeep.storage.contract import Columns, NewLoggedModel, NewRun, RunKey
from mlkeep.storage.series.points import Points, points_of
from mlkeep.storage.sql.series.sealing import Sealing
from mlkeep.storage.sql.storage import SqlStorage

SOON = Sealing(batch=3, tail=5, tail_at_end=2, fan=2, most=8, series_at_once=1, rows_at_once=6, rows_at_end=7)
"""Sizes so small that everything happens to a few dozen points."""

KEYS = ("a", "b")
NAMES = itertools.count()


class Point(NamedTuple):
    step: int
    timestamp: int
    value: float

    def place(self) -> tuple[int, int, float, bool]:
        """By time; NaN counts as 0, after a real one."""
        return self.timestamp, self.step, *self.weight()

    def place_by_step(self) -> tuple[int, int, float, bool]:
        return self.step, self.timestamp, *self.weight()

    def weight(self) -> tuple[float, bool]:
        is_nan = math.isnan(self.value)
        return 0.0 if is_nan else self.value, is_nan


class Step(NamedTuple):
    """Something done: `what`, to one of the runs, under one of the keys or all of them in turn."""

    what: str
    run: int
    key: int
    points: list[Point]


FEW = st.integers(-3, 6)
POINTS = st.builds(
    Point,
    FEW | st.sampled_from([-(2**63), 2**63 - 1]),
    st.integers(0, 6) | st.just(2**63 - 1),
    st.sampled_from([0.0, -0.0, 1.5, -2.0, math.nan, math.inf, -math.inf, 0.1, 5e-324]),
)
RISING = st.builds(
    lambda begin, n: [Point(begin + i, 10 * (begin + i), i / 7) for i in range(n)],
    st.integers(0, 40),
    st.integers(0, 30),
)
DONE = st.builds(
    Step,
    st.sampled_from(
        ["add", "add", "add one by one", "add to all", "add columns", "add of a model", "fail", "end", "open"]
    ),
    st.integers(0, 1),
    st.integers(0, 1),
    st.lists(POINTS, max_size=12) | RISING,
)


class World:
    """A database, two runs and a logged model in it, and what was written as plain lists."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.storage = SqlStorage(url, sealing=SOON)
        self.experiment = str(self.write(lambda tx: tx.experiments.add("e", "s3://b/e", {}, 1)))

    def begin(self) -> None:
        """Two new runs."""
        self.ids = [f"run-{next(NAMES)}" for _ in range(2)]
        self.model = f"m-{next(NAMES)}"
        self.runs: list[RunKey] = [self.write(partial(self._new_run, name)) for name in self.ids]
        self.write(self._add_model)
        self.lists: dict[tuple[int, str], list[Point]] = {(i, key): [] for i in range(2) for key in KEYS}
        self.of_model: list[Point] = []

    def write(self, operation: Callable[[Any], Any]) -> Any:
        return self.storage.write(operation, ["everything"]).result(30)

    def do(self, step: Step) -> None:
        run, key, points = self.runs[step.run], KEYS[step.key], step.points
        metrics = [Metric(key, point.value, point.timestamp, point.step) for point in points]
        match step.what:
            case "open":
                self.storage.close()
                self.storage = SqlStorage(self.url, sealing=SOON)
            case "end":
                self.write(lambda tx: tx.metrics.seal(run))
            case "fail":
                with pytest.raises(ZeroDivisionError):
                    self.write(lambda tx: (tx.metrics.add(run, metrics), tx.metrics.seal(run), 1 / 0))
            case "add":
                self.write(lambda tx: tx.metrics.add(run, metrics))
                self.lists[step.run, key] += points
            case "add one by one":
                for metric in metrics:
                    self.write(partial(add_one, run, metric))
                self.lists[step.run, key] += points
            case "add to all":
                self.write(
                    lambda tx: tx.metrics.add_many([(run, metrics), (self.runs[0], metrics), (self.runs[1], [])])
                )
                self.lists[step.run, key] += points
                self.lists[0, key] += points
            case "add columns":
                columns = [Columns(key, columns_of(points)), Columns(KEYS[0], columns_of(points[:2]))]
                self.write(lambda tx: tx.metrics.add_columns(run, columns))
                self.lists[step.run, key] += points
                self.lists[step.run, KEYS[0]] += points[:2]
            case _:
                of_model = [
                    Metric(key, point.value, point.timestamp, point.step, model_id=self.model if i % 2 else None)
                    for i, point in enumerate(points)
                ]
                self.write(lambda tx: tx.metrics.add(run, of_model))
                self.lists[step.run, key] += points
                self.of_model += [Point(point.step, point.timestamp, point.value) for point in points[1::2]]

    def run(self, done: list[Step], size: int, steps: tuple[int, int], most: int) -> None:
        """All of it, and whether what is read then is what was written."""
        self.begin()
        for step in done:
            self.do(step)
        self.check(size, steps, most)

    def check(self, size: int, steps: tuple[int, int], most: int) -> None:
        self.storage.read(lambda tx: self._check(tx, size, steps, most))

    def _check(self, tx: Any, size: int, steps: tuple[int, int], most: int) -> None:
        wanted = [(run, key) for run in self.runs for key in (*KEYS, "nothing")]
        whole, some = tx.metrics.all_series(wanted), tx.metrics.all_series(wanted, steps)
        told = {(run, key): (points, part) for (run, key), points, part in zip(wanted, whole, some, strict=True)}
        for (i, key), points in self.lists.items():
            run = self.runs[i]
            by_step = distinct(points, Point.place_by_step)
            between = [point for point in by_step if steps[0] <= point.step <= steps[1]]
            by_time = distinct(points, Point.place)
            assert [shown(each) for each in told[run, key]] == [texts(by_step), texts(between)]
            assert shown(tx.metrics.series(run, key, steps)) == texts(between)
            assert shown(tx.metrics.history(run, key, None, None).points) == texts(by_time)
            assert paged(tx, run, key, size) == texts(by_time)
            sample = tx.metrics.sampled_history([self.ids[i], "nobody"], key, steps, most)
            assert {run_id: shown(found) for run_id, found in sample.items()} == (
                {self.ids[i]: texts(sampled_by_hand(between, most))} if between else {}
            )
        for key in KEYS:
            bulk = tx.metrics.bulk_history([*self.ids, "nobody", self.ids[0]], key, size)
            every = [
                (run_id, text)
                for run_id, i in sorted(zip(self.ids, range(2), strict=True))
                for text in texts(distinct(self.lists[i, key], Point.place))
            ]
            assert [(run_id, text) for run_id, points in bulk for text in shown(points)] == every[:size]
        latest = [tx.runs.get(run_id).metrics for run_id in self.ids]
        assert [
            {key: rank(Point(step, timestamp, value)) for key, value, timestamp, step in points} for points in latest
        ] == [{key: max(map(rank, self.lists[i, key])) for key in KEYS if self.lists[i, key]} for i in range(2)]
        found = [Point(each.step, each.timestamp, each.value) for each in tx.logged_models.get(self.model).metrics]
        assert {repr(point.place()) for point in found} == {repr(normal(point).place()) for point in self.of_model}

    def _new_run(self, run_id: str, tx: Any) -> RunKey:
        key: RunKey = tx.runs.add(
            NewRun(run_id=run_id, experiment_id=self.experiment, name="n", user_id="", start_time=1, artifact_uri="")
        )
        return key

    def _add_model(self, tx: Any) -> None:
        tx.logged_models.add(
            NewLoggedModel(
                model_id=self.model,
                experiment_id=self.experiment,
                name="n",
                model_type="",
                source_run_id="",
                artifact_uri="",
                params={},
                tags={},
                now_ms=1,
            )
        )


def add_one(run: RunKey, metric: Metric, tx: Any) -> None:
    tx.metrics.add(run, [metric])


def columns_of(points: Sequence[Point]) -> Points:
    return points_of(
        [point.step for point in points], [point.timestamp for point in points], [point.value for point in points]
    )


def distinct(points: Sequence[Point], place: Callable[[Point], Any]) -> list[Point]:
    return [next(same) for _, same in itertools.groupby(sorted(map(normal, points), key=place), key=place)]


def normal(point: Point) -> Point:
    return point._replace(value=point.value + 0.0)


def rank(point: Point) -> tuple[int, int, float]:
    return point.step, point.timestamp, point.weight()[0]


def texts(points: Sequence[Point]) -> list[str]:
    return [f"{point.step} {point.timestamp} {point.value!r}" for point in points]


def shown(points: Points) -> list[str]:
    columns = points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist()
    return texts([Point(*each) for each in zip(*columns, strict=True)])


def paged(tx: Any, run: RunKey, key: str, size: int) -> list[str]:
    found: list[str] = []
    token = None
    while True:
        page = tx.metrics.history(run, key, size, token)
        found += shown(page.points)
        if page.token is None:
            return found
        assert len(page.points) == size
        token = page.token


def sampled_by_hand(points: list[Point], most: int) -> list[Point]:
    if len(points) <= most:
        return points
    size, longer = divmod(len(points), most)
    parts, at = [], 0
    for i in range(most):
        parts.append(points[at])
        at += size + (i < longer)
    return [*parts[:-1], points[-1]]


@pytest.fixture
def world(url: str) -> Iterator[World]:
    world = World(url)
    yield world
    world.storage.close()


def examples(most: int) -> settings:
    fixture_is_shared = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=most, deadline=None, suppress_health_check=fixture_is_shared)


WRITTEN = st.lists(DONE, max_size=14)
SIZES = st.integers(1, 30)
STEPS = st.tuples(FEW, FEW).map(lambda pair: (min(pair), max(pair))) | st.just((-(2**63), 2**63 - 1))


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@examples(120)
@given(done=WRITTEN, size=SIZES, steps=STEPS, most=st.integers(1, 9))
def test_a_series_reads_as_the_list_of_its_points(
    world: World, done: list[Step], size: int, steps: tuple[int, int], most: int
) -> None:
    world.run(done, size, steps, most)


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
@examples(25)
@given(done=WRITTEN, size=SIZES, steps=STEPS, most=st.integers(1, 9))
def test_a_series_on_a_server_reads_as_the_list_of_its_points(
    world: World, done: list[Step], size: int, steps: tuple[int, int], most: int
) -> None:
    world.run(done, size, steps, most)
