"""XGBoost models in folders: formats, classes, what goes in, and what is refused."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
import yaml

import mlkeep.pyfunc
import mlkeep.xgboost
from mlkeep.core.errors import Damaged, Forbidden, InvalidInput, NotFound, NotOffered
from mlkeep.models import infer_signature
from mlkeep.models.mlmodel import Model
from mlkeep.sdk import fluent

TARGET = [0, 0, 1, 1]
SMALL: dict[str, Any] = {"n_estimators": 3, "min_child_weight": 0, "max_depth": 2}


class Cautious(xgboost.XGBClassifier):
    """A class of one's own."""


class Picky(xgboost.XGBRegressor):
    """Cannot be made without an argument."""

    def __init__(self, needed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.needed = needed


def booster(frame: pd.DataFrame) -> xgboost.Booster:
    params = {"objective": "binary:logistic", "min_child_weight": 0}
    return xgboost.train(params, xgboost.DMatrix(frame, label=TARGET), num_boost_round=3)


def classifier(frame: pd.DataFrame) -> xgboost.XGBClassifier:
    return xgboost.XGBClassifier(**SMALL).fit(frame, TARGET)


MODELS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "Booster": booster,
    "XGBClassifier": classifier,
    "XGBRegressor": lambda frame: xgboost.XGBRegressor(**SMALL).fit(frame, TARGET),
    "XGBRanker": lambda frame: xgboost.XGBRanker(**SMALL).fit(frame, TARGET, qid=[0, 0, 1, 1]),
    "XGBRFClassifier": lambda frame: xgboost.XGBRFClassifier(**SMALL).fit(frame, TARGET),
    "XGBRFRegressor": lambda frame: xgboost.XGBRFRegressor(**SMALL).fit(frame, TARGET),
}


def answer(model: Any, frame: pd.DataFrame) -> Any:
    return model.predict(xgboost.DMatrix(frame) if isinstance(model, xgboost.Booster) else frame)


def edit(folder: Path, **settings: object) -> None:
    """Have the folder say something else of its model."""
    content = yaml.safe_load((folder / "MLmodel").read_text())
    content["flavors"]["xgboost"] |= settings
    content.pop("mlkeep_files", None)
    (folder / "MLmodel").write_text(yaml.safe_dump(content))


