"""One Spark for all tests of a process: starting Java takes some seconds."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any

os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable


@cache
def session() -> Any:
    """A local session with one worker at a time, which stays until the tests end."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").appName("mlkeep tests")
    for key, value in {
        "spark.ui.enabled": "false",
        # Compile quickly rather than well: the tests do little.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "1",
        "spark.default.parallelism": "1",
        "spark.ui.showConsoleProgress": "false",
    }.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark
