"""CatBoost models in folders: classes, formats, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import pandas as pd
import pytest
import yaml

import mlkeep.catboost
import mlkeep.pyfunc
from mlkeep.core.errors import Damaged, InvalidInput, NotFound, NotOffered
from mlkeep.models import infer_signature
from mlkeep.models.mlmodel import Model
from mlkeep.sdk import fluent

TARGET = [0, 0, 1, 1]
SMALL: dict[str, Any] = {"iterations": 3, "verbose": 0, "allow_writing_files": False, "thread_count": 1}


class Cautious(catboost.CatBoostClassifier):  # type: ignore[misc]  # catboost has no types
    """A class of one's own."""


def classifier(frame: pd.DataFrame) -> Any:
    return catboost.CatBoostClassifier(**SMALL).fit(frame, TARGET)


MODELS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "CatBoost": lambda frame: catboost.CatBoost(SMALL).fit(frame, TARGET),
    "CatBoostClassifier": classifier,
    "CatBoostRegressor": lambda frame: catboost.CatBoostRegressor(**SMALL).fit(frame, TARGET),
    "CatBoostRanker": lambda frame: catboost.CatBoostRanker(**SMALL).fit(frame, TARGET, group_id=[0, 0, 1, 1]),
}


def edit(folder: Path, **settings: object) -> None:
    """Have the folder say something else of its model."""
    content = yaml.safe_load((folder / "MLmodel").read_text())
    content["flavors"]["catboost"] |= settings
    content.pop("mlkeep_files", None)
    (folder / "MLmodel").write_text(yaml.safe_dump(content))


@pytest.mark.parametrize("kind", MODELS)
def test_every_class_comes_back_as_itself_and_as_a_function(kind: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    model = MODELS[kind](frame)
    mlkeep.catboost.save_model(model, tmp_path / "m", input_example=frame)
    loaded, function = mlkeep.catboost.load_model(tmp_path / "m"), mlkeep.pyfunc.load_model(tmp_path / "m")
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))
    np.testing.assert_array_equal(function.predict(frame), model.predict(frame))
    assert type(function.get_raw_model()) is type(model)
    assert Model.load(tmp_path / "m").flavors["catboost"] == {
        "catboost_version": catboost.__version__,
        "code": None,
        "data": "model.cb",
        "model_type": kind,
        "save_format": "cbm",
    }


