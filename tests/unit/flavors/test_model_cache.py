"""Models of a server that were loaded before are loaded from the cache: nothing is copied, and nothing damaged is used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import mlkeep
import mlkeep.pyfunc
import mlkeep.sklearn
from bench.processes import MlkeepServer
from mlkeep.core.errors import NotFound, Unavailable
from mlkeep.flavors.loading import fetch
from mlkeep.models.mlmodel import Model
from mlkeep.sdk import kept_folders
from mlkeep.sdk.artifacts import download_artifacts
from mlkeep.sdk.kept_folders import KeptFolders

FRAME = pd.DataFrame({"a": [0.0, 1.0]})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlkeepServer]:
    running = MlkeepServer(tmp_path_factory.mktemp("server"), "--no-access-log")
    yield running
    running.end()


@pytest.fixture(autouse=True)
def cache(environment: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of models in a cache that only this test has, and which no test before uses any more."""
    environment.setenv("MLKEEP_CACHE_DIR", str(tmp_path / "cache"))
    environment.setenv("MLKEEP_HTTP_REQUEST_MAX_RETRIES", "0")
    used: dict[Path, int] = {}
    monkeypatch.setattr(kept_folders, "_used", used)
    yield tmp_path / "cache" / "artifacts" / "models"
    forget(used)


def forget(used: dict[Path, int] = kept_folders._used) -> None:
    """As a process does that ends: let go of the folders it used."""
    for lock in used.values():
        os.close(lock)
    used.clear()


@pytest.fixture(scope="module")
def registered(server: MlkeepServer) -> str:
    """The name of a model with two versions: the first doubles, the second triples."""
    mlkeep.set_tracking_uri(server.url)
    for factor in (2, 3):
        model = LinearRegression().fit(FRAME, FRAME["a"] * factor)
        mlkeep.sklearn.log_model(model, name="m", registered_model_name="factors")
    return "factors"


@pytest.fixture
def name(server: MlkeepServer, registered: str) -> str:
    """The same, on the server that is tracked at."""
    mlkeep.set_tracking_uri(server.url)
    return registered


