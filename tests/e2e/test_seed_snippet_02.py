"""A script written for MLflow runs unchanged: mlkeep under the name `mlflow`, a real server, a model, a registry."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from bench.processes import MlkeepServer, environment
from mlkeep import MlkeepClient, artifacts, pyfunc

SNIPPETS = Path(__file__).parent / "snippets"
SHIM = Path(__file__).parents[2] / "packages" / "mlflow-shim" / "src"


PICTURE = Path("/tmp/confusion_matrix.png")
"""Where the snippet itself puts a file, whoever runs it: another user's would be in the way, so none is left."""


@pytest.fixture(autouse=True)
def no_picture_left() -> Iterator[None]:
    """The snippet's own path is free, before and after."""
    PICTURE.unlink(missing_ok=True)
    yield
    PICTURE.unlink(missing_ok=True)


def run_snippet(name: str, server: MlkeepServer, folder: Path) -> str:
    """What a snippet prints that finds the server under the name it expects."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(SNIPPETS / "with_server.py"), server.url, str(SNIPPETS / name)],
        env={**environment(), "PYTHONPATH": str(SHIM), "MPLBACKEND": "Agg"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_basic_experiment_logging_leaves_a_run_an_artifact_and_a_registered_model(
    server: MlkeepServer, tmp_path: Path
) -> None:
    printed = run_snippet("02_basic_experiment_logging.py", server, tmp_path / "work")

    found = re.search(r"^Run ID: ([0-9a-f]{32})$", printed, re.MULTILINE)
    assert found is not None
    client = MlkeepClient(tracking_uri=server.url)
    run = client.get_run(found.group(1))
    experiment = client.get_experiment_by_name("iris-classification")
    assert experiment is not None
    assert (run.info.experiment_id, run.info.run_name, run.info.status) == (
        experiment.experiment_id,
        "rf-baseline-v1",
        "FINISHED",
    )
    assert run.data.params == {
        "n_estimators": "100",
        "max_depth": "5",
        "min_samples_split": "2",
        "random_state": "42",
    }
    assert set(run.data.metrics) == {"accuracy", "f1_macro", "precision_macro", "recall_macro"}
    assert [info.path for info in client.list_artifacts(run.info.run_id, "plots")] == ["plots/confusion_matrix.png"]

    (version,) = client.search_model_versions("name = 'iris-classifier'")
    assert (version.version, version.run_id, version.status) == ("1", run.info.run_id, "READY")

    model = pyfunc.load_model(artifacts.download_artifacts("models:/iris-classifier/1", tracking_uri=server.url))
    iris = load_iris()
    _, x_test, _, y_test = train_test_split(iris.data, iris.target, test_size=0.2, random_state=42)
    assert accuracy_score(y_test, model.predict(x_test)) == run.data.metrics["accuracy"]
