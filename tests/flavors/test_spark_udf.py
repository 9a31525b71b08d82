"""What `mlkeep.pyfunc.spark_udf` promises, with a real Spark and its real workers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.errors import PythonException
from pyspark.ml.linalg import Vectors
from pyspark.sql import types
from pyspark.sql.functions import struct
from sklearn.linear_model import LinearRegression

import mlkeep.pyfunc
import mlkeep.sklearn
from mlkeep.core.errors import InvalidInput, NotFound, NotOffered
from mlkeep.models.datatypes import Array, Object, Property
from mlkeep.models.schema import ColSpec, Schema
from mlkeep.models.signature import ModelSignature, infer_signature
from tests.flavors.spark_here import session

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 1.0]})
TARGET = FRAME["a"] + 2 * FRAME["b"]

Save = Callable[..., Path]


@pytest.fixture(scope="module")
def spark() -> Any:
    return session()


@pytest.fixture(scope="module")
def given(spark: Any) -> Any:
    return spark.createDataFrame(FRAME).cache()


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def save_answering(answer: Callable[[pd.DataFrame], Any], **options: Any) -> Path:
        """A model that answers what `answer(frame)` says."""

        class Answering(mlkeep.pyfunc.PythonModel):
            def predict(self, model_input: Any) -> Any:  # type: ignore[override]  # the others may be left out
                return answer(model_input)

        path = tmp_path / f"model{len(list(tmp_path.iterdir()))}"
        mlkeep.pyfunc.save_model(path, python_model=Answering(), pip_requirements=[], **options)
        return path

    return save_answering


@pytest.fixture
def regression(tmp_path: Path) -> Path:
    model = LinearRegression().fit(FRAME, TARGET)
    path = tmp_path / "regression"
    mlkeep.sklearn.save_model(model, path, input_example=FRAME)
    return path


def column(frame: Any, *columns: Any) -> list[Any]:
    """The values of the one column that `columns` select."""
    return [row[0] for row in frame.select(*columns).collect()]


def test_a_column_of_predictions(spark: Any, given: Any, regression: Path) -> None:
    predict = mlkeep.pyfunc.spark_udf(spark, regression)

    assert predict.returnType == types.DoubleType()
    for call in (predict("a", "b"), predict(given.a, given.b), predict(), predict(struct("b", "a"))):
        np.testing.assert_allclose(column(given, call), TARGET)
    given.createOrReplaceTempView("given")
    spark.udf.register("predict", predict)
    np.testing.assert_allclose(column(spark.sql("SELECT predict(a, b) FROM given"), "*"), TARGET)
    assert predict.metadata.flavors["sklearn"]


def shapes(frame: pd.DataFrame) -> list[str]:
    return [f"{list(frame.columns)} {[str(dtype) for dtype in frame.dtypes]}"] * len(frame)


def test_what_models_without_a_signature_get(spark: Any, given: Any, save: Save) -> None:
    seen = mlkeep.pyfunc.spark_udf(spark, save(shapes), result_type="string")

    assert column(given, seen("a", "b"))[0] == "['0', '1'] ['float64', 'float64']"
    assert column(given, seen(struct("b", "a")))[0] == "['b', 'a'] ['float64', 'float64']"
    with pytest.raises(InvalidInput, match="no column names specified"):
        seen()


def test_columns_are_named_by_the_signature_in_its_order(spark: Any, given: Any, save: Save) -> None:
    path = save(shapes, signature=infer_signature(FRAME, ["text"]))
    seen = mlkeep.pyfunc.spark_udf(spark, path)

    assert seen.returnType == types.StringType()
    for call in (seen(), seen("a", "b"), seen(struct("b", "a")), seen("a", "b", "a")):
        assert column(given, call)[0] == "['a', 'b'] ['float64', 'float64']"


def test_columns_without_names_go_by_position(spark: Any, given: Any, save: Save) -> None:
    signature = ModelSignature(Schema([ColSpec("double"), ColSpec("double")]), Schema([ColSpec("string")]))

    seen = mlkeep.pyfunc.spark_udf(spark, save(shapes, signature=signature))

    assert column(given, seen("a", "b"))[0] == "[0, 1] ['float64', 'float64']"
    with pytest.raises(InvalidInput, match="no column names specified"):
        seen()


def test_optional_columns_may_be_missing_but_must_be_said(spark: Any, given: Any, save: Save) -> None:
    inputs = Schema([ColSpec("double", "a"), ColSpec("double", "b", required=False)])
    path = save(shapes, signature=ModelSignature(inputs, Schema([ColSpec("string")])))
    seen = mlkeep.pyfunc.spark_udf(spark, path)

    assert column(given, seen("a", "b"))[0] == "['a', 'b'] ['float64', 'float64']"
    assert column(given, seen(struct("a")))[0] == "['a'] ['float64']"
    with pytest.raises(InvalidInput, match=r"signature contains optional columns: \['b'\]"):
        seen()


def test_missing_and_wrong_columns_are_refused(spark: Any, given: Any, save: Save) -> None:
    three = Schema([ColSpec("double", name) for name in "abc"])
    path = save(shapes, signature=ModelSignature(three, Schema([ColSpec("string")])))
    seen = mlkeep.pyfunc.spark_udf(spark, path)

    with pytest.raises(
        InvalidInput, match=r"Expected 3 input columns \['a', 'b', 'c'\], but the model received only 2"
    ):
        seen("a", "b")
    with pytest.raises(PythonException, match=r"Model is missing inputs \['c'\]"):
        column(given, seen(struct("a", "b")))
    strings = given.selectExpr("a", "b", "'text' AS c")
    with pytest.raises(PythonException, match="Incompatible input types for column c"):
        column(strings, seen())


def cells(frame: pd.DataFrame) -> list[str]:
    def plain(cell: Any) -> Any:
        return cell.tolist() if isinstance(cell, np.ndarray) else cell

    return [str([plain(cell) for cell in row]) for row in frame.to_numpy(dtype=object).tolist()]


@pytest.mark.parametrize(
    ("sql", "cell"),
    [
        ("array(1.0D, 2.0D)", "[[1.0, 2.0]]"),
        ("map('x', 1)", "[{'x': 1}]"),
        ("'text'", "['text']"),
        ("date'2020-01-02'", "[datetime.date(2020, 1, 2)]"),
    ],
)
def test_what_cells_are(spark: Any, save: Save, sql: str, cell: str) -> None:
    seen = mlkeep.pyfunc.spark_udf(spark, save(cells), result_type="string")

    assert column(spark.sql(f"SELECT {sql} AS x"), seen("x")) == [cell]


def test_structs_beside_other_columns_and_vectors_are_cells(spark: Any, save: Save) -> None:
    seen = mlkeep.pyfunc.spark_udf(spark, save(cells), result_type="string")
    rows = [(1, Vectors.dense([1.0, 2.0])), (2, Vectors.sparse(3, {1: 5.0}))]
    frame = spark.createDataFrame(rows, ["n", "v"])

    assert column(frame, seen("n", struct("n"))) == ["[1, {'n': 1}]", "[2, {'n': 2}]"]
    assert column(frame, seen("v")) == ["[[1.0, 2.0]]", "[[0.0, 5.0, 0.0]]"]
    assert column(frame, seen(struct("n", "v"))) == ["[1, [1.0, 2.0]]", "[2, [0.0, 5.0, 0.0]]"]


def test_a_struct_can_be_the_one_value_of_a_model(spark: Any, save: Save) -> None:
    whole = Schema([ColSpec(Object([Property("n", "long"), Property("s", "string")]), "whole")])
    path = save(cells, signature=ModelSignature(whole, Schema([ColSpec("string")])))
    frame = spark.sql("SELECT named_struct('n', 1L, 's', 'text') AS whole")

    assert column(frame, mlkeep.pyfunc.spark_udf(spark, path)()) == ["[{'n': 1, 's': 'text'}]"]


def test_tensors_come_from_columns_and_from_arrays(spark: Any, given: Any, save: Save) -> None:
    path = save(lambda array: array.sum(axis=1), signature=infer_signature(FRAME.to_numpy(), np.ones(3)))
    total = mlkeep.pyfunc.spark_udf(spark, path, result_type="double")
    expected = (FRAME["a"] + FRAME["b"]).tolist()

    assert column(given, total("a", "b")) == expected
    assert column(given.selectExpr("array(a, b) AS both"), total("both")) == expected


ANSWERS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "array": lambda frame: np.arange(len(frame)),
    "list": lambda frame: [float(n) for n in range(len(frame))],
    "series": lambda frame: pd.Series(np.arange(len(frame)), index=range(7, 7 + len(frame))),
    "matrix": lambda frame: np.arange(2.0 * len(frame)).reshape(-1, 2),
    "cube": lambda frame: np.arange(4.0 * len(frame)).reshape(-1, 2, 2),
    "lists": lambda frame: [[1.0, 2.0]] * len(frame),
    "ragged": lambda frame: [[1.0] * (n + 1) for n in range(len(frame))],
    "frame": lambda frame: pd.DataFrame({"s": ["text"] * len(frame), "n": range(len(frame)), "x": 0.5}),
    "dicts": lambda frame: [{"s": "text", "n": n, "x": 0.5} for n in range(len(frame))],
    "dict": lambda frame: {
        "s": ["text"] * len(frame),
        "n": np.arange(len(frame)),
        "x": np.full(len(frame), 0.5),
    },
    "flags": lambda frame: [n != 1 for n in range(len(frame))],
    "nested": lambda frame: pd.DataFrame({"v": [[1, 2]] * len(frame), "m": [{"k": 1}] * len(frame)}),
}


@pytest.mark.parametrize(
    ("answer", "result_type", "expected"),
    [
        ("array", None, [0.0, 1.0, 2.0]),
        ("array", "long", [0, 1, 2]),
        ("array", "int", [0, 1, 2]),
        ("array", types.FloatType(), [0.0, 1.0, 2.0]),
        ("array", "string", ["0", "1", "2"]),
        ("array", "array<double>", [[0.0], [1.0], [2.0]]),
        ("list", "double", [0.0, 1.0, 2.0]),
        ("series", "long", [0, 1, 2]),
        ("matrix", "double", [0.0, 2.0, 4.0]),
        ("matrix", "array<double>", [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]),
        ("matrix", types.ArrayType(types.StringType()), [["0.0", "1.0"], ["2.0", "3.0"], ["4.0", "5.0"]]),
        ("cube", "array<array<double>>", [[[4.0 * n, 4.0 * n + 1], [4.0 * n + 2, 4.0 * n + 3]] for n in range(3)]),
        ("lists", "array<double>", [[1.0, 2.0]] * 3),
        ("ragged", "array<double>", [[1.0], [1.0, 1.0], [1.0, 1.0, 1.0]]),
        ("frame", None, [0.0, 1.0, 2.0]),
        ("frame", "int", [0, 1, 2]),
        ("frame", "string", ["text"] * 3),
        ("frame", "array<long>", [[0], [1], [2]]),
        ("frame", "array<double>", [[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]]),
        ("frame", "s string, n long", [("text", 0), ("text", 1), ("text", 2)]),
        ("dicts", "x double, s string", [(0.5, "text")] * 3),
        ("dict", "struct<n: double, s: string>", [(0.0, "text"), (1.0, "text"), (2.0, "text")]),
        ("flags", "boolean", [True, False, True]),
        ("nested", "v array<int>, m map<string, int>", [([1, 2], {"k": 1})] * 3),
    ],
)
def test_an_answer_becomes_the_type_asked_for(
    spark: Any, given: Any, save: Save, answer: str, result_type: Any, expected: list[Any]
) -> None:
    predict = mlkeep.pyfunc.spark_udf(spark, save(ANSWERS[answer]), result_type=result_type)

    found = column(given, predict("a", "b"))

    assert [tuple(row) if isinstance(row, types.Row) else row for row in found] == expected


@pytest.mark.parametrize(
    ("answer", "result_type", "message"),
    [
        ("flags", "double", "any values compatible with the requested type 'double'"),
        ("matrix", "long", "any values compatible with the requested type 'bigint'"),
        ("frame", "s string, other long", r"answer has no \['other'\] of the result type; it has \['s', 'n', 'x'\]"),
        ("frame", "x long", "any values compatible with the requested type 'bigint'"),
        ("frame", "array<array<double>>", "any values compatible with the requested type 'array<array<double>>'"),
    ],
)
def test_an_answer_of_another_type_is_an_error(
    spark: Any, given: Any, save: Save, answer: str, result_type: str, message: str
) -> None:
    predict = mlkeep.pyfunc.spark_udf(spark, save(ANSWERS[answer]), result_type=result_type)

    with pytest.raises(PythonException, match=message):
        column(given, predict("a", "b"))


def test_an_answer_of_fewer_rows_is_an_error(spark: Any, given: Any, save: Save) -> None:
    predict = mlkeep.pyfunc.spark_udf(spark, save(lambda frame: [1.0][: len(frame)]))

    with pytest.raises(PythonException, match="The model answered 1 rows to 3"):
        column(given, predict("a"))


def test_numbers_too_large_for_the_type_are_an_error(spark: Any, given: Any, save: Save) -> None:
    predict = mlkeep.pyfunc.spark_udf(spark, save(lambda frame: [2**40] * len(frame)), result_type="int")

    with pytest.raises(PythonException, match="any values compatible with the requested type 'int'"):
        column(given, predict("a"))


@pytest.mark.parametrize(
    ("outputs", "returns"),
    [
        (Schema([ColSpec("long")]), types.LongType()),
        (Schema([ColSpec("long", "n")]), types.LongType()),
        (Schema([ColSpec(Array("double"))]), types.ArrayType(types.DoubleType())),
        (
            Schema([ColSpec("long", "n"), ColSpec("string", "s", required=False)]),
            types.StructType(
                [
                    types.StructField("n", types.LongType(), nullable=False),
                    types.StructField("s", types.StringType(), nullable=True),
                ]
            ),
        ),
        (infer_signature(np.ones(2)).inputs, types.ArrayType(types.DoubleType())),
        (infer_signature(np.ones((2, 3), dtype="float32")).inputs, types.ArrayType(types.FloatType())),
        (infer_signature(np.ones((2, 3, 4))).inputs, types.ArrayType(types.ArrayType(types.DoubleType()))),
        (
            infer_signature({"x": np.ones(2), "y": np.ones((2, 3))}).inputs,
            types.StructType(
                [
                    types.StructField("x", types.DoubleType()),
                    types.StructField("y", types.ArrayType(types.DoubleType())),
                ]
            ),
        ),
        (None, types.DoubleType()),
    ],
)
def test_the_result_type_is_that_of_the_signature(spark: Any, save: Save, outputs: Any, returns: Any) -> None:
    signature = ModelSignature(Schema([ColSpec("double", "a")]), outputs)

    assert mlkeep.pyfunc.spark_udf(spark, save(shapes, signature=signature)).returnType == returns


def test_params_config_and_variables_reach_the_workers(spark: Any, given: Any, tmp_path: Path) -> None:
    class Telling(mlkeep.pyfunc.PythonModel):
        def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
            told = f"{params} {context.model_config['unit']} {os.environ['MLKEEP_TOLD']}"
            return [told] * len(model_input)

    mlkeep.pyfunc.save_model(
        tmp_path / "telling",
        python_model=Telling(),
        signature=infer_signature(FRAME, ["text"], params={"t": 1.0, "u": 2}),
        model_config={"unit": "m"},
        pip_requirements=[],
    )

    options: dict[str, Any] = {"params": {"t": 5.0}, "model_config": {"unit": "km"}, "extra_env": {"MLKEEP_TOLD": "so"}}
    tell = mlkeep.pyfunc.spark_udf(spark, tmp_path / "telling", **options)

    assert column(given, tell())[0] == "{'t': 5.0, 'u': 2} km so"


def test_a_model_is_loaded_once_in_a_worker(spark: Any, tmp_path: Path) -> None:
    loads = tmp_path / "loads"
    loads.mkdir()

    class Counting(mlkeep.pyfunc.PythonModel):
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def load_context(self, context: Any) -> None:  # noqa: ARG002 - called by this name
            import tempfile

            tempfile.mkstemp(dir=self.folder)

        def predict(self, model_input: Any) -> Any:  # type: ignore[override]  # the others may be left out
            return [float(os.getpid())] * len(model_input)

    mlkeep.pyfunc.save_model(tmp_path / "model", python_model=Counting(str(loads)), pip_requirements=[])
    predict = mlkeep.pyfunc.spark_udf(spark, tmp_path / "model")
    before = len(list(loads.iterdir()))

    many = spark.range(0, 8, 1, 4)
    workers = {*column(many, predict("id")), *column(many, predict("id"))}

    assert len(list(loads.iterdir())) - before == len(workers) < 8


@pytest.mark.skipif(version("mlflow").startswith("2."), reason="takes half a minute: beside MLflow 3 is enough")
def test_without_a_shared_disk_spark_brings_the_model(regression: Path, tmp_path: Path) -> None:
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    done = subprocess.run(
        [sys.executable, script, regression], capture_output=True, text=True, timeout=200, check=False
    )

    assert "ANSWER [2.0, 1.0]" in done.stdout, done.stderr


CLUSTER = """
import shutil, sys
from pyspark.sql import SparkSession
import mlkeep.pyfunc

