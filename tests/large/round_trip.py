"""Sends files as artifacts of a new run, looks at the listing, fetches them and tells of it as JSON.

Usage: round_trip.py LIBRARY TRACKING_URI EXPERIMENT_ID SCRATCH FILE_OR_FOLDER...

Runs in the virtualenv of the library that is named. Prints {"peak_bytes": ..., "fetched": {name: [listed size, bytes, SHA-256]}}; of a
folder, size and digest are those of all its files in the order of their names.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import resource
import shutil
import sys
from pathlib import Path
from typing import Any


def digest(path: Path) -> tuple[int, str]:
    """How many bytes there are, and their SHA-256."""
    total, whole = 0, hashlib.sha256()
    for file in [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file()):
        with file.open("rb") as opened:
            while piece := opened.read(1024 * 1024):
                total += len(piece)
                whole.update(piece)
    return total, whole.hexdigest()


def main() -> None:
    """Do it."""
    name, uri, experiment_id, scratch, *sources = sys.argv[1:]
    library: Any = importlib.import_module(name)
    library.set_tracking_uri(uri)
    client = library.tracking.MlflowClient() if name == "mlflow" else library.MlkeepClient()
    run_id = client.create_run(experiment_id).info.run_id
    fetched = {}
    for source in map(Path, sources):
        client.log_artifact(run_id, str(source))
        listed = {info.path: info.file_size for info in client.list_artifacts(run_id)}
        target = Path(scratch) / "fetched"
        target.mkdir(parents=True)
        came = library.artifacts.download_artifacts(run_id=run_id, artifact_path=source.name, dst_path=str(target))
        fetched[source.name] = [listed[source.name], *digest(Path(came))]
        shutil.rmtree(target)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"peak_bytes": peak_bytes, "fetched": fetched}))


if __name__ == "__main__":
    main()
