"""Params of runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mlkeep.core.errors import InvalidInput
from mlkeep.storage.contract import RunKey
from mlkeep.storage.sql.dialect import FindRows, InsertRows
from mlkeep.storage.sql.schema import Counted, params
from mlkeep.storage.sql.session import Session

_FIND = FindRows(
    [params.c.run_id, params.c.key_id, params.c.value], {"run_id": params.c.run_id, "key_id": params.c.key_id}
)
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
        (refusal,) = self.add_many([(run, params)])
        if refusal is not None:
            raise refusal

    def add_many(self, batches: Sequence[tuple[RunKey, Mapping[str, str]]]) -> list[InvalidInput | None]:
        numbers = self._session.key_numbers(key for _, params in batches for key in params)
        values = self._known({run.run for run, _ in batches}, numbers.values())
        refusals: list[InvalidInput | None] = []
        rows = []
        for run, given in batches:
            places = [(run.run, numbers[key]) for key in given]
            refusal = None
            for place, (key, value) in zip(places, given.items(), strict=True):
                if (before := values.get(place, value)) != value:
                    refusal = _changed(key, before, value)
                    break
            refusals.append(refusal)
            if refusal is None:
                self._session.meet(run.experiment, Counted.PARAM_KEYS, [key for _, key in places])
                for place, value in zip(places, given.values(), strict=True):
                    if place not in values:
                        values[place] = value
                        rows.append(
                            {"run_id": place[0], "key_id": place[1], "value": value, "experiment_id": run.experiment}
                        )
        self._session.insert(_ADD, rows)
        return refusals

    def _known(self, runs: Collection[int], keys: Collection[int]) -> dict[tuple[int, int], str]:
        """The values of params, by the numbers of run and key."""
        rows = self._session.find(_FIND, {"run_id": list(runs), "key_id": list(keys)})
        return {(run, key): value for run, key, value in rows}


def _changed(key: str, before: str, value: str) -> InvalidInput:
    return InvalidInput(
        f"Changing param values is not allowed. Param with key='{key}' was already logged with value='{before}'. "
        f"Attempted logging new value '{value}'. Log it under another key, or in a new run."
    )
