"""Spark: fitted pipelines and other transformers of `pyspark.ml`, as Spark itself writes them.

Spark writes through its own file systems, from its executors. With a local master that is this machine; else files go by
way of `dfs_tmpdir`, a folder that the driver and the executors share.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.flavors import inspecting, model_logging, saving
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.loading import fetch_flavor
from mlkeep.models.datatypes import SparkMLVector
from mlkeep.models.environment import conda_environment
from mlkeep.models.info import ModelInfo
from mlkeep.models.inside import inside
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import OWN_REQUIREMENT, CondaEnv, PipRequirements, pinned
from mlkeep.models.schema import Schema
from mlkeep.models.spark_frames import is_spark_frame

with needed("spark"):
    import pyspark
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.ml import PipelineModel, Transformer
    from pyspark.ml.functions import array_to_vector
    from pyspark.ml.linalg import DenseVector, SparseVector
    from pyspark.ml.param import Params
    from pyspark.ml.util import MLReadable, MLWritable

from mlkeep.flavors.spark_session import files_of, is_local, session

FLAVOR_NAME = "spark"
LOADER_MODULE = "mlflow.spark"
_DATA = "sparkml"
_DEFAULT_DFS = "/tmp/mlkeep"  # noqa: S108 - on the file system of the cluster; every use makes a folder of its own
_PREDICTION = "prediction"
_VECTORS = (DenseVector, SparseVector)
_PIPELINE = "pyspark.ml.pipeline.PipelineModel"
_CONNECT_REQUIREMENTS = ("scikit-learn", "torch", "torcheval")
"""What models made for Spark Connect (`pyspark.ml.connect`) are made with."""


def get_default_pip_requirements(is_spark_connect_model: bool = False) -> list[str]:
    """What every model of this flavor needs, pinned as installed."""
    if is_spark_connect_model:
        return [f"pyspark[connect]=={pyspark.__version__}", *map(pinned, _CONNECT_REQUIREMENTS)]
    return [pinned("pyspark")]


def get_default_conda_env(is_spark_connect_model: bool = False) -> dict[str, Any]:
    """A conda environment with the default requirements."""
    return conda_environment([OWN_REQUIREMENT, *get_default_pip_requirements(is_spark_connect_model)])


def save_model(
    spark_model: Any,
    path: str | Path,
    mlflow_model: Model | None = None,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    dfs_tmpdir: str | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Save a `PipelineModel`, or another fitted transformer as a pipeline of one stage, as the model folder `path`.

    An input example is a pandas DataFrame.

    Raises:
        AlreadyExists: `path` exists and is not empty.
        InvalidInput: this is no transformer that Spark can write, or the example is a frame of Spark.
        NotOffered: it is a model for Spark Connect.
    """
    _save(spark_model, path, saving.Ceremony.of(locals()), dfs_tmpdir, mlflow_model)


