"""What commands print: tables drawn for people at a terminal, plain aligned columns for everything else, and JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from mlkeep.core.entities import Entity


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows`, each with a text for each heading. A row is one line, whatever its texts hold."""
    lines = [[one_line(text) for text in row] for row in rows]
    if sys.stdout.isatty():
        _draw(headings, lines)
        return
    widths = [max(len(row[column]) for row in [headings, *lines]) for column in range(len(headings))]
    for row in [headings, ["-" * width for width in widths], *lines]:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Print a name and a text a line."""
    width = max(len(name) for name, _ in fields)
    for name, text in fields:
        click.echo(f"{name.ljust(width)} : {one_line(text)}".rstrip())


def print_json(value: Any, indent: int = 2) -> None:
    """Print `value` as JSON that every reader takes: numbers JSON has no sign for become "NaN", "Infinity" and so on."""
    click.echo(json.dumps(_writable(value), indent=indent, ensure_ascii=False))


def print_change(output: str, sentence: str, now: Callable[[], Entity], indent: int = 2) -> None:
    """Say what was done: in a sentence, or (`output` "json") by what the thing is `now`."""
    if output == "json":
        print_json(now().to_dictionary(), indent)
    else:
        click.echo(sentence)


def shown_time(ms: int | None) -> str:
    """A time in milliseconds as people read it, in UTC; nothing for None."""
    return "" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def one_line(text: str) -> str:
    """`text` without line breaks and without what a terminal would take for commands."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _writable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_writable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _draw(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    Console().print(table)
