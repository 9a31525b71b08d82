"""Spark's models, and models as functions of Spark, go both ways between mlkeep and the official MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature as their_infer_signature
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import VectorAssembler
from sklearn.linear_model import LinearRegression

import mlflow
import mlkeep.pyfunc
import mlkeep.sklearn
import mlkeep.spark
from mlkeep.models.signature import infer_signature
from tests.flavors.spark_here import session

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0], "label": [0.0, 0.0, 1.0, 1.0]})
ANSWER = [0.0, 0.0, 1.0, 1.0]


@pytest.fixture(scope="module")
def spark() -> Any:
    return session()


@pytest.fixture(scope="module")
def fitted(spark: Any) -> Any:
    stages = [VectorAssembler(inputCols=["a", "b"], outputCol="features"), LogisticRegression(maxIter=3)]
    return Pipeline(stages=stages).fit(spark.createDataFrame(FRAME))


@pytest.fixture(scope="module")
def folders(fitted: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spark")
    mlkeep.spark.save_model(fitted, path / "ours", input_example=FRAME)
    mlflow.spark.save_model(fitted, str(path / "theirs"), input_example=FRAME, pip_requirements=["pyspark"])
    return path


@pytest.mark.parametrize("folder", ["ours", "theirs"])
def test_what_one_saves_the_other_loads(spark: Any, folders: Path, folder: str) -> None:
    for load in (mlkeep.spark.load_model, mlflow.spark.load_model):
        native = load(str(folders / folder))
        assert isinstance(native, PipelineModel)
        assert [row.prediction for row in native.transform(spark.createDataFrame(FRAME)).collect()] == ANSWER
    for load_function in (mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model):
        function = load_function(str(folders / folder))
        assert function.predict(FRAME) == ANSWER
        assert isinstance(function.get_raw_model(), PipelineModel)


def test_both_write_the_same_settings_and_signatures(folders: Path) -> None:
    ours, theirs = (mlflow.models.Model.load(str(folders / folder)) for folder in ("ours", "theirs"))

    assert ours.flavors == theirs.flavors
    assert str(ours.signature) == str(theirs.signature)


def test_signatures_of_frames_of_spark_are_the_same(spark: Any, fitted: Any) -> None:
    frame = fitted.transform(spark.createDataFrame(FRAME)).selectExpr(
        "*", "array(1) AS x", "named_struct('k', 'v') AS s"
    )

    assert infer_signature(frame, frame).to_dict() == their_infer_signature(frame, frame).to_dict()


@pytest.mark.parametrize("result_type", [None, "double", "string", "array<double>"])
@pytest.mark.parametrize("call", ["named", "struct"])
def test_as_functions_of_spark_both_answer_the_same(spark: Any, tmp_path: Path, result_type: Any, call: str) -> None:
    from pyspark.sql.functions import struct

    model = LinearRegression().fit(FRAME[["a", "b"]], FRAME["label"])
    mlkeep.sklearn.save_model(
        model, tmp_path / "ours", serialization_format="cloudpickle", input_example=FRAME[["a", "b"]]
    )
    mlflow.sklearn.save_model(
        model,
        str(tmp_path / "theirs"),
        serialization_format="cloudpickle",
        signature=their_infer_signature(FRAME[["a", "b"]], np.ones(4)),
        pip_requirements=["scikit-learn"],
    )
    given = spark.createDataFrame(FRAME)
    columns = (struct("b", "a"),) if call == "struct" else ("a", "b")

    for folder in ("ours", "theirs"):
        answers = []
        for make in (mlkeep.pyfunc.spark_udf, mlflow.pyfunc.spark_udf):
            predict = make(spark, str(tmp_path / folder), result_type=result_type, env_manager="local")
            answers.append((predict.returnType, [row[0] for row in given.select(predict(*columns)).collect()]))
        assert answers[0] == answers[1]
