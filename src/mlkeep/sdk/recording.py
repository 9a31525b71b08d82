"""Which runs are logged to by this process, and how: through a journal, at once, or not at all."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from mlkeep.core.entities import Run
from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.core.ids import new_run_id
from mlkeep.core.uris import without_password
from mlkeep.sdk import endings, nowhere
from mlkeep.sdk.doors import Door, door_to, hasty_door_to
from mlkeep.sdk.journal.delivery import UNSENT_EXPERIMENT
from mlkeep.sdk.journal.left import Left, told_of
from mlkeep.sdk.journal.link import Link
from mlkeep.sdk.journal.local_run import LocalRun, found_in_journals, named
from mlkeep.sdk.journal.offline import NoServer, OfflineLink
from mlkeep.sdk.journal.presence import Presence
from mlkeep.sdk.journal.recorder import DRAIN_S, Recorder, drain_s
from mlkeep.sdk.journal.silent import Silent
from mlkeep.sdk.journal.whereabouts import journal_folder, staging_folder
from mlkeep.sdk.modes import Mode, mode
from mlkeep.sdk.operations import look_up_default
from mlkeep.sdk.threads import look_up_active_model
from mlkeep.wire.message import Request
from mlkeep.wire.runs import CreateRun, GetRun, UpdateRun

_log = logging.getLogger("mlkeep")

T = TypeVar("T")

MOST_JOURNALS = 128
"""Runs whose journals are kept open while there is nothing to send of them."""

MOST_KNOWN = 10_000
"""Runs that are logged to through a journal at a time, and that have ended without the server knowing of them."""


_links: dict[tuple[str, bool], Link] = {}
_recorders: dict[str, Recorder] = {}
_ended: dict[str, Recorder] = {}
"""Runs that have ended and of which the server does not have everything, or under another id."""
_presences: dict[Link, Presence] = {}
_left: list[Left] = []
"""What was closed that the server does not have."""

when_linked: list[Callable[[Link], object]] = []
"""What is to be done when a server is to be sent something for the first time."""

when_leaving: list[Callable[[Recorder], object]] = []
"""What is to be done when the program ends for a run of which artifacts wait."""

when_let_go: list[Callable[[Link, float], object]] = []
"""What is to be done for a server, in so many seconds, when the program ends and has sent what it logged itself."""


def recorder_of(run_id: str) -> Recorder | None:
    """What takes what is logged to a run, if it was started here and has not ended."""
    return _recorders.get(run_id)


def known_of(run_id: str) -> Recorder | None:
    """As `recorder_of`, or what took it, if the run has ended and the server does not have all of it under this id."""
    return _recorders.get(run_id) or _ended.get(run_id)


def known_at(tracking_uri: str, run_id: str) -> Recorder | None:
    """As `known_of`, of a run that is logged to there, or nowhere."""
    known = known_of(run_id)
    if known is None or isinstance(known, Silent):
        return known
    return known if known.link.tracking_uri.rstrip("/") == tracking_uri.rstrip("/") else None


def is_silent(run_id: str | None) -> bool:
    """Whether nothing is kept of what is logged to a run."""
    return isinstance(known_of(run_id or ""), Silent)


def start(tracking_uri: str, request: CreateRun) -> Run:
    """Make a run. If the server is not there the run is made later, and known here until then.

    It has the id in the request, if there is one and the server lets clients choose.

    Raises MlkeepException: what the server says.
    """
    how = mode()
    _look_up()
    if how is Mode.DIRECT:
        made: Run = door_to(tracking_uri).call(request).run.entity()
        return made
    if how is Mode.DISABLED:
        return start_silent(request)
    request = msgspec.structs.replace(request, run_id=request.run_id or new_run_id())
    if not request.experiment_id.startswith(UNSENT_EXPERIMENT):
        run: Run | None = attempt(tracking_uri, lambda ask: ask(request).run.entity())
        if run is not None:
            _record(tracking_uri, run.info.run_id)
            return run
    request = msgspec.structs.replace(request, run_name=named(request))
    local = LocalRun(request, str(staging_folder(request.run_id)))
    _record(tracking_uri, request.run_id, local).begin(request)
    return local.run()


def start_silent(request: CreateRun) -> Run:
    """Make a run of which nothing is kept: everything can be done with it, and no server is asked."""
    request = msgspec.structs.replace(request, run_id=request.run_id or new_run_id(), run_name=named(request))
    local = LocalRun(request, "")
    _recorders[request.run_id] = Silent(OfflineLink(nowhere.uri), Path(), request.run_id, local)
    return local.run()


def find(tracking_uri: str, run_id: str) -> Run | None:
    """A run that is to be gone on with, as the server knows it, or as it is known here if it does not; None if nobody knows.

    Raises NotFound: the server does not know it.
    """
    how = mode()
    if how is Mode.DIRECT:
        there: Run = door_to(tracking_uri).call(GetRun(run_id=run_id)).run.entity()
        return there
    known = known_of(run_id)
    if known is not None and (local := known.run()) is not None:
        return local
    if how is Mode.ONLINE:
        flush(tracking_uri)
        request = GetRun(run_id=run_id if known is None else known.server_run_id)
        run: Run | None = attempt(tracking_uri, lambda ask: ask(request).run.entity())
        if run is not None:
            return run
    earlier = found_in_journals(journal_folder(), run_id, str(staging_folder(run_id)))
    return None if earlier is None else earlier.run()


def go_on(tracking_uri: str, run_id: str) -> None:
    """Log to a run that is there already, or was when it was last seen, through a journal."""
    how = mode()
    _look_up()
    if how is Mode.DIRECT or run_id in _recorders:
        return
    if how is Mode.DISABLED:
        start_silent(CreateRun(run_id=run_id))
        return
    if (known := _ended.pop(run_id, None)) is not None:
        _recorders[run_id] = known
        _say_alive(known.link)
        endings.leave_by(drain)
        return
    link = link_to(tracking_uri)
    local = None
    if link.is_down:
        place = str(staging_folder(run_id))
        unknown = LocalRun(CreateRun(run_id=run_id), place, is_whole=False)
        local = found_in_journals(journal_folder(), run_id, place) or unknown
    _record(tracking_uri, run_id, local)


def end(run_id: str, request: UpdateRun | None = None) -> None:
    """The run has ended: nothing more is logged to it through a journal. `request` tells the server.

    Waits, up to a bound, until the server has what was logged, so that it has it when it learns of the end. What it does
    not have then is sent later.

    Raises MlkeepException: what the server says.
    """
    recorder = known_of(run_id)
    if recorder is None:
        return
    try:
        is_sent = not recorder.link.is_down and recorder.flush(drain_s())
        if request is not None and is_sent:
            recorder.ask(request)
        elif request is not None:
            recorder.put(request)
    finally:
        _recorders.pop(run_id, None)
        _ended[run_id] = recorder
        _sweep()


def attempt(tracking_uri: str, question: Callable[[Callable[[Request], Any]], T]) -> T | None:
    """What the server says, asked once and not for long; None if there is none to ask, or it does not answer.

    `question` is given what asks. That a server does not answer is said once; then nothing waits for it.

    Raises MlkeepException: what the server says.
    """
    how = mode()
    if how is Mode.DIRECT:
        return question(door_to(tracking_uri).call)
    link = link_to(tracking_uri)
    if how is not Mode.ONLINE or link.is_down:
        return None
    return asked_once(link, question)


def asked_once(link: Link, question: Callable[[Callable[[Request], Any]], T]) -> T | None:
    """As `attempt`, also of a server that did not answer the last time."""
    try:
        return question(link.ask)
    except MlkeepException:
        if link.is_down:
            return None
        raise


def door(uri: str) -> Door:
    """The door to a server, which has, unless it is slow or down, what was logged before.

    When offline it is one at which nobody answers; when disabled, that of a database which is deleted in the end.
    """
    if uri == nowhere.uri:
        return nowhere.door()
    match mode():
        case Mode.OFFLINE:
            return NoServer()
        case Mode.DISABLED:
            return nowhere.door()
        case Mode.DIRECT:
            return door_to(uri)
        case Mode.ONLINE:
            flush(uri)
            return door_to(uri)


def flush(tracking_uri: str) -> None:
    """Wait, up to a bound, until the server has what was logged. A server that is down is not waited for."""
    link = _links.get((tracking_uri, False))
    if link is not None and not link.is_down and not link.flush(drain_s()) and not link.is_down:
        _log.warning("Not everything that was logged has reached the server: what is read may lack the latest.")


def flush_all() -> None:
    """As `flush`, for all servers."""
    for tracking_uri, _ in list(_links):
        flush(tracking_uri)


def link_to(tracking_uri: str) -> Link:
    """The way to a server; when offline, one that leads nowhere."""
    key = (tracking_uri, mode() is Mode.OFFLINE)
    if key not in _links:
        _links[key] = OfflineLink(tracking_uri) if key[1] else Link(tracking_uri)
        for call in when_linked:
            call(_links[key])
    return _links[key]


def forget() -> None:
    """Send what can be sent, as `flush`, and begin anew: nothing is logged to any run any more. For tests.

    What could not be sent stays on disk.
    """
    _let_go(drain_s())
    _left.clear()


def begin_anew() -> None:
    """Leave journals to the process that writes them: this one is its forked child, and writes journals of its own."""
    for link in _links.values():
        link.begin_anew()
    for recorder in _recorders.values():
        recorder.begin_anew()
    _ended.clear()
    _left.clear()
    _presences.clear()


def drain(timeout_s: float | None = None) -> None:
    """Send what can be sent in so many seconds, of all runs together, and tell what is left. For the end of a program."""
    if timeout_s is None:
        try:
            timeout_s = drain_s()
        except InvalidInput:  # nobody is left to tell
            timeout_s = DRAIN_S
    _let_go(timeout_s)
    if _left:
        sys.stderr.write(told_of(_left) + "\n")
        _left.clear()


def _record(tracking_uri: str, run_id: str, local: LocalRun | None = None) -> Recorder:
    recorder = _recorders[run_id] = Recorder(link_to(tracking_uri), journal_folder(), run_id, local)
    _say_alive(recorder.link)
    endings.leave_by(drain)
    if len(_recorders) > MOST_JOURNALS and len(_recorders) % 16 == 0:
        _rest()
    return recorder


def _say_alive(link: Link) -> None:
    """Have the server told that a run was started, and from time to time that those which are open are alive."""
    if link not in _presences:
        _presences[link] = Presence(
            lambda: [each.server_run_id for each in list(_recorders.values()) if each.link is link]
        )
    _presences[link].begin(link.every)


def _look_up() -> None:
    """Settings that logging goes by are read when a run is started: it takes longer than logging."""
    look_up_default()
    look_up_active_model()


def _rest() -> None:
    """Close journals of runs that were not logged to lately, and forget the oldest of very many runs."""
    idle = [recorder for recorder in list(_recorders.values())[:-MOST_JOURNALS] if recorder.is_sent]
    for recorder in idle:
        recorder.close()
    for recorder in idle[: max(0, len(_recorders) - MOST_KNOWN)]:
        _recorders.pop(recorder.run_id, None)


def _sweep() -> None:
    """Close journals of ended runs of which nothing is to be sent from here, and forget those that nobody will ask for."""
    for run_id, recorder in list(_ended.items()):
        if recorder.is_offline or recorder.is_sent:
            _close(recorder)
            if not recorder.is_local and recorder.server_run_id == run_id:
                _ended.pop(run_id, None)
    for recorder in list(_ended.values())[: max(0, len(_ended) - MOST_JOURNALS)]:
        _close(recorder)
    for run_id in list(_ended)[: max(0, len(_ended) - MOST_KNOWN)]:
        _ended.pop(run_id, None)


def _close(recorder: Recorder) -> None:
    if (path := recorder.close()) is not None:
        _left.append(Left(path, _server_of(recorder)))


def _server_of(recorder: Recorder) -> str:
    return "" if recorder.is_offline else without_password(recorder.link.tracking_uri)


def _let_go(timeout_s: float) -> None:
    """Send what can be sent, and close everything."""
    until = time.monotonic() + timeout_s
    for link in list(_links.values()):
        link.flush(max(0.0, until - time.monotonic()))
        if link in _presences and not link.is_down and time.monotonic() < until:
            with contextlib.suppress(MlkeepException):
                _presences[link].leave(hasty_door_to(link.tracking_uri))
    for recorder in [*_recorders.values(), *_ended.values()]:
        waits = not isinstance(recorder, Silent) and (folder := staging_folder(recorder.run_id)).exists()
        if waits and time.monotonic() < until:
            for send in when_leaving:
                send(recorder)
        if waits and folder.exists():
            _left.append(Left(folder, _server_of(recorder)))
        _close(recorder)
    _recorders.clear()
    _ended.clear()
    _presences.clear()
    for link in _links.values():
        for call in when_let_go:
            call(link, max(0.0, until - time.monotonic()))
        link.close(max(1.0, until - time.monotonic()))
    _links.clear()


os.register_at_fork(after_in_child=begin_anew)
