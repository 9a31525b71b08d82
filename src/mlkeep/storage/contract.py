"""What a storage promises, as if nothing implemented it.

A `Storage` runs operations: plain functions of a `Transaction`. Operations given to `write` are queued, run in shared
transactions, and answered after the commit; one that fails leaves nothing behind and disturbs no other. An operation
sees what was answered before it was given; of those that wait at the same time any may be first, and one may be run
again from the beginning if nothing of it was kept. Operations given to `read` see one consistent state and change
nothing. What the stores return are values, never views of the storage. All methods may be called from any thread; a
`Transaction` belongs to the operation it was given to.

What is logged to runs is most of what is ever written, and is no function but a value: `Logged`. Those that wait next to
each other are written together, in the order they came. All that is promised of operations holds for each of them.

Whoever writes says which names the operation `touches`. Operations that touch the same name, here or through any other
process on the same database, run one after another; others may run at the same time. So an operation may base what it
writes on what it has read under the names that it touches.

Runs have a key inside the storage. Stores that hold what belongs to a run take that key, so that looking a run up and
checking its state happens once an operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from mlkeep.core.entities import (
    DatasetInput,
    DatasetSummary,
    Experiment,
    ExperimentCounts,
    LoggedModel,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    RunInfo,
    ViewType,
)
from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.core.filters.ast import Node, OnDataset, OrderTerm
from mlkeep.core.found import FoundRun
from mlkeep.core.projection import WHOLE_RUN, RunFields
from mlkeep.storage.artifact_files import ArtifactFileStore
from mlkeep.storage.evaluation_datasets import EvaluationDatasetStore
from mlkeep.storage.registry import RegisteredModelStore, VersionStore
from mlkeep.storage.series.points import Points

T = TypeVar("T")

EVERYTHING = "everything"
"""The name of an operation that runs alone."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for. `order` leaves no two rows equal; `limit` is the size of a page; `token` is what the last one gave.

    With `count` the page tells how many there are in all; a `limit` of 0 then asks for nothing else.
    """

    where: Node | None = None
    order: tuple[OrderTerm, ...] = ()
    limit: int
    token: str | None = None
    count: bool = False


class Page(msgspec.Struct, frozen=True):
    """Some of what was found. `token` is None on the last page; `total` is the number of all that match, if asked for."""

    items: list[Any]
    token: str | None = None
    total: int | None = None


class PointsPage(msgspec.Struct, frozen=True):
    """Some points of a series. `token` is None on the last page."""

    points: Points
    token: str | None = None


class RunKey(NamedTuple):
    """The integers by which a storage knows a run and the experiment that it belongs to for good."""

    run: int
    experiment: int


class Columns(NamedTuple):
    """Points of one series, none of them of a logged model or measured on a dataset."""

    key: str
    points: Points


class Logged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one request logs to a run; all of it is kept, or nothing. Keys and values are such as may be kept.

    It fails with NotFound (there is no such run) or InvalidInput: the run is deleted, a param has another value already,
    or there is no such logged model. A `run_name` is the new name of the run.
    """

    run_id: str
    points: Sequence[Metric] = ()
    columns: Sequence[Columns] = ()
    params: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}
    run_name: str | None = None


class ExperimentStore(Protocol):
    """Experiments and their tags."""

    def add(self, name: str, artifact_location: str, tags: Mapping[str, str], now_ms: int) -> str:
        """Add an experiment and give its id, an integer never used before.

        Raises:
            AlreadyExists: an experiment, perhaps a deleted one, has this name.
        """
        ...

    def add_default(self, artifact_location: str, now_ms: int) -> None:
        """Add experiment "0", called Default, if there is none of this id."""
        ...

    def get(self, experiment_id: str) -> Experiment:
        """The experiment, deleted or not. Raises NotFound, InvalidInput (no integer)."""
        ...

    def find_by_name(self, name: str) -> Experiment | None:
        """The experiment of this name, deleted or not."""
        ...

    def get_active(self, experiment_id: str) -> Experiment:
        """The experiment. Raises NotFound; InvalidInput when it is deleted."""
        ...

    def rename(self, experiment_id: str, name: str, now_ms: int) -> None:
        """Give the experiment another name. Raises AlreadyExists."""
        ...

    def set_artifact_location(self, experiment_id: str, artifact_location: str) -> None:
        """Say where the artifacts of new runs go."""
        ...

    def set_lifecycle(self, experiment_id: str, stage: str, now_ms: int) -> None:
        """Delete or restore the experiment with all its runs."""
        ...

    def put_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Set a tag, replacing its value."""
        ...

    def delete_tag(self, experiment_id: str, key: str) -> bool:
        """Remove a tag; whether there was one."""
        ...

    def counts(self, experiment_id: str) -> ExperimentCounts:
        """How much there is of the experiment, without looking through it. Raises NotFound, InvalidInput."""
        ...

    def search(self, search: Search, view: ViewType) -> Page:
        """Experiments."""
        ...


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is made of."""

    run_id: str
    experiment_id: str
    name: str
    user_id: str
    start_time: int
    artifact_uri: str


