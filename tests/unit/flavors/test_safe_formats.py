"""Safe formats first: skops for what it gives back whole, a pickle for the rest, and never where pickles are forbidden."""

from __future__ import annotations

import ast
import importlib.util
import json
import logging
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch, KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

import mlkeep.pyfunc
import mlkeep.sklearn
from mlkeep.core.errors import Forbidden, InvalidInput
from mlkeep.models.mlmodel import Model

NUMBERS = np.random.default_rng(0).normal(size=(40, 3)).round(3)
LABELS = (NUMBERS[:, 0] > 0).astype(int)
FRAME = pd.DataFrame(NUMBERS, columns=["a", "b", "c"]).assign(
    kind=np.where(NUMBERS[:, 1] > 0, "x", "y"), text=np.where(LABELS, "red fox", "blue dog")
)
PREPARED = make_column_transformer(
    (StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["kind"]), (TfidfVectorizer(), "text"), remainder="drop"
)
TREE = "sklearn.tree._tree.Tree"

WHOLE: dict[str, Callable[[], Any]] = {
    "linear": lambda: LinearRegression().fit(NUMBERS, LABELS),
    "logistic": lambda: LogisticRegression(class_weight={0: 1.0, 1: 2.0}).fit(NUMBERS, LABELS),
    "words as labels": lambda: LogisticRegression().fit(NUMBERS, FRAME["kind"]),
    "svm": lambda: SVC().fit(NUMBERS, LABELS),
    "linear svm": lambda: LinearSVC().fit(NUMBERS, LABELS),
    "naive Bayes": lambda: GaussianNB().fit(NUMBERS, LABELS),
    "neighbours": lambda: KNeighborsClassifier(algorithm="brute").fit(NUMBERS, LABELS),
    "k-means": lambda: KMeans(2, n_init=1, random_state=0).fit(NUMBERS),
    "network": lambda: MLPClassifier((3,), solver="lbfgs", max_iter=500, random_state=0).fit(NUMBERS, LABELS),
    "isotonic": lambda: IsotonicRegression(out_of_bounds="clip").fit(NUMBERS[:, 0], LABELS),
    "columns": lambda: make_pipeline(PREPARED, LogisticRegression()).fit(FRAME, LABELS),
    "a function of numpy": lambda: make_pipeline(FunctionTransformer(np.log1p), LinearRegression()).fit(
        NUMBERS**2, LABELS
    ),
    "components": lambda: make_pipeline(PCA(2), LogisticRegression()).fit(NUMBERS, LABELS),
    "a random state": lambda: SGDClassifier(random_state=np.random.RandomState(3)).fit(NUMBERS, LABELS),
    "neighbours in a tree": lambda: KNeighborsClassifier(algorithm="kd_tree").fit(NUMBERS, LABELS),
    "network with Adam": lambda: MLPClassifier((3,), max_iter=1000, tol=0.1, random_state=0).fit(NUMBERS, LABELS),
    "grid": lambda: GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(NUMBERS, LABELS),
    "calibrated": lambda: CalibratedClassifierCV(LogisticRegression(), cv=2).fit(NUMBERS, LABELS),
    "voting": lambda: VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())]).fit(NUMBERS, LABELS),
    "stacking": lambda: StackingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], cv=2).fit(
        NUMBERS, LABELS
    ),
    "Gaussian process": lambda: GaussianProcessClassifier(RBF()).fit(NUMBERS, LABELS),
    "imputed": lambda: make_pipeline(SimpleImputer(), LogisticRegression()).fit(NUMBERS, LABELS),
    "selected": lambda: make_pipeline(SelectKBest(f_classif, k=2), LogisticRegression()).fit(NUMBERS, LABELS),
}
"""What is saved with skops by default."""

PICKLED: dict[str, Callable[[], Any]] = {
    "tree": lambda: DecisionTreeClassifier(max_depth=2).fit(NUMBERS, LABELS),
    "forest": lambda: RandomForestClassifier(2, random_state=0).fit(NUMBERS, LABELS),
    "gradient boosting": lambda: GradientBoostingRegressor(n_estimators=2).fit(NUMBERS, LABELS),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=2).fit(NUMBERS, LABELS),
}
"""What skops holds only if one trusts types it does not trust by itself."""


