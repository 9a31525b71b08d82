"""Tags that say where a run comes from: who, which program, which commit."""

from __future__ import annotations

import functools
import getpass
import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from mlkeep.core.errors import InvalidInput
from mlkeep.remote.settings import credentials, setting

USER_TAG = "mlflow.user"
SOURCE_NAME_TAG = "mlflow.source.name"
SOURCE_TYPE_TAG = "mlflow.source.type"
GIT_COMMIT_TAG = "mlflow.source.git.commit"
GIT_BRANCH_TAG = "mlflow.source.git.branch"
GIT_REPOSITORY_TAG = "mlflow.source.git.repoURL"


def context_tags() -> dict[str, str]:
    """The tags of this program. Those in `MLFLOW_RUN_CONTEXT`, a JSON object, win.

    Raises:
        InvalidInput: that variable holds something else.
    """
    return {**_program_tags(), USER_TAG: user_name(), **_given_tags()}


def user_name() -> str:
    """The name the program tracks under: of the tracking credentials, else of the operating system's user."""
    if name := credentials().username:
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


@functools.cache
def _program_tags() -> dict[str, str]:
    source = sys.argv[0] if sys.argv and sys.argv[0] else "<console>"
    is_notebook = "ipykernel" in sys.modules
    return {SOURCE_NAME_TAG: source, SOURCE_TYPE_TAG: "NOTEBOOK" if is_notebook else "LOCAL", **_git_tags(source)}


def _git_tags(source: str) -> dict[str, str]:
    """Commit, branch and first remote of the repository the program lies in, as far as there are any."""
    folder = Path(source).absolute().parent
    if not folder.is_dir() or not (commit := _git(folder, "rev-parse", "HEAD")):
        return {}
    branch = _git(folder, "symbolic-ref", "--short", "HEAD")
    remotes = _git(folder, "remote")
    address = _without_password(_git(folder, "remote", "get-url", remotes.split("\n")[0])) if remotes else ""
    known = {GIT_COMMIT_TAG: commit, GIT_BRANCH_TAG: branch, GIT_REPOSITORY_TAG: address}
    return {tag: text for tag, text in known.items() if text}


def _without_password(address: str) -> str:
    """An address without name, password or token: tags are read by others than those who may push."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"}:
        return address
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _git(folder: Path, *words: str) -> str:
    """What git says in a folder; nothing where there is no git, or it has nothing to say."""
    if (git := shutil.which("git")) is None:
        return ""
    try:
        found = subprocess.run(  # noqa: S603 - fixed commands on the program's own folder
            [git, *words], cwd=folder, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def _given_tags() -> dict[str, str]:
    text = setting("RUN_CONTEXT")
    if text is None:
        return {}
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise InvalidInput(
            f"Invalid value '{text}' of the environment variable MLFLOW_RUN_CONTEXT: it must be a JSON object."
        )
    return {str(key): str(value) for key, value in given.items()}