class RunStore(Protocol):
    """Runs: their info, their outputs and the search over them."""

    def add(self, new: NewRun) -> RunKey:
        """Add a running run and give its key. Raises AlreadyExists: the id is taken."""
        ...

    def key(self, run_id: str) -> RunKey:
        """The key of a run, deleted or not. Raises NotFound."""
        ...

    def find_key(self, run_id: str) -> RunKey | None:
        """The key of a run, deleted or not; None if there is no such run."""
        ...

    def started(self, run_ids: Sequence[str]) -> dict[str, tuple[RunKey, int]]:
        """Key and start time, in milliseconds, of those of these runs that there are, deleted or not."""
        ...

    def active_key(self, run_id: str) -> RunKey:
        """The key of a run that may be logged to. Raises NotFound; InvalidInput when it is deleted."""
        ...

    def active_keys(self, run_ids: Collection[str]) -> dict[str, RunKey | MlkeepException]:
        """`active_key` of each of these runs, or what it would raise."""
        ...

    def get_info(self, run_id: str) -> RunInfo:
        """The run without what was logged to it. Raises NotFound."""
        ...

    def get(self, run_id: str) -> FoundRun:
        """The run with everything. Raises NotFound."""
        ...

    def update(
        self, key: RunKey, *, status: str | None = None, end_time: int | None = None, name: str | None = None
    ) -> None:
        """Change what is given; None leaves as it is."""
        ...

    def set_lifecycle(self, run_id: str, stage: str, now_ms: int) -> None:
        """Delete or restore a run; repeating it changes nothing. Raises NotFound."""
        ...

    def add_outputs(self, key: RunKey, models: Sequence[LoggedModelOutput]) -> None:
        """Say that the run made these models; saying it again changes nothing."""
        ...

    def search(
        self, search: Search, experiment_ids: Sequence[str] | None, view: ViewType, fields: RunFields = WHOLE_RUN
    ) -> Page:
        """`FoundRun`s of these experiments, of all active ones if None. Unknown experiments have no runs.

        Of each run only `fields` are read; the rest is as in a run to which nothing was logged.
        """
        ...


class HeardRun(msgspec.Struct, frozen=True):
    """How a run stands that somebody says is alive; `is_lost` says that it was given up before."""

    key: RunKey
    status: str
    lifecycle_stage: str
    is_lost: bool


class OverdueRun(msgspec.Struct, frozen=True):
    """A run of which nothing was heard any more since `last_at_ms`; `is_running` says that something should have been."""

    key: RunKey
    run_id: str
    last_at_ms: int
    is_running: bool


class HeartbeatStore(Protocol):
    """When runs were last heard of, and until when they are waited for. A run that was never heard of is not in here."""

    def heard(self, run_ids: Sequence[str]) -> dict[str, HeardRun]:
        """Those of these runs that there are, deleted or not."""
        ...

    def put(self, runs: Sequence[RunKey], at_ms: int, until_ms: int) -> None:
        """Note that runs were heard of, and are waited for until then. None of them is lost any more."""
        ...

    def overdue(self, now_ms: int, watched_ms: int, limit: int, among: Sequence[str] | None = None) -> list[OverdueRun]:
        """Runs that are waited for no longer, and not lost yet, the longest overdue first; at most `limit`.

        Left out are those that were to be waited for longer than `watched_ms`. With `among`, only these runs count.
        """
        ...

    def lose(self, runs: Sequence[RunKey]) -> None:
        """Give runs up: they are waited for no longer, and are lost until they are heard of again."""
        ...

    def forget(self, runs: Sequence[RunKey]) -> list[RunKey]:
        """Take out runs of which nothing need be heard; those of them that were lost."""
        ...


