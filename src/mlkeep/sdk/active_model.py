"""The active model of a thread: metrics logged while it is active count for it too."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import msgspec

from mlkeep.core.entities import LoggedModel
from mlkeep.core.errors import InvalidInput
from mlkeep.sdk.active_experiment import client, current_experiment_id
from mlkeep.sdk.logged_models import create_external_model
from mlkeep.sdk.threads import ModelChoice, get_active_model_id, own


class ActiveModel(LoggedModel, frozen=True, dict=True):
    """A logged model that was made the active one. At the end of a `with` block the one before it is active again."""

    def __enter__(self) -> ActiveModel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        own.model_choice = self.__dict__["before"]


def set_active_model(*, name: str | None = None, model_id: str | None = None) -> ActiveModel:
    """Make a logged model the active one of this thread.

    It is named by its id, or by its name in the active experiment, the newest of that name; if there is none, an external
    model of this name is made.

    Raises:
        InvalidInput: neither is given.
        NotFound: there is no model of this id.
    """
    if model_id is not None:
        model = client().get_logged_model(model_id)
    elif name is not None:
        model = _newest(name) or create_external_model(name)
    else:
        raise InvalidInput("Either name or model_id must be provided")
    active = ActiveModel(*msgspec.structs.astuple(model))
    active.__dict__["before"] = own.model_choice
    own.model_choice = ModelChoice(model.model_id)
    return active


def clear_active_model() -> None:
    """From now on no model is active in this thread, whatever the environment says."""
    own.model_choice = ModelChoice(None)


def log_model_params(params: Mapping[str, Any], model_id: str | None = None) -> None:
    """Add params to a logged model, the active one unless another is named. Raises InvalidInput: there is none."""
    chosen = model_id or get_active_model_id()
    if chosen is None:
        raise InvalidInput("No model is active: give model_id, or call set_active_model first.")
    client().log_model_params(chosen, params)


def _newest(name: str) -> LoggedModel | None:
    if "'" in name or "\\" in name:
        return None  # no model can be called so; making one tells why
    found = client().search_logged_models([current_experiment_id()], f"name = '{name}'", max_results=1)
    return found[0] if found else None
