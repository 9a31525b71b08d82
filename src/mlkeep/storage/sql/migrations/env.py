"""Run by Alembic: takes the connection that `bring_up_to_date` opened."""

from __future__ import annotations

from alembic import context

from mlkeep.storage.sql.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, version_table="mlkeep_schema", transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
