"""Numbers for keys, given out in transactions of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

_FIND = "SELECT name, id FROM keys WHERE name = ANY(%s::text[])"
_ADD = """
    INSERT INTO keys (name)
    SELECT n FROM (SELECT n FROM unnest(%s::text[]) AS names(n) ORDER BY n COLLATE "C" OFFSET 0) AS sorted
    ON CONFLICT (name) DO NOTHING
    RETURNING name, id
"""
"""In one order, so that two that add the same names never wait for each other."""


class Numbering:
    """Gives names numbers, on a connection held for this. See `backend.GiveNumbers`.

    Were numbers given out inside the transactions that need them, two transactions that need the same new ones would
    wait for each other. Here they are known to all at once. One that nobody comes to use costs nothing.
    """

    def __init__(self, engine: sa.Engine, is_lost: Callable[[BaseException], bool]) -> None:
        self._engine = engine
        self._is_lost = is_lost
        self._lock = threading.Lock()
        self._connection: sa.Connection | None = None

    def __call__(self, names: Sequence[str]) -> dict[str, int]:
        with self._lock:
            try:
                return self._give(list(names))
            except Exception as err:
                if not self._is_lost(err):
                    raise
            return self._give(list(names))  # what was given out before the connection was lost is found again

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _give(self, names: list[str]) -> dict[str, int]:
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            return _given(self._connection.connection.cursor(), names)
        except BaseException:
            self._connection.invalidate()
            self._let_go()
            raise


def _given(cursor: Any, names: list[str]) -> dict[str, int]:
    """Each statement is a transaction: the connection is in autocommit."""
    numbers: dict[str, int] = dict(cursor.execute(_FIND, (names,)).fetchall())
    if missing := [name for name in names if name not in numbers]:
        numbers.update(cursor.execute(_ADD, (missing,)).fetchall())
    if missing := [name for name in names if name not in numbers]:  # somebody else was faster
        numbers.update(cursor.execute(_FIND, (missing,)).fetchall())
    return numbers
