"""The tables. `migrations/` builds them; a test holds the two together.

Ids that users see are texts; inside, rows refer to each other by integers. Keys of metrics, params and tags of runs are
written once, in `keys`. A metric value of NULL means NaN, which SQL databases compare in different ways or not at all.
"""

from __future__ import annotations

import enum

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy import Text as AnyText
from sqlalchemy.dialects import postgresql

from mlkeep.core.states import RunStatus

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Text = AnyText().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Compared and sorted by code points, on every database alike, whatever language it was set up for."""

RowId = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows itself only in columns of type INTEGER."""

VALUE_PREFIX = 200
"""Characters of a param or tag value that its index holds; longer values are compared in full after the index."""

ACTIVE, DELETED = 0, 1
"""Values of `lifecycle` columns."""

NO_EXPERIMENT = -1
"""Where code of before revision 0004 wrote a value and knew nothing of its experiment."""


class Counted(enum.IntEnum):
    """What is counted of an experiment, as `experiment_counters` calls it; the keys also as `experiment_keys` does.

    Keys are those that anything was ever logged under. `COUNTERS_OF_RUNS` has the others.
    """

    ARTIFACT_BYTES = 0
    METRIC_KEYS = 1
    PARAM_KEYS = 2
    TAG_KEYS = 3


KINDS_OF_KEYS = (Counted.METRIC_KEYS, Counted.PARAM_KEYS, Counted.TAG_KEYS)

COUNTERS_OF_RUNS = {
    (lifecycle, int(status)): 16 + 8 * lifecycle + status for lifecycle in (ACTIVE, DELETED) for status in RunStatus
}
"""What counts the runs of a lifecycle and a status."""


def _sums_of_files() -> list[Column[int]]:
    """Bytes and number of the files that `artifact_files` has of the row, changed together with it."""
    return [
        Column("artifact_bytes", BigInteger, nullable=False, server_default=text("0")),
        Column("artifact_count", BigInteger, nullable=False, server_default=text("0")),
    ]


def _experiment_of_run() -> Column[int]:
    """The experiment of the row's run, which never changes: an index that begins with it leads to its runs alone."""
    return Column("experiment_id", BigInteger, nullable=False, server_default=text(f"'{NO_EXPERIMENT}'"))


def _workspace() -> Column[str]:
    return Column("workspace", Text, nullable=False, server_default=text("'default'"))


