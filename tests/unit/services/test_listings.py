"""Listings of artifacts come a page at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlkeep.blobs.folder.store import FolderStore
from mlkeep.core.errors import InvalidInput
from mlkeep.services import listings
from mlkeep.services.listings import listing


def test_a_folder_with_more_than_a_page_comes_in_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "FILES_PER_PAGE", 3)
    store = FolderStore(tmp_path)
    names = ["a", "é", "b/x", "c", "d", "z"]
    for name in names:
        store.put_bytes(f"top/{name}", b"1")
    pages: list[list[str]] = []
    token = ""
    while not pages or token:
        page = listing("file:///root", "top", token, lambda _: store)
        pages.append([file.path for file in page.files])
        token = page.next_page_token
        store.put_bytes("top/a0", b"new")  # behind what was told already
        assert page.root_uri == "file:///root"
    assert pages == [["top/a", "top/b", "top/c"], ["top/d", "top/z", "top/é"]]


def test_what_is_no_token_is_refused(tmp_path: Path) -> None:
    for token in ("?", "abc", "gA=="):
        with pytest.raises(InvalidInput, match="page_token"):
            listing("root", "", token, lambda _: FolderStore(tmp_path))