def log_model(
    spark_model: Any,
    artifact_path: str,
    conda_env: CondaEnv | None = None,
    code_paths: Iterable[str] | None = None,
    dfs_tmpdir: str | None = None,
    registered_model_name: str | None = None,
    signature: saving.Signature = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: PipRequirements | None = None,
    extra_pip_requirements: PipRequirements | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> ModelInfo:
    """Log a model among the artifacts of the active run, under `artifact_path`.

    The other arguments are those of `save_model` and of `mlkeep.flavors.model_logging.Destination`.
    """
    ceremony, destination = saving.Ceremony.of(locals()), model_logging.Destination.of(locals())
    return model_logging.log(destination, lambda path, model: _save(spark_model, path, ceremony, dfs_tmpdir, model))


def load_model(model_uri: str | Path, dfs_tmpdir: str | None = None, dst_path: str | None = None) -> Any:
    """The `PipelineModel` at `model_uri`, in the active Spark session; without one, a local session is started.

    Raises:
        NotFound: there is no model, or not one of this flavor.
        InvalidInput: Spark cannot read it.
    """
    folder, _, conf = fetch_flavor(model_uri, FLAVOR_NAME, dst_path)
    return _load(folder, conf, dfs_tmpdir)


def load_pyfunc(folder: Path, model: Model, conf: Mapping[str, Any], model_config: dict[str, Any]) -> Any:  # noqa: ARG001 - these models have no configuration
    """The model in `folder` as a function; see `mlkeep.flavors.table.Loader`."""
    own = model.flavors.get(FLAVOR_NAME) or {"model_data": conf.get("data")}
    return wrap(_load(folder, own, None), model.get_input_schema())


def wrap(model: Any, inputs: Schema | None = None) -> Any:
    """`model` as a function of pandas frames; `inputs` says which of their columns are vectors."""
    return _AsFunction(model, inputs)


class _AsFunction:
    def __init__(self, model: Any, inputs: Schema | None) -> None:
        self.model = model
        self._inputs = None if inputs is None or inputs.is_tensor_spec() else inputs

    def get_raw_model(self) -> Any:
        """The pipeline."""
        return self.model

    def predict(self, data: Any) -> Any:
        """The values of the column `prediction`, vectors as lists of numbers.

        Of a model without such a column: a frame of the columns it adds.
        """
        given = data if is_spark_frame(data) else self._in_spark(_frame(data))
        answer = self.model.transform(given)
        added = [_PREDICTION] if _PREDICTION in answer.columns else answer.columns[len(given.columns) :]
        rows = [[_plain(value) for value in row] for row in answer.select(*added).collect()]
        return [row[0] for row in rows] if added == [_PREDICTION] else pd.DataFrame(rows, columns=added)

    def _in_spark(self, frame: pd.DataFrame) -> Any:
        """`frame` in Spark, lists of numbers as vectors: in the columns that the signature calls so, or if there is no
        signature, in all."""
        vectors = [name for name in frame.columns if self._may_be_vector(name) and _holds_vectors(frame[name])]
        plain = frame.copy(deep=False)
        for name in vectors:
            plain[name] = frame[name].map(_numbers)
        given = session().createDataFrame(plain)
        for name in map(str, vectors):
            given = given.withColumn(name, array_to_vector(given[name].cast("array<double>")))
        return given

    def _may_be_vector(self, name: Any) -> bool:
        if self._inputs is None or not self._inputs.has_input_names():
            return True
        return isinstance(self._inputs.input_types_dict().get(name), SparkMLVector)


def _frame(data: Any) -> pd.DataFrame:
    if isinstance(data, pd.DataFrame):
        return data
    try:
        if isinstance(data, (dict, list)):
            return pd.DataFrame(data)
    except ValueError as error:
        raise InvalidInput(f"A Spark model takes a DataFrame; this cannot be made one: {error}") from error
    raise InvalidInput(
        f"A Spark model takes a DataFrame with the columns it was fitted on, or a dict of them; found {type(data).__name__}."
    )


def _holds_vectors(column: pd.Series[Any]) -> bool:
    cells = [_numbers(cell) for cell in column if cell is not None] if column.dtype == object else []
    return bool(cells) and all(
        isinstance(cell, list) and all(isinstance(number, (int, float)) for number in cell) for cell in cells
    )


def _numbers(cell: Any) -> Any:
    """A vector or an array as a list."""
    array = cell.toArray() if isinstance(cell, _VECTORS) else cell
    return array.tolist() if isinstance(array, np.ndarray) else array


def _plain(value: Any) -> Any:
    return _numbers(value) if isinstance(value, _VECTORS) else value


def _save(
    spark_model: Any, path: str | Path, ceremony: saving.Ceremony, dfs_tmpdir: str | None, model: Model | None
) -> Model:
    pipeline = _as_pipeline(spark_model)
    if is_spark_frame(ceremony.input_example):
        raise InvalidInput(
            "input_example: a Spark DataFrame cannot be kept; give a few rows of it, as limit(5).toPandas()."
        )
    inputs = ceremony.signature.inputs if ceremony.signature else None

    def write(folder: Path) -> saving.Written:
        _write(pipeline, folder / _DATA, dfs_tmpdir)
        return saving.Written(
            flavors={
                FLAVOR_NAME: {"model_data": _DATA, "model_class": _PIPELINE, "pyspark_version": pyspark.__version__}
            },
            pyfunc={"loader_module": LOADER_MODULE, "data": _DATA},
            modules={"pyspark", *(type(stage).__module__ for stage in pipeline.stages)},
            defaults=get_default_pip_requirements(),
        )

    return saving.save(
        path, ceremony, write, lambda _folder, data, _params: wrap(pipeline, inputs).predict(data), model
    )


def _as_pipeline(spark_model: Any) -> Any:
    if type(spark_model).__module__.startswith("pyspark.ml.connect"):
        raise NotOffered(
            f"spark_model: {type(spark_model).__name__} is made for Spark Connect, which mlkeep does not save; fit the model "
            "in a classic session."
        )
    # Reading is a promise of the class, which those that come from Java make through their companion.
    if not isinstance(spark_model, Transformer) or not isinstance(spark_model, (MLWritable, MLReadable)):
        raise InvalidInput(
            f"spark_model: expected a PipelineModel or another fitted transformer of pyspark.ml that Spark can write, found "
            f"{type(spark_model).__name__}. Fit an estimator or a Pipeline first."
        )
    return spark_model if isinstance(spark_model, PipelineModel) else PipelineModel([spark_model])


def _write(pipeline: Any, target: Path, dfs_tmpdir: str | None) -> None:
    spark = session()
    if dfs_tmpdir is None and is_local(spark):
        pipeline.write().save(target.absolute().as_uri())
        return
    files, shared = files_of(spark, _shared_folder(dfs_tmpdir))
    try:
        pipeline.write().save(str(shared))
        local = files_of(spark, target.absolute().as_uri())[1]
        files.copyToLocalFile(False, shared, local, True)
    finally:
        files.delete(shared, True)


def _load(folder: Path, conf: Mapping[str, Any], dfs_tmpdir: str | None) -> Any:
    source = inside(folder, conf.get("model_data") or _DATA, "model_data").absolute()
    if not source.is_dir():
        raise InvalidInput(f"MLmodel names {source.name} as the model's data, but there is no folder {source}.")
    kind = inspecting.class_named(conf.get("model_class") or _PIPELINE, (Params,), folder, conf.get("code"))
    spark = session()
    uri = source.as_uri()
    if dfs_tmpdir is not None or not is_local(spark):
        files, shared = files_of(spark, _shared_folder(dfs_tmpdir))
        files.copyFromLocalFile(files_of(spark, uri)[1], shared)
        # Some models read their data only when they are used, so it stays until Spark ends.
        files.deleteOnExit(shared)
        uri = str(shared)
    try:
        return kind.load(uri)
    except (AttributeError, ImportError, Py4JError, PySparkException) as error:
        raise InvalidInput(f"Spark cannot load the model in {source}: {error}") from error


def _shared_folder(dfs_tmpdir: str | None) -> str:
    return f"{(dfs_tmpdir or _DEFAULT_DFS).rstrip('/')}/{uuid.uuid4().hex}"
