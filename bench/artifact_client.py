"""What a client of `bench.artifacts` does: runs in the virtualenv of the library that is named, prints seconds as JSON.

Usage: artifact_client.py LIBRARY TRACKING_URI EXPERIMENT ARTIFACT_LOCATION BIG_FILE SMALL_FOLDER SCRATCH
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def timed(work: Callable[[], object]) -> float:
    """How long it takes, in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Log and fetch the large file and the folder, once each."""
    name, uri, experiment, location, big, small, scratch = sys.argv[1:]
    library: Any = importlib.import_module(name)
    library.set_tracking_uri(uri)
    experiment_id = library.create_experiment(experiment, artifact_location=location or None)
    client = library.MlflowClient() if name == "mlflow" else library.MlkeepClient()
    run_id = client.create_run(experiment_id).info.run_id
    target = Path(scratch) / "fetched"

    def fetched(path: str) -> float:
        shutil.rmtree(target, ignore_errors=True)
        return timed(lambda: library.artifacts.download_artifacts(run_id=run_id, artifact_path=path, dst_path=target))

    client.log_text(run_id, "connections are open, modules are loaded", "warm/up.txt")
    fetched("warm")
    taken = {
        "large up": timed(lambda: client.log_artifact(run_id, big)),
        "large down": fetched(Path(big).name),
    }
    same = (target / Path(big).name).stat().st_size == Path(big).stat().st_size
    taken["small up"] = timed(lambda: client.log_artifacts(run_id, small, "small"))
    taken["small down"] = fetched("small")
    same = same and len(list((target / "small").iterdir())) == len(list(Path(small).iterdir()))
    shutil.rmtree(target)
    if not same:
        sys.exit("what came down is not what went up")
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
