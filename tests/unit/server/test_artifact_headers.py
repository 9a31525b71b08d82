"""What answers tell of files, and which bytes are asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlkeep.blobs.folder.store import FolderStore
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.server.artifacts.headers import (
    FileFacts,
    Selection,
    attachment,
    content_type_of,
    headers_of,
    look_at,
    selected,
)

FILE = FileFacts("a.txt", 10, '"tag"', 1_700_000_000.5, "ab" * 32)
DATE, EARLIER, LATER = (
    "Tue, 14 Nov 2023 22:13:20 GMT",
    "Tue, 14 Nov 2023 22:13:19 GMT",
    "Tue, 14 Nov 2023 22:13:21 GMT",
)
WHOLE = Selection(200, 0, 10)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("bytes=0-0", Selection(206, 0, 1)),
        ("bytes=2-4", Selection(206, 2, 5)),
        ("Bytes = 2 - 4", Selection(206, 2, 5)),
        ("bytes=7-", Selection(206, 7, 10)),
        ("bytes=7-99", Selection(206, 7, 10)),
        ("bytes=-3", Selection(206, 7, 10)),
        ("bytes=-99", Selection(206, 0, 10)),
        ("bytes=10-", Selection(416)),
        ("bytes=99-100", Selection(416)),
        ("bytes=-0", Selection(416)),
        (f"bytes={'9' * 4000}-", Selection(416)),
        ("bytes=4-2", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=0-1,3-4", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=٣-", WHOLE),
        ("lines=1-2", WHOLE),
        ("", WHOLE),
    ],
)
def test_a_range_is_answered_with_its_bytes_and_what_is_none_with_the_whole(asked: str, answered: Selection) -> None:
    assert selected({"range": asked}, FILE) == answered


def test_an_empty_file_has_no_range() -> None:
    empty = FileFacts("empty", 0)
    assert [selected({"range": asked}, empty) for asked in ("bytes=0-", "bytes=-1")] == [Selection(416)] * 2
    assert selected({}, empty) == Selection(200, 0, 0)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [('"tag"', True), ('"other"', False), ('W/"tag"', False), (DATE, True), (EARLIER, False), ("nonsense", False)],
)
def test_a_range_of_a_file_that_changed_since_is_answered_with_the_whole(condition: str, holds: bool) -> None:
    asked = {"range": "bytes=1-2", "if-range": condition}
    assert selected(asked, FILE) == (Selection(206, 1, 3) if holds else WHOLE)
    assert selected(asked, FileFacts("unknown", 10)) == WHOLE


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": '"tag"'}, 304),
        ({"if-none-match": '"x", W/"tag"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-none-match": '"x"', "if-modified-since": LATER}, 200),
        ({"if-modified-since": DATE}, 304),
        ({"if-modified-since": LATER}, 304),
        ({"if-modified-since": EARLIER}, 200),
        ({"if-modified-since": "yesterday"}, 200),
    ],
)
def test_what_the_client_has_already_is_not_sent_again(headers: dict[str, str], status: int) -> None:
    assert selected(headers, FILE).status == status


def test_the_headers_tell_what_is_known() -> None:
    always = {"Accept-Ranges": "bytes", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    known = {**always, "ETag": '"tag"', "Last-Modified": DATE}
    named = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=a.txt"}
    digest = {"Repr-Digest": "sha-256=:q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=:"}
    assert headers_of(FILE, WHOLE) == {**known, **named, **digest}
    assert headers_of(FILE, Selection(206, 2, 5)) == {**known, **named, **digest, "Content-Range": "bytes 2-4/10"}
    assert headers_of(FILE, Selection(416)) == {**known, "Content-Range": "bytes */10"}
    assert headers_of(FILE, Selection(304)) == known
    assert headers_of(FileFacts("a.txt", 10), WHOLE) == {**always, **named}


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.txt", "text/plain"),
        ("a.LOG", "text/plain"),
        ("a.tar.json", "text/plain"),
        ("MLmodel", "text/plain"),
        ("mlproject", "text/plain"),
        ("MLproject", "application/octet-stream"),
        ("notebook.ipynb", "text/plain"),
        ("a.html", "text/html"),
        ("a.png", "image/png"),
        ("a.svg", "image/svg+xml"),
        ("a.parquet", "application/octet-stream"),
        ("nothing", "application/octet-stream"),
    ],
)
def test_a_name_tells_the_content_type(name: str, content_type: str) -> None:
    assert content_type_of(name) == content_type


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.txt", "attachment; filename=a.txt"),
        ("a b.txt", "attachment; filename*=UTF-8''a%20b.txt"),
        ('a";x=.txt', "attachment; filename*=UTF-8''a%22%3Bx%3D.txt"),
        ("größe.txt", "attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt"),
        ("a\r\nX: y", "attachment; filename*=UTF-8''a%0D%0AX%3A%20y"),
    ],
)
def test_no_name_breaks_out_of_the_header(name: str, header: str) -> None:
    assert attachment(name) == header


def test_a_file_is_told_apart_from_the_one_that_was_there_before(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put_bytes("d/a.txt", b"one")
    os.utime(tmp_path / "d" / "a.txt", (1, 1))
    opened, before = look_at(store, "d/a.txt", "cd" * 32)
    store.put_bytes("d/a.txt", b"two")
    os.utime(tmp_path / "d" / "a.txt", (1, 1))
    reopened, after = look_at(store, "d/a.txt")
    assert opened is not None
    assert reopened is not None
    with opened, reopened:
        assert (opened.read(), reopened.read()) == (b"one", b"two")
    assert (before.name, before.size, before.modified_s, before.sha256) == ("a.txt", 3, 1.0, "cd" * 32)
    assert before.etag != after.etag


def test_what_is_no_file_is_not_looked_at(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put_bytes("d/a.txt", b"one")
    os.mkfifo(tmp_path / "pipe")
    for path in ("missing", "d/missing", "d/a.txt/below", "pipe"):
        with pytest.raises(NotFound, match="No such artifact"):
            look_at(store, path)
    with pytest.raises(InvalidInput, match="directory"):
        look_at(store, "d")
