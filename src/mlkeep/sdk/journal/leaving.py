"""Sending what processes left of one run, to its end."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from mlkeep.core.entities import RunStatus
from mlkeep.core.errors import BadRequest, MlkeepException, NotFound, Unavailable
from mlkeep.sdk.doors import Door
from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.delivery import Delivery, Part, parts, request_in, run_of_origin
from mlkeep.sdk.journal.folder import Taken, is_sendable
from mlkeep.sdk.journal.records import Asked, Placed, Unknown
from mlkeep.sdk.stores import ArtifactRoot
from mlkeep.wire.experiments import SearchExperiments
from mlkeep.wire.runs import CreateRun, GetRun, UpdateRun

PIECE_BYTES = 2 * 1024 * 1024
"""Of a journal that are read at a time."""

_EXPERIMENTS = 200
"""Experiments that are searched at a time."""

_ENDED = frozenset({RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED})


class LeftRun:
    """The journals of one run that processes left, on their way to one server.

    Whoever made the run goes first; artifacts and the end of the run go last, when all else is there.
    """

    def __init__(self, door: Door, tracking_uri: str, mine: Sequence[Taken], others: Sequence[Path]) -> None:
        """`others` are journals of the run that somebody else has."""
        self._door = door
        self._tracking_uri = tracking_uri
        self._mine = sorted(mine, key=lambda one: (not one.contents.makes_run, one.contents.head.at_ms))
        self._others = others
        self._run_id = mine[0].journal.run_id
        self._known = next((one.journal.known for one in mine if one.journal.known is not None), None)
        self._deliveries = {one.journal.path: Delivery(self._run_id) for one in mine}
        self._ends: dict[Path, int] = {}
        self.records: dict[Path, int] = {one.journal.path: 0 for one in mine}
        """How many records of each journal were sent."""
        self.refused: dict[Path, int] = {one.journal.path: 0 for one in mine}
        """How many of them the server does not take."""
        self.reasons: dict[Path, str] = {}
        """Why a journal could not be sent to its end."""

    def send(self) -> None:
        """Send what can be sent, and note it in the journals.

        Raises Unavailable, OSError: the server, or the place of the artifacts, does not answer. What was sent until then
        is noted.
        """
        for one in self._mine:
            try:
                self._send_or_look_up(one)
            except Unavailable:
                raise
            except (MlkeepException, OSError) as error:
                self.reasons[one.journal.path] = str(error)
        waiting = [one for one in self._mine if one.journal.path not in self.reasons]
        if self._others or self.reasons:
            self._let_wait(waiting)
            return
        try:
            self._upload_artifacts()
            for one in sorted(waiting, key=lambda one: self._ends.get(one.journal.path, 0)):
                self._send(one, to_the_end=True)
        except Unavailable:
            raise
        except MlkeepException as error:
            self.reasons.update({one.journal.path: str(error) for one in waiting if not is_done(one)})

    def _let_wait(self, waiting: Sequence[Taken]) -> None:
        names = ", ".join(path.name for path in (*self._others, *self.reasons))
        for one in waiting:
            if not is_done(one):
                self.reasons[one.journal.path] = f"The end of the run, or its artifacts, waits for {names}."

    def _send_or_look_up(self, one: Taken) -> None:
        try:
            self._send(one, to_the_end=False)
        except NotFound:  # it may have been made by a journal that was sent earlier, and have another id there
            if self._known is not None or (known := _known_id(self._door, self._run_id)) is None:
                raise
            self._learn(known)
            self._send(one, to_the_end=False)

    def _learn(self, known: str) -> None:
        """The server has the run under this id."""
        self._known = known
        for one in self._mine:
            if one.journal.known != known:
                one.journal.mark_known(known)

    def _send(self, one: Taken, *, to_the_end: bool) -> None:
        journal, size = one.journal, PIECE_BYTES
        while not journal.is_sent:
            piece = journal.unsent(size)
            found: list[Placed] = []
            end = piece.start
            for place in records.scan(piece.data, piece.start, is_whole=piece.is_all):
                end = place.end
                if isinstance(place, Placed):
                    found.append(place)
            if end == piece.start and not piece.is_all:
                size *= 2  # a record that is larger than this
                continue
            unknown = deque(place for place in found if isinstance(place.record, Unknown))
            for part in parts([place for place in found if not isinstance(place.record, Unknown)]):
                if not to_the_end and self._is_the_end(one, part):
                    return
                self._keep_unknown(one, unknown, part.end)
                self._deliver(one, part)
                if not piece.held:
                    journal.mark_sent(piece, part.end)
            self._keep_unknown(one, unknown, end)
            journal.mark_sent(piece, end, is_noted=False)
            size = PIECE_BYTES

    def _deliver(self, one: Taken, part: Part) -> None:
        def refuse(placed: Placed, reason: str) -> None:
            if isinstance(placed.record, Asked) and placed.record.name == CreateRun.__name__:
                raise BadRequest(reason)  # all else would be refused too
            self.refused[one.journal.path] += 1
            one.journal.refuse(placed, reason)

        delivery = self._deliveries[one.journal.path]
        delivery.known = delivery.known or self._known
        delivery.deliver(self._door, part, refuse)
        self.records[one.journal.path] += sum(is_sendable(placed) for placed in part.placed)
        if delivery.known is not None:
            self._learn(delivery.known)

    def _keep_unknown(self, one: Taken, unknown: deque[Placed], upto: int) -> None:
        """What a newer version wrote before a place is kept, as what is refused."""
        while unknown and unknown[0].end <= upto:
            placed = unknown.popleft()
            self.refused[one.journal.path] += 1
            one.journal.refuse(placed, "This version of mlkeep does not know such records.")

    def _is_the_end(self, one: Taken, part: Part) -> bool:
        record = part.placed[0].record
        if not isinstance(record, Asked) or record.name != UpdateRun.__name__:
            return False
        try:
            request = request_in(record)
        except BadRequest:
            return False
        if not isinstance(request, UpdateRun) or request.status not in _ENDED:
            return False
        self._ends[one.journal.path] = request.end_time or 0
        return True

    def _upload_artifacts(self) -> None:
        folder = self._mine[0].journal.artifacts_path
        if not folder.is_dir():
            return
        run = self._door.call(GetRun(run_id=self._known or self._run_id)).run
        ArtifactRoot(run.info.artifact_uri, self._tracking_uri).upload(folder, "")
        shutil.rmtree(folder)


def is_done(one: Taken) -> bool:
    """Whether nothing of a journal is left to do."""
    return one.journal.is_sent and not one.journal.artifacts_path.exists()


def _known_id(door: Door, run_id: str) -> str | None:
    """The id that a server gave to a run that has this one in its journal; None if it has no such run.

    Raises MlkeepException.
    """
    token = ""
    while True:
        page = door.call(SearchExperiments(max_results=_EXPERIMENTS, page_token=token))
        if (run := run_of_origin(door, run_id, [one.experiment_id for one in page.experiments])) is not None:
            return run.info.run_id
        if not (token := page.next_page_token):
            return None
