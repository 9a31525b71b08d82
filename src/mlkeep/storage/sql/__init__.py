"""Storage in an SQL database, through SQLAlchemy Core."""
