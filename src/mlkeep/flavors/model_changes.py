"""Changing what the folder of a model says, wherever it lies."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlkeep.blobs import paths
from mlkeep.core import uris
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.models.mlmodel import MLMODEL_FILE, Model
from mlkeep.models.signature import ModelSignature
from mlkeep.sdk import config
from mlkeep.sdk.model_uris import parse_model_uri
from mlkeep.sdk.places import places_of
from mlkeep.sdk.stores import ArtifactRoot


def set_signature(model_uri: str | Path, signature: ModelSignature) -> None:
    """Give the model at `model_uri` another signature, which is enforced from its next loading on.

    The model may be a local folder, or lie at `runs:/<run>/<path>`, `models:/m-<id>` or an URI of artifacts. A registered
    version does not change: log the model anew and register that.

    Raises:
        InvalidInput: it is a registered version, or `signature` is no signature.
        NotFound: there is no model.
    """
    if not isinstance(signature, ModelSignature):
        raise InvalidInput(f"signature: expected a ModelSignature, found {signature!r}.")

    def change(model: Model) -> None:
        model.signature = signature
        # The signature that was given counts from here on.
        model.is_signature_from_type_hint = model.type_hint_from_example = False

    refuse_version(model_uri, "set signature")
    change_mlmodel(model_uri, change)


def refuse_version(model_uri: str | Path, what: str) -> None:
    """See that a model is not named as a registered version, whose folder may be that of a run's or logged model.

    Raises:
        InvalidInput: it is.
    """
    if str(model_uri).startswith("models:/") and parse_model_uri(str(model_uri)).model_id is None:
        raise InvalidInput(
            f"Failed to {what} on '{model_uri}'. Model URIs with the `models:/<name>/<version>` scheme are not supported: "
            "registered versions do not change. Name the logged model (models:/m-<id>) or the run's (runs:/<id>/<path>)."
        )


def change_mlmodel(model_uri: str | Path, change: Callable[[Model], Any]) -> None:
    """Rewrite the MLmodel file of the model at `model_uri` after `change`; who reads meanwhile sees the old or the new.

    Raises:
        NotFound: there is no model.
    """
    uri = str(model_uri)
    if uris.is_local(uri):
        _change_file(uris.local_path(uri), change)
        return
    tracking_uri = config.get_tracking_uri()
    for place in places_of(uri, tracking_uri, config.get_registry_uri()):
        root, path = ArtifactRoot(place.root, tracking_uri), paths.joined(paths.checked(place.path), MLMODEL_FILE)
        if root.size(path) is not None:
            _change_upload(root, path, change)
            return
    raise NotFound(f'Could not find an "{MLMODEL_FILE}" configuration file at "{uri}"')


def _change_upload(root: ArtifactRoot, path: str, change: Callable[[Model], Any]) -> None:
    with TemporaryDirectory(prefix="mlkeep-") as scratch:
        file = Path(scratch) / MLMODEL_FILE
        file.write_bytes(b"".join(root.read(path)))
        _change_file(file, change)
        root.put(path, file)


def _change_file(folder_or_file: Path, change: Callable[[Model], Any]) -> None:
    model = Model.load(folder_or_file)
    change(model)
    file = folder_or_file / MLMODEL_FILE if folder_or_file.is_dir() else folder_or_file
    written = file.with_name(f".{MLMODEL_FILE}.{uuid.uuid4().hex}")
    model.save(written)
    written.replace(file)
