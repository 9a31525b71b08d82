"""Holding a writer up, so that what is queued meanwhile comes to share a transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any


@contextmanager
def busy(submit: Callable[[Callable[[Any], None]], Future[None]]) -> Iterator[None]:
    """Meanwhile the writer behind `submit` is held up."""
    started, release = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        started.set()
        assert release.wait(10)

    held = submit(hold)
    assert started.wait(10)
    try:
        yield
    finally:
        release.set()
        held.result(10)
