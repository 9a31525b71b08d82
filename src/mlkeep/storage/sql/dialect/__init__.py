"""Everything that differs between databases: what differs in statements, and one module for each kind."""

from mlkeep.storage.sql.dialect.backend import DURABILITY, Backend
from mlkeep.storage.sql.dialect.statements import (
    FindRows,
    Given,
    InsertRows,
    Prepared,
    ilike,
    insert,
    leading_join,
    like,
    makes_sets,
    one_by_one,
)
from mlkeep.storage.sql.dialect.urls import backend_at

__all__ = [
    "DURABILITY",
    "Backend",
    "FindRows",
    "Given",
    "InsertRows",
    "Prepared",
    "backend_at",
    "ilike",
    "insert",
    "leading_join",
    "like",
    "makes_sets",
    "one_by_one",
]
