"""Weights of the hub, put into a model that only refers to them."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlkeep.blobs import paths
from mlkeep.core import model_files, uris
from mlkeep.core.errors import NotFound
from mlkeep.flavors.loading import fetch
from mlkeep.flavors.transformers.files import MODEL, read_parts, write_weights
from mlkeep.flavors.transformers.library import COMPONENTS
from mlkeep.models.digests import digests
from mlkeep.models.mlmodel import MLMODEL_FILE, Model
from mlkeep.sdk import config
from mlkeep.sdk.places import places_of
from mlkeep.sdk.stores import ArtifactRoot

_COMPONENTS = "components"


def with_weights(model_uri: str | Path, flavor: str) -> None:
    """Put the weights into the model at `model_uri`; MLmodel, which says that they are there, is written last.

    Raises:
        NotFound: there is no model, or the hub does not have its weights.
    """
    uri = str(model_uri)
    if uris.is_local(uri):
        _fill(uris.local_path(uri), flavor)
        return
    with TemporaryDirectory(prefix="mlkeep-") as scratch:
        folder = fetch(uri, str(Path(scratch) / "model"))
        before = {file for file in folder.rglob("*") if file.is_file()}
        if not _fill(folder, flavor):
            return
        root, path = _place(uri)
        for file in sorted(set(folder.rglob("*")) - before):
            if file.is_file():
                root.put(paths.joined(path, file.relative_to(folder).as_posix()), file)
        root.put(paths.joined(path, MLMODEL_FILE), folder / MLMODEL_FILE)


def _place(uri: str) -> tuple[ArtifactRoot, str]:
    tracking_uri = config.get_tracking_uri()
    for place in places_of(uri, tracking_uri, config.get_registry_uri()):
        root, path = ArtifactRoot(place.root, tracking_uri), paths.checked(place.path)
        if root.size(paths.joined(path, MLMODEL_FILE)) is not None:
            return root, path
    raise NotFound(f'Could not find an "{MLMODEL_FILE}" configuration file at "{uri}"')


def _fill(folder: Path, flavor: str) -> bool:
    """Whether there was something to do."""
    model = Model.load(folder)
    conf = model.flavor(flavor)
    if conf.get("model_binary"):
        return False
    parts = read_parts(folder, conf, None, {})
    base: Any = parts["model"].get_base_model() if conf.get("peft_adaptor") else parts["model"]
    shutil.rmtree(folder / MODEL, ignore_errors=True)
    write_weights(folder, base)
    for name in COMPONENTS:
        if f"{name}_name" in conf:
            parts[name].save_pretrained(folder / _COMPONENTS / name)
            del conf[f"{name}_name"], conf[f"{name}_revision"]
    conf.pop("source_model_revision", None)
    conf.pop("local_base_model_path", None)
    conf["model_binary"] = MODEL
    _note_files(model, folder)
    model.model_size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    written = folder / f".{MLMODEL_FILE}.{uuid.uuid4().hex}"
    model.save(written)
    written.replace(folder / MLMODEL_FILE)
    return True


def _note_files(model: Model, folder: Path) -> None:
    """Have the MLmodel of a folder that mlkeep wrote tell of the new files; what it says of the others stays."""
    if "mlkeep_format" not in model.other:
        return
    told = model.digests if isinstance(model.digests, Mapping) else {}
    files = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    known = {path: entry for path, entry in told.items() if not path.startswith(f"{MODEL}/")}
    came = digests(folder, (path for path in files if path.startswith((f"{MODEL}/", f"{_COMPONENTS}/"))))
    model.mark_as_ours(pickles=model_files.pickles(model.to_dict(), files), files=came | known)
