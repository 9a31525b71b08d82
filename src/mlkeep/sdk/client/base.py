"""What all parts of the client share."""

from __future__ import annotations

from typing import Any

from mlkeep.core.errors import NotOffered
from mlkeep.sdk import config, recording
from mlkeep.sdk.doors import Door
from mlkeep.sdk.journal.delivery import UNSENT_EXPERIMENT, experiment_named
from mlkeep.sdk.journal.recorder import Recorder
from mlkeep.wire.message import RunRequest


class ClientBase:
    """A client of the tracking and registry URIs it was made with, or of those set when it is used."""

    def __init__(
        self, tracking_uri: str | None = None, registry_uri: str | None = None, workspace_store_uri: str | None = None
    ) -> None:
        """Contacts nothing. Raises NotOffered: a store of workspaces is given."""
        if workspace_store_uri is not None:
            raise NotOffered("mlkeep does not keep workspaces in a store of their own: leave workspace_store_uri out.")
        self._given_tracking_uri = tracking_uri
        self._given_registry_uri = registry_uri

    @property
    def tracking_uri(self) -> str:
        """Where this client tracks runs."""
        return self._given_tracking_uri or config.get_tracking_uri()

    @property
    def registry_uri(self) -> str:
        """Where this client registers models."""
        return self._given_registry_uri or self._given_tracking_uri or config.get_registry_uri()

    @property
    def _tracking(self) -> Door:
        """The server, which has what was logged before."""
        return recording.door(self.tracking_uri)

    @property
    def _registry(self) -> Door:
        """The server of registered models; that of runs has what was logged before."""
        if self.registry_uri != self.tracking_uri:
            recording.flush(self.tracking_uri)
        return recording.door(self.registry_uri)

    def _recorder(self, run_id: str) -> Recorder | None:
        """What takes what is logged to a run that was started in this process, where this client tracks.

        None if it has ended, unless the server does not know it yet.
        """
        known = self._known(run_id)
        return known if known is None or known.is_local or recording.recorder_of(run_id) is known else None

    def _known(self, run_id: str) -> Recorder | None:
        """As `_recorder`, also of a run that has ended and of which the server does not have everything."""
        given = self._given_tracking_uri
        return recording.known_of(run_id) if given is None else recording.known_at(given, run_id)

    def _uri_of(self, run_id: str) -> str:
        """Where a run is tracked."""
        known = self._known(run_id)
        return self.tracking_uri if known is None or recording.is_silent(run_id) else known.link.tracking_uri

    def _ask(self, request: RunRequest) -> None:
        """Have the server do something to a run that has no answer: now, or later if it does not answer."""
        if (recorder := self._recorder(request.run_id)) is not None:
            recorder.ask(request)
        else:
            self._answer(request)

    def _answer(self, request: RunRequest) -> Any:
        """What the server of a run answers to a request, which is sent after what was logged before."""
        if (known := self._known(request.run_id)) is None:
            return self._tracking.call(request)
        door = recording.door(known.link.tracking_uri)
        return door.call(known.translated(request))

    def _experiment_at_server(self, experiment_id: str | int) -> str:
        """The id of an experiment, which is looked up if it was named when no server was there."""
        name = str(experiment_id).removeprefix(UNSENT_EXPERIMENT)
        return name if name == str(experiment_id) else experiment_named(self._tracking, name)
