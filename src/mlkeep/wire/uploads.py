"""How mlkeep's client and server move files: uploads in parts, bundles of small files, whole trees.

All of it lies below `TRANSFER_ROOT`; paths are those of the artifact proxy, below the server's artifact destination.

    GET    tree?path=DIR             every file below a folder        -> Tree
    POST   uploads                   BeginUpload                      -> UploadState
    PUT    uploads/{id}/{number}     the bytes of a part              -> Empty
    POST   uploads/{id}/complete     CompleteUpload                   -> StoredFileMessage
    DELETE uploads/{id}                                               -> Empty
    POST   bundle?path=DIR           a bundle                         -> Tree   (of what was kept)
    POST   bundle/read?path=DIR      BundleRequest                    -> a bundle

Digests of bodies travel as RFC 9530 tells: `Content-Digest: sha-256=:BASE64:` for what is sent, `Repr-Digest` for the
whole file that an answer is of.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import ClassVar

from mlkeep.core.errors import InvalidInput
from mlkeep.wire.artifacts import StoredFileMessage
from mlkeep.wire.message import Int64, Message, Request

TRANSFER_ROOT = "/api/mlkeep/1/artifacts"

TRANSFER_VERSION = 1
"""Of what is told above: servers say which they speak, and clients speak no other."""

BUNDLE_TYPE = "application/x-mlkeep-bundle"
"""The content type of bundles; their form is told in `mlkeep.blobs.bundles`."""

_SHA256 = re.compile(r"sha-256=:([A-Za-z0-9+/=]{44}):")


class TreeFile(Message, frozen=True, kw_only=True):
    """`sha256` is "" where nothing was recorded of the file."""

    path: str
    size: Int64 = 0
    sha256: str = ""


class Tree(Message, frozen=True, kw_only=True):
    """Files sorted by path, which is relative to the folder that was asked for."""

    files: list[TreeFile] = []


class BeginUpload(Request, frozen=True, kw_only=True):
    """`sha256` may be left out; with it, a file that the server has already need not be sent."""

    path: str = ""
    size: Int64 = 0
    fingerprint: str = ""
    part_bytes: Int64 = 0
    sha256: str = ""
    required: ClassVar[tuple[str, ...]] = ("path", "fingerprint", "part_bytes")


class UploadState(Message, frozen=True, kw_only=True):
    """`stored` is there if nothing need be sent. `ask_again` says that it may be so once `sha256` is known."""

    upload_id: str = ""
    part_bytes: Int64 = 0
    have: list[int] = []
    digests: bool = False
    ask_again: bool = False
    stored: StoredFileMessage | None = None


class CompleteUpload(Request, frozen=True, kw_only=True):
    """`sha256` of the whole file."""

    sha256: str = ""
    required: ClassVar[tuple[str, ...]] = ("sha256",)


class BundleRequest(Request, frozen=True, kw_only=True):
    """Which files of a folder are wanted, in this order."""

    paths: list[str] = []


def digest_header(sha256: str) -> str:
    """The value of a digest header, from 64 hex digits."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def digest_of(header: str) -> str | None:
    """The SHA-256 in a digest header as 64 hex digits; None if it tells of none.

    Raises:
        InvalidInput: what stands for it is no digest.
    """
    if "sha-256" not in header:
        return None
    found = _SHA256.search(header)
    try:
        raw = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        raw = b""
    if len(raw) != 32:
        raise InvalidInput(
            f"Invalid digest header '{header[:200]}': it must look like sha-256=:<44 characters of base64>:"
        )
    return raw.hex()
