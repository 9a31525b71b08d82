"""How long the clients take to be imported."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.environments import Library, newest, output_of, plain_environment
from bench.processes import environment
from bench.writing import Record
from mlkeep.version import __version__

IMPORTS = 5

_TIMED_IMPORT = """
import time
started = time.perf_counter()
import LIBRARY
print(time.perf_counter() - started)
LIBRARY.start_run, LIBRARY.log_metric
print(time.perf_counter() - started)
"""


def measure(record: Record) -> None:
    """Seconds until each library is imported, and until its functions are at hand; both may load lazily.

    The first time does not count: the files are in the cache of the system by then.
    """
    libraries = {"ours": Library(Path(sys.executable), __version__, "mlkeep"), "mlflow-1": newest(3)}
    for number in range(IMPORTS + 1):
        for key, library in libraries.items():
            command = [str(library.python), "-c", _TIMED_IMPORT.replace("LIBRARY", library.name)]
            env = environment() if key == "ours" else plain_environment()
            imported, at_hand = output_of(command, env=env).split()
            if number > 0:
                record("import", key, float(imported))
                record("at-hand", key, float(at_hand))
