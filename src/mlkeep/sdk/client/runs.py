"""Runs and what is logged to them, through the client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlkeep.core import limits
from mlkeep.core.clock import now_ms
from mlkeep.core.entities import (
    DatasetInput,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunStatus,
    RunTag,
    ViewType,
)
from mlkeep.core.errors import InvalidInput, NotOffered, Unavailable
from mlkeep.core.names import invalid
from mlkeep.core.pages import PagedList
from mlkeep.sdk import recording, staging
from mlkeep.sdk.client.base import ClientBase
from mlkeep.sdk.journal.delivery import asked
from mlkeep.sdk.journal.recorder import Recorder, drain_s
from mlkeep.sdk.journal.records import Points, Record
from mlkeep.sdk.operations import RunOperations, is_synchronous, perform
from mlkeep.wire import metrics as metrics_wire
from mlkeep.wire import runs as wire
from mlkeep.wire.message import KeyValueInput, RunRequest, key_value_inputs

PARENT_TAG = "mlflow.parentRunId"


class RunClient(ClientBase):
    """Operations on runs."""

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Make a running run. `start_time` is in milliseconds, now if None. No tags are added to the given ones."""
        texts = {key: str(value) for key, value in (tags or {}).items()}
        request = wire.CreateRun(
            experiment_id=str(experiment_id),
            user_id=texts.get("mlflow.user", "unknown"),
            run_name=run_name or "",
            start_time=now_ms() if start_time is None else start_time,
            tags=key_value_inputs(texts),
        )
        return recording.start(self.tracking_uri, request)

    def get_run(self, run_id: str) -> Run:
        """The run with its latest metrics, params and tags; deleted or not. Raises NotFound."""
        if (known := self._known(run_id)) is not None:
            if known.is_local and not known.link.is_down:
                recording.flush(known.link.tracking_uri)
            if (local := known.run()) is not None:
                return local
        run: Run = self._answer(wire.GetRun(run_id=run_id)).run.entity()
        return run

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run this one is nested in, or None."""
        parent = self.get_run(run_id).data.tags.get(PARENT_TAG)
        return None if parent is None else self.get_run(parent)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change the status or the name; None leaves as it is."""
        self._ask(wire.UpdateRun(run_id=run_id, status=_status(status), run_name=name or ""))

    def set_terminated(self, run_id: str, status: str | None = None, end_time: int | None = None) -> None:
        """End a run: FINISHED, now, unless said otherwise.

        Waits, up to a bound, until the server has what was logged; one that is not there learns of it later.
        """
        request = wire.UpdateRun(
            run_id=run_id,
            status=_status(status or "FINISHED"),
            end_time=now_ms() if end_time is None else end_time,
        )
        if (recorder := self._recorder(run_id)) is None:
            self._answer(request)
            return
        staging.send(recorder)
        recording.end(run_id, request)

    def delete_run(self, run_id: str) -> None:
        """Put a run into the bin."""
        if (recorder := self._recorder(run_id)) is None:
            self._answer(wire.DeleteRun(run_id=run_id))
            return
        recording.flush(recorder.link.tracking_uri)
        recorder.ask(wire.DeleteRun(run_id=run_id))
        recording.end(run_id)

    def restore_run(self, run_id: str) -> None:
        """Take a run out of the bin."""
        self._answer(wire.RestoreRun(run_id=run_id))

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: float,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> RunOperations | None:
        """Log one point. `timestamp` is in milliseconds, now if None; `step` is 0 if None."""
        at_ms = now_ms() if timestamp is None else int(timestamp)
        point = Metric(key, value, at_ms, int(step or 0), model_id, dataset_name, dataset_digest, run_id)
        return self.log_batch(run_id, metrics=[point], synchronous=synchronous)

    def log_param(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> Any:
        """Log a param and give `value` back, or RunOperations if it is not to be synchronous.

        Raises:
            InvalidInput: it has another value already.
        """
        request = wire.LogParam(run_id=run_id, key=key, value=str(value))
        operations = self._performed(request, synchronous)
        return value if is_synchronous(synchronous) else operations

    def set_tag(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> RunOperations | None:
        """Set a tag, replacing its value."""
        request = wire.SetTag(run_id=run_id, key=key, value=str(value))
        return self._performed(request, synchronous)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag. Raises NotFound."""
        self._ask(wire.DeleteTag(run_id=run_id, key=key))

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,
    ) -> RunOperations | None:
        """Log many things, in as few requests as the protocol allows. Each request is kept whole or not at all.

        Points of a run that this process started, or went on with, are kept in its journal, and sent from there, unless
        `synchronous` is true.
        """
        recorder = self._recorder(run_id)
        if recorder is None or (synchronous and not recorder.is_offline):
            return perform(lambda: self._log_directly(run_id, metrics, params, tags), synchronous)
        points: list[Points] = []

        def log() -> None:
            points.extend(_together(metrics))
            count = 0
            for each in points:
                recorder.check(each.at_ms, each.step, each.values, count)
                count += len(each.values)
            for some in _batches([], params, tags, limits.MAX_METRICS_PER_BATCH):
                recorder.ask(_batch(run_id, *some))
            recorder.log_all(points)

        return perform(log, synchronous, lambda: _finish(recorder, points))

    def _log_directly(
        self, run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]
    ) -> None:
        known = self._known(run_id)
        door = self._tracking if known is None else recording.door(known.link.tracking_uri)
        if known is not None:
            run_id = known.server_run_id
        for some in _batches(metrics, params, tags, door.points_at_once(len(metrics))):
            door.log_many(_batch(run_id, *some))

    def _performed(self, request: RunRequest, synchronous: bool | None) -> RunOperations | None:
        """Have the server do something to a run that has no answer."""
        recorder = self._recorder(request.run_id)
        if recorder is None:
            return perform(lambda: self._answer(request), synchronous)
        if synchronous and not recorder.is_offline:
            self._answer(request)
            return None
        return perform(lambda: recorder.ask(request), synchronous, lambda: _finish(recorder, [asked(request)]))

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] | None = None,
        models: Sequence[LoggedModelInput] | None = None,
    ) -> None:
        """Say which datasets and models the run used."""
        self._ask(
            wire.LogInputs(
                run_id=run_id,
                datasets=[
                    wire.DatasetUse(
                        tags=[_pair(tag) for tag in given.tags],
                        dataset=wire.DatasetFields(
                            name=given.dataset.name,
                            digest=given.dataset.digest,
                            source_type=given.dataset.source_type,
                            source=given.dataset.source,
                            schema=given.dataset.schema or "",
                            profile=given.dataset.profile or "",
                        ),
                    )
                    for given in datasets or ()
                ],
                models=[wire.ModelUse(model_id=model.model_id) for model in models or ()],
            )
        )

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Say which models the run made."""
        made = [wire.ModelMade(model_id=model.model_id, step=model.step) for model in models]
        self._ask(wire.LogOutputs(run_id=run_id, models=made))

    def log_model_record(self, run_id: str, mlmodel_json: str) -> None:
        """Note in the run that a model was logged among its artifacts; `mlmodel_json` is its MLmodel as JSON."""
        if not recording.is_silent(run_id):
            self._answer(wire.LogModelRecord(run_id=run_id, model_json=mlmodel_json))

    def get_metric_history(self, run_id: str, key: str) -> PagedList[Metric]:
        """All points logged under `key`, by (timestamp, step, value)."""
        if (known := self._known(run_id)) is not None:
            recording.flush(known.link.tracking_uri)
            if known.local is not None:
                return PagedList(known.history(key))
        points: list[Metric] = []
        token = ""
        while True:
            page = self._answer(
                metrics_wire.GetMetricHistory(
                    run_id=run_id, metric_key=key, page_token=token, max_results=limits.METRIC_HISTORY_PAGE
                )
            )
            points += [point.entity() for point in page.metrics]
            if not (token := page.next_page_token):
                return PagedList(points)

    def metrics_at_step(self, run_id: str, step: int) -> list[Metric]:
        """The points of all metrics of a run that were logged with this step: so many of each key as a chart would show."""
        if recording.is_silent(run_id):
            return []
        data = self._answer(wire.GetRun(run_id=run_id)).run.data
        # Of each key this is the point of the highest step: where that is lower, there is none.
        latest = [point.entity() for point in data.metrics]
        known = self._known(run_id)
        server_run_id = run_id if known is None else known.server_run_id
        points = [point for point in latest if point.step == step]
        for key in (point.key for point in latest if point.step > step):
            request = metrics_wire.GetSampledHistory(
                run_ids=[server_run_id], metric_key=key, start_step=step, end_step=step
            )
            points += [point.entity() for point in self._tracking.call(request).metrics]
        return points

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = limits.DEFAULT_RUNS_PER_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
        *,
        fields: Sequence[str] = (),
        count: bool = False,
        all_experiments: bool = False,
    ) -> PagedList[Run]:
        """One page of runs, latest start first unless `order_by` says otherwise.

        `fields` names what is wanted of the runs, such as "info", "params" or "metrics.loss"; the rest is empty then,
        apart from the id. With `count` the page's `total` is the number of all runs that match, and `max_results` may
        be 0. With `all_experiments`, and no ids, the runs of all active experiments are searched. These three are
        mlkeep's: an MLflow server tells whole runs, and no `total`.

        Raises:
            NotOffered: the server cannot search all experiments in one request.
        """
        ids = [experiment_ids] if isinstance(experiment_ids, (str, int)) else experiment_ids
        # A server that does not know `all_experiments` finds nothing; that it does not count either gives it away.
        is_probing = all_experiments and not page_token
        answer = self._tracking.call(
            wire.SearchRuns(
                experiment_ids=[self._experiment_at_server(experiment_id) for experiment_id in ids],
                filter=filter_string or "",
                run_view_type=ViewType(run_view_type),
                max_results=max_results,
                order_by=list(order_by or []),
                page_token=page_token or "",
                fields=list(fields),
                count=count or is_probing,
                all_experiments=all_experiments,
            )
        )
        if is_probing and answer.total_count is None:
            raise NotOffered(f"The server at {self.tracking_uri} cannot search all experiments at once: name them.")
        total = answer.total_count if count else None
        return PagedList([run.entity() for run in answer.runs], answer.next_page_token or None, total)


def _together(points: Sequence[Metric]) -> Iterator[Points]:
    """Points as records: those of one step and time that follow each other, and that belong to the same."""
    record = Points(0, 0, {})
    for point in points:
        place = (int(point.timestamp), int(point.step or 0))
        about = (point.model_id or "", point.dataset_name or "", point.dataset_digest or "")
        is_same = place == (record.at_ms, record.step) and about == (
            record.model_id,
            record.dataset_name,
            record.dataset_digest,
        )
        if not is_same or point.key in record.values:
            if record.values:
                yield record
            record = Points(*place, {}, *about)
        record.values[point.key] = as_number(point.value, point.key)
    if record.values:
        yield record


def _finish(recorder: Recorder, logged: Sequence[Record]) -> None:
    """Wait, up to a bound, until the server has what was logged.

    Raises:
        InvalidInput: it has refused it.
        Unavailable: it does not have it yet.
    """
    is_sent = recorder.flush(drain_s())
    for record in logged:
        if (reason := recorder.reason_against(record)) is not None:
            raise InvalidInput(reason)
    if not is_sent and not recorder.is_offline:
        raise Unavailable(
            f"{recorder.link.tracking_uri} does not have everything yet that was logged: it is kept in a journal, and sent "
            "when the server takes it."
        )


def as_number(value: Any, key: str) -> float:
    """`value` as a double: numbers, texts of numbers, arrays and tensors of one element.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        item = getattr(value, "item", None)
        try:
            return float(item()) if callable(item) else float(value)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            raise invalid(
                "value",
                value,
                f"the metric '{key}' needs a number (a 64-bit floating point), got {type(value).__name__}.",
            ) from None


def _status(name: str | None) -> RunStatus | None:
    if name is None:
        return None
    if name not in RunStatus.__members__:
        raise invalid("status", name, f"it must be one of {', '.join(RunStatus.all_names())}.")
    return RunStatus[name]


def _batches(
    metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag], points_at_once: int
) -> Iterator[tuple[Sequence[Metric], Sequence[Param], Sequence[RunTag]]]:
    """All three in parts that fit into one request each: as many params and tags as may be, then metrics.

    Params and tags take the place of points, of which there may be `points_at_once`.
    """
    done_metrics = done_params = done_tags = 0
    while done_metrics < len(metrics) or done_params < len(params) or done_tags < len(tags):
        some_params = params[done_params : done_params + limits.MAX_PARAMS_PER_BATCH]
        some_tags = tags[done_tags : done_tags + limits.MAX_TAGS_PER_BATCH]
        room = points_at_once - len(some_params) - len(some_tags)
        some_metrics = metrics[done_metrics : done_metrics + room]
        yield some_metrics, some_params, some_tags
        done_metrics += len(some_metrics)
        done_params += len(some_params)
        done_tags += len(some_tags)


def _batch(run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]) -> wire.LogBatch:
    return wire.LogBatch(
        run_id=run_id,
        metrics=[_point(point) for point in metrics],
        params=[_pair(param) for param in params],
        tags=[_pair(tag) for tag in tags],
    )


def _pair(item: Any) -> KeyValueInput:
    return KeyValueInput(key=item.key, value=str(item.value))


def _point(point: Metric) -> metrics_wire.MetricInput:
    return metrics_wire.MetricInput(
        key=point.key,
        value=as_number(point.value, point.key),
        timestamp=int(point.timestamp),
        step=int(point.step or 0),
        model_id=point.model_id or "",
        dataset_name=point.dataset_name or "",
        dataset_digest=point.dataset_digest or "",
    )
