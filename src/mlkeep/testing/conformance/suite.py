"""What all suites share: an experiment and a run of one's own, and names nobody else has."""

from __future__ import annotations

import uuid

import pytest

from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door, door_to


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
        return door_to(client.tracking_uri)


def unique(word: str) -> str:
    """A name that starts with `word` and is not taken."""
    return f"{word}-{uuid.uuid4().hex}"


def names_both(field: str, value: str) -> str:
    """A pattern for messages that name a field and, somewhere, a value."""
    return rf"(?s)(?=.*(?:{field}))(?=.*(?:{value}))"
