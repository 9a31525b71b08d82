"""The manifest: files of runs and logged models, and what they sum up to.

Code of before goes on working: what it adds has no files yet, and versions that it makes have no size.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

RUN, LOGGED_MODEL = 0, 1
OWNERS = ("runs", "logged_models")


def upgrade() -> None:
    op.create_table(
        "artifact_files",
        sa.Column("owner_kind", sa.SmallInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("experiment_id", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("owner_kind", "owner_id", "path", name="pk_artifact_files"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_artifact_files_twins", "artifact_files", ["experiment_id", "size", "sha256"], unique=False)
    op.create_table(
        "experiment_sizes",
        sa.Column("experiment_id", ROW_ID, nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("artifact_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name="fk_experiment_sizes_experiment_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("experiment_id", "slot", name="pk_experiment_sizes"),
        sqlite_with_rowid=False,
    )
    for table in OWNERS:
        for name in ("artifact_bytes", "artifact_count"):
            op.add_column(table, sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    _versions()


def _versions() -> None:
    """What versions consist of. Those that are there are told whose files they have; nothing is recorded of these yet."""
    op.add_column("model_versions", sa.Column("files_owner_kind", sa.SmallInteger(), nullable=True))
    op.add_column("model_versions", sa.Column("files_owner_id", sa.BigInteger(), nullable=True))
    op.add_column("model_versions", sa.Column("files_path", TEXT, nullable=True))
    op.add_column("model_versions", sa.Column("artifact_bytes", sa.BigInteger(), nullable=True))
    op.create_index("ix_model_versions_files", "model_versions", ["files_owner_id", "files_owner_kind"], unique=False)
    for kind, table, reference, number in (
        (LOGGED_MODEL, "logged_models", "logged_model_id", "model_id"),
        (RUN, "runs", "run_id", "run_id"),
    ):
        op.execute(
            f"""
            UPDATE model_versions SET
                files_owner_kind = {kind},
                files_owner_id = owner.id,
                files_path = rtrim(substr(storage_uri, length(owner.artifact_uri) + 2), '/'),
                artifact_bytes = 0
            FROM {table} AS owner
            WHERE owner.{number} = model_versions.{reference}
                AND model_versions.{reference} <> ''
                AND owner.artifact_uri <> ''
                AND model_versions.files_owner_id IS NULL
                AND (
                    storage_uri = owner.artifact_uri
                    OR substr(storage_uri, 1, length(owner.artifact_uri) + 1) = owner.artifact_uri || '/'
                )
            """  # noqa: S608 - names of ours
        )


def downgrade() -> None:
    op.drop_index("ix_model_versions_files", "model_versions")
    for name in ("artifact_bytes", "files_path", "files_owner_id", "files_owner_kind"):
        op.drop_column("model_versions", name)
    for table in OWNERS:
        for name in ("artifact_count", "artifact_bytes"):
            op.drop_column(table, name)
    op.drop_table("experiment_sizes")
    op.drop_table("artifact_files")
