"""Downloading, listing, deleting and verifying artifacts by URI, through both doors."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

import mlkeep
from mlkeep import MlkeepClient
from mlkeep.artifacts import delete_artifacts, download_artifacts, list_artifacts, verify_artifacts
from mlkeep.core.errors import Damaged, InvalidInput, NotFound
from mlkeep.core.manifest import StoredFile
from mlkeep.sdk import manifests
from mlkeep.sdk.verifying import FileCheck, FileState


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLKEEP_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def run_id(client: MlkeepClient) -> str:
    """A run with a few files."""
    made = client.create_run("0").info.run_id
    for path in (
        "checkpoints/1.pt",
        "checkpoints/2.pt",
        "checkpoints/best/1.pt",
        "checkpoints/log.txt",
        "metrics.json",
    ):
        client.log_text(made, path, path)
    return str(made)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def files_below(folder: str | Path) -> dict[str, str]:
    found = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


@pytest.fixture
def kept_at(client: MlkeepClient, run_id: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the artifacts of the run lie on the disk of whoever keeps them."""
    root = client.get_run(run_id).info.artifact_uri
    if not root.startswith("mlflow-artifacts:"):
        return Path(root)
    return next(path / "artifacts" for path in tmp_path_factory.getbasetemp().glob(f"server*/artifacts/*/{run_id}"))


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("checkpoints/*.pt", ["checkpoints/1.pt", "checkpoints/2.pt"]),
        ("checkpoints/[!1].pt", ["checkpoints/2.pt"]),
        ("checkpoints/**", ["checkpoints/1.pt", "checkpoints/2.pt", "checkpoints/best/1.pt", "checkpoints/log.txt"]),
        ("**/1.pt", ["checkpoints/1.pt", "checkpoints/best/1.pt"]),
        ("*/best/?.pt", ["checkpoints/best/1.pt"]),
        ("*.json", ["metrics.json"]),
    ],
)
def test_files_that_match_a_pattern_come_under_their_paths(
    client: MlkeepClient, run_id: str, tmp_path: Path, pattern: str, matched: list[str]
) -> None:
    wanted = {path: path for path in matched}
    fetched = download_artifacts(
        f"runs:/{run_id}/{pattern}", dst_path=str(tmp_path / "a"), tracking_uri=client.tracking_uri
    )
    assert (fetched, files_below(fetched)) == (str(tmp_path / "a"), wanted)
    fetched = client.download_artifacts(run_id, pattern)
    assert files_below(fetched) == wanted
    root = client.get_run(run_id).info.artifact_uri
    fetched = download_artifacts(f"{root}/{pattern}", dst_path=str(tmp_path / "b"), tracking_uri=client.tracking_uri)
    assert sorted(files_below(fetched).values()) == matched
    assert [info.path for info in client.list_artifacts(run_id, pattern)] == matched
    with pytest.raises(NotFound, match="nothing there"):
        client.download_artifacts(run_id, f"no/{pattern}x")


def test_a_name_that_looks_like_a_pattern_is_that_name_if_there_is_one(
    client: MlkeepClient, run_id: str, tmp_path: Path
) -> None:
    client.log_text(run_id, "literal", "checkpoints/*.pt")
    fetched = client.download_artifacts(run_id, "checkpoints/*.pt", str(tmp_path / "a"))
    assert Path(fetched).read_text() == "literal"


def test_a_uri_may_be_that_of_a_file(client: MlkeepClient, run_id: str, tmp_path: Path) -> None:
    root = client.get_run(run_id).info.artifact_uri
    for uri, path in (
        (f"{root}/metrics.json", "metrics.json"),
        (f"runs:/{run_id}/metrics.json", "metrics.json"),
        (f"{root}/checkpoints/best", "best/1.pt"),
    ):
        target = tmp_path / path.replace("/", "-")
        download_artifacts(uri, dst_path=str(target), tracking_uri=client.tracking_uri)
        assert list(files_below(target)) == [path]


