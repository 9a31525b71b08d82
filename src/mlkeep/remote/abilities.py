"""What a server can do beyond MLflow's protocol."""

from __future__ import annotations

import time

import msgspec

from mlkeep.core.errors import MlkeepException
from mlkeep.remote.transport import Transport, decoded
from mlkeep.wire.resources import SERVER_INFO_PATHS
from mlkeep.wire.uploads import TRANSFER_VERSION

_PATIENCE_S = 3
_REMEMBERED_S = 60


class Abilities(msgspec.Struct, frozen=True):
    """What a server says of itself; a server that says nothing is a plain MLflow server."""

    mlkeep_heartbeats: bool = False
    mlkeep_transfer: int = 0
    mlkeep_manifest: bool = False
    mlkeep_columns: int = 0
    mlkeep_encodings: list[str] = []

    @property
    def is_ours(self) -> bool:
        """Whether it is a server of mlkeep that tracks runs: it lets clients choose the ids of runs, for one."""
        return self.mlkeep_columns > 0

    @property
    def transfers(self) -> bool:
        """Whether files go to and fro in parts and bundles."""
        return self.mlkeep_transfer == TRANSFER_VERSION


PLAIN = Abilities()

_RETOLD = frozenset({400, 404, 405, 501})
"""Statuses by which a server tells that it does not know the question. Other errors tell nothing."""

_known: dict[str, tuple[float, Abilities]] = {}


def abilities_of(transport: Transport) -> Abilities:
    """What the server of a transport can do; asked once a minute.

    While it does not tell it is taken for what it was, or else for a plain one.
    """
    try:
        return sure_abilities_of(transport)
    except MlkeepException:
        return _known.get(transport.base, (0, PLAIN))[1]


def sure_abilities_of(transport: Transport) -> Abilities:
    """As `abilities_of`. Raises MlkeepException: the server does not tell."""
    told_at, told = _known.get(transport.base, (float("-inf"), PLAIN))
    if time.monotonic() - told_at < _REMEMBERED_S:
        return told
    told = _asked(transport)
    _known[transport.base] = (time.monotonic(), told)
    return told


def _asked(transport: Transport) -> Abilities:
    try:
        answer = transport.glance(SERVER_INFO_PATHS[0], _PATIENCE_S)
    except MlkeepException as error:
        if error.http_status in _RETOLD:
            return PLAIN
        raise
    return decoded(transport, answer, Abilities, SERVER_INFO_PATHS[0])
