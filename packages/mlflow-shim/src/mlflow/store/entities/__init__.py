"""Lists that come a page at a time."""

from mlkeep.core.pages import PagedList

__all__ = ["PagedList"]
