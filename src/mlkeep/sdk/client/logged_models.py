"""Logged models, through the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mlkeep.blobs import paths
from mlkeep.core import limits
from mlkeep.core.entities import FileInfo, LoggedModel, LoggedModelStatus
from mlkeep.core.ids import DEFAULT_EXPERIMENT_ID
from mlkeep.core.names import invalid
from mlkeep.core.pages import PagedList
from mlkeep.sdk import nowhere, recording
from mlkeep.sdk.client.base import ClientBase
from mlkeep.sdk.doors import Door
from mlkeep.sdk.modes import Mode, mode
from mlkeep.sdk.stores import ArtifactRoot
from mlkeep.wire import logged_models as wire
from mlkeep.wire.message import Request, key_value_inputs

T = TypeVar("T", bound=Request)


class LoggedModelClient(ClientBase):
    """Operations on logged models."""

    def create_logged_model(
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Make a logged model whose files have yet to be uploaded."""
        is_nowhere = recording.is_silent(source_run_id) or mode() is Mode.DISABLED
        door = nowhere.door() if is_nowhere else self._tracking
        known = None if not source_run_id or is_nowhere else self._known(source_run_id)
        request = wire.CreateLoggedModel(
            experiment_id=DEFAULT_EXPERIMENT_ID if is_nowhere else self._experiment_at_server(experiment_id),
            name=name or "",
            model_type=model_type or "",
            source_run_id=(source_run_id or "") if known is None else known.server_run_id,
            params=key_value_inputs(_texts(params)),
            tags=key_value_inputs(_texts(tags)),
        )
        made = _entity(door.call(request))
        if is_nowhere:
            nowhere.model_ids.add(made.model_id)
        return made

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """The logged model. Raises NotFound."""
        return _entity(self._door_of(model_id).call(wire.GetLoggedModel(model_id=model_id)))

    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus | str) -> LoggedModel:
        """Say that the files have come (READY), or will not (FAILED). Raises InvalidInput: no such status."""
        if status not in LoggedModelStatus.__members__:
            raise invalid("status", status, "it must be READY or FAILED.")
        request = wire.FinalizeLoggedModel(model_id=model_id, status=wire.status_name(LoggedModelStatus(status)))
        return _entity(self._door_of(model_id).call(request))

    def delete_logged_model(self, model_id: str) -> None:
        """Put a logged model into the bin."""
        self._door_of(model_id).call(wire.DeleteLoggedModel(model_id=model_id))

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, Any]) -> None:
        """Set tags, replacing values."""
        self._door_of(model_id).call(wire.SetLoggedModelTags(model_id=model_id, tags=key_value_inputs(_texts(tags))))

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Remove a tag. Raises NotFound."""
        self._door_of(model_id).call(wire.DeleteLoggedModelTag(model_id=model_id, key=key))

    def log_model_params(self, model_id: str, params: Mapping[str, Any]) -> None:
        """Add params. Raises InvalidInput: one is there already."""
        self._door_of(model_id).call(
            wire.LogLoggedModelParams(model_id=model_id, params=key_value_inputs(_texts(params)))
        )

    def search_logged_models(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, str]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """One page of logged models, newest first unless `order_by` says otherwise; 50 of them unless asked for more.

        `datasets` are mappings of `dataset_name` and, if it matters, `dataset_digest`: only models with metrics measured
        on one of them are found. `order_by` are mappings of `field_name` and, if need be, `ascending`, `dataset_name`,
        `dataset_digest`.

        Raises:
            InvalidInput: a mapping has another key, or the filter cannot be read.
        """
        answer = self._tracking.call(
            wire.SearchLoggedModels(
                experiment_ids=[self._experiment_at_server(experiment_id) for experiment_id in experiment_ids],
                filter=filter_string or "",
                datasets=[_made(wire.LoggedModelDataset, "datasets", dataset) for dataset in datasets or ()],
                max_results=limits.DEFAULT_LOGGED_MODELS_PER_PAGE if max_results is None else max_results,
                order_by=[_made(wire.LoggedModelOrder, "order_by", order) for order in order_by or ()],
                page_token=page_token or "",
            )
        )
        return PagedList([model.entity() for model in answer.models], answer.next_page_token or None)

    def log_model_artifact(self, model_id: str, local_path: str | Path, artifact_path: str | None = None) -> None:
        """Upload a file to the folder `artifact_path` of a logged model's files. Raises FileNotFoundError."""
        source = Path(local_path)
        if not source.is_file():
            raise FileNotFoundError(f"No such file: '{source}'.")
        self._files(model_id).upload(source, paths.joined(artifact_path or "", source.name))

    def log_model_artifacts(self, model_id: str, local_dir: str | Path, artifact_path: str | None = None) -> None:
        """Upload what is in a folder to the files of a logged model."""
        self._files(model_id).upload(Path(local_dir), artifact_path or "")

    def list_logged_model_artifacts(self, model_id: str, path: str | None = None) -> list[FileInfo]:
        """What is in a folder of a logged model's files."""
        return self._files(model_id).list(path or "")

    def _files(self, model_id: str) -> ArtifactRoot:
        uri = nowhere.uri if model_id in nowhere.model_ids else self.tracking_uri
        return ArtifactRoot(self.get_logged_model(model_id).artifact_location, uri)

    def _door_of(self, model_id: str) -> Door:
        return nowhere.door() if model_id in nowhere.model_ids else self._tracking


def _texts(pairs: Mapping[str, Any] | None) -> dict[str, str]:
    return {key: str(value) for key, value in (pairs or {}).items()}


def _made(kind: type[T], argument: str, fields: Mapping[str, Any]) -> T:
    """A part of a request from the mapping that MLflow's client takes for it."""
    known = kind.__struct_fields__
    if unknown := [name for name in fields if name not in known]:
        raise invalid(argument, dict(fields), f"'{unknown[0]}' is none of {', '.join(known)}.")
    return kind(**fields)


def _entity(answer: wire.LoggedModelResponse) -> LoggedModel:
    return answer.model.entity()
