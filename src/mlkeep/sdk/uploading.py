"""Artifacts that are uploaded while the program goes on."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Callable

from mlkeep.core.errors import MlkeepException

_log = logging.getLogger("mlkeep")

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""What may wait before whoever wants to add more has to wait; one upload of any size is always taken."""


class UploadQueue:
    """Does uploads in the order they were added, in one thread that begins with the first.

    What goes wrong is written to the log "mlkeep": a program is never stopped by it.
    """

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything, as a forked child has to: it has no thread, and its parent's uploads are not its own."""
        self._changed = threading.Condition()
        self._waiting: deque[tuple[int, Callable[[], object]]] = deque()
        self._bytes = 0
        self._added = self._done = 0
        self._thread: threading.Thread | None = None

    def add(self, size: int, upload: Callable[[], object]) -> None:
        """Have `upload` called soon. `size` is about how many bytes of memory it holds until then.

        Waits while there is too much waiting already.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._bytes + size <= MAX_WAITING_BYTES)
            self._waiting.append((size, upload))
            self._bytes += size
            self._added += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="mlkeep-uploads", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        # What is registered last is called first: before a database in this process is closed.
        atexit.unregister(self.flush)
        atexit.register(self.flush)

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until all that was added so far is done, so long at the most."""
        with self._changed:
            added = self._added
            self._changed.wait_for(lambda: self._done >= added, timeout_s)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                size, upload = self._waiting.popleft()
            _attempt(upload)
            with self._changed:
                self._bytes -= size
                self._done += 1
                self._changed.notify_all()


def _attempt(upload: Callable[[], object]) -> None:
    try:
        upload()
    except MlkeepException as err:
        _log.error("What was to be logged is lost: %s", err)
    except Exception:  # noqa: BLE001 - the edge of a thread: the next upload has its chance
        _log.exception("What was to be logged is lost.")


uploads = UploadQueue()
"""The queue of this process."""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=uploads.begin_anew)
