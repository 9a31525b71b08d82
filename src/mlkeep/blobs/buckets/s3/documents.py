"""The XML that S3 answers with and is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import msgspec

from mlkeep.blobs.buckets.bucket import Entry


class Page(msgspec.Struct, frozen=True):
    """A page of a listing: objects, prefixes up to a slash, and the token of the next page ("" if it is the last)."""

    entries: list[Entry]
    prefixes: list[str]
    following: str


class Part(msgspec.Struct, frozen=True):
    """A part that the store has."""

    number: int
    etag: str
    size: int


def listing(document: bytes) -> Page:
    """What `ListObjectsV2` answers. Raises ValueError: it is something else."""
    root = _parsed(document)
    decoded = unquote_plus if _text(root, "EncodingType") == "url" else str
    return Page(
        [Entry(decoded(_text(each, "Key")), int(_text(each, "Size"))) for each in root.findall("{*}Contents")],
        [decoded(_text(each, "Prefix")) for each in root.findall("{*}CommonPrefixes")],
        _text(root, "NextContinuationToken") if _text(root, "IsTruncated") == "true" else "",
    )


def upload_id(document: bytes) -> str:
    """What `CreateMultipartUpload` answers. Raises ValueError."""
    found = _text(_parsed(document), "UploadId")
    if not found:
        raise ValueError("no UploadId")
    return found


def parts(document: bytes) -> tuple[list[Part], str]:
    """What `ListParts` answers, and the marker of the next page ("" if it is the last). Raises ValueError."""
    root = _parsed(document)
    found = [
        Part(int(_text(each, "PartNumber")), _text(each, "ETag"), int(_text(each, "Size")))
        for each in root.findall("{*}Part")
    ]
    return found, _text(root, "NextPartNumberMarker") if _text(root, "IsTruncated") == "true" else ""


def failed_keys(document: bytes) -> list[str]:
    """Keys of what `DeleteObjects` could not remove. Raises ValueError."""
    return [_text(each, "Key") for each in _parsed(document).findall("{*}Error")]


def completion(etags: Mapping[int, str]) -> bytes:
    """What `CompleteMultipartUpload` is sent: the etags of the parts by number."""
    told = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etags[number])}</ETag></Part>"
        for number in sorted(etags)
    )
    return f"<CompleteMultipartUpload>{told}</CompleteMultipartUpload>".encode()


def deletion(keys: Iterable[str]) -> bytes:
    """What `DeleteObjects` is sent."""
    told = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    return f"<Delete><Quiet>true</Quiet>{told}</Delete>".encode()


def _parsed(document: bytes) -> ET.Element:
    try:
        return ET.fromstring(document)  # noqa: S314 - see above
    except ET.ParseError as err:
        raise ValueError("no XML") from err


def _text(element: ET.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""
