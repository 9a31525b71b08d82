"""Signed requests to one bucket, repeated while that makes sense."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, InsecureRequestWarning
from urllib3.util import Timeout

from mlkeep.blobs.buckets.faults import Fault, Spot, error_of, fault_in
from mlkeep.blobs.buckets.s3 import signature
from mlkeep.blobs.buckets.s3.keys import Anonymous, Keys
from mlkeep.blobs.buckets.s3.place import S3Place
from mlkeep.blobs.contract import PIECE, Signed
from mlkeep.core.errors import MlkeepException
from mlkeep.core.settings import backoff_factor_s, request_retries, request_timeout_s

_dice = random.Random()  # noqa: S311 - no secret; of our own, for programs that seed `random`

CONNECT_S = 10
MAX_PAUSE_S = 20

Answer = urllib3.BaseHTTPResponse


class Refused(Exception):  # noqa: N818 - it never leaves this package: every caller turns it into an error of ours
    """The store refused a request."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.code or str(fault.status))
        self.fault = fault


class S3Client:
    """Sends requests to a bucket. Connections are kept and shared by threads."""

    def __init__(self, place: S3Place) -> None:
        self.place = place
        parts = urlsplit(place.base)
        self._origin, self._path = f"{parts.scheme}://{parts.netloc}", parts.path
        self._host = parts.netloc
        self._pool, self._pool_of = _pool(place), os.getpid()

    def spot(self) -> Spot:
        """What messages tell of the bucket and the keys."""
        keys = self._keys()
        return Spot(
            self.place.bucket,
            self.place.endpoint,
            keys.name if keys else "this client, which has no keys (AWS_NO_SIGN_REQUEST),",
            self.place.endpoint_origin,
            self.place.region,
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" if keys and keys.origin.startswith("AWS_") else "the keys",
        )

    def error(self, fault: Fault, action: str, path: str = "") -> MlkeepException:
        """The error to raise when an action was refused."""
        return error_of(fault, self.spot(), action, path)

    def send(
        self,
        method: str,
        key: str,
        action: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | bytearray = b"",
        path: str = "",
    ) -> Answer:
        """The answer to a request, its body read; tried again after passing faults.

        Raises:
            MlkeepException: the store refused; the message names `action` and `path`.
        """
        try:
            return self.attempt(method, key, query=query, headers=headers, body=body)
        except Refused as err:
            raise self.error(err.fault, action, path) from err

    def attempt(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | bytearray = b"",
        stream: bool = False,
        errors_in_body: bool = False,
    ) -> Answer:
        """As `send`, but raises Refused; with `stream`, the body of the answer is left to the caller.

        `errors_in_body` is for requests that take long, whose answers may say 200 and tell of an error all the same.
        """
        tries, patience_s = 1 + request_retries(), 2 * timeout_s()
        began = time.monotonic()
        digest = hashlib.sha256(body).hexdigest() if body else signature.EMPTY_SHA256
        tried = 0
        while True:
            tried += 1
            try:
                answer = self._once(method, key, query or {}, headers or {}, body, digest, stream=stream)
                if errors_in_body:
                    _refuse_error_in(answer)
            except Refused as err:
                late = time.monotonic() - began > patience_s
                if not err.fault.is_passing or tried == tries or late:
                    raise
            else:
                return answer
            time.sleep(_pause_s(tried))

    def send_stream(
        self, key: str, query: Mapping[str, str], pieces: Iterator[bytes], size: int, sha256: str
    ) -> Answer:
        """PUT bytes as they come, which can be done once only. Raises Refused, and what `pieces` raises."""
        headers = {**dict(self.place.extra.bytes_of), "Content-Length": str(size)}
        return self._once("PUT", key, query, headers, pieces if size else b"", sha256, stream=False)

    def sign(
        self,
        method: str,
        key: str,
        expires_s: int,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Signed | None:
        """A URL that carries the permission for one request, with these headers; None without keys."""
        keys = self._keys()
        if keys is None:
            return None
        path = self._path_of(key)
        sent = {**dict(self.place.extra.always), **(headers or {})}
        named = {"host": self._host, **sent}
        whole = signature.signed_query(
            method, path, query or {}, named, expires_s=expires_s, keys=keys, region=self.place.region
        )
        return Signed(f"{self._origin}{path}?{whole}", sent)

    def _once(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | bytearray | Iterator[bytes],
        digest: str,
        *,
        stream: bool,
    ) -> Answer:
        path = self._path_of(key)
        sent = {"host": self._host, **dict(self.place.extra.always), **headers}
        if (keys := self._keys()) is not None:
            sent = signature.signed_headers(
                method, path, query, sent, payload_sha256=digest, keys=keys, region=self.place.region
            )
        text = signature.encoded_query(query)
        try:
            answer = self._connections().request(
                method,
                f"{self._origin}{path}" + (f"?{text}" if text else ""),
                body=body or None,  # type: ignore[arg-type]  # a bytearray is taken, too
                headers=sent,
                timeout=Timeout(connect=min(CONNECT_S, timeout_s()), read=timeout_s()),
                retries=False,
                redirect=False,
                preload_content=not stream,
                decode_content=False,
            )
        except (HTTPError, OSError) as err:
            raise Refused(Fault(reason=reason_of(err))) from err
        if answer.status < 300:
            return answer
        try:
            told = answer.read() if stream else answer.data
        except (HTTPError, OSError):  # the status says enough
            told = b""
        raise Refused(_fault(answer, told))

    def _connections(self) -> urllib3.PoolManager:
        if self._pool_of != os.getpid():  # after a fork, those of the parent are not ours to use
            self._pool, self._pool_of = _pool(self.place), os.getpid()
        return self._pool

    def _path_of(self, key: str) -> str:
        return signature.encoded_path(f"{self._path}/{key}" if key else self._path or "/")

    def _keys(self) -> Keys | None:
        keys = self.place.keys
        return None if keys is None or isinstance(keys, Anonymous) else keys.now()


def _pool(place: S3Place) -> urllib3.PoolManager:
    tls = {}
    if place.ignore_tls:
        urllib3.disable_warnings(InsecureRequestWarning)
        tls["cert_reqs"] = "CERT_NONE"
    elif place.ca_bundle:
        tls["ca_certs"] = place.ca_bundle
    parts = urlsplit(place.base)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy, num_pools=2, maxsize=32, **tls)  # type: ignore[arg-type]  # as documented
    return urllib3.PoolManager(num_pools=2, maxsize=32, **tls)  # type: ignore[arg-type]  # as documented


