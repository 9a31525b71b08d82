"""scikit-learn models in folders: formats, what they say of themselves, and what is refused."""

from __future__ import annotations

import importlib.metadata
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.cluster import DBSCAN
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import mlkeep.pyfunc
import mlkeep.sklearn
from mlkeep.core.errors import AlreadyExists, Forbidden, InvalidInput, NotFound
from mlkeep.models import infer_signature
from mlkeep.models.mlmodel import Model
from mlkeep.version import __version__


@pytest.mark.parametrize("serialization_format", ["cloudpickle", "pickle", "skops"])
def test_every_format_loads_as_an_estimator_and_as_a_function(
    tmp_path: Path, frame: pd.DataFrame, estimator: LogisticRegression, serialization_format: str
) -> None:
    folder = tmp_path / "deep" / "model"
    mlkeep.sklearn.save_model(estimator, folder, serialization_format=serialization_format)
    assert mlkeep.sklearn.load_model(folder).predict(frame).tolist() == [0, 0, 1, 1]
    assert mlkeep.pyfunc.load_model(str(folder)).predict(frame).tolist() == [0, 0, 1, 1]
    assert isinstance(mlkeep.pyfunc.load_model(folder).get_raw_model(), LogisticRegression)


def test_a_folder_says_what_mlflow_needs_to_load_it(
    tmp_path: Path, frame: pd.DataFrame, estimator: LogisticRegression
) -> None:
    mlkeep.sklearn.save_model(estimator, tmp_path / "m", input_example=frame, metadata={"k": 1})
    content = yaml.safe_load((tmp_path / "m" / "MLmodel").read_text())
    version = importlib.metadata.version("scikit-learn")
    assert content["flavors"]["sklearn"] == {
        "code": None,
        "pickled_model": "model.skops",
        "serialization_format": "skops",
        "skops_trusted_types": None,
        "sklearn_version": version,
    }
    assert content["flavors"]["python_function"].items() >= {
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "loader_module": "mlflow.sklearn",
        "model_path": "model.skops",
        "predict_fn": "predict",
    }.items()  # fmt: skip
    assert content["signature"] == {
        "inputs": '[{"type": "double", "name": "a", "required": true}, '
        '{"type": "double", "name": "b", "required": true}]',
        "outputs": '[{"type": "long", "required": true}]',
        "params": None,
    }
    assert content["metadata"] == {"k": 1}
    assert content["model_size_bytes"] == sum(
        file.stat().st_size for file in (tmp_path / "m").iterdir() if file.name != "MLmodel"
    )
    assert (tmp_path / "m" / "requirements.txt").read_text().splitlines() == [
        f"mlkeep=={__version__}",
        *(f"{name}=={importlib.metadata.version(name)}" for name in ("numpy", "pandas")),
        f"scikit-learn=={version}",
        f"skops=={importlib.metadata.version('skops')}",
    ]


def test_a_signature_can_be_given_or_forgone(
    tmp_path: Path, frame: pd.DataFrame, estimator: LogisticRegression
) -> None:
    given = infer_signature(frame, estimator.predict(frame))
    mlkeep.sklearn.save_model(estimator, tmp_path / "given", signature=given, input_example=frame)
    mlkeep.sklearn.save_model(estimator, tmp_path / "none", signature=False, input_example=frame)
    assert Model.load(tmp_path / "given").signature == given
    assert Model.load(tmp_path / "none").signature is None


def test_arrays_in_and_out_stay_tensors(tmp_path: Path, frame: pd.DataFrame) -> None:
    array = frame.to_numpy()
    mlkeep.sklearn.save_model(LogisticRegression().fit(array, [0, 0, 1, 1]), tmp_path / "m", input_example=array)
    assert repr(Model.load(tmp_path / "m").signature) == (
        "inputs: \n  [Tensor('float64', (-1, 2))]\noutputs: \n  [Tensor('int64', (-1,))]\nparams: \n  None\n"
    )


def test_an_example_that_contradicts_the_signature_is_refused(
    tmp_path: Path, frame: pd.DataFrame, estimator: LogisticRegression
) -> None:
    with pytest.raises(InvalidInput, match="Input example does not match the model signature"):
        mlkeep.sklearn.save_model(
            estimator, tmp_path / "m", signature=infer_signature(frame), input_example=frame[["a"]]
        )
    assert list(tmp_path.iterdir()) == []


