"""Routes about the server itself: whether it works, which version it is, and a page for those who open its address."""

from __future__ import annotations

import functools

import msgspec
from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from mlkeep.core import limits
from mlkeep.server.api import json_response
from mlkeep.server.artifacts.routes import Served
from mlkeep.services.dispatch import Dispatcher
from mlkeep.version import __version__
from mlkeep.web.unpacking import ENCODINGS
from mlkeep.wire.openapi import document
from mlkeep.wire.resources import OPENAPI_PATH, SERVER_INFO_PATHS, ServerInfo
from mlkeep.wire.uploads import TRANSFER_VERSION

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mlkeep</title>
<base href="{prefix}/">
<style>
  body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 44rem; margin: 4rem auto; padding: 0 1rem; color: #1d2733; }}
  h1 {{ margin-bottom: 0; }} p.version {{ color: #66727f; margin-top: 0; }}
  pre {{ background: #f3f5f7; padding: .8rem 1rem; border-radius: .5rem; overflow-x: auto; }}
  a {{ color: #0b5cad; }}
</style>
<h1>mlkeep</h1>
<p class="version">version {version} is running</p>
{told}
</html>
"""

_TRACKING = """<p>Track to this server from any script that uses mlkeep or an MLflow client:</p>
<pre>export MLFLOW_TRACKING_URI=<script>document.write(location.origin)</script><noscript>http://host:port</noscript>{prefix}</pre>
<p>Look around:
<a href="api/2.0/mlflow/experiments/search?max_results=100">experiments</a>,
<a href="api/2.0/mlflow/registered-models/search">registered models</a>,
<a href="api/2.0/mlflow-artifacts/artifacts">artifacts</a>,
<a href="health">health</a>,
<a href="{openapi}">the API</a> as an OpenAPI document.</p>"""

_ARTIFACTS_ONLY = """<p>This server keeps artifacts only (--artifacts-only); runs and models are tracked by another.</p>
<p>Look around:
<a href="api/2.0/mlflow-artifacts/artifacts">artifacts</a>,
<a href="health">health</a>.</p>"""


def home_routes(
    dispatcher: Dispatcher | None, served: Served | None, max_body_bytes: int, prefix: str = ""
) -> list[HTTPRouteHandler]:
    """`/`, `/health`, `/version` and what MLflow clients ask a server about itself, all below `prefix`.

    A server without a dispatcher serves artifacts only, and says so.
    """
    told = _ARTIFACTS_ONLY if dispatcher is None else _TRACKING
    filled = told.format(prefix=prefix, openapi=OPENAPI_PATH.lstrip("/"))
    info = ServerInfo(
        store_type="SqlStore",
        workspaces_enabled=False,
        multipart_uploads_enabled=served is not None and served.uploads,
        multipart_downloads_enabled=served is not None and served.downloads,
        presigned_upload_run_id_supported=dispatcher is not None,
        presigned_upload_model_id_supported=dispatcher is not None,
        mlkeep_heartbeats=dispatcher is not None,
        mlkeep_transfer=0 if served is None else TRANSFER_VERSION,
        mlkeep_manifest=served is not None and dispatcher is not None,
        mlkeep_columns=0 if dispatcher is None else min(max_body_bytes, limits.MAX_COLUMNS_BODY_BYTES),
        mlkeep_encodings=[] if dispatcher is None else list(ENCODINGS),
    )

    @get("/")
    async def home() -> Response[str]:
        page = _PAGE.format(version=__version__, prefix=prefix, told=filled)
        return Response(page, media_type=MediaType.HTML)

    @get("/health")
    async def health() -> Response[str]:
        """200 if the storage can be read; else the error says why, with status 503."""
        if dispatcher is not None:
            await dispatcher.check()
        return Response("OK", media_type=MediaType.TEXT)

    @get("/version")
    async def version() -> Response[str]:
        return Response(__version__, media_type=MediaType.TEXT)

    @get(list(SERVER_INFO_PATHS))
    async def server_info() -> Response[bytes]:
        return json_response(msgspec.json.encode(info))

    @get(OPENAPI_PATH)
    async def openapi() -> Response[bytes]:
        return json_response(_openapi_document(prefix))

    about = [home, health, version, server_info]
    return about if dispatcher is None else [*about, openapi]


@functools.cache
def _openapi_document(prefix: str) -> bytes:
    """Made when it is first asked for: most servers never are."""
    return msgspec.json.encode(document(__version__, prefix))
