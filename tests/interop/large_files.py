"""Uploads a large file to a run and fetches it again; run by an official MLflow."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import mlflow

url, folder = sys.argv[1], Path(sys.argv[2])
source = folder / "weights 1.bin"
source.write_bytes(b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(400_000)))
mlflow.set_tracking_uri(url)
with mlflow.start_run() as run:
    mlflow.log_artifact(str(source), "model/data")
found = mlflow.artifacts.download_artifacts(
    run_id=run.info.run_id, artifact_path=f"model/data/{source.name}", dst_path=str(folder / "down")
)
assert Path(found).read_bytes() == source.read_bytes()
print(run.info.artifact_uri)