def _fault(answer: Answer, body: bytes) -> Fault:
    told = fault_in(body[:65_536].decode("utf-8", "replace"), answer.status)
    region = told.region or answer.headers.get("x-amz-bucket-region", "")
    return Fault(told.status, told.code, "", region, _skew_s(answer.headers.get("Date", "")))


def _refuse_error_in(answer: Answer) -> None:
    if b"<Error" in answer.data[:1024]:
        raise Refused(_fault(answer, answer.data))


def _skew_s(date: str) -> float | None:
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (theirs - datetime.now(UTC)).total_seconds() if theirs.tzinfo else None


def timeout_s() -> float:
    """How long an answer may let us wait."""
    return max(request_timeout_s(), 0.001)


def _pause_s(tries: int) -> float:
    """How long to wait before the next try: twice as long each time, and never quite the same."""
    factor = backoff_factor_s()
    longest = min(factor * 2.0 ** (tries - 1), MAX_PAUSE_S)
    return longest * _dice.uniform(0.5, 1)


def reason_of(err: BaseException) -> str:
    """Why nothing answered, in few words."""
    inner = getattr(err, "reason", None)
    if isinstance(inner, BaseException):
        return reason_of(inner)
    if isinstance(err, urllib3.exceptions.NewConnectionError):
        return "no connection can be made"
    if isinstance(err, urllib3.exceptions.NameResolutionError):
        return "its name is not known"
    if isinstance(err, urllib3.exceptions.TimeoutError | TimeoutError):
        return f"it took longer than {timeout_s():g} s"
    if isinstance(err, urllib3.exceptions.SSLError):
        return "its certificate is not trusted (AWS_CA_BUNDLE, MLFLOW_S3_IGNORE_TLS)"
    return "the connection was closed"


def pieces_of(answer: Answer) -> Iterator[bytes]:
    """The body of an answer. Raises Refused: it broke off."""
    try:
        yield from answer.stream(PIECE)
    except (HTTPError, OSError) as err:
        raise Refused(Fault(reason=reason_of(err))) from err
    else:
        answer.release_conn()
    finally:
        answer.close()  # of no effect on a connection that was released; one with bytes left in it is of no more use
