"""Where the proof of a model is kept."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlkeep.blobs import paths
from mlkeep.core.manifest import StoredFile
from mlkeep.core.proofs import TAG, Proof, tag_on_run
from mlkeep.models.mlmodel import Model
from mlkeep.sdk import config, manifests
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.model_uris import parse_model_uri
from mlkeep.sdk.places import places_of, version_named


def record_proof(model_uri: str, model: Model, proof: Proof, files: Sequence[StoredFile]) -> str:
    """Set the tag of the version, logged model or run that `model_uri` names; which, in words. "" if it names none.

    Digests of its `files` that the server does not know yet are told to it: they are what the proof is about.

    Raises:
        MlkeepException: it cannot be set.
    """
    client = MlkeepClient()
    if model_uri.startswith("runs:/") and model.model_id is not None:
        model_uri = f"models:/{model.model_id}"
    if model_uri.startswith("models:/"):
        _tell_digests(model_uri, files)
        parsed = parse_model_uri(model_uri)
        if parsed.model_id is not None:
            client.set_logged_model_tags(parsed.model_id, {TAG: proof.text()})
            return f"the logged model {parsed.model_id}"
        number = version_named(parsed, config.get_registry_uri())
        client.set_model_version_tag(parsed.name, number, TAG, proof.text())
        return f"version {number} of the model '{parsed.name}'"
    if not model_uri.startswith("runs:/"):
        return ""
    _tell_digests(model_uri, files)
    run_id, _, path = model_uri.removeprefix("runs:/").strip("/").partition("/")
    client.set_tag(run_id, tag_on_run(path), proof.text(), synchronous=True)
    return f"run {run_id}"


def _tell_digests(model_uri: str, files: Sequence[StoredFile]) -> None:
    tracking = config.get_tracking_uri()
    place = next(places_of(model_uri, tracking, config.get_registry_uri()))
    folder = paths.checked(place.path)
    known = manifests.recorded(tracking, place.root, folder)
    here = [msgspec.structs.replace(file, path=paths.joined(folder, file.path)) for file in files]
    manifests.record(tracking, place.root, [file for file in here if file.path not in known])
