"""What the script of a model calls to say which object the model is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from mlkeep.core.errors import InvalidInput

_announced: ContextVar[list[Any] | None] = ContextVar("what the script of a model announced", default=None)


def set_model(model: Any) -> None:
    """Say, in the script of a model, that `model` is what it makes: a `PythonModel` or a function of one argument.

    Outside of such a script it only checks its argument. The last call counts.

    Raises:
        InvalidInput: it is something else, such as a fitted estimator.
    """
    if isinstance(model, type) or not (is_python_model(model) or callable(model)):
        raise InvalidInput(
            f"set_model takes an instance of a PythonModel or a function of one argument, found {model!r}. Save models "
            "of a framework with its flavor, or load them in the script of a PythonModel."
        )
    if (announced := _announced.get()) is not None:
        announced.append(model)


def is_python_model(model: object) -> bool:
    """Whether `model` is an instance of a `PythonModel`, mlkeep's or MLflow's."""
    return not isinstance(model, type) and all(hasattr(model, name) for name in ("predict", "load_context"))


@contextlib.contextmanager
def listening() -> Iterator[list[Any]]:
    """Around the run of a script: gives a list to which what it announces is added."""
    announced: list[Any] = []
    token = _announced.set(announced)
    try:
        yield announced
    finally:
        _announced.reset(token)
