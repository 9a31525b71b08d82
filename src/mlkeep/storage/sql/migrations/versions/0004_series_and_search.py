"""Sealed segments of series; values of runs are found by experiment first.

Code of before goes on working. Rows that it writes meanwhile have no experiment; `adopt` gives it to them when the
database is opened the next time.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
VALUE_PREFIX = sa.text("substr(value, 1, 200)")

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
        op.add_column(table, sa.Column("experiment_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
        op.execute(
            f"UPDATE {table} SET experiment_id = (SELECT experiment_id FROM runs WHERE runs.id = {table}.run_id)"  # noqa: S608
        )
        value = sa.text("value") if table == "latest_metrics" else VALUE_PREFIX
        columns = [sa.text("experiment_id"), sa.text("key_id"), value, sa.text("run_id")]
        op.create_index(f"ix_{table}_search", table, columns, unique=False)
        op.drop_index(f"ix_{table}_value", table)


def downgrade() -> None:
    for table in VALUES:
        is_number = table == "latest_metrics"
        columns = [sa.text("key_id"), sa.text("value") if is_number else VALUE_PREFIX]
        op.create_index(
            f"ix_{table}_value", table, [*columns, sa.text("run_id")] if is_number else columns, unique=False
        )
        op.drop_index(f"ix_{table}_search", table)
        op.drop_column(table, "experiment_id")
    op.drop_table("metric_segments")
