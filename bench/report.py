"""Results as Markdown: the table, what was expected, and the page docs/benchmarks.md."""

from __future__ import annotations

from bench.figures import EXPECTATIONS, FIGURES, Column, Expectation, Figure, Results, Unit

_READING = """\
Numbers of different machines or different minutes do not compare; the ratios of one run do.
In brackets stands how many times better mlkeep is in the same run: more requests in a second, or less time, memory or disk.
A column of SQLite is compared with mlkeep on SQLite in the setting it comes with, one of PostgreSQL with mlkeep on PostgreSQL.
Servers run one at a time and in turns, every answer comes after its commit, all get the same requests, and their answers are checked.
[bench/README.md](../bench/README.md) says how it stays fair, and where the filled databases come from."""


_MISSED = "**missed**"

_WHY_MISSED = {
    "batch": """\
What a request of 1,000 points as JSON costs the server: a quarter each for decoding, for sorting out and checking, for sealing and committing, and for HTTP and changing threads.
None of it is much more than it must be with an object for each point; the next thing to try is to decode points into columns without one.""",
}
"""By figure: where the time goes, and the next thing to try."""


def page(results: Results) -> str:
    """The whole of docs/benchmarks.md."""
    parts = [
        "# Benchmarks",
        "Written by `make bench`; do not edit.",
        "\n".join(results.surroundings),
        _quick(results) + "## Figures",
        table(results),
        "## How to read it",
        _READING,
        "What an acknowledged write survives:",
        "\n".join(f"- {column.name}: {column.durability}." for column in results.columns),
        "## Expected and measured",
        expected(results),
        *(["## Notes", "\n".join(f"- {note}" for note in results.notes)] if results.notes else []),
    ]
    return "\n\n".join(parts) + "\n"


def _quick(results: Results) -> str:
    if not results.scale.is_quick:
        return ""
    return "**This was a quick check with small sizes and one short round; its numbers say little.**\n\n"


def table(results: Results) -> str:
    """A line a figure that was measured, a column a contestant."""
    lines = ["| | " + " | ".join(column.name for column in results.columns) + " |"]
    lines.append("|---|" + "---|" * len(results.columns))
    for figure in FIGURES:
        if figure.key in results.values:
            cells = [_cell(results, figure, column) for column in results.columns]
            lines.append(f"| {figure.title.format(**results.scale.words())} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(results: Results, figure: Figure, column: Column) -> str:
    value = results.value(figure, column.key)
    more = "> " if results.is_bound(figure, column.key) else ""
    told = more + spelled(value, figure.unit) if value is not None else ""
    times = None if column.is_ours or figure.unit == "count" else results.times_better(figure, column)
    return " ".join(part for part in (told, f"({more}{ratio(times)})" if times else "") if part)


def expected(results: Results) -> str:
    """The ratios that were expected beside those that were measured."""
    fast, slow = _by_key(results, "fasttrackml"), _by_key(results, "mlflow-1")
    lines = ["| figure | against FastTrackML | | against MLflow, one worker | |", "|---|---|---|---|---|"]
    why: list[str] = []
    for expectation in EXPECTATIONS:
        cells = [*_judged(results, expectation, fast, expectation.fasttrackml)]
        cells += _judged(results, expectation, slow, expectation.mlflow)
        lines.append(f"| {expectation.title.format(**results.scale.words())} | " + " | ".join(cells) + " |")
        if any(_MISSED in cell for cell in cells) and expectation.figure in _WHY_MISSED:
            why.append(_WHY_MISSED[expectation.figure])
    return "\n".join([*lines, *(f"\n{each}" for each in why)])


def _judged(results: Results, expectation: Expectation, column: Column | None, least: float | None) -> tuple[str, str]:
    if least is None:
        return "–", ""
    wanted = "no slower" if least == 1 else f"≥ {least:g}×"
    figure = next(figure for figure in FIGURES if figure.key == expectation.figure)
    times = results.times_better(figure, column) if column else None
    if times is None:
        return wanted, "not measured"
    more = "> " if column and results.is_bound(figure, column.key) else ""
    return wanted, f"{more}{ratio(times)}, {'met' if times >= least else _MISSED}"


def _by_key(results: Results, key: str) -> Column | None:
    return next((column for column in results.columns if column.key == key), None)


def ratio(times: float) -> str:
    """2.3×, 41×."""
    return f"{times:.2f}×" if times < 2 else f"{times:.1f}×" if times < 10 else f"{times:,.0f}×"


def spelled(value: float, unit: Unit) -> str:
    """A value with as many digits as it deserves."""
    match unit:
        case "s" | "ms":
            digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
            return f"{value:,.{digits}f} {unit}"
        case "/s":
            return f"{value:,.0f}/s"
        case "MiB":
            return f"{value:,.0f} MiB"
        case "bytes":
            return f"{value:.1f} bytes"
        case "count":
            return f"{value:.0f}"
