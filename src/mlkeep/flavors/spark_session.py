"""The Spark session that models are saved, loaded and called in."""

from __future__ import annotations

import logging
from typing import Any

from mlkeep.core.errors import NotOffered
from mlkeep.flavors.frameworks import needed

with needed("spark"):
    from pyspark.sql import SparkSession

_log = logging.getLogger(__name__)


def active_session() -> Any | None:
    """The session in use, if there is one."""
    return SparkSession.getActiveSession() or getattr(SparkSession, "_instantiatedSession", None)


def session() -> Any:
    """The session in use; if there is none, a local one of one thread is started."""
    if (found := active_session()) is not None:
        return found
    _log.info("Starting a local Spark session of one thread; start one before to have it otherwise.")
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    return builder.appName("mlkeep").getOrCreate()


def context(spark: Any) -> Any:
    """The SparkContext of `spark`.

    Raises:
        NotOffered: it is a session of Spark Connect, which has none.
    """
    if "connect" in type(spark).__module__:
        raise NotOffered(
            "This needs a classic Spark session: Spark Connect has no SparkContext, by which mlkeep moves model files."
        )
    return spark.sparkContext


def is_local(spark: Any) -> bool:
    """Whether everything of `spark` happens in one process of this machine."""
    master = str(context(spark).master)
    return master == "local" or master.startswith("local[")


def files_of(spark: Any, uri: str) -> tuple[Any, Any]:
    """The Hadoop file system that `uri` lies on, and `uri` as its path; without a scheme that is Spark's default one."""
    sc = context(spark)
    path = sc._jvm.org.apache.hadoop.fs.Path(uri)  # noqa: SLF001 - pyspark has no public way to Hadoop's files
    return path.getFileSystem(sc._jsc.hadoopConfiguration()), path  # noqa: SLF001 - likewise