class MetricStore(Protocol):
    """Points of series, each belonging to a run and a key."""

    def add(self, run: RunKey, points: Sequence[Metric]) -> None:
        """Add points. A point equal to one already there adds nothing.

        The latest point of a key is the greatest by (step, timestamp, value), NaN counting as 0.

        Raises:
            InvalidInput: a point is of a logged model that is not there.
        """
        ...

    def add_many(self, batches: Sequence[tuple[RunKey, Sequence[Metric]]]) -> None:
        """Add points of several runs; one run may come several times. Raises InvalidInput: there is no such model."""
        ...

    def add_columns(self, run: RunKey, columns: Sequence[Columns]) -> None:
        """Add many points; one key may come several times."""
        ...

    def seal(self, run: RunKey) -> None:
        """Bring the points of a run into less room, as it has ended. More may follow nevertheless."""
        ...

    def series(self, run: RunKey, key: str, steps: tuple[int, int] | None = None) -> Points:
        """The distinct points under `key`, by (step, timestamp, value); with `steps`, from the first to the last of them."""
        ...

    def all_series(self, wanted: Sequence[tuple[RunKey, str]], steps: tuple[int, int] | None = None) -> list[Points]:
        """`series` of each of these, quickest where each run is wanted with the same keys."""
        ...

    def history(self, run: RunKey, key: str, limit: int | None, token: str | None) -> PointsPage:
        """The distinct points under `key`, by (timestamp, step, value). A key never logged gives an empty page.

        A token stays good when points are added; those that belong to pages before it are not told then.
        """
        ...

    def bulk_history(self, run_ids: Sequence[str], key: str, limit: int) -> list[tuple[str, Points]]:
        """The points under `key` of any of these runs, by (run id, timestamp, step, value), with the id of their run.

        There are at most `limit` in all. Unknown runs, and those without points, are left out.
        """
        ...

    def sampled_history(
        self, run_ids: Sequence[str], key: str, steps: tuple[int, int] | None, limit: int
    ) -> dict[str, Points]:
        """At most `limit` points of each of these runs under `key`, by (step, timestamp, value); with `steps`, from
        the first to the last of them.

        A run with more is cut into `limit` parts of equal size, of which the first points are given, but the very last
        point for the last part. Runs without points are left out.
        """
        ...


class ParamStore(Protocol):
    """Params of runs; set once."""

    def add(self, run: RunKey, params: Mapping[str, str]) -> None:
        """Add params; one already there with the same value is left. Raises InvalidInput: another value."""
        ...

    def add_many(self, batches: Sequence[tuple[RunKey, Mapping[str, str]]]) -> list[InvalidInput | None]:
        """Add params of several runs, batch by batch; one already there with the same value is left.

        What is wrong with each batch: it is refused as a whole if a param has another value already.
        """
        ...


class TagStore(Protocol):
    """Tags of runs."""

    def put(self, run: RunKey, tags: Mapping[str, str]) -> None:
        """Set tags, replacing values."""
        ...

    def put_many(self, batches: Sequence[tuple[RunKey, Mapping[str, str]]]) -> None:
        """Set tags of several runs, batch by batch; one run may come several times."""
        ...

    def delete(self, run: RunKey, key: str) -> bool:
        """Remove a tag; whether there was one."""
        ...

    def find(self, run: RunKey, key: str) -> str | None:
        """The value of a tag."""
        ...


class InputStore(Protocol):
    """Datasets and models that went into runs."""

    def add(self, run: RunKey, datasets: Sequence[DatasetInput], model_ids: Sequence[str]) -> None:
        """Say that the run used these. A dataset is known by (name, digest) within its experiment; first one stays."""
        ...

    def summaries(self, experiment_ids: Sequence[str], limit: int) -> list[DatasetSummary]:
        """The datasets that runs of these experiments used, by (experiment, name, digest, context); at most `limit`."""
        ...


class NewLoggedModel(msgspec.Struct, frozen=True, kw_only=True):
    """What a logged model is made of."""

    model_id: str
    experiment_id: str
    name: str
    model_type: str
    source_run_id: str
    artifact_uri: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    now_ms: int


