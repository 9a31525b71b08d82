"""Digests in MLmodel: a folder that is not what was saved is not loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

import mlkeep.models
import mlkeep.pyfunc
import mlkeep.sklearn
from mlkeep.core.errors import Damaged, InvalidInput, NotFound
from mlkeep.models import digests
from mlkeep.models.mlmodel import Model


@pytest.fixture
def folder(tmp_path: Path, frame: pd.DataFrame, estimator: LogisticRegression) -> Path:
    """A model with code of its own, and with notes beside it."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "steps.py").write_text("STEP = 1\n")
    (tmp_path / "notes.md").write_text("notes")
    mlkeep.sklearn.save_model(
        estimator,
        tmp_path / "m",
        serialization_format="pickle",
        code_paths=[str(tmp_path / "own")],
        extra_files=[str(tmp_path / "notes.md")],
        input_example=frame,
    )
    return tmp_path / "m"


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_what_the_flavor_wrote_and_code_have_digests(folder: Path) -> None:
    content = yaml.safe_load((folder / "MLmodel").read_text())
    assert content["mlkeep_files"] == {
        path: {
            "size": (folder / path).stat().st_size,
            "sha256": hashlib.sha256((folder / path).read_bytes()).hexdigest(),
        }
        for path in ("code/own/steps.py", "model.pkl")
    }
    assert "mlkeep_files" not in Model.load(folder).to_json()
    assert "mlkeep_files" not in Model.load(folder).get_tags_dict()


def test_artifacts_of_python_models_have_digests(tmp_path: Path) -> None:
    (tmp_path / "table.txt").write_text("1")
    mlkeep.pyfunc.save_model(
        tmp_path / "m",
        python_model=lambda rows: rows,
        artifacts={"table": str(tmp_path / "table.txt")},
        pip_requirements=[],
    )
    truncate(tmp_path / "m" / "artifacts" / "table.txt")
    with pytest.raises(Damaged, match=r"'artifacts/table.txt' in .* it has 0 bytes, not 1"):
        mlkeep.pyfunc.load_model(tmp_path / "m")


@pytest.mark.parametrize("load", [mlkeep.sklearn.load_model, mlkeep.pyfunc.load_model], ids=["native", "function"])
@pytest.mark.parametrize(
    ("path", "spoil", "error", "told"),
    [
        ("model.pkl", truncate, Damaged, r"'model\.pkl' in .* is not what was saved: it has \d+ bytes, not \d+"),
        ("model.pkl", flip, Damaged, r"'model\.pkl' in .* is not what was saved: its SHA-256 is"),
        ("model.pkl", Path.unlink, NotFound, r"'model\.pkl', which belongs to the model in .*, is missing"),
        ("code/own/steps.py", flip, Damaged, r"'code/own/steps\.py'.*MLKEEP_VERIFY_ARTIFACTS=false"),
    ],
)
def test_a_file_that_was_damaged_is_named(
    folder: Path, load: Callable[[Path], Any], path: str, spoil: Callable[[Path], None], error: Any, told: str
) -> None:
    spoil(folder / path)
    with pytest.raises(error, match=told):
        load(folder)


def test_what_people_and_commands_change_is_not_checked(folder: Path, frame: pd.DataFrame) -> None:
    for name in ("requirements.txt", "conda.yaml", "python_env.yaml", "input_example.json", "extra_files/notes.md"):
        (folder / name).unlink()
    (folder / "code" / "own" / "__pycache__").mkdir()
    (folder / "more.txt").write_text("more")
    content = Model.load(folder)
    content.metadata = {"k": 1}
    content.save(folder / "MLmodel")
    assert mlkeep.sklearn.load_model(folder).predict(frame).tolist() == [0, 0, 1, 1]


def test_a_setting_switches_the_check_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(folder / "code" / "own" / "steps.py")
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")
    assert isinstance(mlkeep.sklearn.load_model(folder), LogisticRegression)


def test_a_folder_without_digests_is_loaded_as_it_is(folder: Path) -> None:
    content = yaml.safe_load((folder / "MLmodel").read_text())
    del content["mlkeep_files"]
    (folder / "MLmodel").write_text(yaml.safe_dump(content))
    flip(folder / "code" / "own" / "steps.py")
    assert isinstance(mlkeep.sklearn.load_model(folder), LogisticRegression)


@pytest.mark.parametrize(
    "recorded", [3, ["model.pkl"], {"../x": {"size": 1, "sha256": ""}}, {"x": {"size": "1"}}, {"x": 1}]
)
def test_digests_that_make_no_sense_are_refused(tmp_path: Path, recorded: object) -> None:
    with pytest.raises(InvalidInput, match="mlkeep_files must map paths below the folder to their size and sha256"):
        digests.check(tmp_path, recorded)


def test_many_bytes_are_hashed_by_several_threads_alike(tmp_path: Path) -> None:
    contents = {f"part{number}": bytes([number]) * (3 << 20) for number in range(4)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    found = digests.digests(tmp_path, contents)
    assert found == {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }
    digests.check(tmp_path, found)
    flip(tmp_path / "part2")
    with pytest.raises(Damaged, match="'part2'"):
        digests.check(tmp_path, found)
    digests.check(tmp_path, found, contents=False)


def test_a_logged_model_that_is_read_where_it_lies_is_checked(
    tracking: None, frame: pd.DataFrame, estimator: LogisticRegression
) -> None:
    info = mlkeep.sklearn.log_model(estimator, name="linear")
    assert mlkeep.sklearn.load_model(info.model_uri).predict(frame).tolist() == [0, 0, 1, 1]
    assert info.artifact_path is not None
    flip(Path(info.artifact_path) / "model.skops")
    with pytest.raises(Damaged, match=r"'model\.skops'"):
        mlkeep.sklearn.load_model(info.model_uri)
