"""What a server tells a model of the request it answers."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

_current: ContextVar[Context | None] = ContextVar("the request that a model answers", default=None)


@dataclasses.dataclass
class Context:
    """The request that is answered."""

    request_id: str | None = None
    is_evaluate: bool = False
    dependencies_schemas: dict[str, Any] | None = None
    model_id: str | None = None
    endpoint_name: str | None = None

    def update(self, **kwargs: Any) -> None:
        """Set fields. Raises AttributeError: there is none of that name."""
        for key, value in kwargs.items():
            if not hasattr(self, key):
                raise AttributeError(f"Context has no attribute named '{key}'")
            setattr(self, key, value)


@contextlib.contextmanager
def set_prediction_context(context: Context | None) -> Iterator[None]:
    """Under this, `get_prediction_context` gives `context`, in this thread or task."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def get_prediction_context() -> Context | None:
    """The request that is answered; None if nothing was told of it."""
    return _current.get()
