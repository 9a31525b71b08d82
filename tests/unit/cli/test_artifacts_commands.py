"""`mlkeep artifacts` at the prompt."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlkeep import MlkeepClient
from mlkeep.cli.main import main

Run = Callable[..., Result]


@pytest.fixture
def client(store: Path) -> MlkeepClient:
    """A client of the database the commands use."""
    return MlkeepClient(tracking_uri=f"sqlite:///{store}")


@pytest.fixture
def run_id(client: MlkeepClient) -> str:
    """A run with a file, and two more in folders."""
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "hello", "a.txt")
    client.log_text(run_id, "x", "d/b.txt")
    client.log_text(run_id, "", "d/deep/ü.json")
    return run_id


@pytest.fixture
def folder(client: MlkeepClient, run_id: str) -> Path:
    """Where the run's artifacts lie."""
    return Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://"))


@pytest.fixture
def downloads() -> Iterator[list[Path]]:
    """Folders to be removed after the test."""
    made: list[Path] = []
    yield made
    for path in made:
        shutil.rmtree(path)


def test_list_prints_json_as_mlflow_does(mlkeep: Run, run_id: str) -> None:
    assert mlkeep("artifacts", "list", "-r", run_id).stdout == (
        '[{\n  "path": "a.txt",\n  "is_dir": false,\n  "file_size": 5\n}, {\n  "path": "d",\n  "is_dir": true\n}]\n'
    )
    assert json.loads(mlkeep("artifacts", "list", "-r", run_id, "-a", "d").stdout) == [
        {"path": "d/b.txt", "is_dir": False, "file_size": 1},
        {"path": "d/deep", "is_dir": True},
    ]
    assert '"path": "d/deep/\\u00fc.json"' in mlkeep("artifacts", "list", "-r", run_id, "-a", "d/deep").stdout
    assert mlkeep("artifacts", "list", "-r", run_id, "-a", "nothing").stdout == "[]\n"


def test_list_takes_a_uri_and_patterns(mlkeep: Run, run_id: str) -> None:
    by_uri = mlkeep("artifacts", "list", "-u", f"runs:/{run_id}/d")
    matching = mlkeep("artifacts", "list", "-r", run_id, "-a", "**/*.txt")

    assert [info["path"] for info in json.loads(by_uri.stdout)] == ["d/b.txt", "d/deep"]
    assert [info["path"] for info in json.loads(matching.stdout)] == ["a.txt", "d/b.txt"]


def test_list_can_be_read_by_people(mlkeep: Run, run_id: str) -> None:
    assert mlkeep("artifacts", "list", "-r", run_id, "--output", "table").stdout.splitlines() == [
        "Path   Bytes",
        "-----  -----",
        "a.txt  5",
        "d/",
    ]


def test_download_prints_where_it_is_in_the_last_line(mlkeep: Run, run_id: str, tmp_path: Path) -> None:
    file = mlkeep("artifacts", "download", "-r", run_id, "-a", "a.txt", "-d", "one")
    whole = mlkeep("artifacts", "download", "-u", f"runs:/{run_id}/d", "-d", "two")
    matching = mlkeep("artifacts", "download", "-u", f"runs:/{run_id}/**/*.txt", "-d", "three")

    assert file.stdout.splitlines()[-1] == str(tmp_path / "one" / "a.txt")
    assert whole.stdout.splitlines()[-1] == str(tmp_path / "two" / "d")
    assert matching.stdout.splitlines()[-1] == str(tmp_path / "three")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        [
            "one/a.txt",
            "two/d/b.txt",
            "two/d/deep/ü.json",
            "three/a.txt",
            "three/d/b.txt",
            *(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "kept").rglob("*") if path.is_file()),
        ]
    )


def test_a_download_without_a_destination_stays_when_the_command_has_ended(
    mlkeep: Run, run_id: str, downloads: list[Path]
) -> None:
    printed = Path(mlkeep("artifacts", "download", "-r", run_id, "-a", "a.txt").stdout.splitlines()[-1])
    downloads.append(printed.parent)

    assert printed.read_text() == "hello"


def test_log_uploads_files_and_folders(mlkeep: Run, client: MlkeepClient, tmp_path: Path) -> None:
    run_id = client.create_run("0").info.run_id
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "a.svg").write_text("<svg/>")
    (tmp_path / "one.txt").write_text("1")

    logged = mlkeep("artifacts", "log", "-r", run_id, "one.txt", "plots", "-a", "in")
    single = mlkeep("artifacts", "log-artifact", "-r", run_id, "-l", "one.txt")
    several = mlkeep("artifacts", "log-artifacts", "-r", run_id, "-l", "plots", "-a", "flat")

    assert logged.stdout == f"Logged 2 files and folders to run {run_id}.\n"
    assert (single.stdout, single.stderr) == ("", "Logged artifact from local file one.txt to artifact_path=None\n")
    assert (several.stdout, several.stderr) == ("", "Logged artifact from local dir plots to artifact_path=flat\n")
    found = json.loads(mlkeep("artifacts", "list", "-r", run_id, "-a", "**").stdout)
    assert [info["path"] for info in found] == ["flat/a.svg", "in/one.txt", "in/plots/a.svg", "one.txt"]


