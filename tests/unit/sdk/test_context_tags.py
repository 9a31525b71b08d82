"""What a run says of the program that made it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, mlkeep
with mlkeep.start_run(tags={"mine": 1}) as run:
    print(json.dumps(run.data.tags))
"""
IDENTITY = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"]


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *IDENTITY, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def tags_of_a_run(script: Path, **env: str) -> dict[str, str]:
    """The tags of a run that a script in a process of its own makes, without the name of the run."""
    command = [sys.executable, str(script)]
    done = subprocess.run(
        command, cwd=script.parent, env={**os.environ, **env}, capture_output=True, text=True, check=True
    )
    tags: dict[str, str] = json.loads(done.stdout)
    del tags["mlflow.runName"]
    return tags


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A training script in a folder of its own."""
    (tmp_path / "project").mkdir()
    file = tmp_path / "project" / "train.py"
    file.write_text(SCRIPT)
    return file


def test_a_run_says_who_made_it_and_with_which_program(script: Path) -> None:
    context = json.dumps({"job": 7, "mlflow.source.type": "JOB", "mine": "not this"})
    tags = tags_of_a_run(script, MLFLOW_TRACKING_USERNAME="ann", MLFLOW_RUN_CONTEXT=context)

    assert tags == {
        "mlflow.user": "ann",
        "mlflow.source.name": str(script),
        "mlflow.source.type": "JOB",
        "job": "7",
        "mine": "1",
    }


def test_a_run_says_which_commit_it_was_made_with(script: Path) -> None:
    folder = script.parent
    git(folder, "init", "--initial-branch", "trial")
    assert not [tag for tag in tags_of_a_run(script) if ".git." in tag]
    git(folder, "add", "train.py")
    git(folder, "commit", "-m", "Train.")

    def tags() -> dict[str, str]:
        return {tag.rpartition(".")[2]: text for tag, text in tags_of_a_run(script).items() if ".git." in tag}

    commit = git(folder, "rev-parse", "HEAD")
    assert tags() == {"commit": commit, "branch": "trial"}
    git(folder, "remote", "add", "origin", "https://ann:secret@example.org/project.git")
    git(folder, "checkout", "--detach")
    assert tags() == {"commit": commit, "repoURL": "https://example.org/project.git"}
