"""Registered models, through the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlkeep.core import limits
from mlkeep.core.entities import ModelVersion, RegisteredModel
from mlkeep.core.pages import PagedList
from mlkeep.sdk.client.base import ClientBase
from mlkeep.wire import registry as wire
from mlkeep.wire.message import key_value_inputs


class RegisteredModelClient(ClientBase):
    """Operations on registered models, their tags and aliases."""

    def create_registered_model(
        self,
        name: str,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,  # noqa: ARG002 - means something to Databricks only
    ) -> RegisteredModel:
        """Register a name. Raises AlreadyExists."""
        texts = {key: str(value) for key, value in (tags or {}).items()}
        request = wire.CreateRegisteredModel(name=name, tags=key_value_inputs(texts), description=description)
        return _model(self._registry.call(request))

    def get_registered_model(self, name: str) -> RegisteredModel:
        """The model. Raises NotFound."""
        return _model(self._registry.call(wire.GetRegisteredModel(name=name)))

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Give the model another name. Raises AlreadyExists."""
        return _model(self._registry.call(wire.RenameRegisteredModel(name=name, new_name=new_name)))

    def update_registered_model(
        self,
        name: str,
        description: str | None = None,
        deployment_job_id: str | None = None,  # noqa: ARG002 - means something to Databricks only
    ) -> RegisteredModel:
        """Set the description; None clears it."""
        return _model(self._registry.call(wire.UpdateRegisteredModel(name=name, description=description)))

    def delete_registered_model(self, name: str) -> None:
        """Remove the model with all its versions, for good."""
        self._registry.call(wire.DeleteRegisteredModel(name=name))

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int = limits.DEFAULT_MODELS_PER_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """One page of models, by name unless `order_by` says otherwise."""
        answer = self._registry.call(
            wire.SearchRegisteredModels(
                filter=filter_string or "",
                max_results=max_results,
                order_by=list(order_by or []),
                page_token=page_token or "",
            )
        )
        return PagedList([model.entity() for model in answer.registered_models], answer.next_page_token or None)

    def set_registered_model_tag(self, name: str, key: str, value: Any) -> None:
        """Set a tag, replacing its value."""
        self._registry.call(wire.SetRegisteredModelTag(name=name, key=key, value=str(value)))

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove a tag, if it is there."""
        self._registry.call(wire.DeleteRegisteredModelTag(name=name, key=key))

    def set_registered_model_alias(self, name: str, alias: str, version: int | str) -> None:
        """Point an alias to a version, from wherever it pointed before. Raises NotFound: no such version."""
        self._registry.call(wire.SetAlias(name=name, alias=alias, version=str(version)))

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Remove an alias, if it is there."""
        self._registry.call(wire.DeleteAlias(name=name, alias=alias))

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """The version an alias points to. Raises InvalidInput: no such alias."""
        answer = self._registry.call(wire.GetVersionByAlias(name=name, alias=alias))
        version: ModelVersion = answer.model_version.entity()
        return version


def _model(answer: wire.RegisteredModelResponse) -> RegisteredModel:
    return answer.registered_model.entity()
