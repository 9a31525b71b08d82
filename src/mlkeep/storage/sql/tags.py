"""Tags of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from mlkeep.storage.contract import RunKey
from mlkeep.storage.sql.dialect import InsertRows
from mlkeep.storage.sql.schema import Counted, run_tags
from mlkeep.storage.sql.session import Session

_PUT = InsertRows(
    run_tags,
    ["run_id", "key_id", "value", "experiment_id"],
    lambda insert: insert.on_conflict_do_update(
        index_elements=["run_id", "key_id"], set_={"value": insert.excluded.value}
    ),
)


class SqlTags:
    """See `contract.TagStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, run: RunKey, tags: Mapping[str, str]) -> None:
        self.put_many([(run, tags)])

    def put_many(self, batches: Sequence[tuple[RunKey, Mapping[str, str]]]) -> None:
        numbers = self._session.key_numbers(key for _, tags in batches for key in tags)
        rows = {
            (run.run, key): {
                "run_id": run.run,
                "key_id": numbers[key],
                "value": value,
                "experiment_id": run.experiment,
            }
            for run, tags in batches
            for key, value in tags.items()
        }
        for run, tags in batches:
            self._session.meet(run.experiment, Counted.TAG_KEYS, [numbers[key] for key in tags])
        self._session.insert(_PUT, list(rows.values()))

    def delete(self, run: RunKey, key: str) -> bool:
        number = self._session.key_number(key)
        result = self._session.execute(
            run_tags.delete().where(run_tags.c.run_id == run.run, run_tags.c.key_id == number)
        )
        return result.rowcount > 0

    def find(self, run: RunKey, key: str) -> str | None:
        number = self._session.key_number(key)
        value: str | None = self._session.execute(
            select(run_tags.c.value).where(run_tags.c.run_id == run.run, run_tags.c.key_id == number)
        ).scalar_one_or_none()
        return value