class LoggedModelStore(Protocol):
    """Models as they were logged."""

    def add(self, new: NewLoggedModel) -> None:
        """Add a model whose files have yet to come."""
        ...

    def get(self, model_id: str, *, with_deleted: bool = False) -> LoggedModel:
        """The model. Raises NotFound."""
        ...

    def set_status(self, model_id: str, status: LoggedModelStatus, now_ms: int) -> None:
        """Say whether the files have come. Raises NotFound."""
        ...

    def delete(self, model_id: str, now_ms: int) -> None:
        """Put the model into the bin; repeating it changes nothing. Raises NotFound."""
        ...

    def put_tags(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Set tags, replacing values. Raises NotFound."""
        ...

    def delete_tag(self, model_id: str, key: str) -> bool:
        """Remove a tag; whether there was one. Raises NotFound."""
        ...

    def add_params(self, model_id: str, params: Mapping[str, str]) -> None:
        """Add params. Raises NotFound; InvalidInput when one is there already."""
        ...

    def search(self, search: Search, experiment_ids: Sequence[str], datasets: Sequence[OnDataset] = ()) -> Page:
        """`LoggedModel`s of these experiments.

        A clause about a metric is true of a model if it is of any point of it; each clause by itself. Sorting goes by
        the point of the greatest timestamp, then step. With `datasets`, only models and points measured on one of them
        are found by clauses.
        """
        ...


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a governed thing: who did what to which, and what it was and became."""

    action: str
    entity: str
    principal: str
    request_id: str
    at_ms: int
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    workspace: str = "default"


class EventStore(Protocol):
    """The outbox: what happened, in order, written with what happened."""

    def add(self, event: Event) -> None:
        """Append an event, when the transaction is about to be committed."""
        ...

    def after(self, position: int, limit: int) -> list[tuple[int, Event]]:
        """Events past a position, each with its own, oldest first.

        Positions grow from commit to commit, so whoever goes on after the last one it has seen misses none.
        """
        ...


class Transaction(Protocol):
    """The stores, as one operation may use them."""

    @property
    def experiments(self) -> ExperimentStore: ...
    @property
    def runs(self) -> RunStore: ...
    @property
    def heartbeats(self) -> HeartbeatStore: ...
    @property
    def metrics(self) -> MetricStore: ...
    @property
    def params(self) -> ParamStore: ...
    @property
    def tags(self) -> TagStore: ...
    @property
    def inputs(self) -> InputStore: ...
    @property
    def logged_models(self) -> LoggedModelStore: ...
    @property
    def models(self) -> RegisteredModelStore: ...
    @property
    def versions(self) -> VersionStore: ...
    @property
    def artifact_files(self) -> ArtifactFileStore: ...
    @property
    def evaluation_datasets(self) -> EvaluationDatasetStore: ...
    @property
    def events(self) -> EventStore: ...


Operation = Callable[[Transaction], T]


class Storage(Protocol):
    """Runs operations."""

    def write(self, operation: Operation[T], touches: Sequence[str] = ()) -> Future[T]:
        """Queue an operation that changes things. The future is done after the commit.

        Raises, through the future:
            MlkeepException: what the operation raised; nothing of it was kept.
            Unavailable: the storage could not commit; nothing of it was kept.
        """
        ...

    async def write_async(self, operation: Operation[T], touches: Sequence[str] = ()) -> T:
        """`write` for an event loop: many waiting operations of one loop are answered in one go."""
        ...

    def log(self, logged: Logged, touches: Sequence[str] = ()) -> Future[None]:
        """Queue what is logged to a run. The future is done after the commit, or fails as with `write`."""
        ...

    def log_from_loop(self, logged: Logged, touches: Sequence[str] = ()) -> asyncio.Future[None]:
        """`log` for the running event loop: all that one loop waits for is answered in one go."""
        ...

    def read(self, operation: Operation[T]) -> T:
        """Run an operation that changes nothing, in the calling thread, on one consistent state."""
        ...

    def check(self) -> None:
        """Raises Unavailable: the storage cannot be read."""
        ...

    def close(self) -> None:
        """Finish what is queued, then let go of everything. May be called twice."""
        ...
