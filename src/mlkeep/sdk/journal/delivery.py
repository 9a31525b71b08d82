"""From the records of a journal to requests: in order, many points to a request, each thing stored once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from mlkeep.core import limits
from mlkeep.core.entities import Run, ViewType
from mlkeep.core.errors import AlreadyExists, BadRequest, MlkeepException, NoSuchEndpoint, NotFound, NotOffered
from mlkeep.sdk.doors import Door
from mlkeep.sdk.journal.parcel import Parcel
from mlkeep.sdk.journal.records import Asked, Known, Opened, Placed, Points, Refused, Sent
from mlkeep.wire import experiments, runs
from mlkeep.wire.message import KeyValueInput, Request
from mlkeep.wire.table import BY_REQUEST

MOST_POINTS = 50_000
"""Points of one request, so that an answer does not take long and a repetition is not much."""

MOST_LABEL_BYTES = 256 * 1024
"""Bytes of params and tags of one request, with the frame of their records: other servers take 1 MB as JSON."""

MOST_REFUSED_ALONE = 20
"""Records of points that are found out to be refused one by one; after them, all that are left are refused together."""

UNSENT_EXPERIMENT = "unsent:"
"""How the id of an experiment begins that no server was asked for: its name follows."""

ORIGIN_TAG = "mlkeep.journal.run_id"
"""The id that a run has in its journal, where the server gave it another one."""

_KINDS: dict[str, type[Request]] = {kind.__name__: kind for kind in BY_REQUEST}
_LABELS = {kind.__name__ for kind in (runs.LogParam, runs.SetTag, runs.LogBatch)}

_NEEDED: tuple[type[Request], ...] = (
    runs.CreateRun,
    runs.UpdateRun,
    runs.DeleteTag,
    *(_KINDS[name] for name in _LABELS),
)
"""What every tracking server takes. What is beyond that is refused where the server does not know it."""

NOT_SENT = (Opened, Sent, Refused)
"""Records that say something of the journal."""

_TRIED_AGAIN = frozenset({408, 425, 429, 499})
"""Statuses below 500 after which the same request may succeed."""

_REFUSED = frozenset({400, 413, 422})
"""Statuses of what the server will never take."""


class Part(msgspec.Struct, frozen=True):
    """Records that make one request; `end` is where they end in the file."""

    placed: Sequence[Placed]
    end: int


class _Gathering:
    """Records for one request of points, params and tags."""

    def __init__(self, most_points: int) -> None:
        self.placed: list[Placed] = []
        self._most_points = most_points
        self._points = self._measured = self._label_bytes = 0
        self._params: dict[str, str] = {}
        self._tags: set[str] = set()

    def takes(self, placed: Placed) -> bool:
        """Add a record, if there is room for it; the first one always has it."""
        if isinstance(placed.record, Points):
            return self._takes_points(placed, placed.record)
        labels = _labels_in(placed.record)
        return labels is not None and self._takes_labels(placed, *labels)

    def _takes_points(self, placed: Placed, record: Points) -> bool:
        points = self._points + len(record.values)
        measured = self._measured + (len(record.values) if _is_measured(record) else 0)
        if self.placed and (points > self._most_points or measured > limits.MAX_ROWS_PER_COLUMNS):
            return False
        self._points, self._measured = points, measured
        self.placed.append(placed)
        return True

    def _takes_labels(self, placed: Placed, params: Sequence[KeyValueInput], tags: Sequence[KeyValueInput]) -> bool:
        all_params, all_tags = dict(self._params), self._tags.union(tag.key for tag in tags)
        for param in params:
            if all_params.setdefault(param.key, param.value) != param.value:
                return False  # the server is to say so of this record alone
        label_bytes = self._label_bytes + placed.end - placed.at
        if self.placed and (
            len(all_params) > limits.MAX_PARAMS_PER_BATCH
            or len(all_tags) > limits.MAX_TAGS_PER_BATCH
            or label_bytes > MOST_LABEL_BYTES
        ):
            return False
        self._params, self._tags, self._label_bytes = all_params, all_tags, label_bytes
        self.placed.append(placed)
        return True


def parts(found: Sequence[Placed], most_points: int = MOST_POINTS) -> Iterator[Part]:
    """Records by the requests that they make, in order."""
    gathered = _Gathering(most_points)
    for placed in found:
        if isinstance(placed.record, NOT_SENT) or gathered.takes(placed):
            continue
        if gathered.placed:
            yield Part(gathered.placed, gathered.placed[-1].end)
            gathered = _Gathering(most_points)
            if gathered.takes(placed):
                continue
        yield Part([placed], placed.end)
    if gathered.placed:
        yield Part(gathered.placed, gathered.placed[-1].end)


class Delivery:
    """Sends what one journal says of one run."""

    def __init__(self, run_id: str, tell_known: Callable[[str], None] | None = None) -> None:
        """`tell_known` is told the id that the server gives the run, if it does not take ours, before anything else is sent."""
        self._run_id = run_id
        self._tell_known = tell_known
        self._refused_at: set[int] = set()
        self.known: str | None = None
        """The id that the server gave the run, if it did not take ours."""
        self.is_begun = False
        """Whether this made the run."""

    def deliver(self, door: Door, part: Part, refused: Callable[[Placed, str], None]) -> None:
        """Have the server store a part. `refused` is told of records that it will never take, and why.

        Raises MlkeepException: the server does not take it now.
        """
        left = [placed for placed in part.placed if placed.at not in self._refused_at]
        try:
            if left:
                self._send(door, left)
        except MlkeepException as error:
            if not is_refusal(error):
                raise
            self._one_by_one(door, left, error, refused)
        self._refused_at.clear()

    def _one_by_one(
        self, door: Door, placed: Sequence[Placed], error: MlkeepException, refused: Callable[[Placed, str], None]
    ) -> None:
        """Find the records that are refused, halving. They are not refused again if this breaks off and is repeated."""
        points = [one for one in placed if isinstance(one.record, Points)]
        others = [one for one in placed if not isinstance(one.record, Points)]
        waiting = [some for some in (points, others) if some]
        is_known = len(waiting) == 1  # that they are refused
        count = 0
        while waiting:
            some = waiting.pop()
            try:
                if not is_known:
                    self._send(door, some)
                    continue
            except MlkeepException as told:
                if not is_refusal(told):
                    raise
                error = told
            is_known = False
            is_point = isinstance(some[0].record, Points)
            if len(some) > 1 and not (is_point and count >= MOST_REFUSED_ALONE):
                middle = len(some) // 2
                waiting += [some[middle:], some[:middle]]
                continue
            count += is_point
            for one in some:
                refused(one, error.message)
                self._refused_at.add(one.at)

    def _send(self, door: Door, found: Sequence[Placed]) -> None:
        first = found[0].record
        if isinstance(first, Known):
            self.known = first.run_id
        elif len(found) == 1 and isinstance(first, Asked):
            self._ask(door, request_in(first))
        elif not isinstance(first, (Points, Asked)):
            raise BadRequest("The journal has a record that this version of mlkeep does not know.")
        else:
            parcel = Parcel()
            for placed in found:
                if isinstance(placed.record, Points):
                    parcel.add(placed.record)
                elif (labels := _labels_in(placed.record)) is not None:
                    parcel.label(*labels)
            parcel.send(door, self.known or self._run_id)
            self.is_begun = True

    def _ask(self, door: Door, request: Request) -> None:
        if isinstance(request, runs.CreateRun):
            run_id = create_run(door, request).info.run_id
            if run_id != self._run_id:
                self.known = run_id
                if self._tell_known is not None:
                    self._tell_known(run_id)
            self.is_begun = True
            return
        if self.known is not None and getattr(request, "run_id", None) == self._run_id:
            request = msgspec.structs.replace(request, run_id=self.known)
        try:
            door.call(request)
        except (NoSuchEndpoint, NotOffered) as error:
            if isinstance(request, _NEEDED):
                raise
            raise BadRequest(error.message) from error
        except NotFound:
            if not isinstance(request, runs.DeleteTag):  # it may have been deleted by the first try
                raise


def asked(request: Request) -> Asked:
    """A request as a record."""
    return Asked(type(request).__name__, msgspec.Raw(msgspec.msgpack.encode(request)))


def request_in(record: Asked) -> Request:
    """The request in a record. Raises BadRequest: this version does not know it."""
    kind = _KINDS.get(record.name)
    if kind is None:
        raise BadRequest(f"The journal has a request '{record.name}', which this version of mlkeep does not know.")
    try:
        return msgspec.msgpack.decode(record.fields, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The journal has a request '{record.name}' that cannot be read: {error}.") from error


def _is_measured(record: Points) -> bool:
    return bool(record.model_id or record.dataset_name or record.dataset_digest)


def _labels_in(record: object) -> tuple[Sequence[KeyValueInput], Sequence[KeyValueInput]] | None:
    """The params and tags that a record is about, if it is about nothing else and they fit into one request."""
    if not isinstance(record, Asked) or record.name not in _LABELS:
        return None
    try:
        request = request_in(record)
    except BadRequest:
        return None
    match request:
        case runs.LogParam(key=key, value=value):
            return [KeyValueInput(key=key, value=value)], []
        case runs.SetTag(key=key, value=value):
            return [], [KeyValueInput(key=key, value=value)]
        case runs.LogBatch(metrics=[], params=params, tags=tags) if (
            len(params) <= limits.MAX_PARAMS_PER_BATCH and len(tags) <= limits.MAX_TAGS_PER_BATCH
        ):
            return params, tags
    return None


def create_run(door: Door, request: runs.CreateRun) -> Run:
    """Make the run if it is not there, in an experiment that is made if need be. Raises MlkeepException.

    A server that gives runs ids of its own gives this one a tag with ours, by which it is found if this is repeated.
    """
    if (name := request.experiment_id.removeprefix(UNSENT_EXPERIMENT)) != request.experiment_id:
        request = msgspec.structs.replace(request, experiment_id=experiment_named(door, name))
    if request.run_id and not door.takes_run_ids():
        if (before := run_of_origin(door, request.run_id, [request.experiment_id])) is not None:
            return before
        tag = KeyValueInput(key=ORIGIN_TAG, value=request.run_id)
        request = msgspec.structs.replace(request, tags=[*request.tags, tag])
    run: Run = door.call(request).run.entity()
    return run


def run_of_origin(door: Door, run_id: str, experiment_ids: Sequence[str]) -> Run | None:
    """The run that a server gave an id of its own, by the one it has in its journal. Raises MlkeepException."""
    found = door.call(
        runs.SearchRuns(
            experiment_ids=list(experiment_ids),
            filter=f"tags.`{ORIGIN_TAG}` = '{run_id}'",
            run_view_type=ViewType.ALL,
            max_results=1,
        )
    ).runs
    return found[0].entity() if found else None


def experiment_named(door: Door, name: str) -> str:
    """The id of the experiment of this name, which is made if there is none. Raises MlkeepException."""
    by_name = experiments.GetExperimentByName(experiment_name=name)
    try:
        return str(door.call(by_name).experiment.experiment_id)
    except NotFound:
        pass
    try:
        return str(door.call(experiments.CreateExperiment(name=name)).experiment_id)
    except AlreadyExists:  # another process was quicker
        return str(door.call(by_name).experiment.experiment_id)


def status_of(error: MlkeepException) -> int:
    """The HTTP status that came with an error, or would."""
    return error.http_status or error.get_http_status_code()


def is_refusal(error: MlkeepException) -> bool:
    """Whether the server will never take what it said this of."""
    return status_of(error) in _REFUSED


def is_answer(error: MlkeepException) -> bool:
    """Whether the server said this because it understood, and does not want it; else it may take it later."""
    status = status_of(error)
    return (400 <= status < 500 and status not in _TRIED_AGAIN) or status == 501
