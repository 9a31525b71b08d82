"""What an MLmodel names as its files lies inside its folder, for every flavor."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import mlkeep
from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.table import flavor_named
from mlkeep.models.inside import inside, stays_inside
from mlkeep.models.mlmodel import Model

OUTSIDE = ["../other", "/etc/passwd", "a/../../b", "..\\other", "\\\\host\\share", "C:\\other"]

NAMED = {
    # what is installed, and where the flavor's settings name files
    "catboost": ("catboost", "data"),
    "keras": ("keras", "data"),
    "lightgbm": ("lightgbm", "data"),
    "onnx": ("onnx", "data"),
    "prophet": ("prophet", "data"),
    "pytorch": ("torch", "model_data"),
    "sklearn": ("sklearn", "pickled_model"),
    "spark": ("pyspark", "model_data"),
    "statsmodels": ("statsmodels", "data"),
    "tensorflow": ("tensorflow", "data"),
    "xgboost": ("xgboost", "data"),
}
HERE = {name: key for name, (package, key) in NAMED.items() if importlib.util.find_spec(package)}


def folder_of(place: Path, name: str, conf: dict[str, Any], **more: Any) -> Path:
    (place / "m").mkdir(parents=True)
    (place / "other").write_text("what must not be read")
    Model(flavors={name: conf}, **more).save(place / "m" / "MLmodel")
    return place / "m"


@pytest.mark.parametrize("outside", OUTSIDE)
@pytest.mark.parametrize("name", sorted(HERE))
def test_the_files_of_a_flavor_are_inside(name: str, outside: object, tmp_path: Path) -> None:
    key = HERE[name]
    told = rf"{key}.*: MLmodel in .* names .*, which is no path inside the folder"
    with pytest.raises(InvalidInput, match=told):
        flavor_named(name).load_model(folder_of(tmp_path / "native", name, {key: outside}))
    if name == "keras":  # which reads its own settings only
        return
    old = {"loader_module": f"mlflow.{name}", "data": outside}  # as of MLflow 1, which wrote no other flavor
    with pytest.raises(InvalidInput, match="which is no path inside the folder"):
        mlkeep.pyfunc.load_model(folder_of(tmp_path / "function", "python_function", old))


@pytest.mark.parametrize("outside", OUTSIDE)
def test_the_modules_of_a_model_are_inside(outside: object, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "sklearn", {"pickled_model": "model.pkl", "code": outside})
    with pytest.raises(InvalidInput, match=r"code: MLmodel in .* names .*, which is no path inside the folder"):
        mlkeep.sklearn.load_model(folder)


@pytest.mark.parametrize(
    ("key", "conf"),
    [
        ("python_model", {"loader_module": "mlflow.pyfunc.model", "python_model": "../other"}),
        ("data", {"loader_module": "json", "data": "../other"}),
        ("config", {"loader_module": "json", "config": "../other"}),
        (
            "artifacts",
            {
                "loader_module": "mlflow.pyfunc.loaders.code_model",
                "model_code_path": "script.py",
                "artifacts": {"secret": {"path": "../other", "uri": "file:///other"}},
            },
        ),
    ],
)
def test_what_functions_are_given_is_inside(
    key: str, conf: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path, "python_function", conf)
    (folder / "script.py").write_text(
        "import mlkeep.models\nmlkeep.models.set_model(lambda model_input: model_input)\n"
    )
    monkeypatch.setattr("json._load_pyfunc", lambda _path: None, raising=False)
    with pytest.raises(InvalidInput, match=rf"{key}: MLmodel in .* names '../other', which is no path inside"):
        mlkeep.pyfunc.load_model(folder)


def test_examples_are_inside(tmp_path: Path) -> None:
    info = {"type": "json_object", "artifact_path": "../other", "serving_input_path": "../other"}
    folder = folder_of(tmp_path, "sklearn", {}, saved_input_example_info=info)
    with pytest.raises(InvalidInput, match="no path inside the folder"):
        Model.load(folder).load_input_example(folder)
    with pytest.raises(InvalidInput, match=r"serving_input_path: MLmodel in .* no path inside the folder"):
        Model.load(folder).get_serving_input(folder)


def test_a_link_leads_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "kept").write_text("elsewhere")
    (tmp_path / "m" / "model.pkl").symlink_to(tmp_path / "kept")
    assert inside(tmp_path / "m", "model.pkl", "data").read_text() == "elsewhere"


@pytest.mark.parametrize("path", ["model.pkl", "data/model.pth", ".", "..x/y", "a..b", "data\\model", "ab:c"])
def test_paths_below_the_folder_are_taken(path: str) -> None:
    assert stays_inside(path)
