"""Artifacts asked for by the run, logged model or model version they belong to, wherever they lie."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mlkeep.blobs import paths
from mlkeep.blobs.contract import Sink
from mlkeep.core.errors import BadRequest, InternalError, InvalidInput
from mlkeep.server.api import AnyRequest, json_response
from mlkeep.server.artifacts.destination import Destination, Settling
from mlkeep.server.artifacts.proxy import announced_size, received
from mlkeep.server.artifacts.routing import caller_of, file_response, query_of, route, segment_of
from mlkeep.services.artifacts import OpenStore
from mlkeep.services.dispatch import Dispatcher
from mlkeep.storage.contract import Transaction
from mlkeep.web.bodies import in_thread
from mlkeep.wire.registry import DownloadUriResponse, GetDownloadUri
from mlkeep.wire.resources import GET_ARTIFACT, MODEL_FILES, UPLOAD_ARTIFACT, VERSION_ARTIFACT

MAX_UPLOAD_BYTES = 10 * 1024 * 1024
"""The largest file that may be uploaded by the name of its run; larger ones go through the proxy."""


class Roots:
    """Where the artifacts of runs, logged models and versions lie, and what lies there."""

    def __init__(self, dispatcher: Dispatcher, open_store: OpenStore, settling: Settling) -> None:
        self._dispatcher = dispatcher
        self._open_store = open_store
        self._settling = settling

    async def of_run(self, run_id: str) -> str:
        """The artifact root of a run. Raises NotFound."""
        return await self._read(lambda tx: tx.runs.get_info(run_id).artifact_uri)

    async def of_model(self, model_id: str) -> str:
        """The artifact root of a logged model. Raises NotFound."""
        return await self._read(lambda tx: tx.logged_models.get(model_id).artifact_location)

    async def of_version(self, name: str, version: str) -> str:
        """Where the files of a model version are. Raises NotFound."""
        answer = await self._dispatcher.call_async(GetDownloadUri(name=name, version=version))
        if not isinstance(answer, DownloadUriResponse):
            raise InternalError(f"The place of version '{version}' of '{name}' was answered by {answer!r}.")
        return answer.artifact_uri

    def open(self, root: str) -> Destination:
        """What lies at an artifact root. Raises NotOffered, Forbidden: not from here."""
        return Destination(self._open_store(root), self._dispatcher, root, settling=self._settling)

    async def _read(self, root_of: Callable[[Transaction], str]) -> str:
        return await in_thread(partial(self._dispatcher.storage.read, root_of))


def artifact_routes_of_runs(roots: Roots) -> list[HTTPRouteHandler]:
    """Files of runs, logged models and versions as MLflow's user interface asks for them."""

    async def get_artifact(request: AnyRequest) -> Response[bytes]:
        path = paths.checked_file(_given(request, "path"))
        return await answered(request, await roots.of_run(_given(request, "run_id", "run_uuid")), path)

    async def of_version(request: AnyRequest) -> Response[bytes]:
        name, version = _given(request, "name"), _given(request, "version")
        path = paths.checked_file(_given(request, "path"))
        return await answered(request, await roots.of_version(name, version), path)

    async def of_model(request: AnyRequest) -> Response[bytes]:
        model_id = segment_of(request, "model_id")
        if not (path := query_of(request, "artifact_file_path")):
            raise BadRequest('Request must include the "artifact_file_path" query parameter.')
        path = paths.checked_file(path)
        return await answered(request, await roots.of_model(model_id), path)

    async def answered(request: AnyRequest, root: str, path: str) -> Response[bytes]:
        place = await in_thread(partial(roots.open, root))
        return await file_response(request, place.store, path, await place.digest_of(path, caller_of(request)))

    async def upload(request: AnyRequest) -> Response[bytes]:
        run_id = _given(request, "run_uuid", "run_id")
        path = paths.checked_file(_given(request, "path"))
        place = await in_thread(partial(roots.open, await roots.of_run(run_id)))
        if (size := announced_size(request)) is not None:
            _check_size(size)
        sink = _Bounded(await in_thread(partial(place.store.sink, path, size)))
        await received(request, sink, partial(sink.kept, place, path, request))
        return json_response(b"{}")

    return [
        route([GET_ARTIFACT], ["GET", "HEAD"], get_artifact),
        route([VERSION_ARTIFACT], ["GET", "HEAD"], of_version),
        route([MODEL_FILES], ["GET", "HEAD"], of_model),
        route([UPLOAD_ARTIFACT], ["POST"], upload),
    ]


class _Bounded:
    """A sink that takes one byte at least, and `MAX_UPLOAD_BYTES` at most."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._taken = 0

    def write(self, data: bytes | memoryview) -> None:
        self._taken += len(data)
        _check_size(self._taken)
        self._sink.write(data)

    def discard(self) -> None:
        self._sink.discard()

    async def kept(self, place: Destination, path: str, request: AnyRequest) -> None:
        _check_size(self._taken)
        await place.keep(path, self._sink, None, caller_of(request))


def _check_size(size: int) -> None:
    if size == 0:
        raise InvalidInput("Request must specify data.")
    if size > MAX_UPLOAD_BYTES:
        raise InvalidInput(
            "Artifact size is too large. Max size is 10MB: send larger files through the artifact proxy."
        )


def _given(request: AnyRequest, *names: str) -> str:
    if not (value := query_of(request, *names)):
        raise InvalidInput(f"Request must specify {names[0]}.")
    return value
