"""Keras 3 models go both ways between mlkeep and the official MLflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import mlflow.keras
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature

import mlkeep.keras
import mlkeep.pyfunc

ARRAY = np.arange(8, dtype=np.float32).reshape(4, 2)
FRAME = pd.DataFrame(ARRAY, columns=["a", "b"], index=[5, 6, 7, 8])
WEIGHTS = np.array([[1.0], [2.0]], dtype=np.float32)
ANSWER = ARRAY @ WEIGHTS


def dense() -> Any:
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([WEIGHTS])
    return model


def loaded(tmp_path: Path, ours: Any, theirs: Any) -> list[Any]:
    """Each folder, loaded by each."""
    return [load(str(tmp_path / folder)) for load in (ours, theirs) for folder in ("ours", "theirs")]


@pytest.mark.parametrize("exported", [False, True])
def test_models_go_both_ways(tmp_path: Path, exported: bool) -> None:
    signature = infer_signature(ARRAY, ANSWER)
    mlkeep.keras.save_model(dense(), tmp_path / "ours", exported, input_example=ARRAY)
    mlflow.keras.save_model(
        dense(), str(tmp_path / "theirs"), exported, signature=signature, pip_requirements=["keras"]
    )

    for model in loaded(tmp_path, mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model):
        np.testing.assert_allclose(model.predict(ARRAY), ANSWER)
        raw = model.get_raw_model()
        answer = raw.serve(ARRAY) if exported else raw.predict(ARRAY, verbose=0)
        np.testing.assert_allclose(np.asarray(answer), ANSWER)
    for native in loaded(tmp_path, mlkeep.keras.load_model, mlflow.keras.load_model):
        answer = native.serve(ARRAY) if exported else native.predict(ARRAY, verbose=0)
        np.testing.assert_allclose(np.asarray(answer), ANSWER)
    ours, theirs = (mlflow.models.Model.load(str(tmp_path / folder)) for folder in ("ours", "theirs"))
    assert str(ours.signature) == str(theirs.signature)
    ours_keras, theirs_keras = ours.flavors["keras"], theirs.flavors["keras"]
    assert {name: ours_keras[name] for name in theirs_keras} == theirs_keras


def test_without_a_signature_frames_are_answered_with_frames(tmp_path: Path) -> None:
    mlkeep.keras.save_model(dense(), tmp_path / "ours")
    mlflow.keras.save_model(dense(), str(tmp_path / "theirs"), pip_requirements=["keras"])

    for model in loaded(tmp_path, mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model):
        pd.testing.assert_frame_equal(model.predict(FRAME), pd.DataFrame(ANSWER, index=FRAME.index))