def test_an_example_the_model_cannot_predict_on_costs_only_the_signature(
    tmp_path: Path, estimator: LogisticRegression, caplog: pytest.LogCaptureFixture
) -> None:
    mlkeep.sklearn.save_model(estimator, tmp_path / "m", input_example=pd.DataFrame({"a": ["text"]}))
    assert Model.load(tmp_path / "m").signature is None
    [told] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (
        "No signature could be inferred: predicting on the input example failed with ValueError: " in told.getMessage()
    )
    assert (
        "Give a signature (mlkeep.models.ModelSignature), or an input example that the model can" in told.getMessage()
    )
    assert told.exc_info is None


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"signature": "x"}, "signature: expected what mlkeep.models.infer_signature gives, .* found 'x'"),
        ({"metadata": "x"}, "metadata: expected a dict, found 'x'"),
        ({"pip_requirements": ["a b c"]}, "pip_requirements: 'a b c' is no requirement, such as 'pandas==2.2.3'"),
        ({"extra_pip_requirements": ["a b c"]}, "pip_requirements: 'a b c' is no requirement"),
    ],
)
def test_arguments_of_the_wrong_kind_are_refused_by_name(
    tmp_path: Path, estimator: LogisticRegression, argument: Any, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        mlkeep.sklearn.save_model(estimator, tmp_path / "m", **argument)
    assert list(tmp_path.iterdir()) == []


def test_params_that_no_signature_names_are_told_of_once(
    tmp_path: Path, frame: pd.DataFrame, estimator: LogisticRegression, caplog: pytest.LogCaptureFixture
) -> None:
    mlkeep.sklearn.save_model(estimator, tmp_path / "m", input_example=frame)
    mlkeep.pyfunc.load_model(tmp_path / "m").predict(frame, params={"k": 1})
    assert caplog.messages == ["Ignoring params ['k']: the model's signature does not name them."]


def test_another_method_can_answer(tmp_path: Path, frame: pd.DataFrame, estimator: LogisticRegression) -> None:
    mlkeep.sklearn.save_model(estimator, tmp_path / "m", pyfunc_predict_fn="predict_proba")
    found = mlkeep.pyfunc.load_model(tmp_path / "m").predict(frame)
    np.testing.assert_array_equal(found, estimator.predict_proba(frame))


def test_an_estimator_that_cannot_predict_is_saved_without_the_function_flavor(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mlkeep.sklearn.save_model(DBSCAN(), tmp_path / "m")
    assert "DBSCAN has no method 'predict'" in caplog.text
    assert isinstance(mlkeep.sklearn.load_model(tmp_path / "m"), DBSCAN)
    with pytest.raises(NotFound, match='Model does not have the "python_function" flavor'):
        mlkeep.pyfunc.load_model(tmp_path / "m")


def test_what_a_script_defines_is_part_of_the_model(tmp_path: Path, frame: pd.DataFrame) -> None:
    pipeline = make_pipeline(FunctionTransformer(lambda values: values * 2), LogisticRegression())
    pipeline.fit(frame, [0, 0, 1, 1])
    mlkeep.sklearn.save_model(pipeline, tmp_path / "m")
    assert mlkeep.sklearn.load_model(tmp_path / "m").predict(frame).tolist() == [0, 0, 1, 1]


def test_skops_lists_the_types_it_does_not_trust(tmp_path: Path, frame: pd.DataFrame) -> None:
    forest = RandomForestClassifier(n_estimators=2, random_state=0).fit(frame, [0, 0, 1, 1])
    untrusted = "sklearn.tree._tree.Tree"
    with pytest.raises(InvalidInput, match=rf"skops_trusted_types=\['{untrusted}'\]"):
        mlkeep.sklearn.save_model(forest, tmp_path / "m", serialization_format="skops")
    assert list(tmp_path.iterdir()) == []
    mlkeep.sklearn.save_model(forest, tmp_path / "m", serialization_format="skops", skops_trusted_types=[untrusted])
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict(frame).tolist() == forest.predict(frame).tolist()


@pytest.mark.parametrize("variable", ["MLKEEP_ALLOW_PICKLE", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"])
def test_a_policy_forbids_pickles_but_not_skops(
    tmp_path: Path,
    frame: pd.DataFrame,
    estimator: LogisticRegression,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    mlkeep.sklearn.save_model(estimator, tmp_path / "pickle", serialization_format="cloudpickle")
    mlkeep.sklearn.save_model(estimator, tmp_path / "skops", serialization_format="skops")
    monkeypatch.setenv(variable, "false")
    for load in (mlkeep.sklearn.load_model, mlkeep.pyfunc.load_model):
        with pytest.raises(Forbidden, match=rf"model\.pkl is a pickle.*{variable}=false.*skops"):
            load(tmp_path / "pickle")
    assert mlkeep.pyfunc.load_model(tmp_path / "skops").predict(frame).tolist() == [0, 0, 1, 1]


def test_the_notation_of_mlflow_1_still_loads(
    tmp_path: Path, frame: pd.DataFrame, estimator: LogisticRegression
) -> None:
    mlkeep.sklearn.save_model(estimator, tmp_path / "m", serialization_format="pickle")
    file = tmp_path / "m" / "MLmodel"
    file.write_text(
        "flavors:\n"
        "  python_function: {data: model.pkl, env: conda.yaml, loader_module: mlflow.sklearn, python_version: 3.6.9}\n"
        "  sklearn: {pickled_model: model.pkl, sklearn_version: 0.20.3}\n"
    )
    assert mlkeep.sklearn.load_model(tmp_path / "m").predict(frame).tolist() == [0, 0, 1, 1]
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict(frame).tolist() == [0, 0, 1, 1]
    file.write_text("flavors:\n  python_function: {data: model.pkl, loader_module: mlflow.sklearn}\n")
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict(frame).tolist() == [0, 0, 1, 1]


def test_an_existing_folder_is_never_overwritten(tmp_path: Path, estimator: LogisticRegression) -> None:
    (tmp_path / "empty").mkdir()
    mlkeep.sklearn.save_model(estimator, tmp_path / "empty")
    with pytest.raises(AlreadyExists, match=r"Path '.*empty' already exists and is not empty"):
        mlkeep.sklearn.save_model(estimator, tmp_path / "empty")


def test_an_unknown_format_is_named(tmp_path: Path, estimator: LogisticRegression) -> None:
    with pytest.raises(InvalidInput, match="serialization_format: 'dill' is unknown"):
        mlkeep.sklearn.save_model(estimator, tmp_path / "m", serialization_format="dill")


def test_a_model_from_another_environment_says_so_once(
    tmp_path: Path, estimator: LogisticRegression, caplog: pytest.LogCaptureFixture
) -> None:
    mlkeep.sklearn.save_model(
        estimator, tmp_path / "m", pip_requirements=["numpy==0.1", "no-such-thing==1", "mlflow==2"]
    )
    with caplog.at_level(logging.WARNING):
        mlkeep.pyfunc.load_model(tmp_path / "m")
        mlkeep.pyfunc.load_model(tmp_path / "m", suppress_warnings=True)
    [warning] = caplog.messages
    assert "numpy==0.1, here " in warning
    assert "no-such-thing==1 is not installed" in warning
    assert "mlflow" not in warning


def test_code_and_extra_files_travel_with_the_model(tmp_path: Path, estimator: LogisticRegression) -> None:
    (tmp_path / "pkg" / "__pycache__").mkdir(parents=True)
    (tmp_path / "pkg" / "mod.py").write_text("X = 1\n")
    (tmp_path / "notes.md").write_text("notes")
    mlkeep.sklearn.save_model(
        estimator, tmp_path / "m", code_paths=[str(tmp_path / "pkg")], extra_files=[str(tmp_path / "notes.md")]
    )
    flavors: Any = Model.load(tmp_path / "m").flavors
    assert (flavors["sklearn"]["code"], flavors["python_function"]["code"]) == ("code", "code")
    assert flavors["sklearn"]["extra_files"] == [{"path": "extra_files/notes.md"}]
    assert (tmp_path / "m" / "code" / "pkg" / "mod.py").read_text() == "X = 1\n"
    assert not (tmp_path / "m" / "code" / "pkg" / "__pycache__").exists()
    with pytest.raises(InvalidInput, match="code_paths: there is no file or folder 'nowhere'"):
        mlkeep.sklearn.save_model(estimator, tmp_path / "other", code_paths=["nowhere"])
