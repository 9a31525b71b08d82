"""Everything that differs between databases: what differs in statements, and one module for each kind."""

from mlkeep.storage.sql.dialect.backend import DURABILITY, Backend
from mlkeep.storage.sql.dialect.statements import InsertRows, Prepared, ilike, insert, like
from mlkeep.storage.sql.dialect.urls import backend_at

__all__ = ["DURABILITY", "Backend", "InsertRows", "Prepared", "backend_at", "ilike", "insert", "like"]
