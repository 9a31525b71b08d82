"""HTTP requests to one server, repeated while that makes sense."""

from __future__ import annotations

import base64
import copy
import functools
import os
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote, urlencode, urlsplit

import msgspec
import urllib3
from urllib3.exceptions import HTTPError, InsecureRequestWarning, ProtocolError
from urllib3.util import Retry, Timeout

from mlkeep.core.errors import InternalError, InvalidInput, MlkeepException, Unavailable
from mlkeep.core.settings import backoff_factor_s, backoff_jitter_s, request_retries, request_timeout_s
from mlkeep.remote import settings
from mlkeep.remote.bodies import BytesBody
from mlkeep.version import __version__
from mlkeep.wire import errors

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""

PIECE = 1024 * 1024
"""Bytes read at a time. With fewer the time goes into changing between threads."""

HASTY_TIMEOUT_S = 10
"""Seconds without a byte after which a request has failed that can be made again later."""

_SENT_AT_ONCE = 256 * 1024
"""Bytes for which the timeout holds when they are sent: a line may be slow, but must not stand still."""

_SLOW_BYTES_PER_S = 64 * 1024
"""A line that is slower is none. What the system has taken to be sent may be on its way for as long before an answer comes."""

_CONNECTIONS = 32
"""Connections to one server that are kept for the next request."""


M = TypeVar("M")


class Body(Protocol):
    """What is sent as a body: read in pieces, and from the start again if it has to be sent again."""

    @property
    def size(self) -> int: ...

    def read(self, size: int, /) -> bytes | memoryview: ...

    def tell(self) -> int: ...

    def seek(self, offset: int, /) -> int: ...


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
        self._is_hasty = False
        self._options = _tls()
        self.begin_anew()
        _all.add(self)

    def begin_anew(self) -> None:
        """Use connections of one's own, as a forked child has to: on its parent's it would get the parent's answers."""
        self._pool = urllib3.PoolManager(num_pools=4, maxsize=_CONNECTIONS, blocksize=_SENT_AT_ONCE, **self._options)

    def hasty(self) -> Transport:
        """The same connections, for requests that are made once and do not wait long for a server that is silent."""
        other = copy.copy(self)
        other._is_hasty = True  # noqa: SLF001 - of the same class
        _all.add(other)
        return other

    @property
    def is_hasty(self) -> bool:
        """Whether requests are made once."""
        return self._is_hasty

    def close(self) -> None:
        """Close the connections that wait for the next request."""
        self._pool.clear()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        encoding: str = "",
        at_least_s: float = 0,
    ) -> bytes:
        """The body of the answer to a small request, whose body is encoded so. `at_least_s` is how long it may well take.

        Raises:
            MlkeepException: what the server tells of.
            Unavailable: the server does not answer.
        """
        headers = {"Content-Type": content_type} if body is not None else {}
        if encoding:
            headers["Content-Encoding"] = encoding
        timeout_s = max(request_timeout_s(), at_least_s)
        data: bytes = self._request(method, path, query=query, body=body, headers=headers, timeout_s=timeout_s).data
        return data

    def glance(self, path: str, timeout_s: float) -> bytes:
        """The body of the answer to a GET that is tried once, for so long. Raises as `send`."""
        data: bytes = self._request("GET", path, timeout_s=timeout_s, retries=Retry(0, redirect=3)).data
        return data

    def head(self, path: str) -> Mapping[str, str]:
        """The headers of the answer to a HEAD. Raises as `send`, though the server cannot say more than a status."""
        return self._request("HEAD", path).headers

    def upload(
        self,
        method: str,
        path: str,
        body: Body,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str],
    ) -> bytes:
        """Send a body of any size; the body of the answer. It is sent again from its start if need be. Raises as `send`."""
        headers = {**headers, "Content-Length": str(body.size)}
        sent = body if body.size else b""
        data: bytes = self._request(method, path, query=query, body=sent, headers=headers).data
        return data

    def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream:
        """An answer of any size. Raises as `send`."""
        response = self._request(method, path, query=query, body=body, headers=headers, stream=True)
        return Stream(response, f"{self.base}{path}")

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        timeout_s: float | None = None,
        retries: Retry | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """The timeout is for each wait for bytes to come or go, not for the whole."""
        url = self.base + path + (f"?{urlencode(query, doseq=True)}" if query else "")
        if timeout_s is None:
            timeout_s = request_timeout_s()
        headers = {**_standing_headers(self._own), **(headers or {})}
        timeout = Timeout(timeout_s)
        if self._is_hasty:
            retries, timeout = Retry(0, redirect=3), _hasty_timeout(timeout_s, body)
            if isinstance(body, bytes) and len(body) > _SENT_AT_ONCE:
                headers["Content-Length"] = str(len(body))
                body = BytesBody(body)

        def request() -> urllib3.BaseHTTPResponse:
            return self._pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=timeout,
                retries=retries or _retries(),
                preload_content=not stream,
            )

        try:
            try:
                response = request()
            except ProtocolError:
                # A server may close a connection that nobody used for a while in the moment in which it is used again.
                if not self._is_hasty:
                    raise
                if isinstance(body, BytesBody):
                    body.seek(0)
                response = request()
        except HTTPError as err:
            raise self._no_answer(err) from err
        if response.status not in (200, 206) and not (stream and response.status == 416):
            told = response.read() if stream else response.data
            retry_after = response.headers.get("Retry-After")
            raise errors.from_answer(response.status, told, f"{method} {path}", retry_after)
        return response

    def _no_answer(self, err: HTTPError) -> MlkeepException:
        return Unavailable(
            f"API request to {self.base} failed with exception {_reason(err)}. Is the server running, and is the "
            "tracking URI right?"
        )


