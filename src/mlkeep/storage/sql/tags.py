"""Tags of runs."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, select

from mlkeep.storage.sql.dialect import Prepared, insert
from mlkeep.storage.sql.schema import run_tags
from mlkeep.storage.sql.session import Session


def _put() -> Prepared:
    statement = insert(run_tags).values(
        run_id=bindparam("run_id"), key_id=bindparam("key_id"), value=bindparam("value")
    )
    return Prepared(
        statement.on_conflict_do_update(index_elements=["run_id", "key_id"], set_={"value": statement.excluded.value})
    )


_PUT = _put()


class SqlTags:
    """See `contract.TagStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, run: int, tags: Mapping[str, str]) -> None:
        self._session.run_many(
            _PUT,
            [
                {"run_id": run, "key_id": self._session.key_number_or_new(key), "value": value}
                for key, value in tags.items()
            ],
        )

    def delete(self, run: int, key: str) -> bool:
        number = self._session.key_number(key)
        result = self._session.execute(run_tags.delete().where(run_tags.c.run_id == run, run_tags.c.key_id == number))
        return result.rowcount > 0

    def find(self, run: int, key: str) -> str | None:
        number = self._session.key_number(key)
        value: str | None = self._session.execute(
            select(run_tags.c.value).where(run_tags.c.run_id == run, run_tags.c.key_id == number)
        ).scalar_one_or_none()
        return value
