"""A run that no server knows yet, as this process knows it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from mlkeep.core.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
)
from mlkeep.core.errors import InvalidInput, MlkeepException, NotFound
from mlkeep.core.names import made_up_name
from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.delivery import request_in
from mlkeep.sdk.journal.file import SUFFIX
from mlkeep.sdk.journal.records import Asked, Placed, Points, Unknown
from mlkeep.wire import runs
from mlkeep.wire.message import Request

T = TypeVar("T")

RUN_NAME_TAG = "mlflow.runName"


class LocalRun:
    """Keeps what the run would be if the server had everything."""

    def __init__(self, created: runs.CreateRun, artifact_uri: str, *, is_whole: bool = True) -> None:
        """`created` says the id and the name of the run. `is_whole`: it has nothing that this process does not know."""
        self._is_whole = is_whole
        self._info = RunInfo(
            run_id=created.run_id,
            experiment_id=created.experiment_id,
            run_name=created.run_name,
            user_id=created.user_id,
            status=RunStatus.RUNNING.name,
            start_time=created.start_time or 0,
            artifact_uri=artifact_uri,
        )
        self._tags = {tag.key: tag.value for tag in created.tags} | {RUN_NAME_TAG: created.run_name}
        self._params: dict[str, str] = {}
        self._latest: dict[str, tuple[int, int, float]] = {}
        self._inputs = RunInputs([], [])
        self._outputs = RunOutputs([])

    def run(self) -> Run:
        """The run as it is now."""
        metrics = {key: value for key, (_, _, value) in self._latest.items()}
        data = RunData(metrics, dict(self._params), dict(self._tags))
        inputs = RunInputs(list(self._inputs.dataset_inputs), list(self._inputs.model_inputs))
        return Run(self._info, data, inputs, RunOutputs(list(self._outputs.model_outputs)))

    def latest(self, key: str) -> list[Metric]:
        """The latest point of a metric, if there is any."""
        found = self._latest.get(key)
        return [] if found is None else [Metric(key, found[2], found[1], found[0], run_id=self._info.run_id)]

    def logged(self, at_ms: int, step: int, values: Mapping[str, float]) -> None:
        """Points were logged."""
        for key, value in values.items():
            before = self._latest.get(key)
            if before is None or (before[0], before[1]) <= (step, at_ms):
                self._latest[key] = (step, at_ms, value)

    def check(self, request: Request) -> None:
        """Look at what is going to be asked for.

        Raises:
            InvalidInput: it changes a param.
            NotFound: it removes a tag that is not there.
        """
        match request:
            case runs.LogParam(key=key, value=value):
                self._check_param(key, value)
            case runs.LogBatch(params=params):
                for param in params:
                    self._check_param(param.key, param.value)
            case runs.DeleteTag(key=key) if self._is_whole and key not in self._tags:
                raise NotFound(f"No tag with name: {key} in run with id {self._info.run_id}")
            case _:
                pass

    def asked(self, request: Request) -> None:
        """Something else was asked for."""
        match request:
            case runs.LogParam(key=key, value=value):
                self._params[key] = value
            case runs.SetTag(key=key, value=value):
                self._set_tag(key, value)
            case runs.DeleteTag(key=key):
                self._tags.pop(key, None)
            case runs.LogBatch(params=params, tags=tags):
                self._params |= {param.key: param.value for param in params}
                for tag in tags:
                    self._set_tag(tag.key, tag.value)
            case runs.UpdateRun(status=status, end_time=end_time, run_name=name):
                if status is not None:
                    self._change(status=RunStatus(status).name, end_time=end_time)
                if name:
                    self._set_tag(RUN_NAME_TAG, name)
            case runs.DeleteRun() | runs.RestoreRun():
                is_deleted = isinstance(request, runs.DeleteRun)
                self._change(lifecycle_stage=LifecycleStage.DELETED if is_deleted else LifecycleStage.ACTIVE)
            case runs.LogInputs(datasets=datasets, models=models):
                _add(self._inputs.dataset_inputs, (_dataset_input(use) for use in datasets))
                _add(self._inputs.model_inputs, (LoggedModelInput(use.model_id) for use in models))
            case runs.LogOutputs(models=made):
                outputs = (LoggedModelOutput(output.model_id, output.step) for output in made or ())
                _add(self._outputs.model_outputs, outputs)
            case _:
                pass

    def _check_param(self, key: str, value: str) -> None:
        before = self._params.get(key, value)
        if before != value:
            raise InvalidInput(
                f"Changing param values is not allowed. Param with key='{key}' was already logged with value='{before}'. "
                f"Attempted logging new value '{value}'. Log it under another key, or in a new run."
            )

    def _set_tag(self, key: str, value: str) -> None:
        self._tags[key] = value
        if key == RUN_NAME_TAG:
            self._change(run_name=value)

    def _change(self, **fields: object) -> None:
        self._info = msgspec.structs.replace(self._info, **fields)


def named(created: runs.CreateRun) -> str:
    """The name of a run that is to be made: the given one, else one made up."""
    tagged = next((tag.value for tag in created.tags if tag.key == RUN_NAME_TAG), "")
    return created.run_name or tagged or made_up_name()


def found_in_journals(folder: Path, run_id: str, artifact_uri: str) -> LocalRun | None:
    """A run that was made here earlier and has not been sent, as its journals tell; None if they do not."""
    local: LocalRun | None = None
    for record in _records_of(folder, run_id):
        match record:
            case Points(at_ms=at_ms, step=step, values=values):
                if local is not None:
                    local.logged(at_ms, step, values)
            case Asked():
                try:
                    request = request_in(record)
                except MlkeepException:  # of a newer version
                    continue
                if isinstance(request, runs.CreateRun):
                    local = local or LocalRun(request, artifact_uri)
                elif local is not None:
                    local.asked(request)
            case _:
                pass
    return local


def history_in_journals(folder: Path, run_id: str, key: str) -> list[Metric]:
    """All points of a metric in the journals of a run, by (timestamp, step, value)."""
    found = {
        (record.at_ms, record.step, record.values[key])
        for record in _records_of(folder, run_id)
        if isinstance(record, Points) and key in record.values
    }
    return [Metric(key, value, at_ms, step) for at_ms, step, value in sorted(found)]


def _records_of(folder: Path, run_id: str) -> Iterator[records.Record | Unknown]:
    """What all journals of a run hold, those first that were begun first."""
    journals = []
    for path in folder.glob(f"{run_id}.*{SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):  # it was sent meanwhile
            journals.append([one.record for one in records.scan(path.read_bytes()) if isinstance(one, Placed)])
    for found in sorted(journals, key=_begun_at):
        yield from found


def _begun_at(found: Sequence[records.Record | Unknown]) -> int:
    return next((record.at_ms for record in found if isinstance(record, records.Opened)), 0)


def _add(known: list[T], more: Iterable[T]) -> None:
    known.extend(one for one in more if one not in known)


def _dataset_input(use: runs.DatasetUse) -> DatasetInput:
    told = use.dataset or runs.DatasetFields()
    dataset = Dataset(told.name, told.digest, told.source_type, told.source, told.schema or None, told.profile or None)
    return DatasetInput(dataset, [InputTag(tag.key, tag.value) for tag in use.tags])
