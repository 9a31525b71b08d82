"""Keeping secrets out of what commands print."""

from __future__ import annotations

import re

MASK = "***"

_SECRET_NAME = re.compile(r"PASSWORD|PASSPHRASE|TOKEN|SECRET|CREDENTIAL|KEY", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)([^\s/:@]*):\S*@")
_PARAMETER = re.compile(r"(?<=[?&;])([^\s=&?;]*(?:password|token|secret|key|sig)[^\s=&;]*)=[^\s&;]+", re.IGNORECASE)


def is_secret(variable: str) -> bool:
    """Whether an environment variable of this name holds a secret."""
    return _SECRET_NAME.search(variable) is not None


def without_secrets(text: str) -> str:
    """`text` with the passwords in its URIs masked: those before the host, and those among the parameters."""
    return _PARAMETER.sub(rf"\1={MASK}", _USER_INFO.sub(rf"\1:{MASK}@", text))
