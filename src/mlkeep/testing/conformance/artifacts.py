"""What is promised of the artifacts of runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite
from mlkeep.wire.artifacts import ListArtifacts

ODD_NAMES = [
    "two words.txt",
    "größe ü.txt",
    "日本.txt",
    "100%.txt",
    "a%20b.txt",
    "a+b.txt",
    "what?.txt",
    "a&b=c;d,e.txt",
    "a:b@c$d!.txt",
    'it\'s "quoted".txt',
    "(a)[b]{c}<d>|^`*~.txt",
    ".hidden",
    "no extension",
]
UNSAFE_PATHS = [
    "..",
    "../x",
    "a/../../x",
    "/etc/passwd",
    "//host/x",
    "C:/x",
    "%2e%2e/x",
    "%252e%252e/x",
    "..%2fx",
    "..\\x",
    "\\x",
    "%2Fetc/passwd",
    "a#b",
    "file:/etc/passwd",
    "a\nb",
    "a\0b",
]


class ArtifactPromises(Suite):
    """Files of runs: keeping, listing, fetching."""

    def fetched(self, client: MlkeepClient, run_id: str, path: str, into: Path) -> bytes:
        """The bytes of an artifact, by way of a folder of the caller's."""
        into.mkdir(exist_ok=True)
        return Path(client.download_artifacts(run_id, path, str(into))).read_bytes()

    def test_a_file_is_kept_and_fetched(self, client: MlkeepClient, run_id: str, tmp_path: Path) -> None:
        data = bytes(range(256)) * 5_000
        (tmp_path / "data.bin").write_bytes(data)
        client.log_artifact(run_id, tmp_path / "data.bin")
        client.log_artifact(run_id, str(tmp_path / "data.bin"), "in/a folder")
        assert client.list_artifacts(run_id) == [
            FileInfo("data.bin", is_dir=False, file_size=len(data)),
            FileInfo("in", is_dir=True),
        ]
        for path in ("data.bin", "in/a folder/data.bin"):
            assert self.fetched(client, run_id, path, tmp_path / "fetched") == data

    def test_an_empty_file_is_a_file(self, client: MlkeepClient, run_id: str, tmp_path: Path) -> None:
        (tmp_path / "empty").write_bytes(b"")
        client.log_artifact(run_id, tmp_path / "empty")
        client.log_text(run_id, "", "empty.txt")
        assert client.list_artifacts(run_id) == [
            FileInfo("empty", is_dir=False, file_size=0),
            FileInfo("empty.txt", is_dir=False, file_size=0),
        ]
        assert self.fetched(client, run_id, "empty", tmp_path / "fetched") == b""

    def test_a_folder_is_kept_and_fetched_with_all_below(
        self, client: MlkeepClient, run_id: str, tmp_path: Path
    ) -> None:
        files = {"a.txt": "1", "sub/b.txt": "2", "sub/deep/er/c.txt": "3", "sub/empty": ""}
        source = tmp_path / "source"
        for name, text in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
        client.log_artifacts(run_id, source)
        client.log_artifacts(run_id, source, "below/this")
        client.log_artifact(run_id, source)
        assert client.list_artifacts(run_id, "below/this/sub") == [
            FileInfo("below/this/sub/b.txt", is_dir=False, file_size=1),
            FileInfo("below/this/sub/deep", is_dir=True),
            FileInfo("below/this/sub/empty", is_dir=False, file_size=0),
        ]
        for i, folder in enumerate(("below/this", "source")):
            fetched = Path(client.download_artifacts(run_id, folder, str(tmp_path / f"fetched {i}")))
            found = {path.relative_to(fetched).as_posix(): path for path in fetched.rglob("*") if path.is_file()}
            assert {name: path.read_text() for name, path in found.items()} == files

    def test_everything_of_a_run_is_fetched_at_once(self, client: MlkeepClient, run_id: str, tmp_path: Path) -> None:
        client.log_text(run_id, "1", "a.txt")
        client.log_text(run_id, "2", "sub/b.txt")
        fetched = Path(client.download_artifacts(run_id, "", str(tmp_path)))
        assert ((fetched / "a.txt").read_text(), (fetched / "sub" / "b.txt").read_text()) == ("1", "2")

    @pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
    def test_names_may_be_odd(self, client: MlkeepClient, run_id: str, tmp_path: Path, name: str) -> None:
        for path in (name, f"{name}.d/{name}"):
            client.log_text(run_id, f"in {path}", path)
            assert self.fetched(client, run_id, path, tmp_path) == f"in {path}".encode()
        assert {info.path for info in client.list_artifacts(run_id)} == {name, f"{name}.d"}
        assert [info.path for info in client.list_artifacts(run_id, f"{name}.d")] == [f"{name}.d/{name}"]

    def test_a_listing_is_sorted(self, client: MlkeepClient, run_id: str) -> None:
        for name in ("b", "B", "a/x", "ü", "10", "9"):
            client.log_text(run_id, "", name)
        assert [info.path for info in client.list_artifacts(run_id)] == ["10", "9", "B", "a", "b", "ü"]

    def test_the_same_is_listed_by_the_tracking_server(self, client: MlkeepClient, door: Door, run_id: str) -> None:
        client.log_text(run_id, "1", "a.txt")
        client.log_text(run_id, "", "sub/b.txt")
        for path in ("", "sub"):
            answer = door.call(ListArtifacts(run_id=run_id, path=path))
            assert [file.entity() for file in answer.files] == client.list_artifacts(run_id, path)
            assert answer.root_uri == client.get_run(run_id).info.artifact_uri

    def test_keeping_a_file_again_replaces_it(self, client: MlkeepClient, run_id: str, tmp_path: Path) -> None:
        client.log_text(run_id, "a long text", "a.txt")
        client.log_text(run_id, "short", "a.txt")
        assert self.fetched(client, run_id, "a.txt", tmp_path) == b"short"
        assert client.list_artifacts(run_id) == [FileInfo("a.txt", is_dir=False, file_size=5)]

    def test_slashes_too_many_count_for_nothing(self, client: MlkeepClient, run_id: str, tmp_path: Path) -> None:
        client.log_text(run_id, "1", "a//./b.txt")
        assert self.fetched(client, run_id, "a/b.txt", tmp_path) == b"1"
        assert client.list_artifacts(run_id, "a/") == [FileInfo("a/b.txt", is_dir=False, file_size=1)]

    def test_what_is_not_there_is_not_found(self, client: MlkeepClient, run_id: str, tmp_path: Path) -> None:
        client.log_text(run_id, "1", "a.txt")
        assert client.list_artifacts(run_id, "nothing") == []
        assert client.list_artifacts(run_id, "a.txt") == []
        with pytest.raises(NotFound, match="nothing"):
            client.download_artifacts(run_id, "nothing", str(tmp_path))
        with pytest.raises(NotFound, match="f" * 32):
            client.log_text("f" * 32, "1", "a.txt")
        with pytest.raises(FileNotFoundError, match="missing"):
            client.log_artifact(run_id, tmp_path / "missing")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("path", UNSAFE_PATHS, ids=ascii)
    def test_a_path_that_is_not_safe_is_refused(
        self, client: MlkeepClient, door: Door, run_id: str, tmp_path: Path, path: str
    ) -> None:
        with pytest.raises(InvalidInput, match="path"):
            client.log_text(run_id, "x", path)
        with pytest.raises(InvalidInput, match="path"):
            client.list_artifacts(run_id, path)
        with pytest.raises(InvalidInput, match="path"):
            client.download_artifacts(run_id, path, str(tmp_path))
        with pytest.raises(InvalidInput, match="path"):
            door.call(ListArtifacts(run_id=run_id, path=path))
        assert client.list_artifacts(run_id) == []

    @pytest.mark.parametrize("path", ["", "folder/", "folder", ".artifact.uploading.x"])
    def test_a_path_that_names_no_file_is_refused(self, client: MlkeepClient, run_id: str, path: str) -> None:
        client.log_text(run_id, "x", "folder/a.txt")
        with pytest.raises(InvalidInput, match="path"):
            client.log_text(run_id, "x", path)

    def test_dictionaries_are_kept_as_json_or_yaml(self, client: MlkeepClient, run_id: str, tmp_path: Path) -> None:
        value = {"a": [1, 2.5, None], "ü": {"b": "c"}}
        client.log_dict(run_id, value, "d.json")
        client.log_dict(run_id, value, "d.yaml")
        assert json.loads(self.fetched(client, run_id, "d.json", tmp_path)) == value
        assert self.fetched(client, run_id, "d.yaml", tmp_path).decode() == ("a:\n- 1\n- 2.5\n- null\nü:\n  b: c\n")

    def test_a_deleted_run_keeps_its_artifacts(self, client: MlkeepClient, run_id: str) -> None:
        client.log_text(run_id, "1", "a.txt")
        client.delete_run(run_id)
        assert client.list_artifacts(run_id) == [FileInfo("a.txt", is_dir=False, file_size=1)]
