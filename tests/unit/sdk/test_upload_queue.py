"""The queue of uploads in the background."""

from __future__ import annotations

import logging
import threading

import pytest

from mlkeep.core.errors import Unavailable
from mlkeep.sdk.uploading import MAX_WAITING_BYTES, UploadQueue


def test_uploads_are_done_in_the_order_they_were_added() -> None:
    queue, done = UploadQueue(), list[int]()
    for number in range(100):
        queue.add(1, lambda number=number: done.append(number))  # type: ignore[misc]  # a default binds the number
    queue.flush()

    assert done == list(range(100))


def test_flushing_an_empty_queue_returns() -> None:
    UploadQueue().flush()


def test_who_adds_too_much_waits_until_there_is_room() -> None:
    queue, gate, added = UploadQueue(), threading.Event(), list[str]()

    def add_more() -> None:
        queue.add(MAX_WAITING_BYTES, lambda: None)
        added.append("more than may wait")

    queue.add(0, gate.wait)
    queue.add(MAX_WAITING_BYTES, lambda: None)
    adder = threading.Thread(target=add_more)
    adder.start()
    adder.join(0.1)
    assert added == []
    gate.set()
    adder.join(30)
    queue.flush()

    assert added == ["more than may wait"]


def test_one_that_fails_is_in_the_log_and_the_next_has_its_chance(caplog: pytest.LogCaptureFixture) -> None:
    queue, done = UploadQueue(), list[str]()

    def refused() -> None:
        raise Unavailable("the store is away")

    def wrong() -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "mlkeep"):
        queue.add(1, refused)
        queue.add(1, wrong)
        queue.add(1, lambda: done.append("next"))
        queue.flush()

    assert [(record.getMessage(), record.exc_info is not None) for record in caplog.records] == [
        ("What was to be logged is lost: the store is away", False),
        ("What was to be logged is lost.", True),
    ]
    assert done == ["next"]


def test_a_forked_child_begins_with_an_empty_queue() -> None:
    queue, started, gate, done = UploadQueue(), threading.Event(), threading.Event(), list[str]()

    def wait() -> None:
        started.set()
        gate.wait()

    queue.add(1, wait)
    started.wait()
    queue.begin_anew()  # as the child does
    queue.add(1, lambda: done.append("the child's"))
    queue.flush()
    gate.set()

    assert done == ["the child's"]
