"""Models inside Spark's workers: what a call makes of columns, and how the model gets there."""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.flavors import pyfunc
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.pyfunc_model import PyFuncModel
from mlkeep.flavors.spark_results import as_spark, result_type_of
from mlkeep.flavors.table import PYFUNC
from mlkeep.models.datatypes import Object
from mlkeep.models.mlmodel import Model
from mlkeep.models.schema import ColSpec, Schema

with needed("spark"):
    from pyspark.files import SparkFiles
    from pyspark.sql.functions import pandas_udf

from mlkeep.flavors.spark_session import context, is_local

_VECTOR = ["type", "size", "indices", "values"]
"""The fields as which Spark hands over its vectors."""

_log = logging.getLogger(__name__)


def as_udf(
    spark: Any,
    folder: Path,
    *,
    result_type: Any,
    params: Mapping[str, Any] | None,
    environment: Mapping[str, str],
    config: Mapping[str, Any] | None,
) -> Any:
    """The model in `folder` as a function of columns; see `mlkeep.flavors.spark_udf.spark_udf`."""
    context(spark)
    model = Model.load(folder)
    if model.flavor(PYFUNC).get("loader_module") == "mlflow.spark":
        raise NotOffered(
            "A model of Spark has no need of spark_udf, and cannot run inside one: use "
            "mlkeep.spark.load_model(model_uri).transform(frame)."
        )
    inputs = model.get_input_schema()
    returns = result_type_of(result_type, model.get_output_schema())
    answer = _Answer(
        source=_source(spark, folder),
        inputs=None if inputs is None else inputs.to_json(),
        returns=returns,
        params=dict(params) if params else None,
        environment=dict(environment),
        config=_json(config),
    )

    # The annotations are what Spark tells the kind of function by.
    def on_columns(*columns: pd.Series) -> pd.Series:
        answered: pd.Series[Any] = answer.to(columns)
        return answered

    made = pandas_udf(on_columns, returns)

    @wraps(made)
    def udf(*columns: Any) -> Any:
        _check_count(len(columns), inputs)
        return made(*(columns or _columns_of(inputs)))

    udf.metadata = model  # type: ignore[attr-defined]  # a name scripts for MLflow know
    return udf


def _columns_of(inputs: Schema | None) -> list[str]:
    """The columns a call without any stands for."""
    if inputs is None or not inputs.has_input_names():
        raise InvalidInput("Cannot apply udf because no column names specified, and the model's signature has none.")
    if inputs.optional_input_names():
        raise InvalidInput(
            "Cannot apply UDF without column names specified when model signature contains optional columns: "
            f"{inputs.optional_input_names()}."
        )
    return [str(name) for name in inputs.input_names()]


def _check_count(count: int, inputs: Schema | None) -> None:
    # One column may be a struct of all, and none stands for all.
    if inputs is None or count < 2 or inputs.is_tensor_spec():
        return
    if count < len(inputs.required_input_names()):
        raise InvalidInput(
            f"Model input is missing columns. Expected {len(inputs.inputs)} input columns {inputs.input_names()}, but the "
            f"model received only {count}: name all, or give one struct of them."
        )
    if count > len(inputs.inputs):
        _log.warning("Ignoring %d columns beyond those of the model's signature.", count - len(inputs.inputs))


def _json(config: Mapping[str, Any] | None) -> str:
    try:
        return json.dumps(config)
    except TypeError as error:
        raise InvalidInput(f"model_config: Spark's workers get it as JSON, which cannot hold it: {error}") from error


class _Source(msgspec.Struct, frozen=True):
    """Where workers find a model: a folder that they see, or an archive that Spark brings to them."""

    folder: str | None = None
    archive: str | None = None


