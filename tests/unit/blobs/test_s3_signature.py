"""Signatures are those of Amazon's published examples.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, and sigv4-query-string-auth.html
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from mlkeep.blobs.buckets.s3.keys import Keys
from mlkeep.blobs.buckets.s3.signature import EMPTY_SHA256, encoded_path, encoded_query, signed_headers, signed_query

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
AT = datetime(2013, 5, 24, tzinfo=UTC)
HOST = {"Host": "examplebucket.s3.amazonaws.com"}
BODY_SHA256 = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "digest", "signature"),
    [
        (
            "GET",
            "/test.txt",
            {},
            {"Range": "bytes=0-9"},
            EMPTY_SHA256,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test$file.text",
            {},
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            BODY_SHA256,
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/",
            {"lifecycle": ""},
            {},
            EMPTY_SHA256,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "/",
            {"prefix": "J", "max-keys": "2"},
            {},
            EMPTY_SHA256,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
    ids=["get a range", "put", "a query without value", "list"],
)
def test_headers_are_signed_as_amazon_does(
    method: str, path: str, query: dict[str, str], headers: dict[str, str], digest: str, signature: str
) -> None:
    signed = signed_headers(
        method,
        encoded_path(path),
        query,
        {**HOST, **headers},
        payload_sha256=digest,
        keys=KEYS,
        region="us-east-1",
        at=AT,
    )
    assert signed["authorization"].rpartition("Signature=")[2] == signature


def test_a_url_is_signed_as_amazon_does() -> None:
    query = signed_query("GET", "/test.txt", {}, HOST, expires_s=86_400, keys=KEYS, region="us-east-1", at=AT)
    assert query == (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_a_session_token_is_sent_and_signed() -> None:
    keys = Keys("AKIAIOSFODNN7EXAMPLE", "secret", "a/token+")
    headers = signed_headers("GET", "/", {}, HOST, payload_sha256=EMPTY_SHA256, keys=keys, region="us-east-1", at=AT)
    assert headers["x-amz-security-token"] == "a/token+"
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token" in headers["authorization"]
    query = signed_query("GET", "/", {}, HOST, expires_s=1, keys=keys, region="us-east-1", at=AT)
    assert "X-Amz-Security-Token=a%2Ftoken%2B&" in query


def test_paths_and_queries_are_encoded_as_in_the_signature() -> None:
    assert encoded_path("/a b/ü+%~(1).txt") == "/a%20b/%C3%BC%2B%25~%281%29.txt"
    assert encoded_query({"b": "1 /", "a": ""}) == "a=&b=1%20%2F"
