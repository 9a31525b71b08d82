"""Series in the database: rows of the tail and sealed segments, written, merged and read."""
