"""Routes about the server itself: whether it works, which version it is, and a page for those who open its address."""

from __future__ import annotations

import functools

import msgspec
from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from mlkeep.server.api import json_response
from mlkeep.services.dispatch import Dispatcher
from mlkeep.version import __version__
from mlkeep.wire.openapi import document
from mlkeep.wire.resources import OPENAPI_PATH, SERVER_INFO_PATHS, ServerInfo

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
<p>Track to this server from any script that uses mlkeep or an MLflow client:</p>
<pre>export MLFLOW_TRACKING_URI=<script>document.write(location.origin)</script><noscript>http://host:port</noscript>{prefix}</pre>
<p>Look around:
<a href="api/2.0/mlflow/experiments/search?max_results=100">experiments</a>,
<a href="api/2.0/mlflow/registered-models/search">registered models</a>,
<a href="api/2.0/mlflow-artifacts/artifacts">artifacts</a>,
<a href="health">health</a>,
<a href="{openapi}">the API</a> as an OpenAPI document.</p>
</html>
"""


def home_routes(dispatcher: Dispatcher, prefix: str = "") -> list[HTTPRouteHandler]:
    """`/`, `/health`, `/version` and what MLflow clients ask a server about itself, all below `prefix`."""

    @get("/")
    async def home() -> Response[str]:
        page = _PAGE.format(version=__version__, prefix=prefix, openapi=OPENAPI_PATH.lstrip("/"))
        return Response(page, media_type=MediaType.HTML)

    @get("/health")
    async def health() -> Response[str]:
        """200 if the storage can be read; else the error says why, with status 503."""
        await dispatcher.check()
        return Response("OK", media_type=MediaType.TEXT)

    @get("/version")
    async def version() -> Response[str]:
        return Response(__version__, media_type=MediaType.TEXT)

    @get(list(SERVER_INFO_PATHS))
    async def server_info() -> Response[bytes]:
        info = ServerInfo(
            store_type="SqlStore",
            workspaces_enabled=False,
            multipart_uploads_enabled=False,
            multipart_downloads_enabled=False,
        )
        return json_response(msgspec.json.encode(info))

    @get(OPENAPI_PATH)
    async def openapi() -> Response[bytes]:
        return json_response(_openapi_document(prefix))

    return [home, health, version, server_info, openapi]


@functools.cache
def _openapi_document(prefix: str) -> bytes:
    """Made when it is first asked for: most servers never are."""
    return msgspec.json.encode(document(__version__, prefix))