def test_a_folder_says_what_goes_in_and_what_it_needs(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.catboost.save_model(classifier(frame), tmp_path / "m", input_example=frame)
    saved = Model.load(tmp_path / "m")
    assert saved.flavors["python_function"].items() >= {"loader_module": "mlflow.catboost", "data": "model.cb"}.items()
    assert repr(saved.signature) == (
        "inputs: \n  ['a': double (required), 'b': double (required)]\noutputs: \n  [long (required)]\n"
        "params: \n  None\n"
    )
    own = f"catboost=={catboost.__version__}"
    assert own in (tmp_path / "m" / "requirements.txt").read_text().splitlines()
    assert mlkeep.catboost.get_default_pip_requirements() == [own]
    assert own in mlkeep.catboost.get_default_conda_env()["dependencies"][-1]["pip"]


@pytest.mark.parametrize("save_format", ["cbm", "json"])
def test_whole_formats_keep_labels_and_names(save_format: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    model = catboost.CatBoostClassifier(**SMALL).fit(frame, ["no", "no", "yes", "yes"])
    mlkeep.catboost.save_model(model, tmp_path / "m", format=save_format)
    assert Model.load(tmp_path / "m").flavors["catboost"]["save_format"] == save_format
    loaded = mlkeep.catboost.load_model(tmp_path / "m")
    assert (loaded.feature_names_, loaded.classes_.tolist()) == (["a", "b"], ["no", "yes"])
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict(frame).tolist() == ["no", "no", "yes", "yes"]


@pytest.mark.parametrize("save_format", ["onnx", "coreml"])
def test_formats_for_others_load_too_and_a_warning_says_what_they_lose(
    save_format: str, frame: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = catboost.CatBoostRegressor(**SMALL).fit(frame.to_numpy(), TARGET)
    mlkeep.catboost.save_model(model, tmp_path / "m", format=save_format)
    assert f"format='{save_format}' keeps no names of features" in caplog.text
    found = mlkeep.pyfunc.load_model(tmp_path / "m").predict(frame.to_numpy())
    np.testing.assert_allclose(found, model.predict(frame.to_numpy()), rtol=1e-6)


def test_a_class_of_ones_own_is_one_of_catboosts_to_mlflow(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = Cautious(**SMALL).fit(frame, TARGET)
    mlkeep.catboost.save_model(model, tmp_path / "m")
    conf = Model.load(tmp_path / "m").flavors["catboost"]
    assert (conf["model_type"], conf["model_class"]) == ("CatBoostClassifier", f"{__name__}.Cautious")
    assert type(mlkeep.catboost.load_model(tmp_path / "m")) is Cautious
    edit(tmp_path / "m", model_class="elsewhere.Cautious")
    with pytest.raises(InvalidInput, match="import elsewhere before you load the model"):
        mlkeep.pyfunc.load_model(tmp_path / "m")


@pytest.mark.parametrize("named", ["CatBoostError", "Pool", "os.system", "Cautious"])
def test_a_folder_can_only_name_classes_of_models(named: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.catboost.save_model(classifier(frame), tmp_path / "m")
    edit(tmp_path / "m", model_type=named)
    with pytest.raises(InvalidInput, match=f"model_type: '{named}' is no class of catboost; expected one of"):
        mlkeep.catboost.load_model(tmp_path / "m")


def test_the_notation_of_mlflow_1_still_loads(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.catboost.save_model(classifier(frame), tmp_path / "m")
    settings = "{data: model.cb, model_type: CatBoostClassifier, save_format: cbm, catboost_version: 0.26}"
    (tmp_path / "m" / "MLmodel").write_text(f"flavors:\n  catboost: {settings}\n")
    assert mlkeep.catboost.load_model(tmp_path / "m").predict(frame).tolist() == TARGET


@pytest.mark.usefixtures("tracking")
def test_a_model_is_logged_to_a_run_by_itself_and_registered(frame: pd.DataFrame) -> None:
    model = classifier(frame)
    with fluent.start_run() as run:
        in_run = mlkeep.catboost.log_model(model, "model", input_example=frame, registered_model_name="boosted")
        named = mlkeep.catboost.log_model(model, name="trees", format="json", prompts=None)
    assert in_run.model_uri == f"runs:/{run.info.run_id}/model"
    assert (named.model_uri, named.name) == (f"models:/{named.model_id}", "trees")
    for uri in (in_run.model_uri, named.model_uri, "models:/boosted/1"):
        assert mlkeep.catboost.load_model(uri).predict(frame).tolist() == TARGET
        assert mlkeep.pyfunc.load_model(uri).predict(frame).tolist() == TARGET


def test_params_of_the_signature_become_keywords_and_others_are_told_of(
    frame: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = classifier(frame)
    signature = infer_signature(frame, params={"prediction_type": "Class", "temperature": 1.0})
    mlkeep.catboost.save_model(model, tmp_path / "m", signature=signature)
    function = mlkeep.pyfunc.load_model(tmp_path / "m")
    found = function.predict(frame, params={"prediction_type": "Probability"})
    np.testing.assert_array_equal(found, model.predict_proba(frame))
    assert "Ignoring params ['temperature']: CatBoostClassifier.predict has none of these." in caplog.messages


def test_data_the_model_does_not_expect_is_told_of(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.catboost.save_model(classifier(frame), tmp_path / "m")
    function = mlkeep.pyfunc.load_model(tmp_path / "m")
    told = "CatBoost cannot predict on this data: At position 0 should be feature with name a"
    with pytest.raises(InvalidInput, match=told):
        function.predict(frame.rename(columns={"a": "z"}))
    with pytest.raises(InvalidInput, match="CatBoost cannot predict on this data: Invalid data type"):
        function.predict("text")


@pytest.mark.parametrize("content", [b"", b"junk" * 20, None], ids=["empty", "junk", "cut"])
def test_a_damaged_file_is_named(content: bytes | None, frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.catboost.save_model(classifier(frame), tmp_path / "m")
    edit(tmp_path / "m")
    file = tmp_path / "m" / "model.cb"
    file.write_bytes(file.read_bytes()[:200] if content is None else content)
    with pytest.raises(Damaged, match=f"model.cb in .* cannot be read by CatBoost {catboost.__version__}: "):
        mlkeep.catboost.load_model(tmp_path / "m")


def test_a_missing_file_and_one_outside_the_folder_are_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.catboost.save_model(classifier(frame), tmp_path / "m")
    (tmp_path / "m" / "model.cb").rename(tmp_path / "model.cb")
    edit(tmp_path / "m")
    with pytest.raises(NotFound, match=r"model.cb"):
        mlkeep.catboost.load_model(tmp_path / "m")
    edit(tmp_path / "m", data="../model.cb")
    with pytest.raises(InvalidInput, match="which is no path inside the folder"):
        mlkeep.catboost.load_model(tmp_path / "m")


def test_bad_arguments_are_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = classifier(frame)
    for unreadable in ("pmml", "cpp", "python", "bin"):
        with pytest.raises(InvalidInput, match=f"format: '{unreadable}' is none that CatBoost reads again; choose one"):
            mlkeep.catboost.save_model(model, tmp_path / "m", format=unreadable)
    with pytest.raises(InvalidInput, match=r"cb_model: expected a catboost.CatBoost or derived, found str"):
        mlkeep.catboost.save_model("model", tmp_path / "m")
    with pytest.raises(InvalidInput, match="cb_model: CatBoost cannot save it: There is no trained model"):
        mlkeep.catboost.save_model(catboost.CatBoostClassifier(), tmp_path / "m")
    with pytest.raises(TypeError, match=r"save_model\(\) got an unexpected keyword argument 'depth'"):
        mlkeep.catboost.save_model(model, tmp_path / "m", depth=3)
    with pytest.raises(NotOffered, match="log_model: mlkeep does not offer auth_policy"):
        mlkeep.catboost.log_model(model, name="m", auth_policy="policy")
    assert list(tmp_path.iterdir()) == []