experiments = Table(
    "experiments",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    _workspace(),
    Column("name", Text, nullable=False),
    Column("artifact_location", Text, nullable=False),
    Column("lifecycle", SmallInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    UniqueConstraint("workspace", "name"),
    sqlite_autoincrement=True,
)

experiment_tags = Table(
    "experiment_tags",
    metadata,
    Column("experiment_id", ForeignKey(experiments.c.id, ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

keys = Table(
    "keys",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
)

runs = Table(
    "runs",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("run_id", Text, nullable=False, unique=True),
    Column("experiment_id", ForeignKey(experiments.c.id), nullable=False),
    Column("name", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger),
    Column("lifecycle", SmallInteger, nullable=False),
    Column("deleted_ms", BigInteger),
    Column("artifact_uri", Text, nullable=False),
    *_sums_of_files(),
)
Index("ix_runs_newest", runs.c.experiment_id, runs.c.lifecycle, runs.c.start_ms.desc(), runs.c.run_id)

# Who says of a run that it is alive writes here, often; the run itself is left as it is. A run that is lost is waited for
# until no time. Who ends a run takes it out; what code of before revision 0005 ends is found when it is overdue.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("run_id", ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("last_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger),
    sqlite_with_rowid=False,
)
Index("ix_heartbeats_expires_at_ms", heartbeats.c.expires_at_ms)

metric_tail = Table(
    "metric_tail",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("run_id", ForeignKey(runs.c.id, ondelete="CASCADE"), nullable=False),
    Column("key_id", ForeignKey(keys.c.id), nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("value", Double),
    Column("model_id", BigInteger),
    Column("dataset_name", Text),
    Column("dataset_digest", Text),
)
Index("ix_metric_tail_series", metric_tail.c.run_id, metric_tail.c.key_id)
Index(
    "ix_metric_tail_model",
    metric_tail.c.model_id,
    sqlite_where=metric_tail.c.model_id.is_not(None),
    postgresql_where=metric_tail.c.model_id.is_not(None),
)

# Points of one series that were sealed together: see `storage.series`. All but the data can be known from it; it is
# beside it so that most questions need not decode anything. What describes values counts NaN only in `nans`.
metric_segments = Table(
    "metric_segments",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("run_id", ForeignKey(runs.c.id, ondelete="CASCADE"), nullable=False),
    Column("key_id", ForeignKey(keys.c.id), nullable=False),
    Column("points", Integer, nullable=False),
    Column("nans", Integer, nullable=False),
    Column("min_step", BigInteger, nullable=False),
    Column("max_step", BigInteger, nullable=False),
    Column("min_ms", BigInteger, nullable=False),
    Column("max_ms", BigInteger, nullable=False),
    Column("min_value", Double),
    Column("max_value", Double),
    Column("first_value", Double),
    Column("last_value", Double),
    Column("data", LargeBinary, nullable=False),
)
Index("ix_metric_segments_series", metric_segments.c.run_id, metric_segments.c.key_id)

latest_metrics = Table(
    "latest_metrics",
    metadata,
    Column("run_id", ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("key_id", ForeignKey(keys.c.id), primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("value", Double),
    _experiment_of_run(),
    sqlite_with_rowid=False,
)
Index(
    "ix_latest_metrics_search",
    latest_metrics.c.experiment_id,
    latest_metrics.c.key_id,
    latest_metrics.c.value,
    latest_metrics.c.run_id,
)


def indexed_start(value: ColumnElement[str]) -> ColumnElement[str]:
    """The part of a value that its index holds, in the very words of the index, else databases do not see it is that."""
    return func.substr(value, text("1"), text(str(VALUE_PREFIX)), type_=Text)


def _texts_of_runs(name: str) -> Table:
    table = Table(
        name,
        metadata,
        Column("run_id", ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
        Column("key_id", ForeignKey(keys.c.id), primary_key=True),
        Column("value", Text, nullable=False),
        _experiment_of_run(),
        sqlite_with_rowid=False,
    )
    Index(f"ix_{name}_search", table.c.experiment_id, table.c.key_id, indexed_start(table.c.value), table.c.run_id)
    return table


params = _texts_of_runs("params")
run_tags = _texts_of_runs("run_tags")

datasets = Table(
    "datasets",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("experiment_id", ForeignKey(experiments.c.id, ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("source_type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("schema", Text),
    Column("profile", Text),
    UniqueConstraint("experiment_id", "name", "digest"),
)

run_datasets = Table(
    "run_datasets",
    metadata,
    Column("run_id", ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("dataset_id", ForeignKey(datasets.c.id), primary_key=True),
    Column("context", Text),
    Column("tags", Text, nullable=False),
    sqlite_with_rowid=False,
)

run_models = Table(
    "run_models",
    metadata,
    Column("run_id", ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("is_output", SmallInteger, primary_key=True),
    Column("model_id", Text, primary_key=True),
    Column("step", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

logged_models = Table(
    "logged_models",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("model_id", Text, nullable=False, unique=True),
    Column("experiment_id", ForeignKey(experiments.c.id), nullable=False),
    Column("name", Text, nullable=False),
    Column("model_type", Text, nullable=False),
    Column("source_run_id", Text, nullable=False),
    Column("artifact_uri", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("status_message", Text, nullable=False),
    Column("lifecycle", SmallInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    *_sums_of_files(),
)
Index(
    "ix_logged_models_newest",
    logged_models.c.experiment_id,
    logged_models.c.lifecycle,
    logged_models.c.created_ms.desc(),
    logged_models.c.model_id,
)


def _texts_of_logged_models(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("model_id", ForeignKey(logged_models.c.id, ondelete="CASCADE"), primary_key=True),
        Column("key", Text, primary_key=True),
        Column("value", Text, nullable=False),
        sqlite_with_rowid=False,
    )


logged_model_params = _texts_of_logged_models("logged_model_params")
logged_model_tags = _texts_of_logged_models("logged_model_tags")

# The owner is a row of `runs` or of `logged_models`, which `owner_kind` tells apart (see `core.artifact_owners`), so no
# foreign key goes with it: who removes such a row for good removes its files too.
artifact_files = Table(
    "artifact_files",
    metadata,
    Column("owner_kind", SmallInteger, primary_key=True),
    Column("owner_id", BigInteger, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("experiment_id", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_artifact_files_twins", artifact_files.c.experiment_id, artifact_files.c.size, artifact_files.c.sha256)

# What there is of an experiment, spread over some rows so that those who write at the same time seldom meet.
experiment_counters = Table(
    "experiment_counters",
    metadata,
    Column("experiment_id", ForeignKey(experiments.c.id, ondelete="CASCADE"), primary_key=True),
    Column("what", SmallInteger, primary_key=True),
    Column("slot", SmallInteger, primary_key=True),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

experiment_keys = Table(
    "experiment_keys",
    metadata,
    Column("experiment_id", ForeignKey(experiments.c.id, ondelete="CASCADE"), primary_key=True),
    Column("kind", SmallInteger, primary_key=True),
    Column("key_id", ForeignKey(keys.c.id), primary_key=True),
    sqlite_with_rowid=False,
)

# Bytes of files as code of before revision 0004 counts them; they go to the counters when a database is opened.
experiment_sizes = Table(
    "experiment_sizes",
    metadata,
    Column("experiment_id", ForeignKey(experiments.c.id, ondelete="CASCADE"), primary_key=True),
    Column("slot", SmallInteger, primary_key=True),
    Column("artifact_bytes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

registered_models = Table(
    "registered_models",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    _workspace(),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("last_version", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    UniqueConstraint("workspace", "name"),
)

registered_model_tags = Table(
    "registered_model_tags",
    metadata,
    Column("model_id", ForeignKey(registered_models.c.id, ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("model_id", ForeignKey(registered_models.c.id, ondelete="CASCADE"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("stage", Text, nullable=False),
    Column("description", Text),
    Column("source", Text, nullable=False),
    Column("storage_uri", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("run_link", Text, nullable=False),
    Column("logged_model_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    # Whose files it consists of, as in `artifact_files`, those at and below which path, and how many bytes they have.
    Column("files_owner_kind", SmallInteger),
    Column("files_owner_id", BigInteger),
    Column("files_path", Text),
    Column("artifact_bytes", BigInteger),
    UniqueConstraint("model_id", "version"),
)
Index("ix_model_versions_run_id", model_versions.c.run_id)
Index("ix_model_versions_files", model_versions.c.files_owner_id, model_versions.c.files_owner_kind)

model_version_tags = Table(
    "model_version_tags",
    metadata,
    Column("version_id", ForeignKey(model_versions.c.id, ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

aliases = Table(
    "aliases",
    metadata,
    Column("model_id", ForeignKey(registered_models.c.id, ondelete="CASCADE"), primary_key=True),
    Column("alias", Text, primary_key=True),
    Column("version_id", ForeignKey(model_versions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sqlite_with_rowid=False,
)

evaluation_datasets = Table(
    "evaluation_datasets",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    _workspace(),
    Column("dataset_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, index=True),
    Column("digest", Text, nullable=False),
    Column("schema", Text),
    Column("profile", Text),
    Column("created_by", Text),
    Column("updated_by", Text),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)
Index("ix_evaluation_datasets_newest", evaluation_datasets.c.created_ms.desc(), evaluation_datasets.c.dataset_id.desc())

evaluation_dataset_tags = Table(
    "evaluation_dataset_tags",
    metadata,
    Column("dataset_id", ForeignKey(evaluation_datasets.c.id, ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

evaluation_dataset_experiments = Table(
    "evaluation_dataset_experiments",
    metadata,
    Column("dataset_id", ForeignKey(evaluation_datasets.c.id, ondelete="CASCADE"), primary_key=True),
    Column("experiment_id", ForeignKey(experiments.c.id, ondelete="CASCADE"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

evaluation_records = Table(
    "evaluation_records",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("record_id", Text, nullable=False, unique=True),
    Column("dataset_id", ForeignKey(evaluation_datasets.c.id, ondelete="CASCADE"), nullable=False),
    Column("input_hash", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("outputs", Text),
    Column("expectations", Text),
    Column("tags", Text),
    Column("source", Text),
    Column("source_type", Text),
    Column("source_id", Text),
    Column("created_by", Text),
    Column("updated_by", Text),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    UniqueConstraint("dataset_id", "input_hash"),
)
Index("ix_evaluation_records_order", evaluation_records.c.dataset_id, evaluation_records.c.id)

events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    _workspace(),
    Column("at_ms", BigInteger, nullable=False),
    Column("principal", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    sqlite_autoincrement=True,
)
