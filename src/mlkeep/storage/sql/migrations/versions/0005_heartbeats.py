"""Heartbeats of runs.

Code of before goes on working: it ends runs without taking them out of the new table, and they are taken out when they
are overdue. Going back, the tags of lost runs stay with them, as tags do.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("run_id", ROW_ID, nullable=False),
        sa.Column("last_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_heartbeats_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", name="pk_heartbeats"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_heartbeats_expires_at_ms", "heartbeats", ["expires_at_ms"], unique=False)


def downgrade() -> None:
    op.drop_table("heartbeats")
