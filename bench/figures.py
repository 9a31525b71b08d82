"""What is measured, in which unit, and what issue 5 expects of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

Topic = Literal["writing", "searching", "histories", "sizes", "imports"]
Unit = Literal["s", "ms", "/s", "MiB", "bytes", "count"]


class Scale(msgspec.Struct, frozen=True):
    """How much is measured. "Few" and "many" are what the figures are named by."""

    few_runs: int = 10_000
    many_runs: int = 100_000
    few_points: int = 100_000
    many_points: int = 1_000_000
    single_points: int = 50_000
    single_limit_s: float = 15
    load_s: float = 1.5
    is_quick: bool = False

    def words(self) -> dict[str, str]:
        """The numbers as the titles of figures have them."""
        return {
            "few_runs": _short(self.few_runs),
            "many_runs": _short(self.many_runs),
            "few_points": _short(self.few_points),
            "many_points": _short(self.many_points),
        }


FULL = Scale()
QUICK = Scale(2_000, 10_000, 10_000, 100_000, 2_000, 3, 0.8, is_quick=True)


def _short(number: int) -> str:
    return f"{number // 10**6}M" if number % 10**6 == 0 else f"{number // 1000}k"


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table. Peers without a value of their own are compared by their figure `instead`."""

    key: str
    topic: Topic
    title: str
    unit: Unit
    more_is_better: bool = False
    instead: str = ""


def _log_metric(connections: int) -> tuple[Figure, Figure]:
    title = f"`log-metric`, {connections} connection{'s' if connections > 1 else ''}"
    key = f"log-metric-{connections}"
    return Figure(key, "writing", title, "/s", more_is_better=True), Figure(
        f"{key}-p50", "writing", f"{title}, p50", "ms"
    )


_SEARCHES = {
    "newest": "100 newest runs, with 20 params and metrics each",
    "by-metric": "`metrics.loss < 0.01` (1% match), newest first",
    "by-param": "`params.lr = '0.100'` (0.1% match), newest first",
    "ordered": "order by `metrics.loss`",
    "filtered": "`params.optimizer = 'adam' and metrics.accuracy > 0.5` (17% match), order by `metrics.loss`",
    "deep": "the 50th page of 100, newest first",
    "count": "how many match `metrics.accuracy > 0.5`",
}


def _searches(size: str) -> tuple[Figure, ...]:
    return tuple(
        Figure(f"{key}-{size}", "searching", f"{{{size}_runs}} runs: {title}", "ms") for key, title in _SEARCHES.items()
    )


FIGURES = (
    Figure("start", "writing", "start to healthy, fresh database", "s"),
    Figure("memory", "writing", "memory at rest, without that of PostgreSQL", "MiB"),
    Figure("processes", "writing", "processes", "count"),
    *_log_metric(1),
    *_log_metric(16),
    *_log_metric(64),
    Figure("batch", "writing", "points by `log-batch`, JSON of 1,000 a request", "/s", more_is_better=True),
    Figure(
        "columns",
        "writing",
        "points by `log-batch`, columns of 10,000 a request (others: JSON)",
        "/s",
        more_is_better=True,
        instead="batch",
    ),
    Figure("runs-1", "writing", "runs created, logged and finished, 1 client", "/s", more_is_better=True),
    Figure("runs-16", "writing", "runs created, logged and finished, 16 clients", "/s", more_is_better=True),
    *_searches("few"),
    *_searches("many"),
    Figure("history-few", "histories", "history of {few_points} points, in full", "s"),
    Figure("history-many", "histories", "history of {many_points} points, in full", "s"),
    Figure("sampled", "histories", "{many_points} points, `get-history-bulk-interval` of 1,000", "ms"),
    Figure(
        "chart",
        "histories",
        "{many_points} points, `metrics/chart` of 1,000 buckets (others: the line above)",
        "ms",
        instead="sampled",
    ),
    Figure("bytes-batches", "sizes", "on disk, a point, in batches of 1,000, values of 32 bits", "bytes"),
    Figure(
        "bytes-64",
        "sizes",
        "on disk, a point, values of 64 bits (others: the line above)",
        "bytes",
        instead="bytes-batches",
    ),
    Figure("bytes-single", "sizes", "on disk, a point, one by one", "bytes"),
    Figure("import", "imports", "`import` of the client", "s"),
    Figure("at-hand", "imports", "`import`, and look up `start_run` and `log_metric`", "s"),
)
BY_KEY = {figure.key: figure for figure in FIGURES}


@dataclass(frozen=True, slots=True)
class Expectation:
    """How many times as good as a peer mlkeep is to be; None where nothing is said."""

    title: str
    figure: str
    fasttrackml: float | None
    mlflow: float | None


EXPECTATIONS = (
    Expectation("`log-metric`/s, 16 connections, SQLite", "log-metric-16", 4, 100),
    Expectation("`log-metric` p50, 1 connection", "log-metric-1-p50", 1, 10),
    Expectation("`log-batch`, points/s (JSON of 1,000)", "batch", 6, 100),
    Expectation("`log-batch`, points/s (columns)", "columns", 20, 400),
    Expectation("100 newest runs of {few_runs}, with 20 params and metrics each", "newest-few", 2, 15),
    Expectation("filter + order by metric at {many_runs} runs", "filtered-many", 2, 20),
    Expectation("full history, {few_points} points", "history-few", 3, 15),
    Expectation("chart of a {many_points}-point series", "chart", None, 50),
    Expectation("bytes a point", "bytes-batches", 5, 15),
)


class Column(msgspec.Struct, frozen=True):
    """A contestant as the tables show it. Each is compared with ours on the same database."""

    key: str
    name: str
    durability: str
    is_ours: bool
    rival: str
    """The key of the column it is compared with."""


class Results(msgspec.Struct, frozen=True):
    """What was measured: for each figure the median of each contestant."""

    surroundings: list[str]
    columns: list[Column]
    values: dict[str, dict[str, float]]
    notes: list[str]
    scale: Scale
    bounds: frozenset[tuple[str, str]] | set[tuple[str, str]] = frozenset()
    """Figures and columns whose value is only known to be more than what stands there."""

    def value(self, figure: Figure, column: str) -> float | None:
        """What stands in the table."""
        return self.values.get(figure.key, {}).get(column)

    def compared(self, figure: Figure, column: Column) -> float | None:
        """What the figure of ours is compared with."""
        own = self.value(figure, column.key)
        if own is None and figure.instead:
            return self.value(BY_KEY[figure.instead], column.key)
        return own

    def is_bound(self, figure: Figure, column: str) -> bool:
        """Whether the value is more than what stands there."""
        return (figure.key, column) in self.bounds

    def times_better(self, figure: Figure, column: Column) -> float | None:
        """How many times better ours is; None where one of the two is missing."""
        ours, theirs = self.value(figure, column.rival), self.compared(figure, column)
        if not ours or not theirs:
            return None
        return ours / theirs if figure.more_is_better else theirs / ours
