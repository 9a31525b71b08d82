"""Evaluation datasets: the datasets, their tags, experiments and records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "evaluation_datasets",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", TEXT, server_default=sa.text("'default'"), nullable=False),
        sa.Column("dataset_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("schema", TEXT, nullable=True),
        sa.Column("profile", TEXT, nullable=True),
        sa.Column("created_by", TEXT, nullable=True),
        sa.Column("updated_by", TEXT, nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evaluation_datasets"),
        sa.UniqueConstraint("dataset_id", name="uq_evaluation_datasets_dataset_id"),
    )
    op.create_index(
        "ix_evaluation_datasets_newest",
        "evaluation_datasets",
        [sa.literal_column("created_ms DESC"), sa.literal_column("dataset_id DESC")],
        unique=False,
    )
    op.create_index("ix_evaluation_datasets_name", "evaluation_datasets", ["name"], unique=False)
    op.create_table(
        "evaluation_dataset_tags",
        sa.Column("dataset_id", ROW_ID, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["evaluation_datasets.id"],
            name="fk_evaluation_dataset_tags_dataset_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", "key", name="pk_evaluation_dataset_tags"),
        sqlite_with_rowid=False,
    )
    _experiments()
    _records()


def _experiments() -> None:
    """Which experiments a dataset belongs to."""
    op.create_table(
        "evaluation_dataset_experiments",
        sa.Column("dataset_id", ROW_ID, nullable=False),
        sa.Column("experiment_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["evaluation_datasets.id"],
            name="fk_evaluation_dataset_experiments_dataset_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["experiments.id"],
            name="fk_evaluation_dataset_experiments_experiment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", "experiment_id", name="pk_evaluation_dataset_experiments"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_evaluation_dataset_experiments_experiment_id",
        "evaluation_dataset_experiments",
        ["experiment_id"],
        unique=False,
    )


def _records() -> None:
    """What a dataset consists of."""
    op.create_table(
        "evaluation_records",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("record_id", TEXT, nullable=False),
        sa.Column("dataset_id", ROW_ID, nullable=False),
        sa.Column("input_hash", TEXT, nullable=False),
        sa.Column("inputs", TEXT, nullable=False),
        sa.Column("outputs", TEXT, nullable=True),
        sa.Column("expectations", TEXT, nullable=True),
        sa.Column("tags", TEXT, nullable=True),
        sa.Column("source", TEXT, nullable=True),
        sa.Column("source_type", TEXT, nullable=True),
        sa.Column("source_id", TEXT, nullable=True),
        sa.Column("created_by", TEXT, nullable=True),
        sa.Column("updated_by", TEXT, nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["evaluation_datasets.id"], name="fk_evaluation_records_dataset_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_evaluation_records"),
        sa.UniqueConstraint("record_id", name="uq_evaluation_records_record_id"),
        sa.UniqueConstraint("dataset_id", "input_hash", name="uq_evaluation_records_dataset_id_input_hash"),
    )
    op.create_index("ix_evaluation_records_order", "evaluation_records", ["dataset_id", "id"], unique=False)


def downgrade() -> None:
    for table in (
        "evaluation_records",
        "evaluation_dataset_experiments",
        "evaluation_dataset_tags",
        "evaluation_datasets",
    ):
        op.drop_table(table)
