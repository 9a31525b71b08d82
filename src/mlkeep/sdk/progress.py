"""Progress bars of transfers: on a terminal only, and only for those that take a while."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlkeep.blobs.moving.plan import SILENT, Progress
from mlkeep.remote import settings

if TYPE_CHECKING:
    import rich.progress

_SHOWN_AFTER_S = 1.0


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """Somebody to tell of a transfer, who shows it on standard error while the block runs, as `what`."""
    if not _wanted():
        yield SILENT
        return
    bar = _Bar(what)
    try:
        yield bar
    finally:
        bar.close()


def _wanted() -> bool:
    if not settings.flag("ENABLE_ARTIFACTS_PROGRESS_BAR", default=True):
        return False
    return sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()


class _Bar:
    """See `blobs.moving.plan.Progress`. It appears a second after the transfer began, and goes when it ends."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._files = self._files_done = self._size = self._moved = 0
        self._shown: rich.progress.Progress | None = None
        self._timer = threading.Timer(_SHOWN_AFTER_S, self._show)
        self._timer.daemon = True

    def begin(self, files: int, size: int) -> None:
        with self._lock:
            first = self._files == 0
            self._files += files
            self._size += size
        if first:
            self._timer.start()

    def moved(self, size: int) -> None:
        with self._lock:
            self._moved += size
            self._update()

    def done(self, files: int = 1) -> None:
        with self._lock:
            self._files_done += files
            self._update()

    def close(self) -> None:
        """Show nothing any more."""
        self._timer.cancel()
        with self._lock:
            shown, self._shown = self._shown, None
            self._timer.finished.set()
        if shown is not None:
            shown.stop()

    def _show(self) -> None:
        import rich.progress  # only programs with a terminal, and time to look at it, need this
        from rich.console import Console

        shown = rich.progress.Progress(
            "{task.description}",
            rich.progress.BarColumn(),
            rich.progress.DownloadColumn(),
            rich.progress.TextColumn("{task.fields[files]}"),
            rich.progress.TransferSpeedColumn(),
            rich.progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with self._lock:
            if self._timer.finished.is_set():  # closed meanwhile
                return
            self._shown = shown
            shown.add_task(self._what, total=self._size, completed=self._moved, files=self._told())
            shown.start()

    def _update(self) -> None:
        if self._shown is not None:
            task = self._shown.task_ids[0]
            self._shown.update(task, total=self._size, completed=self._moved, files=self._told())

    def _told(self) -> str:
        return f"{self._files_done:,}/{self._files:,} files" if self._files > 1 else ""
