"""Model versions, through the client."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from mlkeep.core.entities import STAGES, ModelVersion
from mlkeep.core.errors import AlreadyExists, InvalidInput
from mlkeep.core.pages import PagedList
from mlkeep.sdk.client.models import RegisteredModelClient
from mlkeep.sdk.model_uris import parse_model_uri
from mlkeep.sdk.places import version_named
from mlkeep.wire import registry as wire
from mlkeep.wire.message import key_value_inputs


class VersionClient(RegisteredModelClient):
    """Operations on the versions of registered models."""

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        await_creation_for: int | None = 300,  # noqa: ARG002 - a version is there when the call returns
        model_id: str | None = None,
    ) -> ModelVersion:
        """Add a version to a model. Raises NotFound: no such model; InvalidInput: the source may not be used."""
        texts = {key: str(value) for key, value in (tags or {}).items()}
        request = wire.CreateModelVersion(
            name=name,
            source=source,
            run_id=run_id or "",
            tags=key_value_inputs(texts),
            run_link=run_link or "",
            description=description or "",
            model_id=model_id or "",
        )
        return _version(self._registry.call(request))

    def copy_model_version(self, src_model_uri: str, dst_name: str) -> ModelVersion:
        """Add a version to `dst_name` (made if need be) that stands for another version."""
        parsed = parse_model_uri(src_model_uri)
        if parsed.model_id is not None:
            raise InvalidInput(f"Unsupported source model URI: '{src_model_uri}'. Name a version: models:/name/3.")
        source = self.get_model_version(parsed.name, version_named(parsed, self.registry_uri))
        with contextlib.suppress(AlreadyExists):  # then the version goes to the model that is there
            self.create_registered_model(dst_name)
        return self.create_model_version(
            dst_name,
            f"models:/{source.name}/{source.version}",
            run_id=source.run_id,
            tags=source.tags,
            run_link=source.run_link,
            description=source.description,
        )

    def get_model_version(self, name: str, version: int | str) -> ModelVersion:
        """The version. Raises NotFound, InvalidInput (no integer)."""
        return _version(self._registry.call(wire.GetModelVersion(name=name, version=str(version))))

    def get_model_version_download_uri(self, name: str, version: int | str) -> str:
        """Where the files of the version lie."""
        uri: str = self._registry.call(wire.GetDownloadUri(name=name, version=str(version))).artifact_uri
        return uri

    def get_model_version_stages(self, name: str, version: int | str) -> list[str]:  # noqa: ARG002 - the same for all
        """The stages a version can be in."""
        return list(STAGES)

    def update_model_version(self, name: str, version: int | str, description: str | None = None) -> ModelVersion:
        """Set the description. Raises InvalidInput: none given."""
        if description is None:
            raise InvalidInput("Attempting to update model version with no new field values: give a description.")
        request = wire.UpdateModelVersion(name=name, version=str(version), description=description)
        return _version(self._registry.call(request))

    def transition_model_version_stage(
        self, name: str, version: int | str, stage: str, archive_existing_versions: bool = False
    ) -> ModelVersion:
        """Put a version into a stage, archiving the others that are in it if asked."""
        request = wire.TransitionStage(
            name=name, version=str(version), stage=stage, archive_existing_versions=archive_existing_versions
        )
        return _version(self._registry.call(request))

    def delete_model_version(self, name: str, version: int | str) -> None:
        """Remove a version, for good; its number is not used again."""
        self._registry.call(wire.DeleteModelVersion(name=name, version=str(version)))

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = 10_000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """One page of versions, last updated first unless `order_by` says otherwise."""
        answer = self._registry.call(
            wire.SearchModelVersions(
                filter=filter_string or "",
                max_results=max_results,
                order_by=list(order_by or []),
                page_token=page_token or "",
            )
        )
        return PagedList([version.entity() for version in answer.model_versions], answer.next_page_token or None)

    def get_latest_versions(self, name: str, stages: Sequence[str] | None = None) -> list[ModelVersion]:
        """The highest version of each stage, of all stages unless some are named."""
        answer = self._registry.call(wire.GetLatestVersions(name=name, stages=list(stages or [])))
        return [version.entity() for version in answer.model_versions]

    def set_model_version_tag(
        self,
        name: str,
        version: int | str | None = None,
        key: str | None = None,
        value: Any = None,
        stage: str | None = None,
    ) -> None:
        """Set a tag of a version, or of the latest one in a stage."""
        request = wire.SetVersionTag(
            name=name, version=self._one(name, version, stage), key=key or "", value=str(value)
        )
        self._registry.call(request)

    def delete_model_version_tag(
        self, name: str, version: int | str | None = None, key: str | None = None, stage: str | None = None
    ) -> None:
        """Remove a tag of a version, or of the latest one in a stage, if it is there."""
        self._registry.call(wire.DeleteVersionTag(name=name, version=self._one(name, version, stage), key=key or ""))

    def _one(self, name: str, version: int | str | None, stage: str | None) -> str:
        if (version is None) == (stage is None):
            raise InvalidInput("Give either version or stage.")
        if version is not None:
            return str(version)
        latest = self.get_latest_versions(name, [stage or ""])
        if not latest:
            raise InvalidInput(f"No version of the registered model '{name}' is in stage '{stage}'.")
        return latest[0].version


def _version(answer: wire.ModelVersionResponse) -> ModelVersion:
    return answer.model_version.entity()
