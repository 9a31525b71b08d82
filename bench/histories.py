"""Reading series: one round of one contestant, in full and sampled for a chart."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from bench import databases
from bench.asking import Asking, NotOfferedError, median_s
from bench.figures import Scale
from bench.load import API, UnexpectedAnswerError
from bench.peers import Contestant, running
from bench.writing import Record

KEY = "metric-0"
BUCKETS = 1000
SAMPLED = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
CHART = "/api/mlkeep/1/metrics/chart"


def measure(contestant: Contestant, folder: Path, scale: Scale, record: Record) -> None:
    """One round."""
    place, filled = databases.with_points(contestant, scale, folder)
    record("bytes-batches", contestant.key, filled.bytes_per_point)
    with running(contestant, folder / "read", place) as one:
        one.settle()
        asking = Asking(one.port)
        try:
            full_history(asking, filled.few_run, scale.few_points)
            record("history-few", contestant.key, full_history(asking, filled.few_run, scale.few_points))
            record("history-many", contestant.key, full_history(asking, filled.many_run, scale.many_points))
            for figure, ask in (("sampled", sampled), ("chart", chart)):
                try:
                    ask(asking, filled.many_run, scale.many_points)
                except NotOfferedError:
                    continue
                taken = median_s(partial(ask, asking, filled.many_run, scale.many_points))
                record(figure, contestant.key, taken * 1000)
        finally:
            asking.close()


def full_history(asking: Asking, run_id: str, points: int) -> float:
    """Seconds until all pages are there. Raises UnexpectedAnswerError: it is not as many points as that."""
    query = {"run_id": run_id, "run_uuid": run_id, "metric_key": KEY}
    found = 0
    started = time.perf_counter()
    while True:
        answer = asking.get(f"{API}/metrics/get-history?{urlencode(query)}")
        found += answer.count(b'"timestamp"')
        token = _next_page(answer)
        if not token:
            break
        query["page_token"] = token
    taken = time.perf_counter() - started
    if found != points:
        raise UnexpectedAnswerError(f"a history of {points} points has {found}")
    return taken


def _next_page(answer: bytes) -> str:
    """The token at the beginning or the end of an answer; the points between are not read."""
    for part in (answer[:1000], answer[-1000:]):
        rest = part.partition(b'"next_page_token"')[2].lstrip(b" \r\n\t:")
        if rest.startswith(b'"'):
            return rest[1:].partition(b'"')[0].decode()
    return ""


def sampled(asking: Asking, run_id: str, points: int) -> None:  # noqa: ARG001  # as `chart`
    """What MLflow's user interface asks for its charts. Raises UnexpectedAnswerError: there is too little in it."""
    query = urlencode({"run_ids": run_id, "metric_key": KEY, "max_results": BUCKETS})
    answer = asking.get(f"{SAMPLED}?{query}")
    if answer.count(b'"timestamp"') < BUCKETS * 0.9:
        raise UnexpectedAnswerError(f"a sample has {answer.count(b'timestamp')} points: {answer[:300]!r}")


def chart(asking: Asking, run_id: str, points: int) -> None:
    """Buckets of our own chart. Raises UnexpectedAnswerError: they do not tell of all points."""
    answer = asking.post(CHART, {"series": [{"run_id": run_id, "key": KEY}], "x": "step", "buckets": BUCKETS})
    (series,) = msgspec.json.decode(answer)["series"]
    # The width of buckets is a power of two: there are as many as were asked for, or down to half of them.
    if sum(series["count"]) != points or not BUCKETS / 2 <= len(series["x"]) <= BUCKETS + 1:
        raise UnexpectedAnswerError(f"a chart of {points} points is {answer[:300]!r}")
