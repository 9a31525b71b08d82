"""How runs are logged to."""

from __future__ import annotations

import enum

from mlkeep.core.settings import choice


class Mode(enum.Enum):
    """What `MLKEEP_MODE` says."""

    ONLINE = "online"
    OFFLINE = "offline"
    DIRECT = "direct"
    DISABLED = "disabled"


def mode() -> Mode:
    """What the environment says. Raises InvalidInput: it says something else."""
    return choice("MODE", Mode.ONLINE)
