"""Lists that come a page at a time, by the longer name."""

from mlkeep.core.pages import PagedList

__all__ = ["PagedList"]
