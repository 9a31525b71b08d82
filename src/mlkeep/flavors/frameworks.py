"""Frameworks that may not be installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlkeep.core.errors import NotInstalled, NotOffered


@contextmanager
def needed(extra: str) -> Iterator[None]:
    """Around the imports of a framework: `extra` is that of mlkeep which installs it.

    Raises:
        NotInstalled: a module that is imported inside is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise NotInstalled(
            f"This needs {error.name or extra}, which is not installed: pip install 'mlkeep[{extra}]'."
        ) from error


def refuse(**given: object) -> None:
    """See that arguments of MLflow's that mlkeep cannot honour are left out.

    Raises:
        NotOffered: one is given.
    """
    if named := [name for name, value in given.items() if value is not None]:
        raise NotOffered(f"mlkeep does not offer {', '.join(named)}: leave the argument out.")
