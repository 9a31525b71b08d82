"""The official clients and ours see the same things on one server, whoever wrote them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.environments import Library
from bench.processes import MlkeepServer
from mlkeep.version import __version__

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("official")]

FOLDER = Path(__file__).parent
MLKEEP = Library(Path(sys.executable), __version__, "mlkeep")  # runs the same scripts
FLOWERS = 150


def trained(library: Library, server: MlkeepServer, folder: Path) -> dict[str, str]:
    """The ids of what iris.py logged with a library."""
    output = library.run(FOLDER / "iris.py", library.name, server.url, str(folder), cwd=folder)
    ids: dict[str, str] = json.loads(output.splitlines()[-1])
    return ids


def seen(library: Library, server: MlkeepServer, ids: dict[str, str], folder: Path) -> dict[str, Any]:
    """What a library reads from the server about an iris run; it loads the model by each way to name it."""
    uris = [
        "models:/iris-classifier@champion",
        f"models:/iris-classifier/{ids['version']}",
        "models:/iris-classifier/latest",
        f"runs:/{ids['run_id']}/model",
    ]
    output = library.run(FOLDER / "read_back.py", library.name, server.url, json.dumps(ids), *uris, cwd=folder)
    everything: dict[str, Any] = json.loads(output.splitlines()[-1])
    assert list(everything["predictions"]) == uris
    return everything


@pytest.mark.parametrize("writer", ["official", "ours"])
def test_a_training_and_its_model_look_the_same_through_the_official_client_and_ours(
    official_mlflow: Library, server: MlkeepServer, tmp_path: Path, writer: str
) -> None:
    ids = trained(official_mlflow if writer == "official" else MLKEEP, server, tmp_path)

    theirs = seen(official_mlflow, server, ids, tmp_path)
    ours = seen(MLKEEP, server, ids, tmp_path)

    assert ours == theirs
    # Two that agree could be wrong together.
    assert (ours["run"]["run_name"], ours["run"]["status"]) == ("forest", "FINISHED")
    assert ours["params"] == {"n_estimators": "10", "max_depth": "5", "random_state": "7", "note": "naïve 🌱 = 1%"}
    assert (ours["metrics"]["loss"], ours["metrics"]["diverged"]) == ("nan", "-inf")
    assert [[value, step] for _, value, _, step in ours["histories"]["loss"]] == [
        *([1 / (1 + step), step] for step in range(5)),
        ["nan", 5],
    ]
    assert {tag: ours["tags"][tag] for tag in ("team", "stage", "mlflow.runName")} == {
        "team": "flowers",
        "stage": "trial",
        "mlflow.runName": "forest",
    }
    assert [path for path, _, _ in ours["artifacts"]["plots"]] == ["plots/confusion matrix.png", "plots/empty.txt"]
    assert ["größe.csv", False, len("size,number\n5,3\n")] in ours["artifacts"][""]
    assert {"model/MLmodel", "model/model.pkl", "model/requirements.txt"} <= {
        path for path, _, _ in ours["artifacts"]["model"]
    }
    assert (ours["version"]["aliases"], ours["version"]["tags"]) == (["champion"], {"validated": "yes"})
    assert [len(found) for found in ours["found runs"].values()] == [1, 1, 0, 1, 1, 1]
    predictions = list(ours["predictions"].values())
    assert [len(labels) for labels in predictions] == [FLOWERS] * 4
    assert predictions == [predictions[0]] * 4
