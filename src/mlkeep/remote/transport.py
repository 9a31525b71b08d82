"""HTTP requests to one server, repeated while that makes sense."""

from __future__ import annotations

import base64
import functools
from collections.abc import Iterator, Mapping
from typing import IO, Any
from urllib.parse import unquote, urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, InsecureRequestWarning
from urllib3.util import Retry, Timeout

from mlkeep.core.errors import InvalidInput, MlkeepException, Unavailable
from mlkeep.remote import settings
from mlkeep.version import __version__
from mlkeep.wire import errors

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""

PIECE = 1024 * 1024
"""Bytes read at a time."""


class Transport:
    """A pool of connections to the server at `base`, such as `http://host:5000/prefix`.

    A name and password in it (`http://name:password@host`) are sent as credentials, and shown nowhere.
    """

    def __init__(self, base: str) -> None:
        parts = urlsplit(base.rstrip("/"))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput(f"Invalid tracking URI '{base}': it must look like http://host:5000 or https://host.")
        self.base = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._own = settings.Credentials(unquote(parts.username or "") or None, unquote(parts.password or "") or None)
        self._pool = urllib3.PoolManager(num_pools=4, maxsize=10, **_tls())

    def send(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: bytes | None = None
    ) -> bytes:
        """The body of the answer to a small request.

        Raises:
            MlkeepException: what the server tells of.
            Unavailable: the server does not answer.
        """
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data: bytes = self._request(method, path, query=query, body=body, headers=headers).data
        return data

    def upload(self, path: str, file: IO[bytes], size: int, content_type: str) -> None:
        """PUT the `size` bytes of an open file. Raises as `send`."""
        headers = {"Content-Type": content_type, "Content-Length": str(size)}
        self._request("PUT", path, body=file if size else b"", headers=headers)

    def download(self, path: str) -> Iterator[bytes]:
        """GET a file in pieces. Raises as `send`, before the first piece or when the transfer breaks off."""
        return self._pieces(self._request("GET", path, stream=True), path)

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        url = self.base + path + (f"?{urlencode(query, doseq=True)}" if query else "")
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers={**_standing_headers(self._own), **(headers or {})},
                timeout=Timeout(settings.number("HTTP_REQUEST_TIMEOUT", 120, most=86_400)),
                retries=_retries(),
                preload_content=not stream,
            )
        except HTTPError as err:
            raise self._no_answer(err) from err
        if response.status != 200:
            told = response.read() if stream else response.data
            raise errors.from_answer(response.status, told, f"{method} {path}")
        return response

    def _pieces(self, response: urllib3.BaseHTTPResponse, path: str) -> Iterator[bytes]:
        try:
            yield from response.stream(PIECE)
        except HTTPError as err:
            raise Unavailable(f"The download of '{path}' from {self.base} broke off: {_reason(err)}.") from err
        finally:
            response.release_conn()

    def _no_answer(self, err: HTTPError) -> MlkeepException:
        return Unavailable(
            f"API request to {self.base} failed with exception {_reason(err)}. Is the server running, and is the "
            "tracking URI right?"
        )


def _retries() -> Retry:
    return Retry(
        total=int(settings.number("HTTP_REQUEST_MAX_RETRIES", 4, most=10)),
        redirect=3,
        allowed_methods=None,
        status_forcelist=RETRIED,
        backoff_factor=settings.number("HTTP_REQUEST_BACKOFF_FACTOR", 1, most=120),
        backoff_jitter=settings.number("HTTP_REQUEST_BACKOFF_JITTER", 1, most=120),
        respect_retry_after_header=settings.flag("HTTP_RESPECT_RETRY_AFTER_HEADER", default=True),
        raise_on_status=False,
    )


def _standing_headers(own: settings.Credentials) -> dict[str, str]:
    headers = {"User-Agent": f"mlkeep-python-client/{__version__}"}
    known = own if own.username is not None else settings.credentials()
    if known.username is not None and (known.password is not None or known.token is None):
        pair = base64.b64encode(f"{known.username}:{known.password or ''}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    elif known.token is not None:
        headers["Authorization"] = f"Bearer {known.token}"
    return headers


def _tls() -> dict[str, Any]:
    options: dict[str, Any] = {}
    authority, certificate = (
        settings.setting("TRACKING_SERVER_CERT_PATH"),
        settings.setting("TRACKING_CLIENT_CERT_PATH"),
    )
    if settings.flag("TRACKING_INSECURE_TLS"):
        if authority:
            raise InvalidInput("TRACKING_INSECURE_TLS and TRACKING_SERVER_CERT_PATH contradict each other: set one.")
        urllib3.disable_warnings(InsecureRequestWarning)
        options["cert_reqs"] = "CERT_NONE"
    if authority:
        options["ca_certs"] = authority
    if certificate:
        options["cert_file"] = certificate
    return options


def _reason(err: BaseException) -> str:
    inner = getattr(err, "reason", None)
    return _reason(inner) if isinstance(inner, BaseException) else f"{type(err).__name__}: {err}".rstrip(".")


@functools.cache
def transport_to(base: str) -> Transport:
    """The transport to a server; connections to one server are shared by the whole process."""
    return Transport(base)