class Custom(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator of a user's own module."""

    def __init__(self, factor: float = 2.0) -> None:
        self.factor = factor

    def predict(self, data: Any) -> Any:
        return np.asarray(data)[:, 0] * self.factor


def data_of(model: Any) -> Any:
    if isinstance(model, IsotonicRegression):
        return NUMBERS[:, 0]
    return FRAME if "columntransformer" in getattr(model, "named_steps", {}) else NUMBERS**2


def conf(folder: Path) -> dict[str, Any]:
    return Model.load(folder).flavors["sklearn"]


def pickles(folder: Path) -> Any:
    return yaml.safe_load((folder / "MLmodel").read_text())["mlkeep_pickles"]


@pytest.mark.parametrize("kind", WHOLE)
def test_what_skops_gives_back_whole_is_saved_with_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = WHOLE[kind]()
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    mlkeep.sklearn.save_model(model, tmp_path / "m")
    loaded = mlkeep.sklearn.load_model(tmp_path / "m")
    assert conf(tmp_path / "m")["serialization_format"] == "skops"
    assert pickles(tmp_path / "m") == []
    np.testing.assert_array_equal(loaded.predict(data_of(model)), model.predict(data_of(model)))
    assert caplog.messages == []


@pytest.mark.parametrize("kind", PICKLED)
def test_what_skops_does_not_trust_is_pickled_and_the_log_has_the_argument_that_avoids_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = PICKLED[kind]()
    with caplog.at_level(logging.WARNING):
        mlkeep.sklearn.save_model(model, tmp_path / "pickled")
    [warning] = caplog.messages
    types = ast.literal_eval(warning.partition("pass skops_trusted_types=")[2].partition(", and no pickle")[0])
    mlkeep.sklearn.save_model(model, tmp_path / "skops", skops_trusted_types=types)

    assert (conf(tmp_path / "pickled")["serialization_format"], pickles(tmp_path / "pickled")) == (
        "cloudpickle",
        ["model.pkl"],
    )
    assert "is saved as a pickle, which runs code when it is loaded" in warning
    assert "MLKEEP_ALLOW_PICKLE=0" in warning
    assert conf(tmp_path / "skops")["skops_trusted_types"] == types
    assert pickles(tmp_path / "skops") == []
    for folder in ("pickled", "skops"):
        found = mlkeep.pyfunc.load_model(tmp_path / folder).predict(NUMBERS)
        np.testing.assert_array_equal(found, model.predict(NUMBERS))
    # Types of scikit-learn are taken on the folder's word, also where pickles are forbidden.
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    np.testing.assert_array_equal(
        mlkeep.sklearn.load_model(tmp_path / "skops").predict(NUMBERS), model.predict(NUMBERS)
    )


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (
            LogisticRegression(class_weight={False: 1.0, True: 5.0}).fit(NUMBERS, LABELS.astype(bool)),
            "skops would change it: .class_weight",
        ),
        (Birch().fit(NUMBERS), "skops cannot hold it: UnsupportedTypeException"),
        (
            make_pipeline(CountVectorizer(tokenizer=str.split, token_pattern=None), LogisticRegression()).fit(
                FRAME["text"], LABELS
            ),
            "skops cannot hold it: ",
        ),
    ],
    ids=["booleans as keys", "unsupported", "a method as a tokenizer"],
)
def test_what_skops_would_lose_is_pickled(
    model: Any, what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mlkeep.sklearn.save_model(model, tmp_path / "m")
    [warning] = caplog.messages
    assert what in warning
    assert "skops_trusted_types" not in warning
    assert conf(tmp_path / "m")["serialization_format"] == "cloudpickle"
    assert not (tmp_path / "m" / "model.skops").exists()


def test_where_pickles_are_forbidden_none_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    with pytest.raises(Forbidden, match=rf"MLKEEP_ALLOW_PICKLE=0 forbids.*skops_trusted_types=\['{TREE}'\]"):
        mlkeep.sklearn.save_model(PICKLED["forest"](), tmp_path / "m")
    with pytest.raises(Forbidden, match=r"LinearRegression would be saved as a pickle.*serialization_format out"):
        mlkeep.sklearn.save_model(LinearRegression(), tmp_path / "m", serialization_format="cloudpickle")
    with pytest.raises(Forbidden, match=r"would be saved as a pickle.*loader_module"):
        mlkeep.pyfunc.save_model(tmp_path / "m", python_model=lambda rows: rows, pip_requirements=[])
    assert list(tmp_path.iterdir()) == []


def test_a_python_model_is_said_to_be_a_pickle_and_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=lambda rows: rows, pip_requirements=[])
    assert pickles(tmp_path / "m") == ["python_model.pkl"]
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    with pytest.raises(Forbidden, match=r"python_model\.pkl is a pickle"):
        mlkeep.pyfunc.load_model(tmp_path / "m")


