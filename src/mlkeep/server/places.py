"""Which artifact places a server opens, and how."""

from __future__ import annotations

from collections.abc import Sequence

from mlkeep.blobs.contract import ArtifactStore
from mlkeep.blobs.folder.store import FolderStore
from mlkeep.blobs.opening import open_store
from mlkeep.core.errors import Forbidden, MlkeepException, NotOffered
from mlkeep.core.uris import is_local, local_path, without_password
from mlkeep.services.artifacts import OpenStore
from mlkeep.services.locations import is_inside

_TRIED = "mlkeep-start"
"""A folder in which nothing is: listing it tells whether a store answers, and takes the keys."""


def destination_at(uri: str) -> ArtifactStore:
    """The store of the artifact proxy, tried.

    Raises:
        MlkeepException: it cannot be used; the message is one sentence that says why.
    """
    try:
        store = open_store(uri)
        if not isinstance(store, FolderStore):
            store.list(_TRIED)
    except MlkeepException as err:
        raise type(err)(
            f"The artifacts destination '{without_password(uri)}' cannot be used: {err.message}", err.error_code
        ) from err
    if isinstance(store, FolderStore):
        store.prepare()
    return store


def opener(proxied: ArtifactStore | None, folders: Sequence[str]) -> OpenStore:
    """Opens artifact roots: those of the proxy in this process, others where they are.

    Local places are opened only inside one of `folders`: anybody may name a place for the artifacts of an experiment,
    and a server must not hand out its own files for that. Nor does it ask addresses of the web for anybody.
    """

    def opened(uri: str) -> ArtifactStore:
        scheme, _, path = uri.partition(":")
        if scheme == "mlflow-artifacts":
            if proxied is None or path.startswith("//"):
                raise NotOffered(f"The artifacts at '{uri}' are served by another server: this one cannot reach them.")
            return proxied.below(path.strip("/"))
        if is_local(uri) and not any(is_inside(uri, folder) for folder in folders):
            raise Forbidden(
                f"The artifacts at '{uri}' lie in a folder that this server gives nothing out of. If it should, start it "
                "with --artifact-folder and that folder."
            )
        if scheme.lower() in {"http", "https"}:
            raise NotOffered(f"The artifacts at '{uri}' are not on this server, and it fetches nothing from the web.")
        return open_store(uri)

    return opened


def absolute(uri: str) -> str:
    """`uri`, a path made absolute from where the process is now."""
    if uri.startswith("mlflow-artifacts:") or not is_local(uri) or uri.lower().startswith("file:"):
        return uri
    return str(local_path(uri).absolute())
