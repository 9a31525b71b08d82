"""What is promised of the manifest: what is recorded of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite, names_both, unique
from mlkeep.wire.artifacts import (
    ForgetFiles,
    GetManifest,
    ListArtifacts,
    RecordFiles,
    RecordFilesResponse,
    StoredFileMessage,
)

NEIGHBOURS = ["a", "a b", "a-1", "a.b", "a.b/c", "a/b", "a/b/c", "a0", "ab", "ab/c", "ä/x"]
"""Paths around the folder `a`, in the order of a manifest."""

ODD_NAMES = [
    "two words.txt",
    "größe ü.txt",
    "日本/a.txt",
    "100%.txt",
    "a%20b.txt",
    "a+b=c;d,e.txt",
    "%_%/it's",
    ".hidden/😀",
]
UNSAFE_PATHS = ["../x", "a/../../x", "/etc/passwd", "C:/x", "%2e%2e/x", "..\\x", "a#b", "file:/x", "a\nb", "a/", "."]


def digest(text: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def file(path: str, size: int, content: str = "") -> StoredFileMessage:
    """A file of some size; two are equal if they have the same size and content."""
    return StoredFileMessage(path=path, size=size, sha256=digest(f"{size} bytes {content}"))


def record(door: Door, uri: str, *files: StoredFileMessage) -> bool:
    """Record files below a URI; whether it was somebody's."""
    answer: RecordFilesResponse = door.call(RecordFiles(uri=uri, files=list(files)))
    return answer.recorded


def forget(door: Door, uri: str, *paths: str) -> None:
    """Forget what is at or below some paths."""
    door.call(ForgetFiles(uri=uri, paths=list(paths)))


def manifest(door: Door, uri: str, path: str = "") -> list[StoredFileMessage]:
    """What is recorded below a URI."""
    found: list[StoredFileMessage] = door.call(GetManifest(uri=uri, path=path)).files
    return found


def paths(files: Iterable[StoredFileMessage]) -> list[str]:
    """The paths of files."""
    return [each.path for each in files]


class ManifestSuite(Suite):
    """What the suites of the manifest share."""

    @pytest.fixture
    def root(self, client: MlkeepClient, run_id: str) -> str:
        """The artifact root of a run that only this test uses."""
        return client.get_run(run_id).info.artifact_uri


