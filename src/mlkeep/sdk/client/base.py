"""What all parts of the client share."""

from __future__ import annotations

from mlkeep.core.errors import NotOffered
from mlkeep.sdk import config, recording
from mlkeep.sdk.doors import Door, door_to
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
        recording.flush(self.tracking_uri)
        return door_to(self.tracking_uri)

    def _ask(self, request: RunRequest) -> None:
        """Have the server do something to a run that has no answer: now, or later if it does not answer."""
        if (recorder := recording.recorder_of(request.run_id)) is not None:
            recorder.ask(request)
        else:
            self._tracking.call(request)

    @property
    def _registry(self) -> Door:
        return door_to(self.registry_uri)
