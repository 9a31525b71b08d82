"""Params of runs."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, select

from mlkeep.core.errors import InvalidInput
from mlkeep.storage.sql.dialect import Prepared, insert
from mlkeep.storage.sql.schema import params
from mlkeep.storage.sql.session import Session

_ADD = Prepared(
    insert(params)
    .values(run_id=bindparam("run_id"), key_id=bindparam("key_id"), value=bindparam("value"))
    .on_conflict_do_nothing(index_elements=["run_id", "key_id"])
    .returning(params.c.key_id)
)
_FIND = Prepared(
    select(params.c.value).where(params.c.run_id == bindparam("run_id"), params.c.key_id == bindparam("key_id"))
)


class SqlParams:
    """See `contract.ParamStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, run: int, params: Mapping[str, str]) -> None:
        for key, value in params.items():
            place = {"run_id": run, "key_id": self._session.key_number_or_new(key)}
            if self._session.first(_ADD, {**place, "value": value}) is not None:
                continue
            (known,) = self._session.first(_FIND, place)
            if known != value:
                raise InvalidInput(
                    f"Changing param values is not allowed. Param with key='{key}' was already logged with "
                    f"value='{known}'. Attempted logging new value '{value}'. Log it under another key, or in a new run."
                )
