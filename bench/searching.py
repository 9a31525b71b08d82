"""Searching filled databases: one round of one contestant at one size. Every answer is compared with what is right."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench import databases, filling
from bench.asking import Asking, NotOfferedError, median_s
from bench.load import API, UnexpectedAnswerError
from bench.peers import Contestant, running
from bench.writing import Record

PATIENCE_S = 20
"""For an answer. A search that takes longer is not waited for; the table says that it takes more than this."""

PAGE = 100
DEEP_PAGE = 50
NEWEST = ["attributes.start_time DESC"]
LOSS = ["metrics.loss ASC"]
ADAM = "params.optimizer = 'adam' and metrics.accuracy > 0.5"


@dataclass(frozen=True, slots=True)
class Run:
    """What the searches ask about."""

    start_ms: int
    loss: float
    accuracy: float
    optimizer: str
    lr: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A search; `told` is what the order of its answer shows of each run."""

    key: str
    filter: str
    order_by: list[str]
    matches: Callable[[Run], bool]
    page: int = 1

    def right(self, runs: Sequence[Run]) -> list[float]:
        """The start or the loss of each run of the page, in order."""
        if self.order_by == LOSS:
            ordered = sorted(run.loss for run in runs if self.matches(run))
        else:
            ordered = sorted((float(run.start_ms) for run in runs if self.matches(run)), reverse=True)
        return ordered[(self.page - 1) * PAGE : self.page * PAGE]

    def told(self, answer: bytes) -> list[float]:
        """The same of what a server answered. Raises UnexpectedAnswerError: values are missing."""
        runs = msgspec.json.decode(answer)["runs"]
        for run in runs:
            counted = {name: len(run["data"][name]) for name in ("params", "metrics")}
            if counted != {"params": len(filling.PARAMS), "metrics": len(filling.METRICS)}:
                raise UnexpectedAnswerError(f"{self.key}: a run has {counted}")
        if self.order_by == LOSS:
            return [_metric(run, "loss") for run in runs]
        return [float(run["info"]["start_time"]) for run in runs]


SHAPES = (
    Shape("newest", "", NEWEST, lambda _: True),
    Shape("by-metric", "metrics.loss < 0.01", NEWEST, lambda run: run.loss < 0.01),
    Shape("by-param", "params.lr = '0.100'", NEWEST, lambda run: run.lr == "0.100"),
    Shape("ordered", "", LOSS, lambda _: True),
    Shape("filtered", ADAM, LOSS, lambda run: run.optimizer == "adam" and run.accuracy > 0.5),
    Shape("deep", "", NEWEST, lambda _: True, page=DEEP_PAGE),
)
COUNTED = "metrics.accuracy > 0.5"


def measure(contestant: Contestant, folder: Path, runs: int, size: str, record: Record, too_long: Record) -> None:
    """One round; `size` is "few" or "many". `too_long` takes what was not waited for."""
    place, filled = databases.with_runs(contestant, runs, folder)
    right = active_runs(runs)
    left = [shape for shape in SHAPES if (shape.page - 1) * PAGE < len(right)]
    while left:
        # A server that is still busy with what nobody waits for is not asked the next thing.
        with running(contestant, folder / "searched", place) as one:
            one.settle()
            asking = Asking(one.port, PATIENCE_S)
            try:
                while left:
                    shape = left.pop(0)
                    try:
                        taken = median_s(_prepared(asking, shape, filled.experiment_id, right))
                    except TimeoutError:
                        too_long(f"{shape.key}-{size}", contestant.key, PATIENCE_S * 1000)
                        break
                    record(f"{shape.key}-{size}", contestant.key, taken * 1000)
                if contestant.is_ours:
                    record(f"count-{size}", contestant.key, _counting_s(asking, filled.experiment_id, right) * 1000)
            except NotOfferedError as error:
                raise UnexpectedAnswerError(f"{contestant.name} does not search: {error}") from error
            finally:
                asking.close()


def _counting_s(asking: Asking, experiment_id: str, runs: Sequence[Run]) -> float:
    body = {"experiment_ids": [experiment_id], "filter": COUNTED, "count": True, "max_results": 0}
    answer = msgspec.json.decode(asking.post(f"{API}/runs/search", body))
    if int(answer["total_count"]) != sum(run.accuracy > 0.5 for run in runs):
        raise UnexpectedAnswerError(f"counted {answer['total_count']}")
    return median_s(lambda: asking.post(f"{API}/runs/search", body))


def _prepared(asking: Asking, shape: Shape, experiment_id: str, runs: Sequence[Run]) -> Callable[[], bytes]:
    """The request of a shape, whose answer has been looked at; the pages before are turned."""
    body: dict[str, Any] = {"experiment_ids": [experiment_id], "max_results": PAGE, "order_by": shape.order_by}
    if shape.filter:
        body["filter"] = shape.filter
    for _ in range(shape.page - 1):
        answer = msgspec.json.decode(asking.post(f"{API}/runs/search", body))
        body["page_token"] = answer["next_page_token"]
    told, right = shape.told(asking.post(f"{API}/runs/search", body)), shape.right(runs)
    if told != right:
        raise UnexpectedAnswerError(f"{shape.key} answered {len(told)} runs, {told[:3]}..., not {right[:3]}...")
    return lambda: asking.post(f"{API}/runs/search", body)


def _metric(run: Any, key: str) -> float:
    return next(float(metric["value"]) for metric in run["data"]["metrics"] if metric["key"] == key)


@functools.cache
def active_runs(count: int) -> list[Run]:
    """The runs that were written and not deleted."""
    loss, accuracy = filling.METRICS.index("loss"), filling.METRICS.index("accuracy")
    optimizer, lr = filling.PARAMS.index("optimizer"), filling.PARAMS.index("lr")
    return [
        Run(
            part.starts[place],
            part.metrics[loss][place] or 0.0,
            part.metrics[accuracy][place] or 0.0,
            part.params[optimizer][place],
            part.params[lr][place],
        )
        for part in filling.generated(count, databases.SEED)
        for place, number in enumerate(part.numbers)
        if number % filling.DELETED_EVERY
    ]
