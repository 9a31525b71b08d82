"""`contract.Storage` on an SQL database."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

from mlkeep.storage.contract import Operation
from mlkeep.storage.sql.database import Database, outage
from mlkeep.storage.writer import Writer

T = TypeVar("T")


class SqlStorage:
    """Runs operations on the database at `url`. See `contract.Storage` for what it promises, `Database` for errors."""

    def __init__(self, url: str, *, durability: str = "normal") -> None:
        self._database = Database(url, durability=durability)
        self._writer = Writer(self._database.writing(), outage)

    def write(self, operation: Operation[T]) -> Future[T]:
        return self._writer.submit(operation)

    async def write_async(self, operation: Operation[T]) -> T:
        return await self._writer.submit_from_loop(operation)

    def read(self, operation: Operation[T]) -> T:
        with self._database.reading() as tx:
            return operation(tx)

    def check(self) -> None:
        self._database.check()

    def close(self) -> None:
        self._writer.close()
        self._database.close()
