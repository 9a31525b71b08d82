"""`MLFLOW_S3_UPLOAD_EXTRA_ARGS`: boto3's names of what is sent with an upload, as headers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

import msgspec

from mlkeep.core.errors import InvalidInput
from mlkeep.core.settings import setting, variable

_CREATED = {
    "ACL": "x-amz-acl",
    "BucketKeyEnabled": "x-amz-server-side-encryption-bucket-key-enabled",
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ContentType": "content-type",
    "Expires": "expires",
    "GrantFullControl": "x-amz-grant-full-control",
    "GrantRead": "x-amz-grant-read",
    "GrantReadACP": "x-amz-grant-read-acp",
    "GrantWriteACP": "x-amz-grant-write-acp",
    "Metadata": "x-amz-meta-",
    "ObjectLockLegalHoldStatus": "x-amz-object-lock-legal-hold",
    "ObjectLockMode": "x-amz-object-lock-mode",
    "ObjectLockRetainUntilDate": "x-amz-object-lock-retain-until-date",
    "SSEKMSEncryptionContext": "x-amz-server-side-encryption-context",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "StorageClass": "x-amz-storage-class",
    "Tagging": "x-amz-tagging",
    "WebsiteRedirectLocation": "x-amz-website-redirect-location",
}
"""Sent with the request that makes an object, and no other."""

_CUSTOMER = {
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
    "SSECustomerKey": "x-amz-server-side-encryption-customer-key",
    "SSECustomerKeyMD5": "x-amz-server-side-encryption-customer-key-md5",
}
"""Sent with every request that carries or asks for bytes of an object."""

_ALWAYS = {
    "ExpectedBucketOwner": "x-amz-expected-bucket-owner",
    "RequestPayer": "x-amz-request-payer",
}


class ExtraHeaders(msgspec.Struct, frozen=True):
    """Headers as sorted pairs: for the request that makes an object, for those with its bytes, and for all."""

    created: tuple[tuple[str, str], ...] = ()
    bytes_of: tuple[tuple[str, str], ...] = ()
    always: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return "ExtraHeaders(...)"  # one of them may be a key


def extra_headers() -> ExtraHeaders:
    """What the environment wants to be sent. Raises InvalidInput: it is no JSON object, or a name is unknown."""
    name = variable("S3_UPLOAD_EXTRA_ARGS")
    args = _parsed(setting("S3_UPLOAD_EXTRA_ARGS") or "{}", name)
    known = sorted({**_CREATED, **_CUSTOMER, **_ALWAYS})
    if unknown := sorted(set(args) - set(known)):
        raise InvalidInput(
            f"Invalid value of the environment variable {name}: '{unknown[0]}' is not known; known are "
            f"{', '.join(known)}."
        )
    if owner := setting("S3_EXPECTED_BUCKET_OWNER"):
        args["ExpectedBucketOwner"] = owner
    _complete_customer_key(args)
    try:
        return ExtraHeaders(_headers(args, _CREATED), _headers(args, _CUSTOMER), _headers(args, _ALWAYS))
    except ValueError as err:
        raise InvalidInput(f"Invalid value of the environment variable {name}: {err}.") from err


def _parsed(text: str, name: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError as err:
        raise InvalidInput(f"Invalid value of the environment variable {name}: it is not JSON: {err}.") from err
    if not isinstance(value, dict):
        raise InvalidInput(f"Invalid value of the environment variable {name}: it must be a JSON object.")
    return value


def _complete_customer_key(args: dict[str, object]) -> None:
    """Put a customer's key as S3 takes it: base64, with its MD5. It may be given raw, as to boto3, or in base64."""
    key = args.get("SSECustomerKey")
    if not isinstance(key, str):
        return
    raw = key.encode()
    if len(raw) != 32:
        try:
            raw = base64.b64decode(key, validate=True)
        except binascii.Error:
            raw = b""
    if len(raw) != 32:
        raise InvalidInput("Invalid SSECustomerKey in MLFLOW_S3_UPLOAD_EXTRA_ARGS: it must be a key of 32 bytes.")
    digest = hashlib.md5(raw, usedforsecurity=False).digest()
    args["SSECustomerKey"] = base64.b64encode(raw).decode()
    args.setdefault("SSECustomerKeyMD5", base64.b64encode(digest).decode())
    args.setdefault("SSECustomerAlgorithm", "AES256")


def _headers(args: dict[str, object], table: dict[str, str]) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for name, header in table.items():
        value = args.get(name)
        if value is None:
            continue
        if name == "Metadata":
            if not isinstance(value, dict):
                raise ValueError("'Metadata' must be an object of texts")
            found |= {f"{header}{key.lower()}": _text(f"Metadata.{key}", each) for key, each in value.items()}
        else:
            found[header] = _text(name, value)
    return tuple(sorted(found.items()))


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int) or not (text := str(value)).isascii() or not text.isprintable():
        raise ValueError(f"'{name}' must be a text of ASCII characters")
    return text
