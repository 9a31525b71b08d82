"""Sending what processes left in a folder of journals."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from mlkeep.core.errors import InvalidInput, MlkeepException, Unavailable
from mlkeep.core.settings import setting
from mlkeep.core.uris import without_password
from mlkeep.sdk.doors import Door, door_to, hasty_door_to
from mlkeep.sdk.journal.checking import kept_beside
from mlkeep.sdk.journal.folder import Taken, head_of, journals_in, leftovers, taken
from mlkeep.sdk.journal.leaving import LeftRun, is_done
from mlkeep.sdk.journal.records import Damage

_log = logging.getLogger("mlkeep")


class SentJournal(msgspec.Struct, frozen=True, kw_only=True):
    """A journal of which the server has everything now.

    `records` were sent; `refused` of them the server does not take, they are kept in a file beside it. `damage` are bytes
    that are no records; if they are not the end of it the journal is kept as `damaged_path`, else it is deleted.
    """

    path: Path
    run_id: str
    tracking_uri: str
    records: int
    refused: int
    damage: list[Damage]
    damaged_path: Path | None


class KeptJournal(msgspec.Struct, frozen=True, kw_only=True):
    """A journal that is still there, and why."""

    path: Path
    run_id: str
    tracking_uri: str
    reason: str


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the journals of a folder: those that were sent, those that could not be, and those of living processes."""

    sent: list[SentJournal]
    kept: list[KeptJournal]
    live: list[KeptJournal]


def sync(folder: Path, tracking_uri: str | None = None) -> Synced:
    """Send all journals of a folder that no living process has, and delete those of which the server has everything.

    They go to `tracking_uri`, else to what MLKEEP_TRACKING_URI says, else to the server that each of them names. It may
    be interrupted, done again, and done by several at once. What cannot be sent is kept, and told with the reason.
    """
    return _Sync(folder, tracking_uri or setting("TRACKING_URI"), door_to).done(journals_in(folder))


def send_orphans(folder: Path, tracking_uri: str) -> threading.Thread | None:
    """Send the journals for a server that processes left in a folder, in a thread; None if there are none."""
    masked = without_password(tracking_uri)
    wanted = [path for path in journals_in(folder) if _is_orphan(path, masked)]
    if not wanted:
        return None

    def work() -> None:
        try:
            told = _Sync(folder, tracking_uri, hasty_door_to).done(wanted)
        except Exception:  # noqa: BLE001 - the edge of a thread: what is not sent is still there
            _log.debug("What other processes left in %s could not be sent.", folder, exc_info=True)
        else:
            if told.sent:
                _log.info("%s has what other processes left in %s.", masked, folder)

    thread = threading.Thread(target=work, name="mlkeep-orphans", daemon=True)
    thread.start()
    return thread


class _Sync:
    """Goes through the journals of a folder, run by run."""

    def __init__(self, folder: Path, tracking_uri: str | None, door: Callable[[str], Door]) -> None:
        self._folder = folder
        self._tracking_uri = tracking_uri
        self._door = door
        self._silent: dict[str, str] = {}
        self._told = Synced(sent=[], kept=[], live=[])

    def done(self, paths: Sequence[Path]) -> Synced:
        """What came of these journals."""
        for leftover in leftovers(self._folder):
            leftover.unlink(missing_ok=True)
        by_run: dict[str, list[Path]] = defaultdict(list)
        for path in paths:
            by_run[path.stem.rpartition(".")[0]].append(path)
        for of_run in by_run.values():
            self._sync_run(of_run)
        return self._told

    def _sync_run(self, paths: Sequence[Path]) -> None:
        mine: list[Taken] = []
        try:
            for path in paths:
                try:
                    if (found := taken(path)) is not None:
                        mine.append(found)
                    elif path.exists():
                        self._told.live.append(_kept(path, _why_live(path)))
                except OSError as error:
                    self._told.kept.append(_kept(path, f"It cannot be read and written: {error.strerror}."))
            others = [path for path in paths if path.exists() and path not in {one.journal.path for one in mine}]
            by_server: dict[str, list[Taken]] = defaultdict(list)
            named = next((one.contents.head.tracking_uri for one in mine if one.contents.head.tracking_uri), "")
            for one in mine:
                by_server[self._tracking_uri or one.contents.head.tracking_uri or named].append(one)
            for uri, of_server in by_server.items():
                self._send_run(uri, of_server, others)
        finally:
            for one in mine:
                one.journal.close()

    def _send_run(self, uri: str, mine: Sequence[Taken], others: Sequence[Path]) -> None:
        left: LeftRun | None = None
        reason = ""
        try:
            left = LeftRun(self._answering(uri), uri, mine, others)
            left.send()
        except (MlkeepException, OSError) as error:
            reason = str(error)
            if isinstance(error, Unavailable):
                self._silent[uri] = reason
        for one in mine:
            path = one.journal.path
            if left is None or not is_done(one):
                why = (left.reasons.get(path) if left is not None else None) or reason
                self._told.kept.append(_kept(path, why, one.journal.run_id, without_password(uri)))
                continue
            self._told.sent.append(
                SentJournal(
                    path=path,
                    run_id=one.journal.run_id,
                    tracking_uri=without_password(uri),
                    records=left.records[path],
                    refused=left.refused[path],
                    damage=one.contents.damage,
                    damaged_path=_set_aside(one),
                )
            )

    def _answering(self, uri: str) -> Door:
        """Raises MlkeepException: it is not known which server it is, or it did not answer before."""
        if not uri:
            raise InvalidInput("It does not tell which server it is for: give the tracking URI.")
        if ":***@" in uri:
            raise InvalidInput(f"The password of {uri} is not kept: give the tracking URI.")
        if uri in self._silent:
            raise Unavailable(self._silent[uri])
        return self._door(uri)


def _set_aside(one: Taken) -> Path | None:
    """Where a damaged journal is kept. That its end was cut off is no damage: that record was never complete."""
    if all(damage.is_tail for damage in one.contents.damage):
        return None
    try:
        return kept_beside(one.journal.path)
    except OSError:
        return None


def _why_live(path: Path) -> str:
    head = head_of(path)
    writer = "The process that writes it" if head is None else f"Process {head.pid} on {head.host}"
    return f"{writer} lives, or another one is sending it."


def _is_orphan(path: Path, masked_uri: str) -> bool:
    """Whether a journal is for a server, and not of this process."""
    head = head_of(path)
    if head is None or head.tracking_uri != masked_uri:
        return False
    return (head.host, head.pid) != (socket.gethostname(), os.getpid())


def _kept(path: Path, reason: str, run_id: str = "", tracking_uri: str = "") -> KeptJournal:
    head = head_of(path)
    if head is not None:
        run_id, tracking_uri = run_id or head.run_id, tracking_uri or head.tracking_uri
    return KeptJournal(
        path=path, run_id=run_id or path.stem.rpartition(".")[0], tracking_uri=tracking_uri, reason=reason
    )
