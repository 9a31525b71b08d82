"""LightGBM models in folders: boosters as text, estimators with skops or as pickles, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import yaml

import mlkeep.lightgbm
import mlkeep.pyfunc
from mlkeep.core.errors import Damaged, Forbidden, InvalidInput, NotFound, NotOffered
from mlkeep.models import infer_signature
from mlkeep.models.mlmodel import Model
from mlkeep.sdk import fluent

TARGET = [0, 0, 1, 1]
SMALL: dict[str, Any] = {
    "n_estimators": 3,
    "min_child_samples": 1,
    "min_data_in_bin": 1,
    "verbose": -1,
    "num_threads": 1,
}
OWN_TYPES = [
    *("collections.OrderedDict", "lightgbm.basic.Booster", "lightgbm.sklearn.LGBMClassifier"),
    *("lightgbm.sklearn.LGBMModel", "lightgbm.sklearn.LGBMRanker", "lightgbm.sklearn.LGBMRegressor"),
]


class Cautious(lightgbm.LGBMClassifier):
    """A class of one's own."""


def booster(frame: pd.DataFrame, rounds: int = 3) -> lightgbm.Booster:
    params = {"objective": "binary", "min_data_in_leaf": 1, "min_data_in_bin": 1, "verbose": -1, "num_threads": 1}
    return lightgbm.train(params, lightgbm.Dataset(frame, label=TARGET), num_boost_round=rounds)


def classifier(frame: pd.DataFrame) -> lightgbm.LGBMClassifier:
    return lightgbm.LGBMClassifier(**SMALL).fit(frame, TARGET)


MODELS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "Booster": booster,
    "LGBMClassifier": classifier,
    "LGBMRegressor": lambda frame: lightgbm.LGBMRegressor(**SMALL).fit(frame, TARGET),
    "LGBMRanker": lambda frame: lightgbm.LGBMRanker(**SMALL).fit(frame, TARGET, group=[2, 2]),
    "LGBMModel": lambda frame: lightgbm.LGBMModel(objective="binary", **SMALL).fit(frame, TARGET),
}


def edit(folder: Path, **settings: object) -> None:
    """Have the folder say something else of its model."""
    content = yaml.safe_load((folder / "MLmodel").read_text())
    content["flavors"]["lightgbm"] |= settings
    content.pop("mlkeep_files", None)
    (folder / "MLmodel").write_text(yaml.safe_dump(content))


@pytest.mark.parametrize("kind", MODELS)
def test_every_class_comes_back_as_itself_and_as_a_function(kind: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    model = MODELS[kind](frame)
    mlkeep.lightgbm.save_model(model, tmp_path / "m", input_example=frame)
    loaded, function = mlkeep.lightgbm.load_model(tmp_path / "m"), mlkeep.pyfunc.load_model(tmp_path / "m")
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))
    np.testing.assert_array_equal(function.predict(frame), model.predict(frame))
    assert type(function.get_raw_model()) is type(model)
    assert Model.load(tmp_path / "m").other["mlkeep_pickles"] == []


