"""The first schema: experiments, runs and what is logged to them, models, the outbox of events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


LOWERING = ("pg_c_utf8", "und-x-icu", "C.utf8", "default")
"""Collations of PostgreSQL that know the letters of many alphabets, the best first; a server has some of them."""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _unicode_lower()
    _experiments()
    _runs()
    _inputs()
    _metrics()
    _logged_models()
    _registry()
    _events()


def _unicode_lower() -> None:
    """What ILIKE of filters compares. (SQLite has it from the connection.)"""
    known = set(op.get_bind().scalars(sa.text("SELECT collname FROM pg_collation")))
    collation = next(name for name in LOWERING if name in known)
    op.execute(
        "CREATE FUNCTION unicode_lower(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE "
        f"""AS 'SELECT lower($1 COLLATE "{collation}")'"""
    )


def _experiments() -> None:
    """Experiments, their tags, and the dictionary of keys."""
    op.create_table(
        "experiments",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", TEXT, server_default=sa.text("'default'"), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("artifact_location", TEXT, nullable=False),
        sa.Column("lifecycle", sa.SmallInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_experiments"),
        sa.UniqueConstraint("workspace", "name", name="uq_experiments_workspace_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "experiment_tags",
        sa.Column("experiment_id", ROW_ID, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name="fk_experiment_tags_experiment_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("experiment_id", "key", name="pk_experiment_tags"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "keys",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("name", name="uq_keys_name"),
    )


def _runs() -> None:
    """Runs, and the texts logged to them."""
    op.create_table(
        "runs",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("experiment_id", ROW_ID, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=True),
        sa.Column("lifecycle", sa.SmallInteger(), nullable=False),
        sa.Column("deleted_ms", sa.BigInteger(), nullable=True),
        sa.Column("artifact_uri", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name="fk_runs_experiment_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("run_id", name="uq_runs_run_id"),
    )
    op.create_index(
        "ix_runs_newest",
        "runs",
        ["experiment_id", "lifecycle", sa.literal_column("start_ms DESC"), "run_id"],
        unique=False,
    )
    op.create_table(
        "params",
        sa.Column("run_id", ROW_ID, nullable=False),
        sa.Column("key_id", ROW_ID, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_params_key_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_params_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "key_id", name="pk_params"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_tags",
        sa.Column("run_id", ROW_ID, nullable=False),
        sa.Column("key_id", ROW_ID, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_run_tags_key_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_tags_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "key_id", name="pk_run_tags"),
        sqlite_with_rowid=False,
    )
    for name in ("params", "run_tags"):
        op.create_index(f"ix_{name}_value", name, ["key_id", sa.text("substr(value, 1, 200)")])


def _inputs() -> None:
    """What went into runs and came out of them."""
    op.create_table(
        "datasets",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("experiment_id", ROW_ID, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("source_type", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("schema", TEXT, nullable=True),
        sa.Column("profile", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name="fk_datasets_experiment_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.UniqueConstraint("experiment_id", "name", "digest", name="uq_datasets_experiment_id_name_digest"),
    )
    op.create_table(
        "run_datasets",
        sa.Column("run_id", ROW_ID, nullable=False),
        sa.Column("dataset_id", ROW_ID, nullable=False),
        sa.Column("context", TEXT, nullable=True),
        sa.Column("tags", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name="fk_run_datasets_dataset_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_datasets_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "dataset_id", name="pk_run_datasets"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_models",
        sa.Column("run_id", ROW_ID, nullable=False),
        sa.Column("is_output", sa.SmallInteger(), nullable=False),
        sa.Column("model_id", TEXT, nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_models_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "is_output", "model_id", name="pk_run_models"),
        sqlite_with_rowid=False,
    )


def _metrics() -> None:
    """Points, and the latest one of each key."""
    op.create_table(
        "metric_tail",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("run_id", ROW_ID, nullable=False),
        sa.Column("key_id", ROW_ID, nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("model_id", sa.BigInteger(), nullable=True),
        sa.Column("dataset_name", TEXT, nullable=True),
        sa.Column("dataset_digest", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_metric_tail_key_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_metric_tail_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_metric_tail"),
    )
    op.create_index(
        "ix_metric_tail_model",
        "metric_tail",
        ["model_id"],
        unique=False,
        sqlite_where=sa.text("model_id IS NOT NULL"),
        postgresql_where=sa.text("model_id IS NOT NULL"),
    )
    op.create_index("ix_metric_tail_series", "metric_tail", ["run_id", "key_id"], unique=False)
    op.create_table(
        "latest_metrics",
        sa.Column("run_id", ROW_ID, nullable=False),
        sa.Column("key_id", ROW_ID, nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_latest_metrics_key_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_latest_metrics_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "key_id", name="pk_latest_metrics"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_latest_metrics_value", "latest_metrics", ["key_id", "value", "run_id"], unique=False)


def _logged_models() -> None:
    """Models as they were logged."""
    op.create_table(
        "logged_models",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("model_id", TEXT, nullable=False),
        sa.Column("experiment_id", ROW_ID, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("model_type", TEXT, nullable=False),
        sa.Column("source_run_id", TEXT, nullable=False),
        sa.Column("artifact_uri", TEXT, nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("status_message", TEXT, nullable=False),
        sa.Column("lifecycle", sa.SmallInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name="fk_logged_models_experiment_id"),
        sa.PrimaryKeyConstraint("id", name="pk_logged_models"),
        sa.UniqueConstraint("model_id", name="uq_logged_models_model_id"),
    )
    op.create_index(
        "ix_logged_models_newest",
        "logged_models",
        ["experiment_id", "lifecycle", sa.literal_column("created_ms DESC"), "model_id"],
        unique=False,
    )
    op.create_table(
        "logged_model_params",
        sa.Column("model_id", ROW_ID, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["logged_models.id"], name="fk_logged_model_params_model_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", "key", name="pk_logged_model_params"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "logged_model_tags",
        sa.Column("model_id", ROW_ID, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["logged_models.id"], name="fk_logged_model_tags_model_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", "key", name="pk_logged_model_tags"),
        sqlite_with_rowid=False,
    )


def _registry() -> None:
    """Registered models, versions, aliases."""
    op.create_table(
        "registered_models",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", TEXT, server_default=sa.text("'default'"), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=True),
        sa.Column("last_version", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registered_models"),
        sa.UniqueConstraint("workspace", "name", name="uq_registered_models_workspace_name"),
    )
    op.create_table(
        "registered_model_tags",
        sa.Column("model_id", ROW_ID, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["registered_models.id"], name="fk_registered_model_tags_model_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", "key", name="pk_registered_model_tags"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "model_versions",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("model_id", ROW_ID, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=True),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("storage_uri", TEXT, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("run_link", TEXT, nullable=False),
        sa.Column("logged_model_id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["registered_models.id"], name="fk_model_versions_model_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_model_versions"),
        sa.UniqueConstraint("model_id", "version", name="uq_model_versions_model_id_version"),
    )
    op.create_index("ix_model_versions_run_id", "model_versions", ["run_id"], unique=False)
    op.create_table(
        "model_version_tags",
        sa.Column("version_id", ROW_ID, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name="fk_model_version_tags_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "key", name="pk_model_version_tags"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "aliases",
        sa.Column("model_id", ROW_ID, nullable=False),
        sa.Column("alias", TEXT, nullable=False),
        sa.Column("version_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["registered_models.id"], name="fk_aliases_model_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name="fk_aliases_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", "alias", name="pk_aliases"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_aliases_version_id", "aliases", ["version_id"], unique=False)


def _events() -> None:
    """The outbox."""
    op.create_table(
        "events",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", TEXT, server_default=sa.text("'default'"), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("principal", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("entity", TEXT, nullable=False),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("before", TEXT, nullable=True),
        sa.Column("after", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    for table in (
        "events",
        "aliases",
        "model_version_tags",
        "model_versions",
        "registered_model_tags",
        "registered_models",
        "logged_model_tags",
        "logged_model_params",
        "logged_models",
        "latest_metrics",
        "metric_tail",
        "run_models",
        "run_datasets",
        "datasets",
        "run_tags",
        "params",
        "runs",
        "keys",
        "experiment_tags",
        "experiments",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION unicode_lower(text)")