def test_a_class_of_ones_own_is_saved_with_skops_once_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = f"{__name__}.Custom"
    mlkeep.sklearn.save_model(Custom(3.0), tmp_path / "m", skops_trusted_types=[own])
    assert caplog.messages == []
    assert mlkeep.sklearn.load_model(tmp_path / "m").factor == 3.0
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    with pytest.raises(Forbidden, match=rf"only its own folder trusts: \['{own}'\].*MLKEEP_SKOPS_TRUSTED_TYPES={own}"):
        mlkeep.sklearn.load_model(tmp_path / "m")
    monkeypatch.setenv("MLKEEP_SKOPS_TRUSTED_TYPES", f"other.Type, {own}")
    assert mlkeep.sklearn.load_model(tmp_path / "m").factor == 3.0


@pytest.mark.parametrize("forbidden", [False, True])
def test_nothing_of_a_file_is_made_before_its_types_are_checked(
    forbidden: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlkeep.sklearn.save_model(LinearRegression(), tmp_path / "m")
    witness = tmp_path / "witness"
    call = {"__class__": "mkdir", "__module__": "os", "__loader__": "ConstructorFromReduceNode", "__id__": 1}
    text = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "__id__": 2, "is_json": True}
    argument = text | {"content": json.dumps(str(witness))}
    arguments = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": [argument]}
    schema = call | {"content": arguments | {"__id__": 3}, "protocol": 2, "_skops_version": "0.16"}
    with zipfile.ZipFile(tmp_path / "m" / "model.skops", "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    file = tmp_path / "m" / "MLmodel"
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")
    if forbidden:  # an MLmodel that asks for trust is believed as little as a pickle is
        monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
        file.write_text(file.read_text().replace("skops_trusted_types: null", "skops_trusted_types: [os.mkdir]"))
    with pytest.raises(Forbidden if forbidden else InvalidInput, match=r"\['os.mkdir'\]"):
        mlkeep.sklearn.load_model(tmp_path / "m")
    assert not witness.exists()


def test_skops_that_was_asked_for_says_what_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = LogisticRegression(class_weight={False: 1.0, True: 5.0}).fit(NUMBERS, LABELS.astype(bool))
    mlkeep.sklearn.save_model(model, tmp_path / "m", serialization_format="skops")
    [warning] = caplog.messages
    assert "skops would change it: .class_weight" in warning
    with pytest.raises(InvalidInput, match="serialization_format='skops': skops cannot hold it: Unsupported"):
        mlkeep.sklearn.save_model(Birch().fit(NUMBERS), tmp_path / "birch", serialization_format="skops")


def test_a_large_forest_costs_no_attempt_with_skops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[object] = []
    monkeypatch.setattr("skops.io.dump", lambda *given: attempts.append(given))
    mlkeep.sklearn.save_model(PICKLED["forest"](), tmp_path / "m")
    assert attempts == []
    assert (tmp_path / "m" / "model.pkl").exists()


def test_where_pickles_are_forbidden_the_modules_beside_a_safe_file_do_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = tmp_path / "mlkeep_test_imported_later.py"
    own.write_text("")
    mlkeep.sklearn.save_model(WHOLE["logistic"](), tmp_path / "m", code_paths=[str(own)])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    mlkeep.sklearn.load_model(tmp_path / "m")
    mlkeep.pyfunc.load_model(tmp_path / "m")
    assert importlib.util.find_spec(own.stem) is None
    assert "The modules that came with the model, in code, cannot be imported: MLKEEP_ALLOW_PICKLE=0" in caplog.text
    monkeypatch.delenv("MLKEEP_ALLOW_PICKLE")
    mlkeep.sklearn.load_model(tmp_path / "m")
    assert importlib.util.find_spec(own.stem) is not None