@pytest.mark.parametrize(
    ("serialization_format", "file"), [("skops", "model.skops"), ("cloudpickle", "model.pkl"), ("pickle", "model.pkl")]
)
def test_an_estimator_has_the_format_that_was_asked_for(
    serialization_format: str, file: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    model = classifier(frame)
    mlkeep.lightgbm.save_model(model, tmp_path / "m", serialization_format=serialization_format)
    saved = Model.load(tmp_path / "m")
    assert saved.flavors["lightgbm"] == {
        "code": None,
        "data": file,
        "lgb_version": lightgbm.__version__,
        "model_class": "lightgbm.sklearn.LGBMClassifier",
        "serialization_format": serialization_format,
        "skops_trusted_types": OWN_TYPES if serialization_format == "skops" else None,
    }
    assert saved.other["mlkeep_pickles"] == ([] if serialization_format == "skops" else [file])
    loaded = mlkeep.lightgbm.load_model(tmp_path / "m")
    assert loaded.get_params() == model.get_params()
    np.testing.assert_array_equal(loaded.predict_proba(frame), model.predict_proba(frame))
    requirements = (tmp_path / "m" / "requirements.txt").read_text()
    assert ("skops==" in requirements, "cloudpickle==" in requirements) == (
        serialization_format == "skops",
        serialization_format == "cloudpickle",
    )


def test_a_booster_is_text_whatever_the_format_of_estimators(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.lightgbm.save_model(booster(frame), tmp_path / "m", serialization_format="cloudpickle", input_example=frame)
    saved = Model.load(tmp_path / "m")
    assert saved.flavors["lightgbm"] == {
        "code": None,
        "data": "model.lgb",
        "lgb_version": lightgbm.__version__,
        "model_class": "lightgbm.basic.Booster",
    }
    assert saved.flavors["python_function"].items() >= {"loader_module": "mlflow.lightgbm", "data": "model.lgb"}.items()
    assert (tmp_path / "m" / "model.lgb").read_text().startswith("tree\nversion=")
    assert repr(saved.signature) == (
        "inputs: \n  ['a': double (required), 'b': double (required)]\noutputs: \n  [double (required)]\n"
        "params: \n  None\n"
    )


def test_options_of_a_boosters_own_file_are_its_own(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.lightgbm.save_model(booster(frame), tmp_path / "m", num_iteration=2)
    assert mlkeep.lightgbm.load_model(tmp_path / "m").num_trees() == 2
    with pytest.raises(TypeError, match=r"save_model\(\) got an unexpected keyword argument 'num_iteration'"):
        mlkeep.lightgbm.save_model(classifier(frame), tmp_path / "n", num_iteration=2)


def test_types_nobody_trusts_make_it_a_pickle_and_a_warning_says_how_to_do_without(
    frame: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = Cautious(**SMALL).fit(frame, TARGET)
    untrusted = f"{__name__}.Cautious"
    mlkeep.lightgbm.save_model(model, tmp_path / "pickle")
    assert Model.load(tmp_path / "pickle").other["mlkeep_pickles"] == ["model.pkl"]
    assert "Cautious is saved as a pickle, which runs code when it is loaded" in caplog.text
    assert "skops_trusted_types=" in caplog.text
    assert type(mlkeep.lightgbm.load_model(tmp_path / "pickle")) is Cautious
    with pytest.raises(InvalidInput, match=rf"skops_trusted_types=\['{untrusted}'\]"):
        mlkeep.lightgbm.save_model(model, tmp_path / "skops", serialization_format="skops")
    mlkeep.lightgbm.save_model(model, tmp_path / "skops", skops_trusted_types=[untrusted])
    assert (tmp_path / "skops" / "model.skops").is_file()
    assert mlkeep.pyfunc.load_model(tmp_path / "skops").predict(frame).tolist() == TARGET
    edit(tmp_path / "skops", skops_trusted_types=None)
    with pytest.raises(InvalidInput, match=r"model.skops holds types that skops does not trust by itself: "):
        mlkeep.lightgbm.load_model(tmp_path / "skops")


def test_where_pickles_are_forbidden_only_they_are(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlkeep.lightgbm.save_model(classifier(frame), tmp_path / "pickle", serialization_format="cloudpickle")
    mlkeep.lightgbm.save_model(classifier(frame), tmp_path / "skops")
    mlkeep.lightgbm.save_model(booster(frame), tmp_path / "text")
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    for load in (mlkeep.lightgbm.load_model, mlkeep.pyfunc.load_model):
        with pytest.raises(Forbidden, match="is a pickle"):
            load(tmp_path / "pickle")
        assert len(load(tmp_path / "skops").predict(frame)) == len(load(tmp_path / "text").predict(frame)) == 4


def test_the_notation_of_mlflow_2_and_1_still_loads(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.lightgbm.save_model(classifier(frame), tmp_path / "m", serialization_format="pickle")
    mlkeep.lightgbm.save_model(booster(frame), tmp_path / "b")
    of_2 = "lightgbm: {code: null, data: model.pkl, lgb_version: 4.1.0, model_class: lightgbm.sklearn.LGBMClassifier}"
    of_1 = "lightgbm: {data: model.lgb, lgb_version: 2.3.0}"
    (tmp_path / "m" / "MLmodel").write_text(f"flavors:\n  {of_2}\n")
    (tmp_path / "b" / "MLmodel").write_text(f"flavors:\n  {of_1}\n")
    assert mlkeep.lightgbm.load_model(tmp_path / "m").predict(frame).tolist() == TARGET
    assert type(mlkeep.lightgbm.load_model(tmp_path / "b")) is lightgbm.Booster
    bare = "flavors:\n  python_function: {data: model.lgb, loader_module: mlflow.lightgbm}\n"
    (tmp_path / "b" / "MLmodel").write_text(bare)
    assert mlkeep.pyfunc.load_model(tmp_path / "b").predict(frame).shape == (4,)


@pytest.mark.usefixtures("tracking")
def test_a_model_is_logged_to_a_run_by_itself_and_registered(frame: pd.DataFrame) -> None:
    model = classifier(frame)
    with fluent.start_run() as run:
        in_run = mlkeep.lightgbm.log_model(model, "model", input_example=frame, registered_model_name="boosted")
        named = mlkeep.lightgbm.log_model(booster(frame), name="trees", prompts=None, num_iteration=1)
    assert in_run.model_uri == f"runs:/{run.info.run_id}/model"
    assert (named.model_uri, named.name) == (f"models:/{named.model_id}", "trees")
    for uri in (in_run.model_uri, "models:/boosted/1"):
        assert mlkeep.lightgbm.load_model(uri).predict(frame).tolist() == TARGET
        assert mlkeep.pyfunc.load_model(uri).predict(frame).tolist() == TARGET
    assert mlkeep.lightgbm.load_model(named.model_uri).num_trees() == 1


@pytest.mark.parametrize("kind", ["Booster", "LGBMClassifier"])
def test_params_of_the_signature_become_keywords(kind: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    model = MODELS[kind](frame)
    mlkeep.lightgbm.save_model(model, tmp_path / "m", signature=infer_signature(frame, params={"raw_score": False}))
    function = mlkeep.pyfunc.load_model(tmp_path / "m")
    found = function.predict(frame, params={"raw_score": True})
    np.testing.assert_array_equal(found, model.predict(frame, raw_score=True))


def with_categories(frame: pd.DataFrame) -> lightgbm.Booster:
    data = pd.DataFrame({"c": pd.Categorical(list("uvwx" * 6))})
    params = {"min_data_in_leaf": 1, "min_data_per_group": 1, "cat_smooth": 0, "max_cat_to_onehot": 1, "verbose": -1}
    return lightgbm.train(params, lightgbm.Dataset(data, label=[0, 5, 0, 5] * 6), num_boost_round=2)


def linear(frame: pd.DataFrame) -> lightgbm.Booster:
    data = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 3})
    params = {"linear_tree": True, "min_data_in_leaf": 5, "verbose": -1, "num_leaves": 4}
    return lightgbm.train(params, lightgbm.Dataset(data, label=np.arange(40.0) * 2), num_boost_round=2)


def several_classes(frame: pd.DataFrame) -> lightgbm.Booster:
    params = {"objective": "multiclass", "num_class": 3, "min_data_in_leaf": 1, "min_data_in_bin": 1, "verbose": -1}
    return lightgbm.train(params, lightgbm.Dataset(frame, label=[0, 1, 2, 1]), num_boost_round=2)


def without_splits(frame: pd.DataFrame) -> lightgbm.Booster:
    return lightgbm.train({"verbose": -1}, lightgbm.Dataset(frame, label=TARGET), num_boost_round=2)


def forest(frame: pd.DataFrame) -> lightgbm.Booster:
    data = pd.DataFrame({"ä b": np.arange(200.0), "b": np.arange(200.0) % 7})
    params = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5, "verbose": -1}
    return lightgbm.train(params, lightgbm.Dataset(data, label=np.arange(200.0) % 11), num_boost_round=4)


@pytest.mark.parametrize("make", [with_categories, linear, several_classes, without_splits, forest])
def test_boosters_of_every_kind_pass_the_look_at_their_text(
    make: Callable[[pd.DataFrame], lightgbm.Booster], frame: pd.DataFrame, tmp_path: Path
) -> None:
    model = make(frame)
    mlkeep.lightgbm.save_model(model, tmp_path / "m")
    assert mlkeep.lightgbm.load_model(tmp_path / "m").model_to_string() == model.model_to_string()


# Each of these has LightGBM end the process, read where it must not, or never return.
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "does not begin with the word 'tree'": lambda text: b"junk" + text,
    "its header is not complete": lambda text: text[:100],
    "tree 0: leaf_value has 0 values instead of": lambda text: text[: text.index(b"leaf_value")],
    "tree 1 is not where the header says it is": lambda text: text[: text.index(b"Tree=1")],
    "tree 0: left_child has 0 values instead of": lambda text: text.replace(b"left_child=", b"left_chilx=", 1),
    "tree 0: split_gain has 0 values instead of": lambda text: text.replace(b"split_gain=", b"\0" * 11, 1),
    "tree 0: threshold is not made of numbers": lambda text: text.replace(b"threshold=1", b"threshold=x", 1),
    "tree 0: leaf_value is not made of numbers": lambda text: text.replace(b" 0.", b"-0.", 1),
    "tree 0: leaf_count has 1 values instead of": lambda text: re.sub(rb"(leaf_count=\S+) ", rb"\g<1>5", text),
    "tree 0: its nodes do not hang together": lambda text: text.replace(b"left_child=-1", b"left_child=99", 1),
    "tree 0: it splits by a feature": lambda text: text.replace(b"split_feature=0", b"split_feature=7", 1),
    "tree 0: num_leaves is missing or no number": lambda text: text.replace(b"num_leaves=", b"num_leaves=-", 1),
    "'end of trees' is missing": lambda text: text.replace(b"end of trees", b""),
    "max_feature_idx is missing or no number": lambda text: text.replace(b"max_feature_idx=1", b"max_feature_idx=", 1),
    "can't decode byte": lambda text: text.replace(b"\n[boosting", b"\n\xff[boosting"),
}


@pytest.mark.parametrize("told", DAMAGES)
def test_a_damaged_booster_is_refused_before_lightgbm_reads_it(told: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.lightgbm.save_model(booster(frame), tmp_path / "m")
    edit(tmp_path / "m")
    file = tmp_path / "m" / "model.lgb"
    before = file.read_bytes()
    file.write_bytes(DAMAGES[told](before))
    assert file.read_bytes() != before
    with pytest.raises(Damaged, match=f"model.lgb in .* is no whole model of LightGBM: .*{told}"):
        mlkeep.lightgbm.load_model(tmp_path / "m")


def test_damaged_categories_are_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.lightgbm.save_model(with_categories(frame), tmp_path / "m")
    edit(tmp_path / "m")
    file = tmp_path / "m" / "model.lgb"
    text = file.read_bytes()
    assert b"cat_boundaries=0 1" in text
    for damaged in (
        text.replace(b"cat_boundaries=0 1", b"cat_boundaries=0 9"),
        text.replace(b"\ncat_thr", b"\nx_thr__"),
    ):
        file.write_bytes(damaged)
        with pytest.raises(Damaged, match=r"tree 0: cat_threshold has . values instead of"):
            mlkeep.lightgbm.load_model(tmp_path / "m")


@pytest.mark.parametrize("name", ["leaf_const", "num_features", "leaf_features", "leaf_coeff"])
def test_damaged_linear_leaves_are_refused(name: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.lightgbm.save_model(linear(frame), tmp_path / "m")
    edit(tmp_path / "m")
    file = tmp_path / "m" / "model.lgb"
    file.write_bytes(file.read_bytes().replace(b"\n%s=" % name.encode(), b"\nx%s=" % name.encode()[1:]))
    with pytest.raises(Damaged, match=f"tree .: {name} has 0 values instead of"):
        mlkeep.lightgbm.load_model(tmp_path / "m")


def test_a_damaged_or_missing_estimator_is_named(frame: pd.DataFrame, tmp_path: Path) -> None:
    mlkeep.lightgbm.save_model(classifier(frame), tmp_path / "m")
    edit(tmp_path / "m")
    file = tmp_path / "m" / "model.skops"
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(Damaged, match=r"model.skops in .* cannot be read"):
        mlkeep.lightgbm.load_model(tmp_path / "m")
    file.rename(tmp_path / "model.skops")
    with pytest.raises(NotFound, match=r"model.skops"):
        mlkeep.lightgbm.load_model(tmp_path / "m")
    edit(tmp_path / "m", data="../model.skops")
    with pytest.raises(InvalidInput, match="which is no path inside the folder"):
        mlkeep.lightgbm.load_model(tmp_path / "m")


def test_bad_arguments_are_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = classifier(frame)
    with pytest.raises(InvalidInput, match="serialization_format: 'dill' is unknown"):
        mlkeep.lightgbm.save_model(model, tmp_path / "m", serialization_format="dill")
    with pytest.raises(InvalidInput, match=r"lgb_model: expected a lightgbm.Booster or an estimator.*found str"):
        mlkeep.lightgbm.save_model("model", tmp_path / "m")
    with pytest.raises(TypeError, match=r"save_model\(\) got an unexpected keyword argument 'depth'"):
        mlkeep.lightgbm.save_model(model, tmp_path / "m", depth=3)
    with pytest.raises(NotOffered, match="log_model: mlkeep does not offer resources"):
        mlkeep.lightgbm.log_model(model, name="m", resources=["r"])
    assert list(tmp_path.iterdir()) == []


def test_default_requirements_are_pinned() -> None:
    own = f"lightgbm=={lightgbm.__version__}"
    assert mlkeep.lightgbm.get_default_pip_requirements() == [own]
    with_both = mlkeep.lightgbm.get_default_pip_requirements(include_cloudpickle=True, include_skops=True)
    assert [line.partition("==")[0] for line in with_both] == ["lightgbm", "cloudpickle", "skops"]
    assert own in mlkeep.lightgbm.get_default_conda_env()["dependencies"][-1]["pip"]
