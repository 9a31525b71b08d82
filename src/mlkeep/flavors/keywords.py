"""Keyword arguments: the parameters of a prediction as those of a framework's function, and what MLflow's calls take."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from typing import Any

from mlkeep.core.errors import NotOffered

_NOT_OFFERED = {"auth_policy", "prompts", "resources"}
"""What MLflow takes for services that mlkeep does not have."""

_log = logging.getLogger(__name__)


def refuse_unknown(function: str, given: Mapping[str, Any]) -> None:
    """See that a function of ours was given no other keyword arguments than it has: `given` is the rest.

    Raises:
        NotOffered: one asks for something only MLflow has.
        TypeError: there is no such argument.
    """
    for name, value in given.items():
        if name not in _NOT_OFFERED:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
        if value is not None:
            raise NotOffered(f"{function}: mlkeep does not offer {name}; leave it out.")


class AsFunction:
    """A model whose `predict(data, ...)` takes its parameters as keywords, as a function of data and `params`."""

    def __init__(self, model: Any) -> None:
        self.model = model
        taken = list(inspect.signature(model.predict).parameters.values())[1:]
        self._takes_all = any(one.kind is one.VAR_KEYWORD for one in taken)
        self._taken = {one.name for one in taken if one.kind in {one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY}}

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the model answers; `params` its `predict` does not take are ignored, with a warning in the log."""
        return self.answer(data, self._keywords(params) if params else {})

    def answer(self, data: Any, keywords: dict[str, Any]) -> Any:
        """The model's `predict`; to be replaced where data must be brought into another form."""
        return self.model.predict(data, **keywords)

    def get_raw_model(self) -> Any:
        """The object of the framework."""
        return self.model

    def _keywords(self, params: dict[str, Any]) -> dict[str, Any]:
        if self._takes_all:
            return params
        if unknown := sorted(params.keys() - self._taken):
            _log.warning("Ignoring params %s: %s.predict has none of these.", unknown, type(self.model).__name__)
        return {name: value for name, value in params.items() if name in self._taken}
