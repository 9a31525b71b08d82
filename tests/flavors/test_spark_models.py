"""What `mlkeep.spark` promises, with a real Spark."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyspark
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import SQLTransformer, VectorAssembler
from pyspark.ml.linalg import Vectors, VectorUDT
from pyspark.sql import types

import mlkeep
import mlkeep.pyfunc
import mlkeep.spark
from mlkeep.core.errors import AlreadyExists, InvalidInput, NotFound, NotOffered
from mlkeep.models.datatypes import AnyType, Array, DataType, Map, Object, Property, SparkMLVector
from mlkeep.models.mlmodel import Model
from mlkeep.models.schema import ColSpec, Schema, TensorSpec
from mlkeep.models.signature import ModelSignature, infer_signature
from tests.flavors.spark_here import session

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0], "label": [0.0, 0.0, 1.0, 1.0]})
ASSEMBLER = {"inputCols": ["a", "b"], "outputCol": "features"}


@pytest.fixture(scope="module")
def spark() -> Any:
    return session()


@pytest.fixture(scope="module")
def fitted(spark: Any) -> Any:
    stages = [VectorAssembler(**ASSEMBLER), LogisticRegression(maxIter=3)]
    return Pipeline(stages=stages).fit(spark.createDataFrame(FRAME))


@pytest.fixture(scope="module")
def saved(fitted: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spark") / "model"
    mlkeep.spark.save_model(fitted, path, input_example=FRAME)
    return path


@pytest.fixture(scope="module")
def saved_assembler(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spark") / "assembler"
    mlkeep.spark.save_model(VectorAssembler(**ASSEMBLER), path)
    return path


def test_a_pipeline_is_saved_as_spark_writes_it(saved: Path) -> None:
    model = Model.load(saved)

    assert {child.name for child in (saved / "sparkml").iterdir()} == {"metadata", "stages"}
    assert {"code": None, **model.flavors["spark"]} == {
        "code": None,
        "model_class": "pyspark.ml.pipeline.PipelineModel",
        "model_data": "sparkml",
        "pyspark_version": pyspark.__version__,
    }
    assert model.flavors["python_function"]["data"] == "sparkml"
    assert model.flavors["python_function"]["loader_module"] == "mlflow.spark"
    assert model.other["mlkeep_pickles"] == []
    assert model.signature == ModelSignature(
        inputs=Schema([ColSpec("double", name) for name in ("a", "b", "label")]), outputs=Schema([ColSpec("double")])
    )
    assert f"pyspark=={model.flavors['spark']['pyspark_version']}" in (saved / "requirements.txt").read_text()


def test_a_pipeline_comes_back(spark: Any, saved: Path, fitted: Any) -> None:
    loaded = mlkeep.spark.load_model(saved)

    given = spark.createDataFrame(FRAME)
    assert isinstance(loaded, PipelineModel)
    assert loaded.transform(given).collect() == fitted.transform(given).collect()


@pytest.mark.parametrize(
    "data", [FRAME, FRAME.to_dict("list"), FRAME.to_dict("records")], ids=["frame", "dict", "rows"]
)
def test_called_as_a_function_it_answers_the_predictions(saved: Path, data: Any) -> None:
    assert mlkeep.pyfunc.load_model(saved).predict(data) == [0.0, 0.0, 1.0, 1.0]


def test_without_a_signature_a_frame_of_spark_is_answered_too(spark: Any, saved: Path, tmp_path: Path) -> None:
    mlkeep.spark.save_model(mlkeep.spark.load_model(saved), tmp_path / "bare")

    loaded = mlkeep.pyfunc.load_model(tmp_path / "bare")

    assert loaded.predict(spark.createDataFrame(FRAME)) == [0.0, 0.0, 1.0, 1.0]
    with pytest.raises(InvalidInput, match=r"A Spark model takes a DataFrame .* found str"):
        loaded.predict("text")


def test_what_spark_finds_missing_is_refused_by_the_signature_first(saved: Path) -> None:
    with pytest.raises(InvalidInput, match=r"Model is missing inputs \['b', 'label'\]"):
        mlkeep.pyfunc.load_model(saved).predict(FRAME[["a"]])


def test_a_single_transformer_becomes_a_pipeline_and_answers_what_it_adds(saved_assembler: Path) -> None:
    native = mlkeep.spark.load_model(saved_assembler)
    answer = mlkeep.pyfunc.load_model(saved_assembler).predict(FRAME)

    assert [type(stage).__name__ for stage in native.stages] == ["VectorAssembler"]
    pd.testing.assert_frame_equal(answer, pd.DataFrame({"features": FRAME[["a", "b"]].to_numpy().tolist()}))


def test_vectors_that_are_predictions_are_lists(spark: Any, tmp_path: Path) -> None:
    vectors = VectorAssembler(inputCols=["a", "b"], outputCol="prediction")

    mlkeep.spark.save_model(vectors, tmp_path / "model", input_example=FRAME[["a", "b"]])

    answer = mlkeep.pyfunc.load_model(tmp_path / "model").predict(FRAME[["a", "b"]])
    assert answer == FRAME[["a", "b"]].to_numpy().tolist()
    assert Model.load(tmp_path / "model").get_output_schema() == Schema([ColSpec(Array("double"))])


@pytest.mark.parametrize("declared", [True, False], ids=["signature", "no signature"])
@pytest.mark.parametrize("make", [list, np.array, Vectors.dense], ids=["lists", "arrays", "vectors"])
def test_vectors_come_in_as_lists_arrays_or_vectors(
    spark: Any, fitted: Any, tmp_path: Path, declared: bool, make: Any
) -> None:
    given = VectorAssembler(**ASSEMBLER).transform(spark.createDataFrame(FRAME)).select("features")
    signature = infer_signature(given) if declared else None
    mlkeep.spark.save_model(fitted.stages[1], tmp_path / "model", signature=signature)

    frame = pd.DataFrame({"features": [make(row) for row in FRAME[["a", "b"]].to_numpy()]})

    assert mlkeep.pyfunc.load_model(tmp_path / "model").predict(frame) == [0.0, 0.0, 1.0, 1.0]


def test_lists_stay_lists_where_the_signature_says_so(spark: Any, tmp_path: Path) -> None:
    counting = SQLTransformer(statement="SELECT size(words) AS prediction FROM __THIS__")
    example = pd.DataFrame({"words": [["a", "b"], ["c"]]})

    mlkeep.spark.save_model(counting, tmp_path / "model", input_example=example)

    assert mlkeep.pyfunc.load_model(tmp_path / "model").predict(example) == [2, 1]


def test_files_go_through_a_shared_folder_when_there_is_one(
    spark: Any, saved: Path, saved_assembler: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    native = mlkeep.spark.load_model(saved_assembler, dfs_tmpdir=shared.as_uri())
    copies = list(shared.iterdir())

    mlkeep.spark.save_model(native, tmp_path / "again", dfs_tmpdir=shared.as_uri())

    # What was loaded may be read later; what was saved is not needed any more.
    assert len(copies) == 1
    assert list(shared.iterdir()) == copies
    assert [type(stage).__name__ for stage in mlkeep.spark.load_model(tmp_path / "again").stages] == ["VectorAssembler"]


def test_a_model_is_logged_into_the_run_not_as_a_logged_model(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlkeep.db")
    monkeypatch.chdir(tmp_path)

    with mlkeep.start_run() as run:
        info = mlkeep.spark.log_model(VectorAssembler(**ASSEMBLER), "models/assembler", registered_model_name="vectors")

    assert info.model_uri == f"runs:/{run.info.run_id}/models/assembler"
    assert info.model_id is None
    assert info.registered_model_version in {1, "1"}
    assert len(mlkeep.spark.load_model("models:/vectors/1").stages) == 1


@pytest.mark.parametrize(
    "model", [object(), LogisticRegression, Pipeline], ids=["no model", "a class", "a class of pipelines"]
)
def test_what_is_no_fitted_transformer_is_refused(spark: Any, tmp_path: Path, model: Any) -> None:
    given = model(maxIter=1) if model is LogisticRegression else model(stages=[]) if model is Pipeline else model

    with pytest.raises(InvalidInput, match="expected a PipelineModel or another fitted transformer"):
        mlkeep.spark.save_model(given, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_other_bad_input_is_refused(spark: Any, fitted: Any, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="input_example: a Spark DataFrame cannot be kept"):
        mlkeep.spark.save_model(fitted, tmp_path / "model", input_example=spark.createDataFrame(FRAME))
    with pytest.raises(AlreadyExists):
        mlkeep.spark.save_model(fitted, saved)
    with pytest.raises(NotFound, match="Could not find an"):
        mlkeep.spark.load_model(tmp_path / "nothing")


def test_a_damaged_folder_says_so(
    spark: Any, saved_assembler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(saved_assembler, damaged)
    shutil.rmtree(damaged / "sparkml/metadata")
    with pytest.raises(NotFound, match=r"'sparkml/metadata/.*', which belongs to the model in .*, is missing"):
        mlkeep.spark.load_model(damaged)

    # As in folders of MLflow, which have no digests.
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")
    with pytest.raises(InvalidInput, match="Spark cannot load the model in"):
        mlkeep.spark.load_model(damaged)

    shutil.rmtree(damaged / "sparkml")
    with pytest.raises(InvalidInput, match="there is no folder"):
        mlkeep.spark.load_model(damaged)


def test_models_for_spark_connect_are_not_saved(spark: Any, tmp_path: Path) -> None:
    connect = type("Classifier", (), {"__module__": "pyspark.ml.connect.classification"})()

    with pytest.raises(NotOffered, match="made for Spark Connect"):
        mlkeep.spark.save_model(connect, tmp_path / "model")


COLUMNS: list[tuple[str, str, Any]] = [
    ("true", "boolean", DataType.boolean),
    ("cast(1 as tinyint)", "tiny", DataType.integer),
    ("cast(1 as smallint)", "small", DataType.integer),
    ("1", "int", DataType.integer),
    ("1L", "long", DataType.long),
    ("1.0F", "float", DataType.float),
    ("1.0D", "double", DataType.double),
    ("'s'", "string", DataType.string),
    ("cast(null as string)", "null", DataType.string),
    ("cast('x' as binary)", "binary", DataType.binary),
    ("current_timestamp()", "timestamp", DataType.datetime),
    ("timestamp_ntz'2020-01-01 00:00:00'", "without zone", DataType.datetime),
    ("current_date()", "date", DataType.datetime),
    ("array(1, 2)", "array", Array("integer")),
    ("array(array(1.0D))", "arrays", Array(Array("double"))),
    ("map('a', 1)", "map", Map("integer")),
    ("map(1, 'a')", "map of numbers", AnyType()),
    ("named_struct('x', 1, 'y', 's')", "struct", Object([Property("x", "integer"), Property("y", "string")])),
    ("cast(1.5 as decimal(10, 2))", "decimal", AnyType()),
]


def test_a_signature_is_inferred_from_frames_of_spark(spark: Any) -> None:
    selected = ", ".join(f"{text} AS `{name}`" for text, name, _ in COLUMNS)

    signature = infer_signature(spark.sql(f"SELECT {selected}"))

    assert signature.inputs == Schema([ColSpec(dtype, name) for _, name, dtype in COLUMNS])


def test_vectors_have_a_type_in_signatures(spark: Any, fitted: Any) -> None:
    given = spark.createDataFrame(FRAME[["a", "b"]])

    signature = infer_signature(given, fitted.transform(given))

    assert signature.outputs is not None
    assert dict(zip(signature.outputs.input_names(), signature.outputs.input_types(), strict=True)) == {
        "a": DataType.double,
        "b": DataType.double,
        "features": SparkMLVector(),
        "rawPrediction": SparkMLVector(),
        "probability": SparkMLVector(),
        "prediction": DataType.double,
    }


def test_every_type_has_one_of_spark() -> None:
    assert {dtype.name: dtype.to_spark() for dtype in DataType} == {
        "boolean": types.BooleanType(),
        "integer": types.IntegerType(),
        "long": types.LongType(),
        "float": types.FloatType(),
        "double": types.DoubleType(),
        "string": types.StringType(),
        "binary": types.BinaryType(),
        "datetime": types.TimestampType(),
    }
    assert Array("long").to_spark() == types.ArrayType(types.LongType())
    assert Map(Array("long")).to_spark() == types.MapType(types.StringType(), types.ArrayType(types.LongType()))
    assert SparkMLVector().to_spark() == VectorUDT()
    with pytest.raises(InvalidInput, match="Spark has no type for Any"):
        AnyType().to_spark()


def test_a_schema_is_one_of_spark() -> None:
    nested = Object([Property("x", "long"), Property("y", "string", required=False)])

    assert Schema([ColSpec("long", "a"), ColSpec(nested, "o", required=False)]).as_spark_schema() == types.StructType(
        [
            types.StructField("a", types.LongType(), nullable=False),
            types.StructField(
                "o",
                types.StructType(
                    [
                        types.StructField("x", types.LongType(), nullable=False),
                        types.StructField("y", types.StringType(), nullable=True),
                    ]
                ),
                nullable=True,
            ),
        ]
    )
    assert Schema([ColSpec("long")]).as_spark_schema() == types.LongType()
    assert Schema([ColSpec("long"), ColSpec("double")]).as_spark_schema().names == ["0", "1"]
    with pytest.raises(InvalidInput, match=r"TensorSpec.*cannot be converted"):
        Schema([TensorSpec(np.dtype("float32"), (-1, 2))]).as_spark_schema()


def test_the_requirements_of_spark() -> None:
    assert [line.partition("==")[0] for line in mlkeep.spark.get_default_pip_requirements()] == ["pyspark"]
    assert mlkeep.spark.get_default_pip_requirements(is_spark_connect_model=True)[0].startswith("pyspark[connect]==")
