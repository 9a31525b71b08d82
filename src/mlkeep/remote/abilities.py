"""What a server can do beyond MLflow's protocol."""

from __future__ import annotations

import os
import threading
import time

import msgspec

from mlkeep.core.errors import MlkeepException
from mlkeep.remote.transport import Transport
from mlkeep.wire.resources import SERVER_INFO_PATHS
from mlkeep.wire.uploads import TRANSFER_VERSION

_PATIENCE_S = 3
_REMEMBERED_S = 60


class Abilities(msgspec.Struct, frozen=True):
    """What a server says of itself; a server that says nothing is a plain MLflow server."""

    mlkeep_transfer: int = 0
    mlkeep_manifest: bool = False
    mlkeep_columns: int = 0

    @property
    def transfers(self) -> bool:
        """Whether files go to and fro in parts and bundles."""
        return self.mlkeep_transfer == TRANSFER_VERSION


PLAIN = Abilities()

_lock = threading.Lock()
_known: dict[str, tuple[float, Abilities]] = {}


def abilities_of(transport: Transport) -> Abilities:
    """What the server of a transport can do; asked once a minute."""
    with _lock:
        told_at, told = _known.get(transport.base, (float("-inf"), PLAIN))
        if time.monotonic() - told_at < _REMEMBERED_S:
            return told
        told = _asked(transport)
        _known[transport.base] = (time.monotonic(), told)
        return told


def _asked(transport: Transport) -> Abilities:
    try:
        return msgspec.json.decode(transport.glance(SERVER_INFO_PATHS[0], _PATIENCE_S), type=Abilities, strict=False)
    except (MlkeepException, msgspec.DecodeError, UnicodeDecodeError):
        return PLAIN


def _begin_anew_in_child() -> None:
    """A thread that had the lock stays with the parent."""
    global _lock  # noqa: PLW0603 - one lock for the process
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_begin_anew_in_child)
