"""Which distributions this process runs with."""

from __future__ import annotations

import importlib.metadata

_versions: dict[str, str] = {}


def installed_version(distribution: str) -> str | None:
    """The version of a distribution; None if it is not installed.

    It is looked up once: what is installed anew meanwhile, this process goes on running as it was.
    """
    if distribution not in _versions:
        try:
            _versions[distribution] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            return None
    return _versions[distribution]