def test_verify_tells_each_file_that_is_not_as_it_was_recorded(mlkeep: Run, run_id: str, folder: Path) -> None:
    sound = mlkeep("artifacts", "verify", "-r", run_id)
    assert (sound.exit_code, sound.stdout) == (0, "3 files: 3 as recorded, 0 damaged, 0 missing, 0 not recorded.\n")

    (folder / "a.txt").write_text("hallo")
    (folder / "d" / "b.txt").unlink()
    (folder / "new.txt").write_text("new")
    broken = mlkeep("artifacts", "verify", f"runs:/{run_id}")

    damaged, missing, unknown, summary = broken.stdout.splitlines()
    assert broken.exit_code == 1
    assert damaged.startswith("damaged       a.txt: 5 bytes with the SHA-256 ")
    assert damaged.endswith(", recorded are 5 with 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    assert missing == "missing       d/b.txt: recorded are 1 bytes"
    assert unknown == "not recorded  new.txt: 3 bytes"
    assert summary == "4 files: 1 as recorded, 1 damaged, 1 missing, 1 not recorded."


def test_verify_can_take_the_files_as_they_are(mlkeep: Run, run_id: str, folder: Path) -> None:
    (folder / "a.txt").write_text("hallo")
    (folder / "d" / "b.txt").unlink()

    recorded = mlkeep("artifacts", "verify", "-r", run_id, "--record")
    after = mlkeep("artifacts", "verify", "-r", run_id)

    assert recorded.exit_code == 0
    assert recorded.stdout.splitlines()[-1] == (
        "3 files: 1 as recorded, 1 damaged, 1 missing, 0 not recorded. Recorded as they are now."
    )
    assert (after.exit_code, after.stdout) == (0, "2 files: 2 as recorded, 0 damaged, 0 missing, 0 not recorded.\n")


def test_delete_asks_first(mlkeep: Run, client: MlkeepClient, run_id: str) -> None:
    def left() -> list[str]:
        return [info.path for info in client.list_artifacts(run_id)]

    words = ["artifacts", "delete", "-r", run_id, "-a", "d"]
    refused = CliRunner().invoke(main, words, input="n\n")
    assert (refused.exit_code, left()) == (1, ["a.txt", "d"])
    agreed = CliRunner().invoke(main, words, input="y\n")
    assert agreed.stdout.splitlines()[-1].endswith(f"Deleted 'd' of run {run_id}.")
    assert left() == ["a.txt"]

    assert mlkeep("artifacts", "delete", "-r", run_id, "--yes").stdout == f"Deleted all artifacts of run {run_id}.\n"
    assert left() == []


@pytest.mark.parametrize("command", ["list", "download", "delete"])
@pytest.mark.parametrize("words", [[], ["-r", "a", "-u", "runs:/a"], ["-u", "runs:/a", "-a", "b"]])
def test_a_run_or_a_uri_is_wanted(mlkeep: Run, command: str, words: list[str]) -> None:
    result = mlkeep("artifacts", command, *words)

    assert result.exit_code == 2
    assert "Give either --run-id or --artifact-uri" in result.stderr or "--artifact-path goes with" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["list", "-r", "f" * 32],
        ["download", "-r", "f" * 32, "-a", "a.txt"],
        ["log", "-r", "f" * 32, "here.txt"],
        ["verify", "-r", "f" * 32],
        ["delete", "-r", "f" * 32, "--yes"],
    ],
    ids=lambda words: words[0],
)
def test_a_run_that_is_not_there_is_told_in_one_sentence(mlkeep: Run, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "here.txt").write_text("")
    result = mlkeep("artifacts", *words)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: Run with id={'f' * 32} not found")
    assert result.stderr.count("\n") == 1


def test_what_is_not_there_is_told(mlkeep: Run, run_id: str, tmp_path: Path) -> None:
    missing = mlkeep("artifacts", "download", "-r", run_id, "-a", "nothing", "-d", "there")
    not_here = mlkeep("artifacts", "log-artifact", "-r", run_id, "-l", "missing.txt")

    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "there is nothing there" in missing.stderr
    assert not_here.exit_code == 2
    assert "'missing.txt' does not exist" in not_here.stderr
    assert mlkeep("artifacts", "delete", "-r", run_id, "-a", "nothing", "--yes").exit_code == 1
