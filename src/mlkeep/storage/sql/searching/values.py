"""What was logged to the runs of a page, read table by table.

A page may have hundreds of thousands of values, so they come straight from the driver, and the names of keys from memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Table

from mlkeep.core.found import LatestPoint
from mlkeep.storage.sql.schema import latest_metrics
from mlkeep.storage.sql.session import Session, chunks


def latest_points(session: Session, runs: Sequence[int], keys: Sequence[int] | None) -> dict[int, list[LatestPoint]]:
    """The latest points of runs by run, in the order of the keys; of these keys only, if they are not None."""
    found: dict[int, list[LatestPoint]] = {run: [] for run in runs}
    for rows in _rows(session, latest_metrics, "value, timestamp_ms, step", runs, keys):
        names = session.key_names({row[1] for row in rows})
        for run, key, value, timestamp_ms, step in rows:
            found[run].append((names[key], math.nan if value is None else value, timestamp_ms, step))
    return found


def texts(
    session: Session, table: Table, runs: Sequence[int], keys: Sequence[int] | None
) -> dict[int, list[tuple[str, str]]]:
    """The params or tags of runs by run, as `latest_points`."""
    found: dict[int, list[tuple[str, str]]] = {run: [] for run in runs}
    for rows in _rows(session, table, "value", runs, keys):
        names = session.key_names({row[1] for row in rows})
        for run, key, value in rows:
            found[run].append((names[key], value))
    return found


def _rows(
    session: Session, table: Table, columns: str, runs: Sequence[int], keys: Sequence[int] | None
) -> Iterator[list[Any]]:
    """Rows of a table by run and key, some runs at a time."""
    if keys is not None and not keys:
        return
    wanted = "" if keys is None else f" AND key_id IN ({listed(keys)})"
    for part in chunks(runs):
        statement = (
            f"SELECT {table.name}.run_id, key_id, {columns} FROM {table.name} WHERE run_id IN ({listed(part)}){wanted}"  # noqa: S608
            " ORDER BY run_id, key_id"
        )
        yield session.cursor.execute(statement).fetchall()


def listed(numbers: Sequence[int]) -> str:
    """Numbers as they stand in a statement."""
    return ", ".join(map(str, numbers))
