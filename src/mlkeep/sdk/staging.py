"""Artifacts of runs whose server is not there: they wait beside the journal, and are uploaded when it is back."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import MlkeepException, Unavailable
from mlkeep.core.manifest import StoredFile
from mlkeep.sdk import recording
from mlkeep.sdk.journal.recorder import Recorder, drain_s
from mlkeep.sdk.journal.whereabouts import staging_folder
from mlkeep.sdk.stores import ArtifactRoot
from mlkeep.wire.runs import GetRun

_waiting = threading.Lock()
"""Held by who adds to what waits, or moves it."""

_log = logging.getLogger("mlkeep")


class StagedRoot(ArtifactRoot):
    """The folder where artifacts of a run wait. No server is told of them."""

    def recorded(self, path: str = "") -> dict[str, StoredFile]:  # noqa: ARG002
        """Nothing is remembered of them."""
        return {}

    def _kept(self, files: Sequence[StoredFile]) -> None:
        pass

    def delete(self, path: str) -> None:
        """Remove a file, or a folder with everything in it."""
        self.store.delete(path)


class NoRoot(StagedRoot):
    """Where artifacts of a run go of which nothing is kept."""

    def upload(self, source: Path, target: str) -> None:
        """Nothing is uploaded."""

    def put_bytes(self, path: str, data: bytes) -> None:
        """Nothing is kept."""

    def list(self, path: str = "") -> list[FileInfo]:  # noqa: ARG002
        """Nothing is there."""
        return []

    def size(self, path: str) -> int | None:  # noqa: ARG002
        """No file is there."""
        return None


def keep(recorder: Recorder, write: Callable[[ArtifactRoot], object]) -> None:
    """Have artifacts of a run written: to where they belong, or, if the server is not there, to where they wait.

    Raises MlkeepException: what their store says.
    """
    root = root_of(recorder)
    try:
        if not isinstance(root, StagedRoot):
            write(root)
            return
    except Unavailable:
        if _uri_at_server(recorder) is not None:
            raise
        root = _staged(recorder)
    if isinstance(root, NoRoot):
        return
    with _waiting:
        folder = staging_folder(recorder.run_id)
        if not folder.exists() and not recorder.is_offline:
            _log.warning(
                "The server is not there: artifacts of run %s are kept in %s, and uploaded when it is back.",
                recorder.run_id,
                folder,
            )
        folder.mkdir(exist_ok=True)
        write(root)


def root_of(recorder: Recorder) -> ArtifactRoot:
    """Where artifacts of a run are kept now."""
    if recording.is_silent(recorder.run_id):
        return NoRoot(".", recorder.link.tracking_uri)
    if (uri := _uri_at_server(recorder)) is None:
        return _staged(recorder)
    root = ArtifactRoot(uri, recorder.link.tracking_uri)
    _move(staging_folder(recorder.run_id), root)
    return root


def is_away(recorder: Recorder) -> bool:
    """Whether the server has the run, and is not there."""
    return not recorder.is_local and _uri_at_server(recorder) is None


def send(recorder: Recorder) -> None:
    """Upload what waits of a run, if the server is there; otherwise it goes on waiting."""
    if recorder.is_offline or not staging_folder(recorder.run_id).exists():
        return
    try:
        if recorder.is_local:
            recorder.flush(drain_s())
        elif recorder.link.is_down:  # perhaps it is back, and there was nothing to ask it meanwhile
            recorder.link.ask(GetRun(run_id=recorder.server_run_id))
        root_of(recorder)
    except (MlkeepException, OSError) as error:
        _log.warning("Artifacts of run %s could not be uploaded yet: %s", recorder.run_id, error)


def _move(folder: Path, root: ArtifactRoot) -> None:
    with _waiting:
        if folder.exists():
            root.upload(folder, "")
            shutil.rmtree(folder, ignore_errors=True)


def _staged(recorder: Recorder) -> StagedRoot:
    return StagedRoot(str(staging_folder(recorder.run_id)), recorder.link.tracking_uri)


def _uri_at_server(recorder: Recorder) -> str | None:
    """Where the artifacts of a run belong; None if no server is there that knows."""
    if recorder.is_local and not recorder.link.is_down:
        recorder.flush(drain_s())
    if recorder.is_local or recorder.link.is_down:
        return None
    request = GetRun(run_id=recorder.server_run_id)
    uri: str | None = recording.asked_once(recorder.link, lambda ask: ask(request).run.info.artifact_uri)
    return uri


recording.when_leaving.append(send)
