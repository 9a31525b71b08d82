"""Which files of a model folder are pickles, told from MLmodel and the names of files, whoever wrote them."""

from __future__ import annotations

from typing import Any

import pytest

from mlkeep.core.model_files import doubtful_types, pickles

PYFUNC = {"loader_module": "mlflow.pyfunc.model", "python_model": "python_model.pkl", "cloudpickle_version": "3.1.2"}


@pytest.mark.parametrize(
    ("flavors", "expected"),
    [
        # MLflow 3.17, and ours
        ({"sklearn": {"pickled_model": "model.skops", "serialization_format": "skops"}}, []),
        ({"sklearn": {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}}, ["model.pkl"]),
        ({"sklearn": {"pickled_model": "model.pkl", "serialization_format": "pickle"}}, ["model.pkl"]),
        # MLflow 1 and 2
        ({"sklearn": {"pickled_model": "model.pkl", "sklearn_version": "0.20.3"}}, ["model.pkl"]),
        ({"sklearn": {"data": "old.pkl"}}, ["old.pkl"]),
        ({"python_function": {"loader_module": "mlflow.sklearn", "data": "model.pkl"}}, ["model.pkl"]),
        # a format of the future is not taken for a safe one
        ({"sklearn": {"pickled_model": "model.x", "serialization_format": "x"}}, ["model.x"]),
        ({"lightgbm": {"data": "model.lgb", "serialization_format": "skops"}}, []),
        ({"lightgbm": {"data": "model.lgb", "model_class": "lightgbm.basic.Booster"}}, []),
        ({"lightgbm": {"data": "model.pkl", "model_class": "lightgbm.sklearn.LGBMClassifier"}}, ["model.pkl"]),
        ({"lightgbm": {"data": "model.skops", "serialization_format": "skops"}}, []),
        ({"lightgbm": {"data": "m", "serialization_format": "cloudpickle"}}, ["m"]),
        ({"statsmodels": {"data": "model.statsmodels"}}, ["model.statsmodels"]),
        ({"python_function": {"loader_module": "mlflow.statsmodels", "data": "x"}}, ["x"]),
        # a folder of MLflow does not say how PyTorch saved it
        ({"pytorch": {"model_data": "data", "pytorch_version": "2.13.0+cpu"}}, ["data/model.pth"]),
        ({"pytorch": {"model_data": "data", "serialization_format": "pt2"}}, []),
        ({"python_function": PYFUNC}, ["python_model.pkl"]),
        ({"python_function": {"loader_module": "mlflow.pyfunc.model"}}, ["python_model.pkl"]),
        ({"python_function": {"loader_module": "mlflow.pyfunc.loaders.code_model"}}, []),
        *[({name: {"data": "model.bin"}}, []) for name in ("catboost", "onnx", "prophet", "xgboost", "keras", "spark")],
        ({"something": {"data": "model.pkl"}}, []),
        ({}, []),
    ],
)
def test_mlmodel_tells_of_pickles(flavors: dict[str, Any], expected: list[str]) -> None:
    assert pickles({"flavors": flavors}) == expected


@pytest.mark.parametrize(
    ("flavors", "files", "expected"),
    [
        ({"pytorch": {"model_data": "data"}}, ["data/model.pt2"], []),
        ({"pytorch": {"model_data": "data"}}, ["data/model.pth", "x.pth"], ["data/model.pth"]),
        (
            {"tensorflow": {"data": "data"}},
            ["data/model.keras", "data/custom_objects.cloudpickle"],
            ["data/custom_objects.cloudpickle"],
        ),
        (
            {"transformers": {"model_binary": "model"}},
            ["model/model.safetensors", "model/training_args.bin", "components/processor/pytorch_model.bin"],
            ["components/processor/pytorch_model.bin"],
        ),
        ({"something": {}}, ["data/model.joblib", "README.md"], ["data/model.joblib"]),
        (
            {"python_function": {"loader_module": "mine", "data": "data"}},
            ["data/a.pkl", "code/mine.py"],
            ["data/a.pkl"],
        ),
        ({"sklearn": {"pickled_model": "m.skops", "serialization_format": "skops"}}, ["extra_files/a.pkl"], []),
    ],
)
def test_the_names_of_files_tell_what_mlmodel_does_not(
    flavors: dict[str, Any], files: list[str], expected: list[str]
) -> None:
    assert pickles({"flavors": flavors}, files) == expected


def test_what_a_folder_declares_counts_beside_what_is_found() -> None:
    flavors = {"pytorch": {"model_data": "data"}, "sklearn": {"pickled_model": "./model.pkl"}}
    assert pickles({"flavors": flavors, "mlkeep_pickles": ["x.bin"]}) == ["model.pkl", "x.bin"]
    assert pickles({"flavors": flavors, "mlkeep_pickles": []}) == ["model.pkl"]


@pytest.mark.parametrize("content", [{}, {"flavors": None}, {"flavors": {"sklearn": None}}, {"mlkeep_pickles": 3}])
def test_content_that_makes_no_sense_is_no_error(content: dict[str, Any]) -> None:
    assert set(pickles(content)) <= {"model.pkl"}
    assert doubtful_types(content) == []


def test_types_that_a_folder_trusts_are_doubtful_unless_known_to_be_harmless() -> None:
    conf = {"serialization_format": "skops", "skops_trusted_types": ["sklearn.tree._tree.Tree", "posix.system"]}
    assert doubtful_types({"flavors": {"sklearn": conf, "lightgbm": {"skops_trusted_types": None}}}) == ["posix.system"]
