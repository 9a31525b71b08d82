"""Which runs are logged to by this process, and how: through a journal, at once, or not at all."""

from __future__ import annotations

import enum
import logging
import os
import tempfile
import time
from pathlib import Path

import msgspec

from mlkeep.core.entities import Run
from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.core.ids import new_run_id
from mlkeep.core.settings import number, setting, variable
from mlkeep.sdk import endings
from mlkeep.sdk.config import DEFAULT_FOLDER
from mlkeep.sdk.doors import door_to
from mlkeep.sdk.journal.delivery import UNSENT_EXPERIMENT
from mlkeep.sdk.journal.link import Link
from mlkeep.sdk.journal.local_run import LocalRun, named
from mlkeep.sdk.journal.recorder import Recorder
from mlkeep.sdk.journal.silent import Silent
from mlkeep.wire.runs import CreateRun

_log = logging.getLogger("mlkeep")

DRAIN_S = 10
"""How long the end of a program, of a run, and who reads wait for what is being sent, unless told otherwise."""


class Mode(enum.Enum):
    """What `MLKEEP_MODE` says."""

    ONLINE = "online"
    OFFLINE = "offline"
    DIRECT = "direct"
    DISABLED = "disabled"


_links: dict[str, Link] = {}
_recorders: dict[str, Recorder] = {}


def mode() -> Mode:
    """How runs are logged to. Raises InvalidInput: the environment says something else."""
    text = setting("MODE") or Mode.ONLINE.value
    try:
        return Mode(text.lower())
    except ValueError:
        raise InvalidInput(
            f"Invalid value '{text}' of the environment variable {variable('MODE')}: it must be one of "
            f"{', '.join(each.value for each in Mode)}."
        ) from None


def recorder_of(run_id: str) -> Recorder | None:
    """What takes what is logged to a run, if it was started here and has not ended."""
    return _recorders.get(run_id)


def start(tracking_uri: str, request: CreateRun) -> Run:
    """Make a run. If the server is not there the run is made later, and known here until then.

    It has the id in the request, if there is one and the server lets clients choose.

    Raises MlkeepException: what the server says.
    """
    how = mode()
    if how is Mode.DIRECT:
        run: Run = door_to(tracking_uri).call(request).run.entity()
        return run
    link = link_to(tracking_uri)
    request = msgspec.structs.replace(request, run_id=request.run_id or new_run_id())
    if how is Mode.ONLINE and not request.experiment_id.startswith(UNSENT_EXPERIMENT):
        try:
            run = link.ask(request).run.entity()
        except MlkeepException:
            if not link.is_down:
                raise
        else:
            _recorders[run.info.run_id] = Recorder(link, journal_folder(), run.info.run_id)
            return run
    folder = journal_folder()
    request = msgspec.structs.replace(request, run_name=named(request))
    local = LocalRun(request, str(folder / f"{request.run_id}.artifacts"))
    recorder = _recorders[request.run_id] = Recorder(link, folder, request.run_id, local)
    recorder.begin(request)
    return local.run()


def start_silent(request: CreateRun) -> Run:
    """Make a run of which nothing is kept: it can be logged to, and no server is asked."""
    request = msgspec.structs.replace(request, run_id=request.run_id or new_run_id(), run_name=named(request))
    local = LocalRun(request, "")
    _recorders[request.run_id] = Silent(Link("nowhere:"), Path(), request.run_id, local)
    return local.run()


def is_silent(run_id: str | None) -> bool:
    """Whether nothing is kept of what is logged to a run."""
    return isinstance(_recorders.get(run_id or ""), Silent)


def go_on(tracking_uri: str, run_id: str) -> None:
    """Log to a run that is there already through a journal."""
    if mode() is Mode.ONLINE and run_id not in _recorders:
        _recorders[run_id] = Recorder(link_to(tracking_uri), journal_folder(), run_id)


def end(run_id: str) -> None:
    """The run has ended: nothing more is logged to it through a journal."""
    if (recorder := _recorders.pop(run_id, None)) is not None:
        recorder.flush(drain_s())
        recorder.close()


def flush(tracking_uri: str) -> None:
    """Wait, up to a bound, until the server has what was logged. A server that is down is not waited for."""
    link = _links.get(tracking_uri)
    if link is not None and not link.is_down and not link.flush(drain_s()):
        _log.warning("Not everything that was logged has reached the server: what is read may lack the latest.")


def link_to(tracking_uri: str) -> Link:
    """The way to a server."""
    if tracking_uri not in _links:
        _links[tracking_uri] = Link(tracking_uri)
        endings.leave_by(drain)
    return _links[tracking_uri]


def drain_s() -> float:
    """How long to wait for what is being sent."""
    return number("FLUSH_TIMEOUT", DRAIN_S, most=86_400)


def journal_folder() -> Path:
    """The folder of journals, which is made: `MLKEEP_JOURNAL_DIR`, else `.mlkeep/journal` in the working folder.

    Where nothing can be written there it is in the folder for temporary files.
    """
    wanted = Path(setting("JOURNAL_DIR") or Path(DEFAULT_FOLDER) / "journal").absolute()
    for folder in (wanted, Path(tempfile.gettempdir()) / f"mlkeep-journal-{os.getuid()}"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return wanted


def begin_anew() -> None:
    """Leave journals to the process that writes them: this one is its forked child, and writes journals of its own."""
    for link in _links.values():
        link.begin_anew()
    for recorder in _recorders.values():
        recorder.begin_anew()


def drain(timeout_s: float | None = None) -> None:
    """Send what can be sent in so many seconds, of all runs together. For the end of a program."""
    until = time.monotonic() + (drain_s() if timeout_s is None else timeout_s)
    for recorder in list(_recorders.values()):
        recorder.flush(max(0.0, until - time.monotonic()))
        recorder.close()
    _recorders.clear()


os.register_at_fork(after_in_child=begin_anew)
