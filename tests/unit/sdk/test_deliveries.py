"""From the records of a journal to requests."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mlkeep.core import limits
from mlkeep.core.errors import (
    Forbidden,
    InvalidInput,
    MlkeepException,
    NoSuchEndpoint,
    NotFound,
    StorageFull,
    Unavailable,
)
from mlkeep.sdk.journal.delivery import Delivery, asked, is_answer, is_refusal, parts
from mlkeep.sdk.journal.records import Asked, Known, Placed, Points, Record, Sent
from mlkeep.wire import runs
from mlkeep.wire.columns import LogColumns
from mlkeep.wire.heartbeats import Heartbeat
from mlkeep.wire.message import Empty, KeyValueInput, Request

RUN = "a" * 32


class Memory:
    """A door that keeps what comes, and refuses what it is told to."""

    def __init__(self, *unwanted: str) -> None:
        self.came: list[Request] = []
        self.unwanted = set(unwanted)
        self.error: MlkeepException | None = None

    def call(self, request: Request) -> Any:
        self.came.append(request)
        text = repr(request)
        if self.error is not None:
            raise self.error
        if any(f"'{word}'" in text for word in self.unwanted):
            raise InvalidInput("No.")
        return Empty()

    def points_at_once(self, count: int) -> int:
        return count

    def log_many(self, batch: runs.LogBatch) -> None:
        self.call(batch)

    def log_columns(self, request: LogColumns) -> None:
        self.call(request)

    def takes_run_ids(self) -> bool:
        return True

    def beat(self, request: Heartbeat) -> None:
        self.call(request)


def placed(*found: Record, size: int = 50) -> list[Placed]:
    return [Placed(i * size, (i + 1) * size, record) for i, record in enumerate(found)]


def points(step: int, *keys: str) -> Points:
    return Points(5, step, dict.fromkeys(keys or ("loss",), 0.5))


def tag(key: str, value: str = "v") -> Record:
    return asked(runs.SetTag(run_id=RUN, key=key, value=value))


def param(key: str, value: str = "v") -> Record:
    return asked(runs.LogParam(run_id=RUN, key=key, value=value))


def counts(found: list[Placed], most: int = 50_000) -> list[int]:
    return [len(part.placed) for part in parts(found, most)]


def delivered(door: Memory, *found: Record) -> dict[str, str]:
    """What is refused of records, by what it is about, and why."""
    refused: dict[str, str] = {}

    def refuse(one: Placed, why: str) -> None:
        about = one.record.values if isinstance(one.record, Points) else one.record
        assert str(about) not in refused
        refused[str(about)] = why

    delivery = Delivery(RUN)
    for part in parts(placed(*found)):
        delivery.deliver(door, part, refuse)
    return refused


def test_points_params_and_tags_that_follow_each_other_go_together() -> None:
    door = Memory()
    labels = asked(runs.LogBatch(run_id=RUN, params=[KeyValueInput(key="q", value="2")]))
    assert delivered(door, points(1), tag("t", "old"), param("p"), points(2), labels, tag("t", "new"), param("p")) == {}
    (only,) = door.came
    assert isinstance(only, LogColumns)
    assert [column.key for column in only.columns] == ["loss"]
    assert [(each.key, each.value) for each in only.params] == [("p", "v"), ("q", "2")]
    assert [(each.key, each.value) for each in only.tags] == [("t", "new")]


def test_what_else_is_asked_keeps_its_place() -> None:
    deleted = runs.DeleteTag(run_id=RUN, key="t")
    door = Memory()
    delivered(door, tag("t"), asked(deleted), tag("t", "again"), Sent(5, 5), points(1))
    assert [type(came) for came in door.came] == [runs.SetTag, runs.DeleteTag, LogColumns]


def test_a_request_has_as_many_as_it_may() -> None:
    assert counts(placed(*[points(i, "a", "b") for i in range(10)]), 8) == [4, 4, 2]
    assert counts(placed(points(0, *"abcdefghij"), points(1)), 8) == [1, 1]
    assert counts(placed(*[param(f"p{i}") for i in range(250)])) == [100, 100, 50]
    assert counts(placed(*[tag(f"t{i % 100}") for i in range(250)])) == [250]
    assert counts(placed(*[tag(f"t{i}") for i in range(10)], size=100_000)) == [2, 2, 2, 2, 2]
    measured = [Points(5, i, {"a": 0.5, "b": 0.5}, "m-1") for i in range(600)]
    assert counts(placed(points(0), *measured)) == [1 + limits.MAX_ROWS_PER_COLUMNS // 2, 100]


def test_a_param_that_changes_is_found_out_alone() -> None:
    assert counts(placed(param("p", "1"), points(1), param("p", "1"), param("p", "2"), points(2))) == [3, 2]


def test_what_is_refused_is_told_one_by_one_and_the_rest_is_stored() -> None:
    door = Memory("odd", "strange")
    found = [points(i, "odd" if i == 30 else f"k{i}") for i in range(64)]
    refused = delivered(door, *found, *[tag("strange" if i == 5 else f"t{i}") for i in range(20)])
    assert sorted(refused.values()) == ["No.", "No."]
    assert str({"odd": 0.5}) in refused
    stored = [request for request in door.came if "'odd'" not in repr(request) and "'strange'" not in repr(request)]
    keys = [column.key for request in stored if isinstance(request, LogColumns) for column in request.columns]
    assert sorted(keys) == sorted(f"k{i}" for i in range(64) if i != 30)
    tags = [each.key for request in stored for each in getattr(request, "tags", [])]
    tags += [request.key for request in stored if isinstance(request, runs.SetTag)]
    assert sorted(tags) == sorted(f"t{i}" for i in range(20) if i != 5)


def test_a_run_that_takes_nothing_is_found_out_in_few_requests() -> None:
    door = Memory("loss")
    assert len(delivered(door, *[Points(i, i, {"loss": float(i)}) for i in range(20_000)])) == 20_000
    assert len(door.came) < 100


def test_what_was_refused_before_the_server_went_away_is_not_refused_again() -> None:
    door = Memory("odd")
    delivery = Delivery(RUN)
    refused: list[int] = []

    def refuse(one: Placed, _: str) -> None:
        refused.append(one.at)
        door.error = Unavailable("Gone.")

    (part,) = parts(placed(points(1, "odd"), points(2), points(3), points(4)))
    with pytest.raises(Unavailable):
        delivery.deliver(door, part, refuse)
    door.error = None
    delivery.deliver(door, part, refuse)
    assert refused == [0]


def test_after_the_server_gave_an_id_everything_goes_there() -> None:
    door = Memory()
    delivered(door, points(1), Known("b" * 32), points(2), asked(runs.UpdateRun(run_id=RUN, run_name="n")))
    assert [getattr(came, "run_id", None) for came in door.came] == [RUN, "b" * 32, "b" * 32]


def test_a_tag_that_is_not_there_is_deleted() -> None:
    door = Memory()
    door.error = NotFound("No such tag.")
    assert delivered(door, asked(runs.DeleteTag(run_id=RUN, key="t"))) == {}


def test_what_a_server_does_not_know_is_refused_only_if_there_are_such_servers() -> None:
    door = Memory()
    door.error = NoSuchEndpoint("It does not offer this.")
    assert len(delivered(door, asked(runs.LogOutputs(run_id=RUN, models=[])))) == 1
    with pytest.raises(NoSuchEndpoint):
        delivered(door, tag("t"))


def test_numbers_and_requests_that_cannot_be_are_refused() -> None:
    door = Memory()
    odd = Asked("FromTheFuture", asked(runs.LogParam(run_id=RUN, key="p")).fields)
    broken = Asked("LogParam", msgspec.Raw(b"\x05"))
    assert len(delivered(door, Points(5, 2**63, {"a": 0.5}), points(2), odd, broken)) == 3
    assert [type(came) for came in door.came] == [LogColumns]


def told(status: int) -> MlkeepException:
    error = MlkeepException("x")
    error.http_status = status
    return error


def test_what_an_error_means_is_read_off_its_status() -> None:
    assert [status for status in (400, 401, 403, 404, 408, 409, 413, 429, 500, 503) if is_refusal(told(status))] == [
        400,
        413,
    ]
    assert [
        status for status in (400, 401, 404, 408, 409, 425, 429, 499, 500, 501, 503) if is_answer(told(status))
    ] == [
        400,
        401,
        404,
        409,
        501,
    ]
    assert [is_answer(error) for error in (InvalidInput("x"), Forbidden("x"), Unavailable("x"), StorageFull("x"))] == [
        True,
        True,
        False,
        False,
    ]
