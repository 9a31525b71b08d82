"""Sealed segments of series; values of runs are found by experiment first; counters of experiments.

Code of before goes on working. Rows that it writes meanwhile have no experiment, -1, and what it adds to the bytes of
experiments stands where it always did; `counters.adopt` puts both right when the database is opened the next time.
"""

from __future__ import annotations

import math

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from mlkeep.storage.series.segment import decode

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
VALUE_PREFIX = sa.text("substr(value, 1, 200)")

SEGMENTS_AT_ONCE = 16

VALUES = ("latest_metrics", "params", "run_tags")


def upgrade() -> None:
    op.create_table(
        "metric_segments",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("run_id", ROW_ID, nullable=False),
        sa.Column("key_id", ROW_ID, nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("nans", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("min_step", "max_step", "min_ms", "max_ms")),
        *(sa.Column(f"{name}_value", sa.Double(), nullable=True) for name in ("min", "max", "first", "last")),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_metric_segments_key_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_metric_segments_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_metric_segments"),
    )
    op.create_index("ix_metric_segments_series", "metric_segments", ["run_id", "key_id"], unique=False)
    for table in VALUES:
        op.add_column(
            table, sa.Column("experiment_id", sa.BigInteger(), server_default=sa.text("'-1'"), nullable=False)
        )
        op.execute(
            f"UPDATE {table} SET experiment_id = (SELECT experiment_id FROM runs WHERE runs.id = {table}.run_id)"  # noqa: S608
        )
        value = sa.text("value") if table == "latest_metrics" else VALUE_PREFIX
        columns = [sa.text("experiment_id"), sa.text("key_id"), value, sa.text("run_id")]
        op.create_index(f"ix_{table}_search", table, columns, unique=False)
        op.drop_index(f"ix_{table}_value", table)
    _counters()


def _counters() -> None:
    """What there is of experiments, known without looking."""
    op.create_table(
        "experiment_counters",
        sa.Column("experiment_id", ROW_ID, nullable=False),
        sa.Column("what", sa.SmallInteger(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name="fk_experiment_counters_experiment_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("experiment_id", "what", "slot", name="pk_experiment_counters"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "experiment_keys",
        sa.Column("experiment_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("key_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name="fk_experiment_keys_experiment_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_experiment_keys_key_id"),
        sa.PrimaryKeyConstraint("experiment_id", "kind", "key_id", name="pk_experiment_keys"),
        sqlite_with_rowid=False,
    )
    for kind, table in enumerate(VALUES, 1):
        op.execute(
            f"INSERT INTO experiment_keys SELECT DISTINCT experiment_id, {kind}, key_id FROM {table}"  # noqa: S608
        )
    for counted in (
        "SELECT experiment_id, 0, slot, artifact_bytes FROM experiment_sizes",
        "SELECT experiment_id, kind, 0, count(*) FROM experiment_keys GROUP BY experiment_id, kind",
        "SELECT experiment_id, 16 + 8 * lifecycle + status, 0, count(*) FROM runs GROUP BY 1, 2",
    ):
        op.execute(f"INSERT INTO experiment_counters (experiment_id, what, slot, count) {counted}")
    op.execute("DELETE FROM experiment_sizes")


def downgrade() -> None:
    op.execute(
        "INSERT INTO experiment_sizes (experiment_id, slot, artifact_bytes)"
        " SELECT experiment_id, slot, count FROM experiment_counters WHERE what = 0 ON CONFLICT (experiment_id, slot)"
        " DO UPDATE SET artifact_bytes = experiment_sizes.artifact_bytes + excluded.artifact_bytes"
    )
    op.drop_table("experiment_keys")
    op.drop_table("experiment_counters")
    for table in VALUES:
        is_number = table == "latest_metrics"
        columns = [sa.text("key_id"), sa.text("value") if is_number else VALUE_PREFIX]
        op.create_index(
            f"ix_{table}_value", table, [*columns, sa.text("run_id")] if is_number else columns, unique=False
        )
        op.drop_index(f"ix_{table}_search", table)
        op.drop_column(table, "experiment_id")
    _points_to_rows()
    op.drop_table("metric_segments")


def _points_to_rows() -> None:
    """Points of segments become rows again, which is all that code of before can read."""
    segments = sa.table(
        "metric_segments", *(sa.column(name, sa.BigInteger()) for name in ("id", "run_id", "key_id")), sa.column("data")
    )
    names = ("run_id", "key_id", "step", "timestamp_ms", "value")
    tail = sa.table("metric_tail", *(sa.column(name) for name in names))
    connection, last = op.get_bind(), 0
    while some := connection.execute(
        sa.select(segments).where(segments.c.id > last).order_by(segments.c.id).limit(SEGMENTS_AT_ONCE)
    ).all():
        rows = [
            dict(zip(names, (run, key, step, timestamp_ms, None if math.isnan(value) else value), strict=True))
            for _, run, key, data in some
            for points in [decode(data)]
            for step, timestamp_ms, value in zip(
                points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist(), strict=True
            )
        ]
        connection.execute(tail.insert(), rows)
        last = some[-1].id
