"""From the records of a journal to requests: in order, many points to a request, each thing stored once."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Sequence

import msgspec

from mlkeep.core.entities import Run
from mlkeep.core.errors import AlreadyExists, BadRequest, InvalidInput, MlkeepException, NotFound
from mlkeep.sdk.doors import Door
from mlkeep.sdk.journal.records import Asked, Known, Placed, Points
from mlkeep.wire import experiments, runs
from mlkeep.wire.columns import Column, LogColumns
from mlkeep.wire.message import Request
from mlkeep.wire.table import BY_REQUEST

MOST_POINTS = 50_000
"""Points of one request, so that an answer does not take long and a repetition is not much."""

MOST_PAIRS = 100
"""Params, and tags, of one request."""

MOST_REFUSED_ALONE = 20
"""Records of one request that are found out to be refused one by one; after them, all that are left are refused together."""

REFUSALS = (InvalidInput, BadRequest)
"""What the server says of a record that it will never take."""

UNSENT_EXPERIMENT = "unsent:"
"""How the id of an experiment begins that no server was asked for: its name follows."""

ORIGIN_TAG = "mlkeep.journal.run_id"
"""The id that a run has in its journal, where the server gave it another one."""

_KINDS: dict[str, type[Request]] = {kind.__name__: kind for kind in BY_REQUEST}


class Part(msgspec.Struct, frozen=True):
    """Records that make one request; `end` is where they end in the file."""

    placed: Sequence[Placed]
    end: int


class Parcel:
    """What goes into one request of points, params and tags."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, str, str], tuple[array[int], array[int], array[float]]] = {}

    def add(self, record: Points) -> None:
        """Add the points of a record."""
        about = (record.model_id, record.dataset_name, record.dataset_digest)
        for key, value in record.values.items():
            series = self._series.get((key, *about))
            if series is None:
                series = self._series[(key, *about)] = (array("q"), array("q"), array("d"))
            series[0].append(record.step)
            series[1].append(record.at_ms)
            series[2].append(value)

    def request(self, run_id: str) -> LogColumns:
        """All of it."""
        return LogColumns(
            run_id=run_id,
            columns=[
                Column(
                    key=key,
                    steps=_binary(steps),
                    timestamps=_binary(times),
                    values=_binary(values),
                    model_id=model_id,
                    dataset_name=name,
                    dataset_digest=digest,
                )
                for (key, model_id, name, digest), (steps, times, values) in self._series.items()
            ],
        )


def parts(found: Sequence[Placed]) -> Iterator[Part]:
    """Records by the requests that they make, in order."""
    together: list[Placed] = []
    points = 0
    for placed in found:
        if isinstance(placed.record, Points):
            together.append(placed)
            points += len(placed.record.values)
            if points < MOST_POINTS:
                continue
        if together:
            yield Part(together, together[-1].end)
            together, points = [], 0
        if isinstance(placed.record, (Asked, Known)):
            yield Part([placed], placed.end)
    if together:
        yield Part(together, together[-1].end)


class Delivery:
    """Sends what one journal says of one run."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self.known: str | None = None
        """The id that the server gave the run, if it did not take ours."""
        self.is_begun = False
        """Whether the server has the run: it has taken something of it."""

    def deliver(self, door: Door, part: Part, refused: Callable[[Placed, str], None]) -> None:
        """Have the server store a part. `refused` is told of records that it will never take, and why.

        Raises MlkeepException: the server does not take it now.
        """
        try:
            self._send(door, [placed.record for placed in part.placed])
        except REFUSALS as error:
            if len(part.placed) == 1:
                refused(part.placed[0], error.message)
            else:
                self._one_by_one(door, part, refused)

    def _one_by_one(self, door: Door, part: Part, refused: Callable[[Placed, str], None]) -> None:
        """Find the records that are refused, halving."""
        waiting = [list(part.placed)]
        count = 0
        while waiting:
            some = waiting.pop()
            try:
                self._send(door, [placed.record for placed in some])
            except REFUSALS as error:
                if len(some) > 1 and count < MOST_REFUSED_ALONE:
                    middle = len(some) // 2
                    waiting += [some[middle:], some[:middle]]
                    continue
                for placed in some:
                    refused(placed, error.message)
                count += 1

    def _send(self, door: Door, found: Sequence[object]) -> None:
        if isinstance(found[0], Points):
            parcel = Parcel()
            for record in found:
                if isinstance(record, Points):
                    parcel.add(record)
            door.log_columns(parcel.request(self.known or self._run_id))
            self.is_begun = True
            return
        for record in found:
            match record:
                case Known(run_id=run_id):
                    self.known = run_id
                case Asked():
                    self._ask(door, request_in(record))
                case _:
                    pass

    def _ask(self, door: Door, request: Request) -> None:
        if isinstance(request, runs.CreateRun):
            run = create_run(door, request)
            if run.info.run_id != self._run_id:
                self.known = run.info.run_id
            self.is_begun = True
            return
        if self.known is not None and getattr(request, "run_id", None) == self._run_id:
            request = msgspec.structs.replace(request, run_id=self.known)
        try:
            door.call(request)
        except NotFound:
            if not isinstance(request, runs.DeleteTag):  # it may have been deleted by the first try
                raise
        self.is_begun = True


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
    except msgspec.ValidationError as error:
        raise BadRequest(f"The journal has a request '{record.name}' that cannot be read: {error}.") from error


def create_run(door: Door, request: runs.CreateRun) -> Run:
    """Make the run if it is not there, in an experiment that is made if need be. Raises MlkeepException."""
    if (name := request.experiment_id.removeprefix(UNSENT_EXPERIMENT)) != request.experiment_id:
        request = msgspec.structs.replace(request, experiment_id=experiment_named(door, name))
    run: Run = door.call(request).run.entity()
    return run


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


def is_refusal(error: MlkeepException) -> bool:
    """Whether the server will never take what it said this of."""
    return isinstance(error, REFUSALS)


def _binary(numbers: array[int] | array[float]) -> bytes:
    """Numbers of 64 bits, the least significant byte first."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
