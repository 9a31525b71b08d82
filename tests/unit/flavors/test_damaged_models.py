"""Folders that cannot be read: each error names the file, and says what to do."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from sklearn.linear_model import LinearRegression

import mlkeep.pyfunc
import mlkeep.sklearn
from mlkeep.core.errors import Damaged, InvalidInput, NotFound, NotOffered


@pytest.fixture(autouse=True)
def without_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """As folders of MLflow are, which have none: what is wrong is found while it is read."""
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")


def saved(folder: Path, serialization_format: str) -> Path:
    mlkeep.sklearn.save_model(LinearRegression(), folder, serialization_format=serialization_format)
    return folder / ("model.skops" if serialization_format == "skops" else "model.pkl")


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("serialization_format", ["skops", "cloudpickle"])
def test_a_file_that_ends_too_early_is_damaged(tmp_path: Path, serialization_format: str, kept: float) -> None:
    file = saved(tmp_path / "m", serialization_format)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(Damaged, match=rf"{file.name} in .* cannot be read as a "):
        mlkeep.sklearn.load_model(tmp_path / "m")


@pytest.mark.parametrize("schema", [None, "{", "[]", "{}", '{"protocol": 99}', '{"protocol": 2, "__loader__": "X"}'])
def test_a_skops_file_without_its_schema_is_damaged(tmp_path: Path, schema: str | None) -> None:
    file = saved(tmp_path / "m", "skops")
    with zipfile.ZipFile(file, "w") as archive:
        if schema is not None:
            archive.writestr("schema.json", schema)
    with pytest.raises(Damaged, match=r"model\.skops in .* cannot be read as a skops file"):
        mlkeep.sklearn.load_model(tmp_path / "m")


@pytest.mark.parametrize("compression", ["lzma", "bzip2", "gzip"])
def test_a_compressed_pickle_that_is_damaged_is_named(tmp_path: Path, compression: str) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=lambda rows: rows, pip_requirements=[])
    content = yaml.safe_load((tmp_path / "m" / "MLmodel").read_text())
    content["flavors"]["python_function"]["python_model_compression"] = compression
    (tmp_path / "m" / "MLmodel").write_text(yaml.safe_dump(content))
    file = tmp_path / "m" / "python_model.pkl"
    file.write_bytes(gzip.compress(file.read_bytes())[:-4])
    with pytest.raises(Damaged, match=rf"python_model\.pkl in .* compressed with {compression}"):
        mlkeep.pyfunc.load_model(tmp_path / "m")


@pytest.mark.parametrize("serialization_format", ["skops", "cloudpickle"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, serialization_format: str) -> None:
    file = saved(tmp_path / "m", serialization_format)
    file.unlink()
    with pytest.raises(NotFound, match=rf"The model needs the file {file.name}, which is not in "):
        mlkeep.sklearn.load_model(tmp_path / "m")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00garbage", b"a: [1", b"a: 2026-99-99", b"a: \x00", b""])
def test_an_mlmodel_that_is_not_yaml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "MLmodel").write_bytes(content)
    with pytest.raises(InvalidInput, match="MLmodel "):
        mlkeep.pyfunc.load_model(tmp_path)


@pytest.mark.parametrize(
    ("flavors", "has"), [({"h2o": {}, "crate": {}}, "it has crate, h2o"), ({}, "it has none")], ids=["others", "none"]
)
def test_a_folder_of_flavors_nobody_knows_says_what_it_has(tmp_path: Path, flavors: Any, has: str) -> None:
    (tmp_path / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors}))
    with pytest.raises(NotFound, match=f'Model does not have the "python_function" flavor; {has}'):
        mlkeep.pyfunc.load_model(tmp_path)


def test_a_folder_of_a_newer_mlkeep_is_not_loaded(tmp_path: Path) -> None:
    saved(tmp_path / "m", "skops")
    file = tmp_path / "m" / "MLmodel"
    file.write_text(file.read_text().replace("mlkeep_format: 1", "mlkeep_format: 2"))
    with pytest.raises(NotOffered, match=r"in a format newer than this mlkeep .* upgrade mlkeep"):
        mlkeep.sklearn.load_model(tmp_path / "m")