class Stream:
    """The answer to a request, its body still on the way.

    `status` is 200, or 206 if only the part that was asked for comes, or 416 if there is no such part.
    """

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    def close(self) -> None:
        """Do without the body."""
        self._response.close()
        self._response.release_conn()

    def pieces(self) -> Iterator[bytes]:
        """The body, once. Raises Unavailable: it breaks off."""
        complete = False
        try:
            yield from self._response.stream(PIECE, decode_content=False)
            complete = True
        except HTTPError as err:
            raise Unavailable(f"The download of {self._url} broke off: {_reason(err)}.") from err
        finally:
            if not complete:  # what is left of the body would be taken for the next answer
                self._response.close()
            self._response.release_conn()


_all: weakref.WeakSet[Transport] = weakref.WeakSet()


def _begin_anew_in_child() -> None:
    for transport in list(_all):
        transport.begin_anew()


os.register_at_fork(after_in_child=_begin_anew_in_child)


def _retries() -> Retry:
    return Retry(
        total=request_retries(),
        redirect=3,
        allowed_methods=None,
        status_forcelist=RETRIED,
        backoff_factor=backoff_factor_s(),
        backoff_jitter=backoff_jitter_s(),
        respect_retry_after_header=settings.flag("HTTP_RESPECT_RETRY_AFTER_HEADER", default=True),
        raise_on_status=False,
    )


def _hasty_timeout(timeout_s: float, body: Any) -> Timeout:
    """Also while it is sent the timeout is for each piece of a body, but an answer comes after all of it has arrived."""
    patience_s = min(timeout_s, HASTY_TIMEOUT_S)
    arriving_s = len(body) / _SLOW_BYTES_PER_S if isinstance(body, bytes) else 0
    return Timeout(connect=patience_s, read=patience_s + arriving_s)


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


def decoded(transport: Transport, body: bytes, kind: type[M], what: str = "") -> M:
    """A message of the server, in answer to `what`. Raises InternalError: it is another one.

    Where nothing may be lost an empty answer is no message: it may come from something between here and the server.
    """
    try:
        return msgspec.json.decode(body or (b"" if transport.is_hasty else b"{}"), type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        asked = f" {what}" if what else ""
        raise InternalError(
            f"The server at {transport.base} answered{asked} with something else than expected: {err}."
        ) from err


@functools.cache
def transport_to(base: str) -> Transport:
    """The transport to a server; connections to one server are shared by the whole process."""
    return Transport(base)