def _source(spark: Any, folder: Path) -> _Source:
    if is_local(spark):
        return _Source(folder=str(folder))
    archive = f"mlkeep-model-{uuid.uuid4().hex}.zip"
    # Executors fetch it from here whenever they come up, so it stays as long as this program.
    scratch = Path(tempfile.mkdtemp(prefix="mlkeep-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    with zipfile.ZipFile(scratch / archive, "w") as packed:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            packed.write(file, file.relative_to(folder))
    context(spark).addFile(str(scratch / archive))
    return _Source(archive=archive)


def _unpacked(archive: str) -> Path:
    """The folder in which this executor keeps the model, unpacked by the first of its workers that needs it."""
    path = Path(SparkFiles.get(archive))
    folder = path.with_suffix("")
    if not folder.is_dir():
        unpacking = Path(tempfile.mkdtemp(dir=path.parent))
        with zipfile.ZipFile(path) as packed:
            packed.extractall(unpacking)
        try:
            unpacking.rename(folder)
        except OSError:
            # Another worker was faster.
            shutil.rmtree(unpacking, ignore_errors=True)
    return folder


class _Answer(msgspec.Struct, frozen=True):
    """What a worker does with a batch: columns to a frame, the model's answer to Spark's type.

    `inputs` is the JSON of the signature's inputs, `config` that of the model's configuration.
    """

    source: _Source
    inputs: str | None
    returns: Any
    params: dict[str, Any] | None
    environment: dict[str, str]
    config: str

    def to(self, columns: Sequence[Any]) -> Any:
        """The model's answer to a batch of these columns."""
        os.environ.update(self.environment)
        model = _loaded(self.source, self.config)
        frame = _frame(columns, None if self.inputs is None else Schema.from_json(self.inputs))
        return as_spark(model.predict(frame, params=self.params), self.returns, len(frame))


@lru_cache(maxsize=4)
def _loaded(source: _Source, config: str) -> PyFuncModel:
    """The model, once in a process. Of several that one process is asked for, the last few stay."""
    folder = Path(source.folder) if source.folder is not None else _unpacked(str(source.archive))
    return pyfunc.load_model(folder, suppress_warnings=True, model_config=json.loads(config))


def _frame(columns: Sequence[Any], schema: Schema | None) -> pd.DataFrame:
    """The columns of a batch as the frame a model gets; one struct is a frame already."""
    if len(columns) == 1 and isinstance(columns[0], pd.DataFrame) and not _is_one_value(columns[0], schema):
        whole: pd.DataFrame = columns[0]
        return whole.assign(**{name: _cells(whole[name]) for name in whole.columns if whole[name].dtype == object})
    named = [_cells(column).rename(name) for column, name in zip(columns, _names(schema, len(columns)), strict=False)]
    return pd.concat(named, axis=1)


def _names(schema: Schema | None, count: int) -> list[Any]:
    if schema is not None and schema.has_input_names():
        return schema.input_names()
    return [str(index) for index in range(count)] if schema is None else list(range(count))


def _is_one_value(struct: pd.DataFrame, schema: Schema | None) -> bool:
    """Whether a struct is one value of the model rather than a row of them."""
    if list(struct.columns) == _VECTOR:
        return True
    only = schema.inputs[0] if schema is not None and len(schema.inputs) == 1 else None
    return isinstance(only, ColSpec) and isinstance(only.type, Object) and only.name not in struct.columns


def _cells(column: Any) -> pd.Series[Any]:
    """A column with dicts for structs, and lists of numbers for Spark's vectors."""
    if isinstance(column, pd.DataFrame):
        column = pd.Series(column.to_dict("records"), index=column.index, dtype=object)
    cells: pd.Series[Any] = column
    return cells.map(_cell) if cells.dtype == object else cells


def _cell(value: Any) -> Any:
    if isinstance(value, dict) and list(value) == _VECTOR:
        if value["type"] == 1:
            return [float(number) for number in value["values"]]
        numbers = [0.0] * int(value["size"])
        for index, number in zip(value["indices"], value["values"], strict=True):
            numbers[int(index)] = float(number)
        return numbers
    return value.toArray().tolist() if hasattr(value, "toArray") else value
