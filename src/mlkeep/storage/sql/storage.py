"""`contract.Storage` on an SQL database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TypeVar

from mlkeep.storage.contract import Logged, Operation
from mlkeep.storage.sql.database import Database
from mlkeep.storage.sql.series.sealing import Sealing
from mlkeep.storage.writer import Writer

T = TypeVar("T")


class SqlStorage:
    """Runs operations on the database at `url`. See `contract.Storage` for what it promises, `Database` for errors."""

    def __init__(
        self,
        url: str,
        *,
        durability: str | None = None,
        read_connections: int | None = None,
        sealing: Sealing | None = None,
    ) -> None:
        self._database = Database(url, durability=durability, read_connections=read_connections, sealing=sealing)
        self._writer = Writer(
            self._database.writing(), self._database.outage, max_group=self._database.backend.max_group
        )

    def write(self, operation: Operation[T], touches: Sequence[str] = ()) -> Future[T]:
        return self._writer.submit(operation, touches)

    async def write_async(self, operation: Operation[T], touches: Sequence[str] = ()) -> T:
        return await self._writer.submit_from_loop(operation, touches)

    def log(self, logged: Logged, touches: Sequence[str] = ()) -> Future[None]:
        return self._writer.log(logged, touches)

    def log_from_loop(self, logged: Logged, touches: Sequence[str] = ()) -> asyncio.Future[None]:
        return self._writer.log_from_loop(logged, touches)

    def read(self, operation: Operation[T]) -> T:
        return self._database.read(operation)

    def check(self) -> None:
        self._database.check()

    def close(self) -> None:
        self._writer.close()
        self._database.close()
