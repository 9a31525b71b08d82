"""Holding writers up, so that what is queued meanwhile comes to share a transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any


@contextmanager
def busy(submit: Callable[[Callable[[Any], None]], Future[None]], writers: int = 1) -> Iterator[None]:
    """Meanwhile the writers behind `submit` are held up; the one that comes free first takes all that was queued."""
    started, releases = threading.Semaphore(0), [threading.Event() for _ in range(writers)]

    def hold(release: threading.Event) -> None:
        started.release()
        assert release.wait(10)

    held = []
    for release in releases:  # one by one, else they would share a transaction
        held.append(submit(lambda _, release=release: hold(release)))  # type: ignore[misc]
        assert started.acquire(timeout=10)
    try:
        yield
    finally:
        for release, future in zip(releases, held, strict=True):
            release.set()
            future.result(10)