def answer(uri: str) -> float:
    return round(float(mlkeep.pyfunc.load_model(uri).predict(FRAME)[1]), 6)


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """The number and time of change of each file."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def damage(folder: Path, how: str) -> None:
    file = folder / "requirements.txt"
    content = file.read_bytes()
    # In place, so that all names of the file have it.
    file.chmod(0o644)
    match how:
        case "a byte is another":
            file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        case "a byte is missing":
            file.write_bytes(content[1:])
        case "a file is missing":
            file.unlink()
        case "a file is a link":
            file.unlink()
            file.symlink_to("MLmodel")
        case "there is another file":
            (folder / "more.txt").write_text("more")


def test_the_second_load_copies_nothing(name: str, cache: Path) -> None:
    first = fetch(f"models:/{name}/1")
    before = state(first)
    second = fetch(f"models:/{name}/1")
    assert (second, state(second)) == (first, before)
    assert first.is_relative_to(cache)
    assert {path.stat().st_mode & 0o222 for path in first.rglob("*") if path.is_file()} == {0}
    assert (first / "registered_model_meta").read_text() == f'model_name: "{name}"\nmodel_version: "1"\n'


def test_another_process_takes_the_same_folder(name: str) -> None:
    uri = f"models:/{name}/1"
    script = f"from mlkeep.flavors.loading import fetch\nprint(fetch({uri!r}))"
    variables = {
        **os.environ,
        "MLKEEP_TRACKING_URI": mlkeep.get_tracking_uri(),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    processes = [
        subprocess.Popen([sys.executable, "-c", script], env=variables, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = {process.communicate()[0].strip() for process in processes}
    assert told == {str(fetch(uri))}


def test_files_of_versions_that_are_the_same_are_there_once(name: str) -> None:
    one, two = fetch(f"models:/{name}/1"), fetch(f"models:/{name}/2")
    assert one != two
    assert (one / "requirements.txt").samefile(two / "requirements.txt")


def test_a_moved_alias_gives_the_new_version_at_once(name: str) -> None:
    client = mlkeep.MlkeepClient()
    client.set_registered_model_alias(name, "best", "1")
    assert answer(f"models:/{name}@best") == 2
    client.set_registered_model_alias(name, "best", "2")
    assert answer(f"models:/{name}@best") == 3


def test_a_logged_model_and_a_run_are_cached_as_well(server: MlkeepServer, cache: Path) -> None:
    mlkeep.set_tracking_uri(server.url)
    with mlkeep.start_run() as run:
        model = LinearRegression().fit(FRAME, FRAME["a"])
        logged = mlkeep.sklearn.log_model(model, name="m")
        mlkeep.sklearn.log_model(model, "in/run")
    for uri in (logged.model_uri, f"runs:/{run.info.run_id}/m", f"runs:/{run.info.run_id}/in/run"):
        assert fetch(uri).is_relative_to(cache)
        assert answer(uri) == 1


def test_what_is_logged_anew_at_the_same_place_is_another_model(server: MlkeepServer) -> None:
    mlkeep.set_tracking_uri(server.url)
    with mlkeep.start_run() as run:
        for factor in (1, 2):
            mlkeep.sklearn.log_model(LinearRegression().fit(FRAME, FRAME["a"] * factor), "m")
            assert answer(f"runs:/{run.info.run_id}/m") == factor


@pytest.mark.parametrize(
    "how",
    ["a byte is another", "a byte is missing", "a file is missing", "a file is a link", "there is another file"],
)
@pytest.mark.parametrize("is_used", [False, True])
def test_a_damaged_folder_is_not_loaded_from(name: str, how: str, is_used: bool) -> None:
    uri = f"models:/{name}/1"
    first = fetch(uri)
    files, requirements = set(state(first)), (first / "requirements.txt").read_text()
    if not is_used:
        forget(kept_folders._used)
    damage(first, how)

    again = fetch(uri)

    # A folder that is in use stays as it is, for its users.
    assert (again != first) == is_used
    assert (set(state(again)), (again / "requirements.txt").read_text()) == (files, requirements)
    assert answer(uri) == 2


def test_a_file_that_was_only_touched_is_read_and_kept(name: str) -> None:
    uri = f"models:/{name}/1"
    first = fetch(uri)
    os.utime(first / "MLmodel", ns=(1, 1))
    assert fetch(uri) == first


def test_python_may_keep_its_own_files_beside_a_models_code(name: str) -> None:
    uri = f"models:/{name}/1"
    first = fetch(uri)
    (first / "__pycache__").mkdir()
    (first / "__pycache__" / "code.pyc").touch()
    assert fetch(uri) == first


def test_a_copy_is_made_where_one_is_asked_for(name: str, cache: Path, tmp_path: Path) -> None:
    uri = f"models:/{name}/1"
    mlkeep.pyfunc.load_model(uri, dst_path=str(tmp_path / "copy"))
    (tmp_path / "copy" / "MLmodel").write_text("mine")
    assert not cache.exists()
    assert answer(uri) == 2


def test_without_a_cache_and_without_digests_models_are_loaded_all_the_same(
    name: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLKEEP_VERIFY_ARTIFACTS", "false")
    assert answer(f"models:/{name}/1") == 2
    monkeypatch.delenv("MLKEEP_VERIFY_ARTIFACTS")
    monkeypatch.setenv("MLKEEP_CACHE_MAX_BYTES", "0")
    assert answer(f"models:/{name}/1") == 2
    assert not cache.exists()


def test_a_folder_that_cannot_be_written_to_costs_only_the_cache(
    name: str, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("in the way")
    assert answer(f"models:/{name}/1") == 2
    assert "not kept in the cache" in caplog.text


class TestWithoutTheServer:
    """A server that goes away, so it is not that of the other tests."""

    @pytest.fixture
    def mortal(self, tmp_path: Path) -> Iterator[MlkeepServer]:
        running = MlkeepServer(tmp_path / "mortal", "--no-access-log")
        yield running
        running.end()

    def test_a_version_that_was_loaded_before_still_loads_unless_it_is_damaged(
        self, mortal: MlkeepServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        mlkeep.set_tracking_uri(mortal.url)
        info = mlkeep.sklearn.log_model(
            LinearRegression().fit(FRAME, FRAME["a"]), name="m", registered_model_name="known"
        )
        mlkeep.MlkeepClient().set_registered_model_alias("known", "best", "1")
        uris = [info.model_uri, "models:/known/1"]
        moving = ["models:/known@best", "models:/known/latest"]
        assert [answer(uri) for uri in (*uris, *moving)] == [1, 1, 1, 1]
        mortal.end()

        assert [answer(uri) for uri in uris] == [1, 1]
        assert "models:/known/1 is taken from the cache" in caplog.text
        for uri in (*moving, "models:/known/2"):
            with pytest.raises(Unavailable):
                answer(uri)
        damage(fetch(info.model_uri), "a byte is another")
        with pytest.raises(Unavailable):
            fetch(info.model_uri)


def test_a_version_that_was_deleted_is_not_loaded_from_the_cache(name: str) -> None:
    client = mlkeep.MlkeepClient()
    made = client.create_model_version(name, client.get_model_version(name, "1").source)
    assert answer(f"models:/{name}/{made.version}") == 2
    client.delete_model_version(name, made.version)
    with pytest.raises(NotFound):
        answer(f"models:/{name}/{made.version}")


def filled(folders: KeptFolders, digest: str, size: int) -> Path:
    def fill(new: Path) -> dict[str, str]:
        (new / "data").write_bytes(bytes(size))
        return {"data": ""}

    made = folders.made(digest, fill)
    assert made is not None
    return made


def test_the_folders_used_longest_ago_make_room_unless_somebody_uses_them(tmp_path: Path) -> None:
    folders = KeptFolders(tmp_path, tmp_path / "cache", 25_000)
    used = filled(folders, "a0", 10_000)
    old, new = filled(folders, "b0", 10_000), filled(folders, "c0", 10)
    for folder, age in ((used, 3), (old, 2), (new, 1)):
        os.utime(tmp_path / f"{folder.name}.json", ns=(10**9 - age, 10**9 - age))
    for folder in (old, new):
        os.close(kept_folders._used.pop(folder))

    filled(folders, "d0", 10_000)

    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["a0", "c0", "d0"]
    assert not (tmp_path / "b0.lock").exists()


def test_files_that_are_in_the_cache_as_well_count_once(tmp_path: Path) -> None:
    blob = tmp_path / "cache" / "00" / "blob"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(bytes(10_000))
    folders = KeptFolders(tmp_path / "models", tmp_path / "cache", 10_000)

    def fill(new: Path) -> dict[str, str]:
        os.link(blob, new / "data")
        return {"data": ""}

    for digest in ("a0", "b0"):
        folders.made(digest, fill)
        forget(kept_folders._used)
    assert [folders.take(digest) is not None for digest in ("a0", "b0")] == [True, True]


def test_what_was_left_half_made_is_removed_a_day_later(tmp_path: Path) -> None:
    folders = KeptFolders(tmp_path, tmp_path / "cache", 10_000)
    abandoned = tmp_path / ".new-abandoned"
    abandoned.mkdir()
    filled(folders, "a0", 1)
    assert abandoned.exists()
    os.utime(abandoned, ns=(1, 1))
    filled(folders, "b0", 1)
    assert not abandoned.exists()


def test_a_folder_that_cannot_be_filled_leaves_nothing(tmp_path: Path) -> None:
    folders = KeptFolders(tmp_path / "models", tmp_path / "cache", 10_000)

    def fill(new: Path) -> dict[str, str]:
        (new / "half").touch()
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        folders.made("a0", fill)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["a0.lock"]


def test_a_download_is_the_same_as_what_is_cached(name: str, tmp_path: Path) -> None:
    uri = f"models:/{name}/1"
    copy = Path(download_artifacts(uri, dst_path=str(tmp_path / "copy")))
    cached = fetch(uri)
    assert {path.name: path.read_bytes() for path in cached.iterdir()} == {
        path.name: path.read_bytes() for path in copy.iterdir()
    }
    assert Model.load(cached) == Model.load(copy)
    shutil.rmtree(copy)
