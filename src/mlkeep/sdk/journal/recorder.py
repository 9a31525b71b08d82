"""What takes everything that is logged to one run, and gives it to the journal or to the server."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mlkeep.core import limits
from mlkeep.core.entities import Run
from mlkeep.core.errors import MlkeepException
from mlkeep.core.names import check_key, invalid
from mlkeep.remote.settings import number
from mlkeep.sdk import endings
from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.delivery import Delivery, asked, is_refusal
from mlkeep.sdk.journal.file import Journal
from mlkeep.sdk.journal.link import Link
from mlkeep.sdk.journal.local_run import LocalRun
from mlkeep.sdk.journal.records import Points
from mlkeep.wire import runs
from mlkeep.wire.check import checked
from mlkeep.wire.message import Request

DEFAULT_MAX_BYTES = 4 * 1024**3
"""How large a journal may become unless `MLKEEP_JOURNAL_MAX_BYTES` says otherwise: some 80 million points."""


class Recorder:
    """Takes what is logged to one run, from any thread. Points never wait for the server."""

    def __init__(self, link: Link, folder: Path, run_id: str, local: LocalRun | None = None) -> None:
        self.run_id = run_id
        self.link = link
        self._folder = folder
        self._local = local
        self._keys: set[str] = set()
        self._lock = threading.Lock()
        self._journal: Journal | None = None
        self._delivery: Delivery | None = None

    def begin(self, request: runs.CreateRun) -> None:
        """Have the run made at the server, later."""
        self._append(records.encoded(asked(request)))

    def log(self, at_ms: int, step: int, values: dict[str, float]) -> None:
        """Log points of one step and time. Raises InvalidInput: a key, the step or the time cannot be."""
        if not self._keys.issuperset(values):
            self._look_at(values)
        if not (0 <= at_ms <= limits.MAX_INT64 and limits.MIN_INT64 <= step <= limits.MAX_INT64):
            self._refuse(at_ms, step)
        if self._local is not None:
            self._local.logged(at_ms, step, values)
        self._append(records.points(at_ms, step, values))

    def log_measured(self, measured: Points) -> None:
        """Log points that belong to a logged model or were measured on a dataset. Raises InvalidInput, as `log`."""
        self._look_at(measured.values)
        if self._local is not None:
            self._local.logged(measured.at_ms, measured.step, measured.values)
        self._append(records.encoded(measured))

    def ask(self, request: Request) -> None:
        """Have the server do something that has no answer: now, or when it answers again.

        Raises:
            MlkeepException: what the server says, if it does not want it.
        """
        checked(request)
        if not self.is_local and not self.link.is_down:
            try:
                self.link.ask(self.translated(request))
            except MlkeepException as error:
                if is_refusal(error) or not self.link.is_down:
                    raise
            else:
                return
        self.put(request)

    def put(self, request: Request) -> None:
        """Have the server do something that has no answer, after everything that was logged before."""
        checked(request)
        if self._local is not None:
            self._local.asked(request)
        self._append(records.encoded(asked(request)))

    def flush(self, timeout_s: float) -> bool:
        """Wait until the server has everything; whether it has."""
        journal = self._journal
        return journal is None or self.link.flush(timeout_s, lambda: journal.is_sent)

    def close(self) -> None:
        """Take nothing more. What is not sent stays on disk."""
        with self._lock:
            journal, self._journal = self._journal, None
        if journal is not None:
            self.link.remove(journal)
            journal.close()

    def begin_anew(self) -> None:
        """Leave the journal to the process that writes it: this one is its forked child."""
        self._lock = threading.Lock()
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.abandon()

    @property
    def is_local(self) -> bool:
        """Whether the server does not know the run yet."""
        return self._local is not None and not (self._delivery is not None and self._delivery.is_begun)

    @property
    def is_sent(self) -> bool:
        """Whether the server has everything."""
        return self._journal is None or self._journal.is_sent

    @property
    def server_run_id(self) -> str:
        """The id under which the server knows the run."""
        return (self._delivery.known if self._delivery is not None else None) or self.run_id

    def run(self) -> Run | None:
        """The run as this process knows it, if the server does not know it yet."""
        return self._local.run() if self._local is not None and self.is_local else None

    def translated(self, request: Request) -> Request:
        """A request with the id under which the server knows the run."""
        if self.server_run_id == self.run_id or getattr(request, "run_id", None) != self.run_id:
            return request
        return msgspec.structs.replace(request, run_id=self.server_run_id)

    def _append(self, record: bytes) -> None:
        (self._journal or self._opened()).append(record)
        self.link.wake()

    def _opened(self) -> Journal:
        with self._lock:
            if self._journal is None:
                most = int(number("JOURNAL_MAX_BYTES", DEFAULT_MAX_BYTES, most=2**60))
                self._journal = Journal(self._folder, self.run_id, self.link.tracking_uri, most)
                self._delivery = self.link.add(self._journal)
                endings.look_after_child()
            return self._journal

    def _look_at(self, keys: Mapping[str, float]) -> None:
        for key in keys:
            self._keys.add(check_key(key, "key"))

    def _refuse(self, at_ms: int, step: int) -> None:
        if not 0 <= at_ms <= limits.MAX_INT64:
            raise invalid(
                "timestamp", at_ms, "it must be a non-negative number of milliseconds that fits into 64 bits."
            )
        raise invalid("step", step, "it does not fit into 64 bits.")
