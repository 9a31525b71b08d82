"""The tags of this program."""

from collections.abc import Mapping
from typing import Any

from mlkeep.sdk.context import context_tags

__all__ = ["resolve_tags"]


def resolve_tags(tags: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The tags a run started here would get, with `tags` added; these win."""
    return {**context_tags(), **(tags or {})}