@pytest.mark.parametrize("kind", MODELS)
def test_every_class_comes_back_as_itself_and_as_a_function(kind: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    model = MODELS[kind](frame)
    mlkeep.xgboost.save_model(model, tmp_path / "m", input_example=frame)
    loaded, function = mlkeep.xgboost.load_model(tmp_path / "m"), mlkeep.pyfunc.load_model(tmp_path / "m")
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(answer(loaded, frame), answer(model, frame))
    np.testing.assert_array_equal(function.predict(frame), answer(model, frame))
    assert type(function.get_raw_model()) is type(model)


@pytest.mark.parametrize(("model_format", "begins"), [("ubj", b"{L"), ("json", b'{"'), ("xgb", b"{L")])
@pytest.mark.parametrize("kind", ["Booster", "XGBClassifier"])
def test_every_format_is_written_and_read_without_a_warning(
    kind: str, model_format: str, begins: bytes, frame: pd.DataFrame, tmp_path: Path
) -> None:
    model = MODELS[kind](frame)
    mlkeep.xgboost.save_model(model, tmp_path / "m", model_format=model_format)
    conf = Model.load(tmp_path / "m").flavors["xgboost"]
    assert (conf["data"], conf["model_format"]) == (f"model.{model_format}", model_format)
    assert (tmp_path / "m" / conf["data"]).read_bytes().startswith(begins)
    np.testing.assert_array_equal(answer(mlkeep.xgboost.load_model(tmp_path / "m"), frame), answer(model, frame))


def test_a_folder_says_what_mlflow_needs_to_load_it(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.xgboost.save_model(classifier(frame), tmp_path / "m", input_example=frame)
    model = Model.load(tmp_path / "m")
    assert model.flavors["xgboost"] == {
        "code": None,
        "data": "model.ubj",
        "model_class": "xgboost.sklearn.XGBClassifier",
        "model_format": "ubj",
        "xgb_version": xgboost.__version__,
    }
    assert model.flavors["python_function"].items() >= {"loader_module": "mlflow.xgboost", "data": "model.ubj"}.items()
    assert repr(model.signature) == (
        "inputs: \n  ['a': double (required), 'b': double (required)]\noutputs: \n  [long (required)]\n"
        "params: \n  None\n"
    )
    lines = (tmp_path / "m" / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if "xgboost" in line] == mlkeep.xgboost.get_default_pip_requirements()
    assert lines[-1].endswith(f"=={xgboost.__version__}")


def test_without_a_class_a_folder_holds_a_booster(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.xgboost.save_model(booster(frame), tmp_path / "m")
    edit(tmp_path / "m", model_class=None)
    assert type(mlkeep.xgboost.load_model(tmp_path / "m")) is xgboost.Booster
    content = yaml.safe_load((tmp_path / "m" / "MLmodel").read_text())
    del content["flavors"]["xgboost"]
    (tmp_path / "m" / "MLmodel").write_text(yaml.safe_dump(content))
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict(frame).shape == (4,)


@pytest.mark.usefixtures("tracking")
def test_a_model_is_logged_to_a_run_by_itself_and_registered(frame: pd.DataFrame) -> None:
    model = classifier(frame)
    with fluent.start_run() as run:
        in_run = mlkeep.xgboost.log_model(model, "model", input_example=frame, registered_model_name="boosted")
        named = mlkeep.xgboost.log_model(model, name="trees", params={"depth": 2}, prompts=None)
    assert in_run.model_uri == f"runs:/{run.info.run_id}/model"
    assert (named.model_uri, named.name) == (f"models:/{named.model_id}", "trees")
    for uri in (in_run.model_uri, named.model_uri, "models:/boosted/1"):
        assert mlkeep.xgboost.load_model(uri).predict(frame).tolist() == TARGET
        assert mlkeep.pyfunc.load_model(uri).predict(frame).tolist() == TARGET


def test_a_matrix_as_example_becomes_a_frame_with_its_columns(tmp_path: Path) -> None:
    data = pd.DataFrame({"x": [1.5, np.nan, 0.0, 2.0], "n": [1, 2, 0, 4], "t": [True, False, True, True]})
    model = booster(data)
    mlkeep.xgboost.save_model(model, tmp_path / "m", input_example=xgboost.DMatrix(data))
    saved = Model.load(tmp_path / "m")
    pd.testing.assert_frame_equal(saved.load_input_example(tmp_path / "m"), data)
    np.testing.assert_array_equal(mlkeep.pyfunc.load_model(tmp_path / "m").predict(data), answer(model, data))


def test_a_matrix_without_names_becomes_an_array_and_its_params_are_kept(tmp_path: Path) -> None:
    data = np.array([[0.0, 1.0], [1.0, np.nan], [2.0, 1.0], [3.0, 0.0]])
    model = xgboost.train({"min_child_weight": 0}, xgboost.DMatrix(data, label=TARGET), num_boost_round=2)
    mlkeep.xgboost.save_model(model, tmp_path / "m", input_example=(xgboost.DMatrix(data), {"output_margin": True}))
    saved = Model.load(tmp_path / "m")
    np.testing.assert_array_equal(saved.load_input_example(tmp_path / "m"), data)
    assert saved.load_input_example_params(tmp_path / "m") == {"output_margin": True}


def test_a_matrix_of_categories_is_refused_as_example(frame: pd.DataFrame, tmp_path: Path) -> None:
    data = frame.assign(c=pd.Categorical(["u", "v", "u", "v"]))
    with pytest.raises(InvalidInput, match="give the frame it was made of"):
        mlkeep.xgboost.save_model(
            booster(frame), tmp_path / "m", input_example=xgboost.DMatrix(data, enable_categorical=True)
        )


def test_a_booster_as_a_function_takes_frames_matrices_and_categories(frame: pd.DataFrame, tmp_path: Path) -> None:
    data = frame.assign(c=pd.Categorical(["u", "v", "u", "v"]))
    matrix = xgboost.DMatrix(data, label=TARGET, enable_categorical=True)
    model = xgboost.train({"min_child_weight": 0}, matrix, num_boost_round=2)
    mlkeep.xgboost.save_model(model, tmp_path / "m")
    function = mlkeep.pyfunc.load_model(tmp_path / "m")
    np.testing.assert_array_equal(function.predict(data), model.predict(matrix))
    np.testing.assert_array_equal(function.predict(matrix), model.predict(matrix))


def test_params_of_the_signature_become_keywords_and_others_are_told_of(
    frame: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = classifier(frame)
    signature = infer_signature(frame, params={"output_margin": False, "temperature": 1.0})
    mlkeep.xgboost.save_model(model, tmp_path / "m", signature=signature)
    function = mlkeep.pyfunc.load_model(tmp_path / "m")
    margins = function.predict(frame, params={"output_margin": True})
    np.testing.assert_array_equal(margins, model.predict(frame, output_margin=True))
    assert "Ignoring params ['temperature']: XGBClassifier.predict has none of these." in caplog.messages


@pytest.mark.parametrize("kind", ["Booster", "XGBRegressor"])
def test_columns_the_model_does_not_expect_are_named(kind: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.xgboost.save_model(MODELS[kind](frame), tmp_path / "m")
    function = mlkeep.pyfunc.load_model(tmp_path / "m")
    expected = r"It expects \['a', 'b'\], in this order"
    with pytest.raises(InvalidInput, match=rf"\['a'\] are missing; \['z'\] are not the model's. {expected}"):
        function.predict(frame.rename(columns={"a": "z"}))
    with pytest.raises(InvalidInput, match=rf"they are in another order. {expected}"):
        function.predict(frame[["b", "a"]])
    with pytest.raises(InvalidInput, match=r"XGBoost cannot predict on this data: .*must be int, float"):
        function.predict(frame.astype(str))
    with pytest.raises(InvalidInput, match="XGBoost cannot predict on this data: "):
        function.predict(frame.to_numpy()[:, :1])


def test_an_estimator_says_that_it_takes_no_matrix(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.xgboost.save_model(classifier(frame), tmp_path / "m")
    with pytest.raises(InvalidInput, match="XGBClassifier predicts on frames and arrays, not on a DMatrix"):
        mlkeep.pyfunc.load_model(tmp_path / "m").predict(xgboost.DMatrix(frame))


def test_a_class_of_ones_own_comes_back_where_it_is_imported(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = Cautious(**SMALL).fit(frame, TARGET)
    mlkeep.xgboost.save_model(model, tmp_path / "m")
    loaded = mlkeep.xgboost.load_model(tmp_path / "m")
    assert type(loaded) is Cautious
    assert loaded.predict(frame).tolist() == TARGET


def test_a_class_that_cannot_be_made_without_arguments_is_told_of(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.xgboost.save_model(MODELS["XGBRegressor"](frame), tmp_path / "m")
    edit(tmp_path / "m", model_class=f"{__name__}.Picky")
    with pytest.raises(InvalidInput, match=r"Picky' does not fit the model in model.ubj: .*'needed'"):
        mlkeep.xgboost.load_model(tmp_path / "m")


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("subprocess.Popen", "is no class of xgboost, and this program has no such class derived from one"),
        ("shop.models.Forest", "import shop.models before you load the model"),
        ("evil.Model", "import evil before you load the model"),
        ("Forest", "import its module before you load the model"),
        ("xgboost.core.DMatrix", "not derived from Booster or XGBModel"),
        ("xgboost.train", "not derived from Booster or XGBModel"),
        ("xgboost.nothing.Here", "xgboost.nothing cannot be imported"),
        (["a", "list"], "is no class of xgboost"),
    ],
)
def test_a_folder_cannot_have_any_class_imported_or_called(
    named: object, told: str, frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('it was imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    mlkeep.xgboost.save_model(classifier(frame), tmp_path / "m")
    edit(tmp_path / "m", model_class=named)
    for load in (mlkeep.xgboost.load_model, mlkeep.pyfunc.load_model):
        with pytest.raises(InvalidInput, match=told):
            load(tmp_path / "m")


def test_a_class_in_the_code_of_a_model_is_found_unless_code_is_forbidden(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "shelves.py"
    own.write_text("import xgboost\n\n\nclass Shelf(xgboost.XGBClassifier):\n    pass\n")
    mlkeep.xgboost.save_model(classifier(frame), tmp_path / "m", code_paths=[str(own)])
    edit(tmp_path / "m", model_class="shelves.Shelf")
    own.unlink()
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    with pytest.raises(Forbidden, match=r"shelves.Shelf' is defined in shelves.py, which came with the model"):
        mlkeep.pyfunc.load_model(tmp_path / "m")
    assert "shelves" not in sys.modules
    monkeypatch.delenv("MLKEEP_ALLOW_PICKLE")
    assert type(mlkeep.xgboost.load_model(tmp_path / "m")).__name__ == "Shelf"
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict(frame).tolist() == TARGET
    del sys.modules["shelves"]


@pytest.mark.parametrize(
    "content", [b"", b"junk" * 20, b"binf" + bytes(200), None], ids=["empty", "junk", "old", "cut"]
)
def test_a_damaged_file_is_named(content: bytes | None, frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.xgboost.save_model(classifier(frame), tmp_path / "m")
    edit(tmp_path / "m")
    file = tmp_path / "m" / "model.ubj"
    file.write_bytes(file.read_bytes()[:500] if content is None else content)
    with pytest.raises(Damaged, match=rf"model.ubj in .* cannot be read by XGBoost {xgboost.__version__}: ") as told:
        mlkeep.xgboost.load_model(tmp_path / "m")
    assert "Stack trace" not in str(told.value)


def test_a_missing_file_and_one_outside_the_folder_are_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.xgboost.save_model(classifier(frame), tmp_path / "m")
    (tmp_path / "m" / "model.ubj").rename(tmp_path / "model.ubj")
    edit(tmp_path / "m")
    with pytest.raises(NotFound, match=r"model.ubj"):
        mlkeep.xgboost.load_model(tmp_path / "m")
    for outside in ("../model.ubj", str(tmp_path / "model.ubj"), 7):
        edit(tmp_path / "m", data=outside)
        with pytest.raises(InvalidInput, match="which is no path inside the folder"):
            mlkeep.xgboost.load_model(tmp_path / "m")


def test_a_class_that_does_not_fit_the_file_is_told_of(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.xgboost.save_model(classifier(frame), tmp_path / "m")
    edit(tmp_path / "m", model_class="xgboost.sklearn.XGBRegressor")
    with pytest.raises(InvalidInput, match=r"does not fit the model in model.ubj: .*regressor.*classifier"):
        mlkeep.xgboost.load_model(tmp_path / "m")


def test_bad_arguments_are_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = classifier(frame)
    with pytest.raises(InvalidInput, match=r"model_format: 'bin' is unknown; choose one of ubj, json, xgb"):
        mlkeep.xgboost.save_model(model, tmp_path / "m", model_format="bin")
    with pytest.raises(InvalidInput, match=r"xgb_model: expected an xgboost.Booster or an estimator.*found str"):
        mlkeep.xgboost.save_model("model", tmp_path / "m")
    for untrained in (xgboost.XGBClassifier(), xgboost.Booster()):
        with pytest.raises(InvalidInput, match="xgb_model: XGBoost cannot save it: "):
            mlkeep.xgboost.save_model(untrained, tmp_path / "m")
    with pytest.raises(TypeError, match=r"save_model\(\) got an unexpected keyword argument 'depth'"):
        mlkeep.xgboost.save_model(model, tmp_path / "m", depth=3)
    with pytest.raises(NotOffered, match="log_model: mlkeep does not offer prompts"):
        mlkeep.xgboost.log_model(model, name="m", prompts=["prompts:/p/1"])
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_logged_when_nothing_is_amiss(
    frame: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        mlkeep.xgboost.save_model(classifier(frame), tmp_path / "m", input_example=frame)
        mlkeep.pyfunc.load_model(tmp_path / "m").predict(frame)
    assert caplog.messages == []
