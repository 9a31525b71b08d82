"""The runs that this process has started, or gone on with, and not ended."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence

import msgspec

from mlkeep.core.clock import now_ms
from mlkeep.core.entities import RunStatus
from mlkeep.core.errors import MlkeepException
from mlkeep.sdk import endings, recording
from mlkeep.sdk.doors import door_to
from mlkeep.sdk.endings import ERROR_TAG, FINISHED, TRACEBACK_TAG, Ending
from mlkeep.sdk.journal.recorder import drain_s
from mlkeep.sdk.system_metrics import watching
from mlkeep.sdk.uploading import uploads
from mlkeep.wire import runs
from mlkeep.wire.message import RunRequest, key_value_inputs


class OpenRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is to be ended, and what is to be known for it.

    `has_failed_before`: it carries the error of an earlier end. `is_shared`: other processes log to it, and one of them
    says that it is finished. `parent_id` is a run that ends with it.
    """

    run_id: str
    tracking_uri: str
    thread: threading.Thread
    has_failed_before: bool = False
    is_shared: bool = False
    parent_id: str = ""

    def remark(self, ending: Ending) -> None:
        """Have the server keep why the run ends so, as far as it does; nothing is raised if it does not."""
        for request in self._remarks(ending):
            if not _put(request):
                _ask_all([(self.tracking_uri, request)])

    def to_end(self, ending: Ending) -> list[str]:
        """The runs that get the status."""
        if self.is_shared and ending.status == FINISHED.status:
            return []
        return [self.run_id, self.parent_id] if self.parent_id else [self.run_id]

    def last_requests(self, ending: Ending) -> list[RunRequest]:
        """All that is said when the run ends."""
        status = RunStatus[ending.status]
        ends = [runs.UpdateRun(run_id=run_id, status=status, end_time=now_ms()) for run_id in self.to_end(ending)]
        return [*self._remarks(ending), *ends]

    def _remarks(self, ending: Ending) -> list[RunRequest]:
        """What an exception leaves stays, as history, until the run has ended well: then it would mislead."""
        if ending.tags:
            return [runs.LogBatch(run_id=self.run_id, tags=key_value_inputs(ending.tags))]
        if self.has_failed_before and ending.status == FINISHED.status:
            return [runs.DeleteTag(run_id=self.run_id, key=key) for key in (ERROR_TAG, TRACEBACK_TAG)]
        return []


_open: dict[tuple[str, int], OpenRun] = {}
_inherited: set[str] = set()


def add(run: OpenRun) -> None:
    """The current thread has opened a run: it is this process that ends it."""
    _open[run.run_id, threading.get_ident()] = run
    _inherited.discard(run.run_id)
    endings.look_after(end_all)


def remove(run_id: str) -> OpenRun | None:
    """Have the current thread end a run; None if that is not for it to do, or was done."""
    return _open.pop((run_id, threading.get_ident()), None)


def is_inherited(run_id: str) -> bool:
    """Whether a run was opened by the process that this one was forked from."""
    return run_id in _inherited


def end_all(ending: Ending, of: Callable[[threading.Thread], bool]) -> None:
    """Say of the open runs of some threads how they have ended, innermost first.

    Never raises, and does not wait for a server: the journals tell it. In `direct` mode there are none; then it is asked,
    for as long as is waited at the end of a program, all runs together.
    """
    ended = [_open.pop(key) for key, run in reversed(list(_open.items())) if of(run.thread)]
    for run in ended:
        watching.unwatch(run.run_id)
    direct = [
        (run.tracking_uri, request) for run in ended for request in run.last_requests(ending) if not _put(request)
    ]
    if direct:
        thread = threading.Thread(target=_ask_all, args=[direct], name="mlkeep-direct-ends", daemon=True)
        thread.start()
        thread.join(drain_s())
    if endings.is_terminating():
        uploads.flush(endings.SIGTERM_WAIT_S / 2)


def _put(request: RunRequest) -> bool:
    """Note in the journal of a run what the server is to do; False if it has none."""
    recorder = recording.recorder_of(request.run_id)
    if recorder is not None:
        with contextlib.suppress(MlkeepException):  # there is no such tag
            recorder.put(request)
    return recorder is not None


def _ask_all(requests: Sequence[tuple[str, RunRequest]]) -> None:
    for tracking_uri, request in requests:
        with contextlib.suppress(MlkeepException):  # deleted meanwhile, or the server is gone: nobody is left to tell
            door_to(tracking_uri).call(request)


def _begin_anew_in_child() -> None:
    """The runs of the parent may be logged to by its forked child, but are not ended by it."""
    _inherited.update(run_id for run_id, _ in _open)
    _open.clear()


os.register_at_fork(after_in_child=_begin_anew_in_child)
