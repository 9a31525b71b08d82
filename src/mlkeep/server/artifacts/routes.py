"""All artifact routes of a server, and what stands in their place on one that has no artifact proxy."""

from __future__ import annotations

import msgspec
from litestar import MediaType, Response
from litestar.handlers import HTTPRouteHandler
from litestar.status_codes import HTTP_503_SERVICE_UNAVAILABLE

from mlkeep.blobs.contract import ArtifactStore
from mlkeep.server.api import AnyRequest
from mlkeep.server.artifacts.archive import archive_routes
from mlkeep.server.artifacts.bundles import bundle_routes
from mlkeep.server.artifacts.destination import Destination, Settling
from mlkeep.server.artifacts.loose_parts import LooseParts
from mlkeep.server.artifacts.multipart import SignedParts, multipart_routes
from mlkeep.server.artifacts.of_runs import Roots, artifact_routes_of_runs
from mlkeep.server.artifacts.presigned import presigned_proxy_routes, presigned_routes
from mlkeep.server.artifacts.proxy import proxy_routes
from mlkeep.server.artifacts.routing import route
from mlkeep.server.artifacts.uploads import transfer_routes
from mlkeep.services.artifacts import OpenStore
from mlkeep.services.dispatch import Dispatcher
from mlkeep.wire.resources import ARTIFACT_ROOTS, PROXY_RESOURCES


class Served(msgspec.Struct, frozen=True):
    """The store behind the artifact proxy.

    `shares` says that files there may share their place. `multipart` is how MLflow's clients upload parts, None if they
    cannot. `uploads` and `downloads` say that they are told to go that way, without having been asked to.
    """

    store: ArtifactStore
    shares: bool = False
    multipart: SignedParts | LooseParts | None = None
    uploads: bool = False
    downloads: bool = False


def artifact_routes(
    dispatcher: Dispatcher | None, served: Served | None, open_store: OpenStore, prefix: str = ""
) -> list[HTTPRouteHandler]:
    """The routes of a server whose paths begin with `prefix`.

    Without a dispatcher there are none about runs and models; without a store those of the proxy say why there is none.
    """
    settling = Settling()
    handlers: list[HTTPRouteHandler] = []
    if served is None:
        handlers += [route(row.paths, [row.method], _no_proxy) for row in PROXY_RESOURCES]
    else:
        destination = Destination(served.store, dispatcher, settling=settling, shares=served.shares)
        handlers += proxy_routes(destination)
        handlers += transfer_routes(destination)
        handlers += bundle_routes(destination)
        handlers += multipart_routes(destination, served.multipart, prefix)
        handlers += presigned_proxy_routes(destination)
    if dispatcher is not None:
        roots = Roots(dispatcher, open_store, settling)
        handlers += artifact_routes_of_runs(roots)
        handlers += presigned_routes(roots)
        handlers += archive_routes(roots)
    return handlers


async def _no_proxy(request: AnyRequest) -> Response[bytes]:
    """The two ways in which MLflow says it: as JSON of its own kind about single files, as a text about all else."""
    path = request.scope["path"]
    of_a_file = request.method in {"GET", "PUT"} and any(f"{root}/" in path for root in ARTIFACT_ROOTS)
    if of_a_file:
        told = b'{"detail":"Artifact serving is disabled: the server runs with --no-serve-artifacts."}'
        return Response(told, status_code=HTTP_503_SERVICE_UNAVAILABLE, media_type=MediaType.JSON)
    text = (
        f"Endpoint: {path} is disabled: the server runs with --no-serve-artifacts, so clients reach the artifact store "
        "themselves. Start it with --serve-artifacts to have it serve artifacts.\n"
    )
    return Response(text.encode(), status_code=HTTP_503_SERVICE_UNAVAILABLE, media_type=MediaType.TEXT)
