"""Files on the web can be read, and that is all."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.scriptedserver import Answer, ScriptedServer
from mlkeep.blobs.contract import ArtifactStore
from mlkeep.blobs.opening import open_store
from mlkeep.core.errors import Forbidden, InvalidInput, NotFound, Unavailable

DATA = bytes(range(256)) * 20_000


@pytest.fixture
def store(scripted: ScriptedServer) -> ArtifactStore:
    return open_store(f"{scripted.url.replace('//', '//name:pass%20word@')}/data/")


def test_a_file_below_a_url_is_read(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [Answer(body=DATA)]
    assert b"".join(store.read("a b/ü%20.csv?version=1")) == DATA
    assert b"".join(store.below("x").read("y")) == DATA
    assert [(asked.method, asked.target) for asked in scripted.asked] == [
        ("GET", "/data/a%20b/%C3%BC%20.csv?version=1"),
        ("GET", "/data/x/y"),
    ]
    assert scripted.asked[0].headers["authorization"] == "Basic bmFtZTpwYXNzIHdvcmQ="


def test_the_url_itself_is_a_file(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [Answer(body=DATA)]
    assert (b"".join(store.read("")), store.size("")) == (DATA, len(DATA))
    assert [(asked.method, asked.target) for asked in scripted.asked] == [("GET", "/data"), ("HEAD", "/data")]


def test_a_range_is_asked_for(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [Answer(206, DATA[5:9])]
    assert b"".join(store.read("a", 5, 9)) == DATA[5:9]
    assert scripted.asked[0].headers["range"] == "bytes=5-8"
    scripted.answers = [Answer(416)]
    assert b"".join(store.read("a", len(DATA))) == b""
    assert b"".join(store.read("a", 7, 7)) == b""


def test_a_server_that_knows_no_ranges_is_read_from_its_beginning(
    store: ArtifactStore, scripted: ScriptedServer
) -> None:
    scripted.answers = [Answer(200, DATA)]
    assert b"".join(store.read("a", 2_000_000, 3_000_000)) == DATA[2_000_000:3_000_000]
    assert b"".join(store.read("a", 5)) == DATA[5:]


def test_a_download_that_breaks_off_goes_on_where_it_was(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [Answer(200, DATA, sent=3_000_000), Answer(200, DATA, sent=4_000_000), Answer(200, DATA)]
    assert b"".join(store.read("a")) == DATA
    scripted.answers = [Answer(200, DATA, sent=10)]
    with pytest.raises(Unavailable, match=r"The download of .*/data/a broke off"):
        b"".join(store.read("a"))


def test_what_the_server_refuses_is_told(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [Answer(404)]
    assert store.size("a") is None
    for status, kind in ((404, NotFound), (403, Forbidden), (500, Unavailable)):
        scripted.answers = [Answer(status)]
        with pytest.raises(kind, match="/data/a") as caught:
            store.read("a")
        assert "pass%20word" not in caught.value.message


def test_nothing_is_listed_and_nothing_written(store: ArtifactStore, tmp_path: Path) -> None:
    assert (store.list(), store.tree("x"), store.parts, store.bundles, store.local_file("a")) == ([], [], None, None, None)  # fmt: skip
    assert store.sign("GET", "a", 60) is None
    for way in (
        lambda: store.put_bytes("a", b"1"),
        lambda: store.put("a", tmp_path),
        lambda: store.sink("a"),
        lambda: store.delete("a"),
    ):
        with pytest.raises(InvalidInput, match="can be read only"):
            way()


def test_a_url_without_a_host_is_refused() -> None:
    with pytest.raises(InvalidInput, match="must look like https://host/path"):
        open_store("https:///x")
