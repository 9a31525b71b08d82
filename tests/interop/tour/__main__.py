"""Run the tour with the MLflow of this interpreter: `python -m tests.interop.tour TRACKING_URI OUTPUT FOLDER`.

Writes OUTPUT: the version, the public names of the client and the fluent API, and all calls.
"""

from __future__ import annotations

import inspect
import json
import logging
import sys
import time
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.interop.tour import official
from tests.interop.tour.recorder import Tour
from tests.interop.tour.table import CHAPTERS


def main(tracking_uri: str, output: Path, folder: Path) -> None:
    """Tour a server that nobody has used before."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    official.mlflow.set_tracking_uri(tracking_uri)
    tour = Tour(tracking_uri, folder)
    started = now_ms()
    for name, chapter, since in CHAPTERS:
        if since <= official.MAJOR:
            with tour.in_chapter(name):
                chapter(tour)
    output.write_text(
        json.dumps(
            {
                "tracking_uri": tracking_uri,
                "folder": str(folder),
                "started_ms": started,
                "ended_ms": now_ms(),
                "version": official.mlflow.__version__,
                "client": public_methods(official.mlflow.MlflowClient),
                "fluent": public_functions(official.mlflow),
                "calls": tour.calls,
            }
        )
    )


def now_ms() -> int:
    """The time of this machine, in milliseconds."""
    return time.time_ns() // 1_000_000


def public_methods(kind: type[Any]) -> list[str]:
    """The names of a class's public methods and properties."""
    return sorted(name for name in dir(kind) if not name.startswith("_"))


def public_functions(module: ModuleType) -> list[str]:
    """The functions a module says are public."""
    names: list[str] = module.__all__
    found = {name: getattr(module, name) for name in names}
    return sorted(name for name, value in found.items() if inspect.isfunction(value))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