def test_what_was_kept_is_recorded(client: MlkeepClient, run_id: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("a")
    client.log_artifact(run_id, tmp_path / "folder")
    client.log_text(run_id, "changed", "metrics.json")
    client.delete_artifacts(run_id, "checkpoints")
    root = client.get_run(run_id).info.artifact_uri
    assert list(manifests.recorded(client.tracking_uri, root).values()) == [
        StoredFile("folder/a.txt", 1, digest_of("a")),
        StoredFile("metrics.json", 7, digest_of("changed")),
    ]


def test_files_of_logged_models_are_recorded(client: MlkeepClient, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("a model")
    model = client.create_logged_model("0", "m")
    client.log_model_artifact(model.model_id, tmp_path / "MLmodel")
    assert manifests.recorded(client.tracking_uri, model.artifact_location) == {
        "MLmodel": StoredFile("MLmodel", 7, digest_of("a model"))
    }


def test_what_is_deleted_is_gone(client: MlkeepClient, run_id: str) -> None:
    delete_artifacts(run_id=run_id, artifact_path="checkpoints/best", tracking_uri=client.tracking_uri)
    delete_artifacts(f"runs:/{run_id}/metrics.json", tracking_uri=client.tracking_uri)
    root = client.get_run(run_id).info.artifact_uri
    delete_artifacts(f"{root}/checkpoints/1.pt", tracking_uri=client.tracking_uri)
    left = list_artifacts(f"runs:/{run_id}/**", tracking_uri=client.tracking_uri)
    assert [info.path for info in left] == ["checkpoints/2.pt", "checkpoints/log.txt"]
    with pytest.raises(NotFound, match=r"metrics\.json"):
        client.delete_artifacts(run_id, "metrics.json")
    with pytest.raises(InvalidInput, match="path"):
        client.delete_artifacts(run_id, "../x")


def test_a_flipped_byte_is_told_by_name(
    client: MlkeepClient, run_id: str, kept_at: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kept_at / "checkpoints/2.pt").write_text("checkpoints/2.pu")
    with pytest.raises(Damaged, match=r"'checkpoints/2\.pt' is damaged"):
        client.download_artifacts(run_id, "checkpoints", str(tmp_path / "a"))
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")
    fetched = client.download_artifacts(run_id, "checkpoints/2.pt", str(tmp_path / "b"))
    assert Path(fetched).read_text() == "checkpoints/2.pu"


def test_verifying_tells_of_each_file_and_can_take_things_as_they_are(
    client: MlkeepClient, run_id: str, kept_at: Path
) -> None:
    (kept_at / "checkpoints/2.pt").write_text("other")
    (kept_at / "checkpoints/log.txt").unlink()
    (kept_at / "checkpoints/new").write_text("new")
    folder = f"runs:/{run_id}/checkpoints"
    found = verify_artifacts(folder, tracking_uri=client.tracking_uri, record=True)
    one, two, log = ("checkpoints/1.pt", "checkpoints/2.pt", "checkpoints/log.txt")
    assert not found.is_sound
    assert found.files == [
        FileCheck(one, FileState.OK, 16, 16, digest_of(one), digest_of(one)),
        FileCheck(two, FileState.DAMAGED, 5, 16, digest_of("other"), digest_of(two)),
        FileCheck("checkpoints/best/1.pt", FileState.OK, 21, 21, *[digest_of("checkpoints/best/1.pt")] * 2),
        FileCheck(log, FileState.MISSING, None, 19, None, digest_of(log)),
        FileCheck("checkpoints/new", FileState.NOT_RECORDED, 3, None, digest_of("new"), None),
    ]
    again = verify_artifacts(folder, tracking_uri=client.tracking_uri)
    assert [(file.path, file.state) for file in again.files] == [
        (path, FileState.OK) for path in (one, two, "checkpoints/best/1.pt", "checkpoints/new")
    ]
    assert again.is_sound
    with pytest.raises(NotFound, match="nothing"):
        verify_artifacts(f"runs:/{run_id}/nothing", tracking_uri=client.tracking_uri)


def test_downloads_without_a_destination_share_the_files_of_the_cache(
    client: MlkeepClient, run_id: str, kept_at: Path, own_cache: Path
) -> None:
    if not client.tracking_uri.startswith("http"):
        assert client.download_artifacts(run_id, "metrics.json") == str(kept_at / "metrics.json")
        return
    one, other = (Path(client.download_artifacts(run_id, "metrics.json")) for _ in range(2))
    assert one != other
    assert one.samefile(other)
    assert one.is_relative_to(own_cache)
    assert one.read_text() == "metrics.json"


def test_without_a_cache_nothing_is_kept(
    client: MlkeepClient, run_id: str, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLKEEP_CACHE_MAX_BYTES", "0")
    assert Path(client.download_artifacts(run_id, "metrics.json")).read_text() == "metrics.json"
    assert not own_cache.exists()


@pytest.mark.parametrize("tracking", ["http"], indirect=True)
def test_a_file_on_the_web_is_downloaded(client: MlkeepClient, run_id: str, tmp_path: Path) -> None:
    root = client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:")
    url = f"{client.tracking_uri}/api/2.0/mlflow-artifacts/artifacts{root}/metrics.json?a=b/c"
    fetched = download_artifacts(url, dst_path=str(tmp_path))
    assert (fetched, Path(fetched).read_text()) == (str(tmp_path / "metrics.json"), "metrics.json")


def test_the_fluent_functions_reach_them_too(client: MlkeepClient, tmp_path: Path) -> None:
    mlkeep.set_tracking_uri(client.tracking_uri)
    (tmp_path / "a.txt").write_text("a")
    with mlkeep.start_run(experiment_id="0") as run:
        mlkeep.log_artifact(tmp_path / "a.txt")
        mlkeep.log_artifacts(tmp_path, "folder")
    assert Path(download_artifacts(run_id=run.info.run_id, artifact_path="a.txt")).read_text() == "a"
    assert os.path.isfile(download_artifacts(f"runs:/{run.info.run_id}/folder/a.txt"))  # noqa: PTH113
