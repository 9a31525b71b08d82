"""Scripts about artifacts that were written for MLflow run unchanged."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.environments import newest
from bench.objectstore import S3Server
from bench.processes import MlkeepServer, environment

SNIPPETS = Path(__file__).parent / "snippets"
SHIM = Path(__file__).parents[2] / "packages" / "mlflow-shim" / "src"

SET_AND_UPLOAD = """
import pathlib, runpy, sys, mlflow
from mlkeep.remote.settings import number
from mlkeep.sdk.stores import plan_for, store_at

runpy.run_path(sys.argv[1])
mlflow.set_tracking_uri(sys.argv[2])
pathlib.Path("a.bin").write_bytes(bytes(range(256)) * 4_000)
with mlflow.start_run() as run:
    mlflow.log_artifact("a.bin")
    plan = plan_for(store_at(mlflow.get_artifact_uri(), sys.argv[2]))
back = pathlib.Path(mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/a.bin")).read_bytes()
print(plan.part_bytes, number("HTTP_REQUEST_TIMEOUT", 120, most=86_400), back == pathlib.Path("a.bin").read_bytes())
"""


@pytest.mark.interop  # boto3 is in the official client's virtualenv
def test_the_diagnosis_of_a_bucket_finds_everything_in_order(s3: S3Server, tmp_path: Path) -> None:
    names = {"AWS_ENDPOINT_URL_S3": s3.url, "AWS_DEFAULT_REGION": "us-east-1", "SNIPPET_S3_BUCKET": s3.new_bucket()}

    printed = newest(3).run(SNIPPETS / "12_diagnose_artifact_access.py", env={**s3.variables, **names}, cwd=tmp_path)

    assert printed.splitlines() == [
        "=== S3 Artifact Store Diagnosis ===",
        "  bucket_access: OK",
        "  list_objects: OK (0 objects found)",
        "  write_access: OK",
    ]


@pytest.mark.interop
def test_the_diagnosis_of_a_bucket_that_is_not_there_names_what_fails(s3: S3Server, tmp_path: Path) -> None:
    names = {"AWS_ENDPOINT_URL_S3": s3.url, "AWS_DEFAULT_REGION": "us-east-1", "SNIPPET_S3_BUCKET": "nothing"}

    printed = newest(3).run(SNIPPETS / "12_diagnose_artifact_access.py", env={**s3.variables, **names}, cwd=tmp_path)

    assert re.fullmatch(r"(?s)=== S3.*bucket_access: FAIL: 404\n.*list_objects: FAIL: NoSuchBucket\n.*\n", printed)


def test_settings_made_while_the_program_runs_count_for_the_next_upload(server: MlkeepServer, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SET_AND_UPLOAD, str(SNIPPETS / "20_upload_timeouts.py"), server.url],
        env={**environment(), "PYTHONPATH": str(SHIM)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["104857600 600.0 True"]), done.stderr
