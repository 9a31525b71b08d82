"""What went into runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import select

from mlkeep.core.entities import Dataset, DatasetInput, DatasetSummary, InputTag, LoggedModelInput, RunInputs
from mlkeep.core.ids import experiment_key
from mlkeep.storage.contract import RunKey
from mlkeep.storage.sql.dialect import insert
from mlkeep.storage.sql.schema import datasets, run_datasets, run_models
from mlkeep.storage.sql.searching.values import listed
from mlkeep.storage.sql.session import Session, chunks

CONTEXT_TAG = "mlflow.data.context"
"""The input tag that says what a dataset was used for; filters call it `dataset.context`."""


# On the driver's cursor: they are asked for every page of runs, and mostly find nothing.
_DATASETS_OF = """
    SELECT run_id, tags, name, digest, source_type, source, schema, profile
    FROM run_datasets JOIN datasets ON datasets.id = run_datasets.dataset_id
    WHERE run_id IN ({runs}) ORDER BY run_id, dataset_id
"""
_MODELS_OF = "SELECT run_id, model_id FROM run_models WHERE run_id IN ({runs}) AND is_output = 0"


class SqlInputs:
    """See `contract.InputStore`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, run: RunKey, datasets: Sequence[DatasetInput], model_ids: Sequence[str]) -> None:
        for given in datasets:
            tags = {tag.key: tag.value for tag in given.tags}
            self._session.execute(
                insert(run_datasets)
                .values(
                    run_id=run.run,
                    dataset_id=self._dataset(run.experiment, given.dataset),
                    context=tags.get(CONTEXT_TAG),
                    tags=msgspec.json.encode(tags).decode(),
                )
                .on_conflict_do_nothing()
            )
        for model_id in model_ids:
            self._session.execute(
                insert(run_models)
                .values(run_id=run.run, is_output=0, model_id=model_id, step=0)
                .on_conflict_do_nothing()
            )

    def summaries(self, experiment_ids: Sequence[str], limit: int) -> list[DatasetSummary]:
        experiments = sorted({experiment_key(experiment_id) for experiment_id in experiment_ids})
        columns = (datasets.c.experiment_id, datasets.c.name, datasets.c.digest, run_datasets.c.context)
        rows = self._session.execute(
            select(*columns)
            .join_from(run_datasets, datasets, datasets.c.id == run_datasets.c.dataset_id)
            .where(datasets.c.experiment_id.in_(experiments))
            .distinct()
            .order_by(*columns)
            .limit(limit)
        )
        return [DatasetSummary(str(experiment), name, digest, context) for experiment, name, digest, context in rows]

    def of_runs(self, run_keys: Iterable[int]) -> dict[int, RunInputs]:
        """What went into runs, by run."""
        found: dict[int, RunInputs] = {run: RunInputs([], []) for run in run_keys}
        for part in chunks(list(found)):
            for run, tags, *fields in self._session.cursor.execute(_DATASETS_OF.format(runs=listed(part))).fetchall():
                labels = msgspec.json.decode(tags, type=dict[str, str])
                found[run].dataset_inputs.append(
                    DatasetInput(Dataset(*fields), [InputTag(key, value) for key, value in labels.items()])
                )
            for run, model_id in self._session.cursor.execute(_MODELS_OF.format(runs=listed(part))).fetchall():
                found[run].model_inputs.append(LoggedModelInput(model_id))
        return found

    def _dataset(self, experiment: int, dataset: Dataset) -> int:
        same = (datasets.c.name == dataset.name, datasets.c.digest == dataset.digest)
        find = select(datasets.c.id).where(datasets.c.experiment_id == experiment, *same)
        known = self._session.execute(find).scalar_one_or_none()
        if known is None:
            known = self._session.execute(
                datasets.insert()
                .values(experiment_id=experiment, **msgspec.structs.asdict(dataset))
                .returning(datasets.c.id)
            ).scalar_one()
        return int(known)
