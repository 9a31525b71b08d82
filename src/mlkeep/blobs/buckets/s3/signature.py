"""Signature version 4 of Amazon Web Services, for S3: in headers, and in URLs that anybody can use.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from mlkeep.blobs.buckets.s3.keys import Keys

UNSIGNED = "UNSIGNED-PAYLOAD"
"""Stands for the digest of a body that is not part of the signature."""

EMPTY_SHA256 = hashlib.sha256().hexdigest()

_ALGORITHM = "AWS4-HMAC-SHA256"


def encoded_path(path: str) -> str:
    """A path as it stands in a URL and in a signature."""
    return quote(path, safe="/~")


def encoded_query(query: Mapping[str, str]) -> str:
    """A query as it stands in a URL and in a signature: sorted, and encoded like a path."""
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    payload_sha256: str,
    keys: Keys,
    region: str,
    at: datetime | None = None,
) -> dict[str, str]:
    """The headers of a request, with those that sign it. `headers` has `Host`; `path` is encoded."""
    when = _stamp(at)
    known = {name.lower(): value for name, value in headers.items()}
    known |= {"x-amz-content-sha256": payload_sha256, "x-amz-date": when}
    if keys.token:
        known["x-amz-security-token"] = keys.token
    names, canonical = _canonical(method, path, encoded_query(query), known, payload_sha256)
    scope = _scope(when, region)
    known["authorization"] = (
        f"{_ALGORITHM} Credential={keys.key_id}/{scope},SignedHeaders={names},"
        f"Signature={_signature(keys.secret, scope, when, canonical)}"
    )
    return known


def signed_query(
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    expires_s: int,
    keys: Keys,
    region: str,
    at: datetime | None = None,
) -> str:
    """The encoded query that lets anybody send this request for some seconds, with just these headers."""
    when = _stamp(at)
    scope = _scope(when, region)
    known = {name.lower(): value for name, value in headers.items()}
    whole = {
        **query,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{keys.key_id}/{scope}",
        "X-Amz-Date": when,
        "X-Amz-Expires": str(expires_s),
        "X-Amz-SignedHeaders": ";".join(sorted(known)),
    }
    if keys.token:
        whole["X-Amz-Security-Token"] = keys.token
    text = encoded_query(whole)
    _, canonical = _canonical(method, path, text, known, UNSIGNED)
    return f"{text}&X-Amz-Signature={_signature(keys.secret, scope, when, canonical)}"


def _stamp(at: datetime | None) -> str:
    return (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")


def _scope(when: str, region: str) -> str:
    return f"{when[:8]}/{region}/s3/aws4_request"


def _canonical(method: str, path: str, query: str, headers: Mapping[str, str], payload_sha256: str) -> tuple[str, str]:
    """The names of the signed headers, and the digest of the request in its canonical form."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    whole = "\n".join((method, path, query, lines, names, payload_sha256))
    return names, hashlib.sha256(whole.encode()).hexdigest()


def _signature(secret: str, scope: str, when: str, canonical: str) -> str:
    return hmac.digest(_key(secret, scope), f"{_ALGORITHM}\n{when}\n{scope}\n{canonical}".encode(), "sha256").hex()


@functools.lru_cache(maxsize=16)
def _key(secret: str, scope: str) -> bytes:
    """What requests of one day to one region are signed with."""
    key = f"AWS4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key
