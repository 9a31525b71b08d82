"""Every shape of a search goes by an index, and says the same as a look at everything."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from sqlalchemy import event

from bench.filling import Filled, fill
from mlkeep.core.entities import ViewType
from mlkeep.core.filters import RUNS, complete_order, parse, parse_order_by
from mlkeep.core.projection import run_fields
from mlkeep.storage.contract import Search
from mlkeep.storage.sql.storage import SqlStorage
from tests.contract.conftest import DATABASES, empty_database

RUN_COUNT = 4_000
NEWEST, METRICS, PARAMS, TAGS = "ix_runs_newest", "ix_latest_metrics_search", "ix_params_search", "ix_run_tags_search"
RARE_AND_COMMON = "metrics.loss < 0.01 AND params.optimizer = 'adam'"


class Shape(NamedTuple):
    """A search, the index by which its page is found, and whether it comes in order from it.

    `where` and `order` are those of the request, and `through` is the index. What comes in order is not sorted, but for what is equal.
    """

    where: str = ""
    order: tuple[str, ...] = ()
    through: str = NEWEST
    in_order: bool = True
    experiments: int = 1
    view: ViewType = ViewType.ACTIVE_ONLY


SHAPES = {
    "the newest": Shape(),
    "the oldest": Shape(order=("start_time ASC",)),
    "the newest, deleted or not": Shape(view=ViewType.ALL),
    "the newest of several experiments": Shape(experiments=4),
    "by a metric": Shape(order=("metrics.loss",), through=METRICS),
    "by a metric, the greatest first": Shape(order=("metrics.loss DESC",), through=METRICS),
    "by a metric of several experiments": Shape(order=("metrics.loss",), through=METRICS, experiments=4),
    "by a metric with few values": Shape(order=("metrics.epochs",)),
    "by a param": Shape(order=("params.`param-15`",), through=PARAMS),
    "by a param with few values": Shape(order=("params.optimizer DESC",)),
    "by a tag": Shape(order=("tags.note",), through=TAGS),
    "by two metrics": Shape(order=("metrics.epochs", "metrics.loss"), through=METRICS),
    "a metric of few runs": Shape("metrics.loss < 0.01", through=METRICS, in_order=False),
    "a metric of most runs": Shape("metrics.loss < 0.9"),
    "a param of few runs": Shape("params.lr = '0.500'", through=PARAMS, in_order=False),
    "a param of many runs": Shape("params.optimizer = 'adam'"),
    "the beginning of a param": Shape("params.`param-12` LIKE '00%'", through=PARAMS, in_order=False),
    "a tag of few runs": Shape("tags.note = 'note 5'", through=TAGS, in_order=False),
    "a key of few runs": Shape("metrics.rare > 0", through=METRICS, in_order=False),
    "one of two rare things": Shape("metrics.loss < 0.005 OR params.lr = '0.500'", through=PARAMS, in_order=False),
    "a rare thing and a common one": Shape(RARE_AND_COMMON, through=METRICS, in_order=False),
    "a rare thing by another metric": Shape(RARE_AND_COMMON, ("metrics.accuracy",), METRICS, in_order=False),
    "common things by a metric": Shape(
        "params.optimizer = 'adam' AND metrics.loss < 0.9", ("metrics.accuracy",), METRICS
    ),
    "what is not so": Shape("NOT params.optimizer = 'adam'"),
    "what is not there": Shape("params.never IS NULL AND metrics.loss > 0.1"),
    "a status": Shape("status = 'FAILED'"),
    "a time": Shape("start_time > 1700000100000"),
}


@pytest.fixture(scope="module", params=DATABASES)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def filled(kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    return fill(empty_database(kind, request, tmp_path_factory.mktemp("plans")), RUN_COUNT, seed=7)


@pytest.fixture(scope="module")
def storage(filled: Filled) -> Iterator[SqlStorage]:
    storage = SqlStorage(filled.url)
    yield storage
    storage.close()


def search_of(shape: Shape, *, limit: int = 20, token: str | None = None, count: bool = False) -> Search:
    order = complete_order(parse_order_by(shape.order, RUNS), RUNS)
    return Search(where=parse(shape.where, RUNS), order=order, limit=limit, token=token, count=count)


def experiments_of(filled: Filled, shape: Shape) -> list[str]:
    return [filled.experiment_id, *filled.others][: shape.experiments]


class Explained(NamedTuple):
    """A statement and how the database goes about it."""

    statement: str
    plan: str


def explained(storage: SqlStorage, filled: Filled, shape: Shape, **how: Any) -> list[Explained]:
    """The statements of a search that read runs."""

    def operation(tx: Any) -> list[Explained]:
        experiments = experiments_of(filled, shape)

        def ask() -> None:
            tx.runs.search(search_of(shape, **how), experiments, shape.view, run_fields(["info"]))

        ask()  # numbers of keys are looked up once in the life of a process
        session = tx.session
        sent: list[tuple[str, Any]] = []
        execute = session.connection.exec_driver_sql

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
            sent.append((statement, parameters))

        event.listen(session.connection, "before_cursor_execute", note)
        try:
            ask()
        finally:
            event.remove(session.connection, "before_cursor_execute", note)
        explain = "EXPLAIN QUERY PLAN " if filled.url.startswith("sqlite") else "EXPLAIN "
        return [
            Explained(statement, "\n".join(str(row[-1]) for row in execute(explain + statement, parameters)))
            for statement, parameters in sent
        ]

    return storage.read(operation)


@pytest.mark.parametrize("name", SHAPES)
def test_a_page_is_found_by_an_index(storage: SqlStorage, filled: Filled, name: str) -> None:
    shape = SHAPES[name]
    pages = [each for each in explained(storage, filled, shape) if "runs.artifact_uri" in each.statement]
    assert pages
    plans = "\n".join(page.plan for page in pages)
    assert shape.through in plans, plans
    assert_nothing_is_gone_through(filled, plans)
    if not shape.in_order or shape.experiments > 1 or shape.view is ViewType.ALL:
        return
    if filled.url.startswith("sqlite"):
        assert "USE TEMP B-TREE FOR ORDER BY" not in plans
    else:
        assert not re.search(r"(?<!Incremental )Sort  ", plans), plans


def assert_nothing_is_gone_through(filled: Filled, plans: str) -> None:
    """No table is read from one end to the other."""
    if filled.url.startswith("sqlite"):
        scanned = set(re.findall(r"^SCAN (\w+)", plans, re.MULTILINE))
        assert not scanned & {"runs", "latest_metrics", "params", "run_tags", "walked"}, plans
        assert not any(name.startswith(("latest_metrics", "params", "run_tags")) for name in scanned), plans
    else:
        assert "Seq Scan" not in plans, plans


@pytest.mark.parametrize("name", SHAPES)
def test_pages_together_are_all_there_is(storage: SqlStorage, filled: Filled, name: str) -> None:
    shape = SHAPES[name]
    experiments = experiments_of(filled, shape)

    def ids(limit: int, token: str | None = None) -> tuple[list[str], str | None, int | None]:
        page = storage.read(
            lambda tx: tx.runs.search(
                search_of(shape, limit=limit, token=token, count=True), experiments, shape.view, run_fields(["info"])
            )
        )
        return [found.info.run_id for found in page.items], page.token, page.total

    everything, further, total = ids(50_000)
    assert (len(everything), further) == (total, None)
    assert len(set(everything)) == len(everything)
    paged: list[str] = []
    token = None
    for _ in range(math.ceil(len(everything) / 333) or 1):
        page, token, _ = ids(333, token)
        paged += page
    assert token is None
    assert paged == everything


COUNTED = {
    "metrics.loss < 0.5": METRICS,
    "metrics.loss < 0.5 AND params.optimizer = 'adam'": METRICS,
    "params.optimizer = 'adam' AND NOT metrics.loss < 0.5": PARAMS,
    "tags.team = 'red'": TAGS,
}


@pytest.mark.parametrize("where", COUNTED)
def test_runs_are_counted_by_an_index(storage: SqlStorage, filled: Filled, where: str) -> None:
    counting = explained(storage, filled, Shape(where), limit=0, count=True)[-1]
    assert counting.statement.startswith("SELECT count(*)")
    assert "SELECT runs.run_id" not in counting.statement
    assert COUNTED[where] in counting.plan or not filled.url.startswith("sqlite")
    if filled.url.startswith("sqlite"):
        assert_nothing_is_gone_through(filled, counting.plan)


def test_all_runs_are_counted_without_a_look_at_them(storage: SqlStorage, filled: Filled) -> None:
    assert explained(storage, filled, Shape(), limit=0, count=True) == []
    page = storage.read(
        lambda tx: tx.runs.search(search_of(Shape(), limit=0, count=True), [filled.experiment_id], ViewType.ACTIVE_ONLY)
    )
    assert page.total == RUN_COUNT - RUN_COUNT // 40
