"""Searches as SQL: conditions and orders, and for runs the way that reads least."""
