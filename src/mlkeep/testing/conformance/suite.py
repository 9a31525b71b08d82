"""What all suites share: an experiment and a run of one's own, and names nobody else has."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from mlkeep.sdk import recording
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.wire.columns import LogColumns
from mlkeep.wire.heartbeats import Heartbeat, HeartbeatResponse
from mlkeep.wire.message import Request
from mlkeep.wire.runs import LogBatch


class Suite:
    """Base of the suites."""

    @pytest.fixture
    def experiment_id(self, client: MlkeepClient) -> str:
        """An experiment that only this test uses."""
        return client.create_experiment(unique("experiment"))

    @pytest.fixture
    def run_id(self, client: MlkeepClient, experiment_id: str) -> str:
        """A running run that only this test uses."""
        return client.create_run(experiment_id).info.run_id

    @pytest.fixture
    def door(self, client: MlkeepClient) -> Door:
        """What the client speaks to, for requests that the client has no method for."""
        return _AfterLogging(client.tracking_uri)


class _AfterLogging:
    """A door whose answers know of what the client has logged before."""

    def __init__(self, tracking_uri: str) -> None:
        self._tracking_uri = tracking_uri

    def call(self, request: Request) -> Any:
        return recording.door(self._tracking_uri).call(request)

    def beat(self, heartbeat: Heartbeat) -> HeartbeatResponse | None:
        return recording.door(self._tracking_uri).beat(heartbeat)

    def takes_run_ids(self) -> bool:
        return recording.door(self._tracking_uri).takes_run_ids()

    def points_at_once(self, count: int) -> int:
        return recording.door(self._tracking_uri).points_at_once(count)

    def log_many(self, batch: LogBatch) -> None:
        recording.door(self._tracking_uri).log_many(batch)

    def log_columns(self, request: LogColumns) -> None:
        recording.door(self._tracking_uri).log_columns(request)


def unique(word: str) -> str:
    """A name that starts with `word` and is not taken."""
    return f"{word}-{uuid.uuid4().hex}"


def names_both(field: str, value: str) -> str:
    """A pattern for messages that name a field and, somewhere, a value."""
    return rf"(?s)(?=.*(?:{field}))(?=.*(?:{value}))"
