"""What stands still while the process forks, so that the child finds nothing half done."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


class StandsStill(Protocol):
    """Something that is closed while the process forks; see `storage.across_forks`."""

    def before_fork(self) -> None: ...
    def after_fork(self) -> None: ...
    def after_fork_in_child(self) -> None: ...


opening = threading.RLock()
"""Held by who imports and opens a database: what another thread imports just then, a child could never import."""

closed_for_forks: weakref.WeakSet[StandsStill] = weakref.WeakSet()
"""The databases that are open."""


def _before() -> None:
    opening.acquire()  # first: who opens one has to be able to use it
    for one in list(closed_for_forks):
        one.before_fork()


def _after() -> None:
    for one in list(closed_for_forks):
        one.after_fork()
    opening.release()


def _in_child() -> None:
    for one in list(closed_for_forks):
        one.after_fork_in_child()
    opening.release()


os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_child)
