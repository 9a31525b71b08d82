"""What a search for runs reads: one statement for the page, one for each child table that was asked for, no more."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mlkeep.core.entities import Dataset, DatasetInput, LoggedModelOutput, Metric, ViewType
from mlkeep.core.filters import RUNS, complete_order, parse, parse_order_by
from mlkeep.core.projection import run_fields
from mlkeep.storage.contract import NewRun, Page, Search
from mlkeep.storage.sql.storage import SqlStorage

PAGE, METRICS, PARAMS, TAGS = "runs", "latest_metrics", "params", "run_tags"
INPUTS, OUTPUTS = ["run_datasets", "run_models"], "run_models"


@pytest.fixture
def url(sqlite_url: str) -> str:
    """Statements are written once for all databases, and SQLite tells most easily which ones it got."""
    return sqlite_url


@pytest.fixture
def filled(storage: SqlStorage) -> SqlStorage:
    """A storage with three runs that have something in every part."""

    def fill(tx: Any) -> None:
        tx.experiments.add("e", "s3://b/e", {}, 1)
        for i in range(3):
            new = NewRun(run_id=f"r{i}", experiment_id="1", name="n", user_id="", start_time=i, artifact_uri="")
            run = tx.runs.add(new)
            tx.metrics.add(run, [Metric("loss", float(i), 1), Metric("acc", 0.5, 1)])
            tx.params.add(run, {"lr": "0.1", "opt": "adam"})
            tx.tags.put(run, {"team": "red"})
            tx.inputs.add(run, [DatasetInput(Dataset("d", "1", "local", "{}"))], ["m-1"])
            tx.runs.add_outputs(run, [LoggedModelOutput("m-2")])

    storage.write(fill).result(10)
    return storage


def search(
    storage: SqlStorage,
    *fields: str,
    text: str = "",
    order_by: tuple[str, ...] = (),
    limit: int = 10,
    count: bool = False,
    everywhere: bool = False,
) -> tuple[Page, list[str]]:
    """A page, and the statements it took."""
    wanted = Search(
        where=parse(text, RUNS), order=complete_order(parse_order_by(order_by, RUNS), RUNS), limit=limit, count=count
    )
    statements: list[str] = []

    def operation(tx: Any) -> Page:
        for key in ("loss", "lr", "team"):
            tx.session.key_number(key)  # numbers of keys are looked up once in the life of a process
        driver = tx.session.connection.connection.driver_connection
        driver.set_trace_callback(statements.append)
        try:
            page: Page = tx.runs.search(wanted, None if everywhere else ["1"], ViewType.ACTIVE_ONLY, run_fields(fields))
        finally:
            driver.set_trace_callback(None)
        return page

    return storage.read(operation), statements


def tables(statements: list[str]) -> list[str]:
    """The table that each statement reads first."""
    return [re.findall(r"\bFROM (\w+)", statement)[0] for statement in statements]


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ([], [PAGE, METRICS, PARAMS, TAGS, *INPUTS, OUTPUTS]),
        (["info"], [PAGE]),
        (["metrics"], [PAGE, METRICS]),
        (["metrics.loss"], [PAGE, METRICS]),
        (["info", "params.lr", "tags.team"], [PAGE, PARAMS, TAGS]),
        (["inputs"], [PAGE, *INPUTS]),
        (["outputs"], [PAGE, OUTPUTS]),
    ],
)
def test_only_the_tables_asked_for_are_read(filled: SqlStorage, fields: list[str], read: list[str]) -> None:
    page, statements = search(filled, *fields)
    assert len(page.items) == 3
    assert tables(statements) == read


def test_of_single_keys_only_their_rows_are_read(filled: SqlStorage) -> None:
    _, statements = search(filled, "metrics.loss", "params.lr", "tags.team")
    assert all("key_id IN (" in statement for statement in statements[1:])


def test_a_key_that_was_never_logged_needs_no_table(filled: SqlStorage) -> None:
    _, statements = search(filled, "metrics.never")
    assert tables(statements) == [PAGE, "keys"]


@pytest.mark.parametrize("everywhere", [False, True])
def test_counting_takes_one_statement_that_reads_no_row(filled: SqlStorage, everywhere: bool) -> None:
    asked = {"text": "metrics.loss > 0", "order_by": ("params.lr",), "count": True, "everywhere": everywhere}
    page, statements = search(filled, "info", limit=9, **asked)  # type: ignore[arg-type]  # names of arguments
    assert (len(page.items), page.total) == (2, 2)
    experiments = ["experiments"] if everywhere else []
    estimates = ["experiment_counters", "latest_metrics"]
    assert of_search(statements) == [*experiments, *estimates, "latest_metrics", PAGE]
    page, statements = search(filled, limit=0, **asked)  # type: ignore[arg-type]  # names of arguments
    assert (page.items, page.total, page.token) == ([], 2, None)
    assert of_search(statements) == [*experiments, *estimates, "latest_metrics"]
    counting = statements[-1]
    assert counting.startswith("SELECT count(*)")
    assert "ORDER BY" not in counting
    assert "JOIN" not in counting


def test_all_runs_are_counted_without_looking_at_them(filled: SqlStorage) -> None:
    page, statements = search(filled, limit=0, count=True)
    assert (page.total, of_search(statements)) == (3, ["experiment_counters"])


def of_search(statements: list[str]) -> list[str]:
    """The table that each statement reads first; a page that begins with an index reads runs."""
    return [PAGE if "runs.artifact_uri" in statement else tables([statement])[0] for statement in statements]
