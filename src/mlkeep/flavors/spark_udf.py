"""Any model as a function on the columns of Spark frames.

The workers of Spark are other processes, perhaps on other machines: they need mlkeep, and what the model needs. With a
local master they read the model's folder where it is; else Spark brings it to each executor once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.flavors.loading import fetch
from mlkeep.flavors.python_source import ModelConfig
from mlkeep.models.model_config import read_config

_ELSEWHERE = ("virtualenv", "conda", "uv")


def spark_udf(
    spark: Any,
    model_uri: str | Path,
    result_type: Any = None,
    env_manager: str | None = None,
    params: Mapping[str, Any] | None = None,
    extra_env: Mapping[str, str] | None = None,
    prebuilt_env_uri: str | None = None,
    model_config: ModelConfig | None = None,
) -> Any:
    """The model at `model_uri` as a function of columns, for `select`, `withColumn` or `spark.udf.register`.

    It is called with columns in the order of the signature, with one struct that holds them by name, or, if the
    signature names them, with nothing. `result_type` is a type of Spark or its name: a scalar (the first column of the
    answer that is one), an array (all columns), or a struct (columns by name); by default what the signature says of the
    outputs, else `double`. `params` go to the model with every call, `extra_env` are environment variables of the workers.
    A model is loaded once in each worker process.

    Raises:
        NotFound: there is no model, or it cannot be called as a function.
        InvalidInput: the result type cannot be used, or the signature's outputs cannot be said in Spark's types.
        NotOffered: `env_manager` is another than `local`, `prebuilt_env_uri` is given, this is a session of Spark
            Connect, or it is a model of Spark itself.
    """
    _refuse_environments(env_manager, prebuilt_env_uri)
    # Only here, because it needs pyspark, and this function is known to programs that have none.
    from mlkeep.flavors.spark_workers import as_udf

    return as_udf(
        spark,
        fetch(model_uri).absolute(),
        result_type=result_type,
        params=params,
        environment=extra_env or {},
        config=read_config(model_config),
    )


def _refuse_environments(env_manager: str | None, prebuilt_env_uri: str | None) -> None:
    if env_manager in _ELSEWHERE or prebuilt_env_uri is not None:
        raise NotOffered(
            f"env_manager: mlkeep calls models in the environment of Spark's workers ('local') and makes no other one; found "
            f"{env_manager or prebuilt_env_uri!r}. Install what get_model_dependencies(model_uri) lists on the executors."
        )
    if env_manager not in {None, "local"}:
        raise InvalidInput(f"Invalid value for `env_manager`: {env_manager}. Must be one of {['local', *_ELSEWHERE]}")
