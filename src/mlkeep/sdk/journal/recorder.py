"""What takes everything that is logged to one run, and gives it to the journal or to the server."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from mlkeep.core import limits
from mlkeep.core.entities import Metric, Run
from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.core.names import check_key, invalid
from mlkeep.remote.settings import number
from mlkeep.sdk import endings
from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.delivery import Delivery, asked, is_answer
from mlkeep.sdk.journal.file import Journal
from mlkeep.sdk.journal.link import Link
from mlkeep.sdk.journal.local_run import LocalRun, history_in_journals
from mlkeep.sdk.journal.offline import OfflineLink
from mlkeep.sdk.journal.records import Points
from mlkeep.wire import runs
from mlkeep.wire.check import checked
from mlkeep.wire.message import Request
from mlkeep.wire.metrics import MetricInput

DEFAULT_MAX_BYTES = 4 * 1024**3
"""How large a journal may become unless `MLKEEP_JOURNAL_MAX_BYTES` says otherwise: some 80 million points."""

DRAIN_S = 10
"""How long the end of a program or a run, and who reads, wait for what is being sent, unless `MLKEEP_FLUSH_TIMEOUT` says
otherwise.
"""

MOST_AT_ONCE = 1024 * 1024
"""Bytes of many records that are appended as one."""


def drain_s() -> float:
    """How long to wait for what is being sent. Raises InvalidInput: the environment says what cannot be."""
    return number("FLUSH_TIMEOUT", DRAIN_S, most=86_400)


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
        self._asked = self._asked_and_sent = 0

    def begin(self, request: runs.CreateRun) -> None:
        """Have the run made at the server, later."""
        self._journal_asked(request)

    def log(self, at_ms: int, step: int, values: dict[str, float]) -> None:
        """Log points of one step and time. Raises InvalidInput: a key, the step or the time cannot be."""
        if not self._keys.issuperset(values):
            self._look_at(values)
        if not (0 <= at_ms <= limits.MAX_INT64 and limits.MIN_INT64 <= step <= limits.MAX_INT64):
            self._refuse(at_ms, step)
        if self._local is not None:
            self._local.logged(at_ms, step, values)
        self._append(records.points(at_ms, step, values))

    def check(self, at_ms: int, step: int, values: Mapping[str, float], first: int = 0) -> None:
        """Look at points, which come as the `first` of those of a call. Raises InvalidInput: they cannot be logged."""
        if not self._keys.issuperset(values):
            self._look_at(values, first)
        if not (0 <= at_ms <= limits.MAX_INT64 and limits.MIN_INT64 <= step <= limits.MAX_INT64):
            self._refuse(at_ms, step, first)

    def log_all(self, found: Sequence[Points]) -> None:
        """Log points that were looked at, in few pieces."""
        piece: list[bytes] = []
        size = 0
        for points in found:
            if self._local is not None:
                self._local.logged(points.at_ms, points.step, points.values)
            piece.append(records.encoded(points))
            size += len(piece[-1])
            if size >= MOST_AT_ONCE:
                self._append(b"".join(piece))
                piece, size = [], 0
        if piece:
            self._append(b"".join(piece))

    def log_measured(self, measured: Points) -> None:
        """Log points that belong to a logged model or were measured on a dataset. Raises InvalidInput, as `log`."""
        self.check(measured.at_ms, measured.step, measured.values)
        if self._local is not None:
            self._local.logged(measured.at_ms, measured.step, measured.values)
        self._append(records.encoded(measured))

    def ask(self, request: Request) -> None:
        """Have the server do something that has no answer: now, or when it answers again.

        What was asked before comes first. The end of a run comes after all that was logged, and is not waited for if some
        of that has yet to be sent.

        Raises:
            MlkeepException: what the server says, if it does not want it.
        """
        checked(request)
        if self._comes_next(request):
            try:
                self.link.ask(self.translated(request))
            except MlkeepException as error:
                if is_answer(error):
                    raise
            else:
                return
        self.put(request)

    def put(self, request: Request) -> None:
        """Have the server do something that has no answer, after everything that was logged before.

        Raises:
            InvalidInput, NotFound: it cannot be, by what is known here.
        """
        checked(request)
        if self._local is not None:
            self._local.check(request)
            self._local.asked(request)
        self._journal_asked(request)

    def flush(self, timeout_s: float) -> bool:
        """Wait until the server has everything that was logged before; whether it has."""
        journal = self._journal
        return journal is None or self.link.flush(timeout_s, journal)

    def close(self) -> Path | None:
        """Close the journal. What is not sent stays on disk: in this file. Another one is begun with what is logged next."""
        with self._lock:
            journal, self._journal = self._journal, None
        if journal is None:
            return None
        is_sent = journal.is_sent
        self.link.let_go(journal)
        return None if is_sent else journal.path

    def begin_anew(self) -> None:
        """Leave the journal to the process that writes it: this one is its forked child."""
        self._lock = threading.Lock()
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.abandon()

    def reason_against(self, record: records.Record) -> str | None:
        """Why the server refused a record that was logged here; None if it has not."""
        journal = self._journal
        refused = [] if journal is None else list(journal.refused)
        return next((reason for one, reason in refused if one == record), None)

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

    @property
    def local(self) -> LocalRun | None:
        """The run as this process knows it, if the server does not know it yet."""
        return self._local if self.is_local else None

    def run(self) -> Run | None:
        """What `local` says."""
        return None if (local := self.local) is None else local.run()

    def history(self, key: str) -> list[Metric]:
        """All points of a metric that this process, or an earlier one, has logged here, by (timestamp, step, value)."""
        return history_in_journals(self._folder, self.run_id, key)

    @property
    def is_offline(self) -> bool:
        """Whether nothing is sent by this process."""
        return isinstance(self.link, OfflineLink)

    def translated(self, request: Request) -> Request:
        """A request with the id under which the server knows the run."""
        if self.server_run_id == self.run_id or getattr(request, "run_id", None) != self.run_id:
            return request
        return msgspec.structs.replace(request, run_id=self.server_run_id)

    def _comes_next(self, request: Request) -> bool:
        """Whether the server may be asked now: it has what has to be there before, or soon has it."""
        if self.is_local or self.link.is_down:
            return False
        if isinstance(request, runs.UpdateRun):
            return self.is_sent
        before = self._asked
        if before > self._asked_and_sent:
            if not self.flush(drain_s()):
                return False
            self._asked_and_sent = before
        return True

    def _journal_asked(self, request: Request) -> None:
        self._append(records.encoded(asked(request)))
        with self._lock:
            self._asked += 1

    def _append(self, record: bytes) -> None:
        while not (self._journal or self._opened()).append(record):
            pass  # it was closed just now
        self.link.wake()

    def _opened(self) -> Journal:
        with self._lock:
            if self._journal is None:
                most = int(number("JOURNAL_MAX_BYTES", DEFAULT_MAX_BYTES, most=2**60))
                self._journal = Journal(self._folder, self.run_id, self.link.tracking_uri, most)
                self._delivery = self.link.add(self._journal, self._delivery)
                if self._delivery.known is not None:
                    self._journal.mark_known(self._delivery.known)
                endings.look_after_child()
            return self._journal

    def _look_at(self, keys: Mapping[str, float], first: int = 0) -> None:
        for at, key in enumerate(keys, first):
            field = f"metrics[{at}].key"
            if not key:
                raise InvalidInput(f"Missing value for required parameter '{field}'.")
            checked(MetricInput(key=key, value=0.0, timestamp=1))
            self._keys.add(check_key(key, field))

    def _refuse(self, at_ms: int, step: int, at: int = 0) -> None:
        if at_ms < 0:
            raise invalid(f"metrics[{at}].timestamp", at_ms, "it must be a non-negative number of milliseconds.")
        wrong = ("timestamp", at_ms) if at_ms > limits.MAX_INT64 else ("step", step)
        raise invalid(*wrong, "it does not fit into 64 bits.")
