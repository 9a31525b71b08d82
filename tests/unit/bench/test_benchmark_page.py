"""docs/benchmarks.md is written from results: figures, ratios, and what was expected."""

import statistics

from bench.compare import Measurements
from bench.figures import QUICK, Column, Results
from bench.report import expected, page, table

COLUMNS = [
    Column("ours", "mlkeep 1, SQLite", "survives the death of the process", is_ours=True, rival="ours"),
    Column("fasttrackml", "FastTrackML 2, SQLite", "survives the same", is_ours=False, rival="ours"),
    Column("mlflow-1", "MLflow 3, SQLite", "survives the loss of power", is_ours=False, rival="ours"),
    Column("ours-pg", "mlkeep 1, PostgreSQL", "survives the loss of power", is_ours=True, rival="ours-pg"),
    Column("mlflow-pg", "MLflow 3, PostgreSQL", "survives the loss of power", is_ours=False, rival="ours-pg"),
]
VALUES = {
    "log-metric-16": {"ours": 4000.0, "fasttrackml": 1000.0, "mlflow-1": 100.0, "ours-pg": 900.0, "mlflow-pg": 90.0},
    "log-metric-1-p50": {"ours": 0.5, "fasttrackml": 0.4, "mlflow-1": 11.0},
    "batch": {"ours": 400_000.0, "fasttrackml": 50_000.0, "mlflow-1": 5000.0},
    "columns": {"ours": 2_000_000.0},
    "bytes-batches": {"ours": 9.0, "fasttrackml": 130.0},
    "processes": {"ours": 1.0, "mlflow-1": 12.0},
}
RESULTS = Results(["On Monday, on a machine."], COLUMNS, VALUES, ["Something is to be said."], QUICK)


def test_the_table_has_a_line_for_each_figure_and_says_how_many_times_better_ours_is() -> None:
    assert table(RESULTS).splitlines() == [
        "| | mlkeep 1, SQLite | FastTrackML 2, SQLite | MLflow 3, SQLite | mlkeep 1, PostgreSQL | MLflow 3, PostgreSQL |",
        "|---|---|---|---|---|---|",
        "| processes | 1 |  | 12 |  |  |",
        "| `log-metric`, 1 connection, p50 | 0.500 ms | 0.400 ms (0.80×) | 11.0 ms (22×) |  |  |",
        "| `log-metric`, 16 connections | 4,000/s | 1,000/s (4.0×) | 100/s (40×) | 900/s | 90/s (10×) |",
        "| points by `log-batch`, JSON of 1,000 a request | 400,000/s | 50,000/s (8.0×) | 5,000/s (80×) |  |  |",
        "| points by `log-batch`, columns of 10,000 a request (others: JSON) | 2,000,000/s | (40×) | (400×) |  |  |",
        "| on disk, a point, in batches of 1,000, values of 32 bits | 9.0 bytes | 130.0 bytes (14×) |  |  |  |",
    ]


def test_what_was_expected_is_met_missed_or_not_measured_and_what_is_missed_has_its_reason() -> None:
    *lines, _, reason, next_to_try = expected(RESULTS).splitlines()
    assert "1,000 points as JSON" in reason
    assert "next thing to try" in next_to_try
    assert lines == [
        "| figure | against FastTrackML | | against MLflow, one worker | |",
        "|---|---|---|---|---|",
        "| `log-metric`/s, 16 connections, SQLite | ≥ 4× | 4.0×, met | ≥ 100× | 40×, **missed** |",
        "| `log-metric` p50, 1 connection | no slower | 0.80×, **missed** | ≥ 10× | 22×, met |",
        "| `log-batch`, points/s (JSON of 1,000) | ≥ 6× | 8.0×, met | ≥ 100× | 80×, **missed** |",
        "| `log-batch`, points/s (columns) | ≥ 20× | 40×, met | ≥ 400× | 400×, met |",
        "| 100 newest runs of 2k, with 20 params and metrics each | ≥ 2× | not measured | ≥ 15× | not measured |",
        "| filter + order by metric at 10k runs | ≥ 2× | not measured | ≥ 20× | not measured |",
        "| full history, 10k points | ≥ 3× | not measured | ≥ 15× | not measured |",
        "| chart of a 100k-point series | – |  | ≥ 50× | not measured |",
        "| bytes a point | ≥ 5× | 14×, met | ≥ 15× | not measured |",
    ]


def test_what_was_not_waited_for_is_more_than_what_stands_there() -> None:
    found = Measurements()
    found.record("filtered-many", "ours", 20.0)
    found.record_bound("filtered-many", "mlflow-1", 30_000.0)
    results = Results([], COLUMNS, found.medians(), [], QUICK, found.bounds)
    assert "| 20.0 ms |  | > 30,000 ms (> 1,500×) |  |  |" in table(results)
    assert "| ≥ 20× | > 1,500×, met |" in expected(results)


def test_the_page_says_where_how_and_with_which_durability_it_was_measured() -> None:
    written = page(RESULTS)
    headings = [line for line in written.splitlines() if line.startswith("#")]
    assert headings == ["# Benchmarks", "## Figures", "## How to read it", "## Expected and measured", "## Notes"]
    assert "On Monday, on a machine." in written
    assert "This was a quick check" in written
    assert "- FastTrackML 2, SQLite: survives the same." in written
    assert table(RESULTS) in written
    assert expected(RESULTS) in written
    assert written.endswith("- Something is to be said.\n")


def test_medians_are_taken_over_rounds_and_sentences_are_said_once() -> None:
    found = Measurements()
    for value in (1.0, 9.0, 2.0):
        found.record("batch", "ours", value)
        found.note("once")
    assert found.medians() == {"batch": {"ours": statistics.median((1.0, 9.0, 2.0))}}
    assert found.notes == ["once"]
