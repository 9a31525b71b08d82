"""Params of runs."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from mlkeep.core.errors import InvalidInput
from mlkeep.storage.contract import RunKey
from mlkeep.storage.sql.dialect import InsertRows
from mlkeep.storage.sql.schema import Counted, params
from mlkeep.storage.sql.session import Session, chunks

_ADD = InsertRows(
    params,
    ["run_id", "key_id", "value", "experiment_id"],
    lambda insert: insert.on_conflict_do_nothing(index_elements=["run_id", "key_id"]),
)


class SqlParams:
    """See `contract.ParamStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, run: RunKey, params: Mapping[str, str]) -> None:
        numbers = self._session.key_numbers(params)
        self._session.meet(run.experiment, Counted.PARAM_KEYS, numbers.values())
        rows = [
            {"run_id": run.run, "key_id": numbers[key], "value": value, "experiment_id": run.experiment}
            for key, value in params.items()
        ]
        if self._session.insert(_ADD, rows) == len(rows):
            return
        known = self._known(run.run, list(numbers.values()))
        for key, value in params.items():
            if (before := known[numbers[key]]) != value:
                raise InvalidInput(
                    f"Changing param values is not allowed. Param with key='{key}' was already logged with "
                    f"value='{before}'. Attempted logging new value '{value}'. Log it under another key, or in a new run."
                )

    def _known(self, run: int, numbers: list[int]) -> dict[int, str]:
        """The values of params, by the number of the key."""
        found: dict[int, str] = {}
        for part in chunks(numbers):
            statement = select(params.c.key_id, params.c.value).where(params.c.run_id == run, params.c.key_id.in_(part))
            found.update((number, value) for number, value in self._session.execute(statement))
        return found