class ManifestPromises(ManifestSuite):
    """Files are recorded, replaced and forgotten, with runs and logged models."""

    def test_what_was_recorded_is_told_by_path(self, door: Door, root: str) -> None:
        files = [file("model/weights.bin", 10_000_000_000), file("b.txt", 0), file("model/MLmodel", 3)]
        assert record(door, root, *files)
        assert manifest(door, root) == sorted(files, key=lambda each: each.path)
        assert manifest(door, root, "b.txt") == [file("b.txt", 0)]
        assert paths(manifest(door, root, "model")) == ["model/MLmodel", "model/weights.bin"]
        assert manifest(door, root, "mod") == []

    def test_paths_are_relative_to_the_uri(self, door: Door, root: str) -> None:
        record(door, f"{root}/model/", file("MLmodel", 3), file("data/w", 4))
        assert paths(manifest(door, root)) == ["model/MLmodel", "model/data/w"]
        assert paths(manifest(door, f"{root}/model")) == ["MLmodel", "data/w"]
        assert paths(manifest(door, f"{root}/model", "data")) == ["data/w"]
        assert manifest(door, f"{root}/model/MLmodel") == []
        forget(door, f"{root}/model", "data")
        assert paths(manifest(door, root)) == ["model/MLmodel"]

    def test_a_file_is_replaced(self, client: MlkeepClient, door: Door, run_id: str, root: str) -> None:
        record(door, root, file("a", 5), file("b", 7))
        record(door, root, file("a", 2, "new"))
        assert manifest(door, root) == [file("a", 2, "new"), file("b", 7)]
        assert client.get_run(run_id).info.artifact_bytes == 9
        record(door, root, file("b", 1), file("c", 1), file("b", 3))
        assert manifest(door, root) == [file("a", 2, "new"), file("b", 3), file("c", 1)]
        assert client.get_run(run_id).info.artifact_bytes == 6

    @pytest.mark.parametrize(
        ("gone", "left"),
        [
            (["a"], "a b|a-1|a.b|a.b/c|a0|ab|ab/c|ä/x"),
            (["a/b"], "a|a b|a-1|a.b|a.b/c|a0|ab|ab/c|ä/x"),
            (["a/b/c", "ab/c"], "a|a b|a-1|a.b|a.b/c|a/b|a0|ab|ä/x"),
            (["a.b"], "a|a b|a-1|a/b|a/b/c|a0|ab|ab/c|ä/x"),
            (["ä", "a", "a/b", "a"], "a b|a-1|a.b|a.b/c|a0|ab|ab/c"),
            (["none", "A", "a/b/c/d", "a_b"], "|".join(NEIGHBOURS)),
            ([], "|".join(NEIGHBOURS)),
            (["a", ""], ""),
            ([""], ""),
        ],
    )
    def test_a_file_a_folder_or_everything_is_forgotten_and_no_neighbour(
        self, client: MlkeepClient, door: Door, run_id: str, root: str, gone: list[str], left: str
    ) -> None:
        size = {path: 10**i for i, path in enumerate(NEIGHBOURS)}
        record(door, root, *(file(path, size[path]) for path in NEIGHBOURS))
        assert paths(manifest(door, root)) == NEIGHBOURS
        forget(door, root, *gone)
        remaining = left.split("|") if left else []
        assert paths(manifest(door, root)) == remaining
        assert client.get_run(run_id).info.artifact_bytes == sum(size[path] for path in remaining)

    def test_a_folder_is_told_without_its_neighbours(self, door: Door, root: str) -> None:
        record(door, root, *(file(path, 1) for path in NEIGHBOURS))
        assert paths(manifest(door, root, "a")) == ["a", "a/b", "a/b/c"]
        assert paths(manifest(door, f"{root}/a")) == ["b", "b/c"]
        assert paths(manifest(door, root, "a.b")) == ["a.b", "a.b/c"]

    def test_odd_names_are_kept_as_they_are(self, door: Door, root: str) -> None:
        files = [file(path, 1) for path in sorted(ODD_NAMES)]
        record(door, root, *files)
        assert manifest(door, root) == files
        assert all(manifest(door, root, each.path) == [each] for each in files)
        forget(door, root, *ODD_NAMES)
        assert manifest(door, root) == []

    @pytest.mark.parametrize("path", UNSAFE_PATHS)
    def test_an_unsafe_path_is_refused_by_name(self, door: Door, root: str, path: str) -> None:
        with pytest.raises(InvalidInput):
            record(door, root, file("good", 1), file(path, 1))
        if path not in {"a/", "."}:  # the names of folders
            for asking in (lambda: forget(door, root, path), lambda: manifest(door, root, path)):
                with pytest.raises(InvalidInput):
                    asking()
        assert manifest(door, root) == []

    def test_the_rest_of_a_uri_is_checked_too(self, door: Door, root: str) -> None:
        for uri in (f"{root}/../x", f"{root}/a/%2e%2e/%2e%2e/x"):
            with pytest.raises(InvalidInput, match=r"must not contain '\.\.'"):
                record(door, uri, file("a", 1))

    def test_what_is_no_file_is_refused(self, door: Door, root: str) -> None:
        for bad, field in (
            (StoredFileMessage(path="a", size=-1, sha256=digest("")), r"files\[1\].size"),
            (StoredFileMessage(path="a", size=limits.MAX_ARTIFACT_BYTES + 1, sha256=digest("")), r"files\[1\].size"),
            (StoredFileMessage(path="a", size=1, sha256=digest("").upper()), r"files\[1\].sha256"),
            (StoredFileMessage(path="a", size=1, sha256=digest("")[1:]), r"files\[1\].sha256"),
            (StoredFileMessage(path="ä" * 1_001, size=1, sha256=digest("")), names_both(r"files\[1\].path", "ä")),
        ):
            with pytest.raises(InvalidInput, match=field):
                record(door, root, file("good", 1), bad)
        with pytest.raises(InvalidInput, match=names_both("files", "50001")):
            record(door, root, *[file("a", 1)] * 50_001)
        with pytest.raises(InvalidInput, match=names_both("paths", "1001")):
            forget(door, root, *["a"] * 1_001)
        record(door, root, file("ä" * 1_000, limits.MAX_ARTIFACT_BYTES - 1))
        with pytest.raises(InvalidInput, match=str(limits.MAX_ARTIFACT_BYTES)):
            record(door, root, file("a", 2))
        assert paths(manifest(door, root)) == ["ä" * 1_000]

    @pytest.mark.parametrize(
        "uri",
        [
            "s3://nobody/1/" + "0" * 32 + "/artifacts",
            "mlflow-artifacts:/1/models/m-" + "0" * 32 + "/artifacts/a",
            "/artifacts",
            "nonsense",
            "x/artifacts/" * 30,
        ],
    )
    def test_what_is_nobodys_is_not_recorded(self, door: Door, uri: str) -> None:
        assert not record(door, uri, file("a", 1))
        forget(door, uri, "a", "")
        assert manifest(door, uri) == []

    def test_a_place_that_only_looks_like_a_runs_is_nobodys(self, door: Door, run_id: str, root: str) -> None:
        above = root.removesuffix(f"/{run_id}/artifacts")
        for uri in (f"{above}/x/{run_id}/artifacts", f"s3://b/{run_id}/artifacts", f"{above}/{run_id}", f"{root}x"):
            assert not record(door, uri, file("a", 1))
        assert manifest(door, root) == []

    def test_folders_may_be_called_as_artifact_roots_are(self, door: Door, run_id: str, root: str) -> None:
        inner = f"{root}/{run_id}/artifacts/m/artifacts"
        assert record(door, inner, file("a", 1))
        assert paths(manifest(door, root)) == [f"{run_id}/artifacts/m/artifacts/a"]
        assert paths(manifest(door, inner)) == ["a"]

    @pytest.mark.parametrize("location", ["s3://bucket/e", "S3://bucket/e/", "file:///srv/e ü", "mlflow-artifacts:/e"])
    def test_a_place_is_found_however_it_is_written(self, client: MlkeepClient, door: Door, location: str) -> None:
        run = client.create_run(client.create_experiment(unique("located"), location)).info
        spellings = [run.artifact_uri, f"{run.artifact_uri}/"]
        match location.partition(":")[0]:
            case "file":
                spellings += [f"/srv/e ü/{run.run_id}/artifacts", f"file:/srv/e%20%C3%BC/{run.run_id}/artifacts/"]
            case "mlflow-artifacts":
                spellings += [f"mlflow-artifacts://host:5000/e/{run.run_id}/artifacts"]
                spellings += [f"mlflow-artifacts:///e//{run.run_id}/artifacts"]
            case "S3":
                spellings += [f"s3://bucket/e/{run.run_id}/artifacts"]
        for i, uri in enumerate(spellings):
            assert record(door, uri, file(f"{i}", 1)), uri
        assert all(len(manifest(door, uri)) == len(spellings) for uri in spellings)

    def test_ten_thousand_files_are_recorded_at_once(
        self, client: MlkeepClient, door: Door, run_id: str, root: str
    ) -> None:
        files = [file(f"d{i // 100:03}/f{i:05}", i) for i in range(10_000)]
        assert record(door, root, *files)
        assert manifest(door, root) == files
        assert record(door, root, *(file(each.path, each.size + 1) for each in files))
        assert client.get_run(run_id).info.artifact_bytes == sum(range(1, 10_001))
        forget(door, root, "d000", "d001", "d099/f09999")
        assert client.get_run(run_id).info.artifact_bytes == sum(range(201, 10_000))
        assert len(manifest(door, root)) == 9_799
        forget(door, root, "")
        assert (manifest(door, root), client.get_run(run_id).info.artifact_bytes) == ([], 0)

    def test_several_record_the_same_path_at_once(
        self, client: MlkeepClient, door: Door, run_id: str, root: str
    ) -> None:
        with ThreadPoolExecutor(4) as threads:
            sent = [threads.submit(record, door, root, file("a", size), file(f"{size}", 1)) for size in range(1, 25)]
            assert all(each.result() for each in sent)
        (last,) = manifest(door, root, "a")
        assert last in [file("a", size) for size in range(1, 25)]
        assert client.get_run(run_id).info.artifact_bytes == last.size + 24

    def test_a_deleted_run_keeps_its_manifest(self, client: MlkeepClient, door: Door, run_id: str, root: str) -> None:
        record(door, root, file("a", 5))
        client.delete_run(run_id)
        record(door, root, file("b", 5))
        assert paths(manifest(door, root)) == ["a", "b"]
        assert client.get_run(run_id).info.artifact_bytes == 10
        client.restore_run(run_id)
        assert client.get_run(run_id).info.artifact_bytes == 10

    def test_recording_makes_no_file(self, door: Door, run_id: str, root: str) -> None:
        record(door, root, file("a", 5))
        assert door.call(ListArtifacts(run_id=run_id)).files == []