builder = SparkSession.builder.master("local-cluster[1,1,512]").config("spark.executor.memory", "512m")
for key, value in {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.default.parallelism": "1",
    "spark.sql.shuffle.partitions": "1",
}.items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
predict = mlkeep.pyfunc.spark_udf(spark, sys.argv[1])
shutil.rmtree(sys.argv[1])
frame = spark.createDataFrame([(0.0, 1.0), (1.0, 0.0)], ["a", "b"])
print("ANSWER", [round(row[0], 6) for row in frame.select(predict("a", "b")).collect()])
spark.stop()
"""


@pytest.mark.parametrize("result_type", ["nonsense", "decimal(4,2)", "array<void>", types.NullType(), "map<int,int>"])
def test_other_result_types_are_refused(spark: Any, regression: Path, result_type: Any) -> None:
    with pytest.raises(InvalidInput, match=r"result[ _]type"):
        mlkeep.pyfunc.spark_udf(spark, regression, result_type=result_type)


def test_other_bad_input_is_refused(spark: Any, regression: Path, tmp_path: Path) -> None:
    for env_manager in ("virtualenv", "conda", "uv"):
        with pytest.raises(NotOffered, match=rf"env_manager: .*'local'.* found '{env_manager}'"):
            mlkeep.pyfunc.spark_udf(spark, regression, env_manager=env_manager)
    with pytest.raises(NotOffered, match="dbfs:/env"):
        mlkeep.pyfunc.spark_udf(spark, regression, prebuilt_env_uri="dbfs:/env")
    with pytest.raises(InvalidInput, match="Invalid value for `env_manager`: nonsense"):
        mlkeep.pyfunc.spark_udf(spark, regression, env_manager="nonsense")
    with pytest.raises(NotFound):
        mlkeep.pyfunc.spark_udf(spark, tmp_path / "nothing")
    with pytest.raises(InvalidInput, match="model_config: Spark's workers get it as JSON"):
        mlkeep.pyfunc.spark_udf(spark, regression, model_config={"x": object()})
    assert mlkeep.pyfunc.spark_udf(spark, regression, env_manager="local").returnType == types.DoubleType()


def test_models_of_spark_are_not_for_its_workers(spark: Any, tmp_path: Path) -> None:
    from pyspark.ml.feature import VectorAssembler

    import mlkeep.spark

    mlkeep.spark.save_model(VectorAssembler(inputCols=["a"], outputCol="v"), tmp_path / "model")

    with pytest.raises(NotOffered, match=r"mlkeep.spark.load_model\(model_uri\).transform"):
        mlkeep.pyfunc.spark_udf(spark, tmp_path / "model")
