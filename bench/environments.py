"""Virtualenvs with the official MLflow and other peers, as requirements/ pins them: made once, for tests and benchmarks.

`python -m bench.environments NAME...` makes them ahead, so that one sees what takes the time.
`python -m bench.environments run NAME ...` calls the Python of one, with the checkout's code and what follows as its arguments.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_MARKER = "installed-version"
_RUN_LIMIT_S = 300
_INSTALL_LIMIT_S = 1800


@dataclass(frozen=True, slots=True)
class Library:
    """An installed tracking library: the interpreter that has it, its version, and the name to import it by."""

    python: Path
    version: str
    name: str = "mlflow"

    def run(self, script: Path | str, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
        """What a script prints; `env` comes on top of a plain environment.

        Raises:
            AssertionError: it failed, with everything it printed.
        """
        command = [str(self.python), str(script), *args]
        return output_of(command, env={**plain_environment(), **(env or {})}, cwd=cwd)


def newest(major: int) -> Library:
    """The newest MLflow of a major version, as `requirements/interop-mlflow<major>.txt` pins it."""
    return environment(f"mlflow{major}")


def environment(name: str) -> Library:
    """The MLflow in the virtualenv that `requirements/interop-<name>.txt` and `interop-<name>-*.txt` beside it describe.

    The first call installs it below `.cache/interop`, which takes some minutes; processes that ask meanwhile wait.
    """
    lock_file = ROOT / "requirements" / f"interop-{name}.txt"
    return _installed(lock_file, ROOT / ".cache" / "interop" / name, "mlflow")


def bench_environment(name: str, package: str = "") -> Library:
    """The virtualenv that `requirements/bench-<name>.txt` describes, made below `.cache/bench`.

    The library is `package`, else the one that the file names first.
    """
    lock_file = ROOT / "requirements" / f"bench-{name}.txt"
    package = package or lock_file.read_text().partition("==")[0]
    return _installed(lock_file, ROOT / ".cache" / "bench" / name, package)


def _installed(lock_file: Path, place: Path, package: str) -> Library:
    unhashed = sorted(lock_file.parent.glob(f"{lock_file.stem}-*.txt"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in (lock_file, *unhashed))).hexdigest()[:12]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = place.with_name(f"{place.name}-py{python}-{digest}")
    with _only_one(folder.with_name(f"{folder.name}.lock")):
        if not (folder / _MARKER).exists():
            _tell(f"Installing the environment '{place.name}' into {folder.relative_to(ROOT)} (once, some minutes) ...")
            _install(folder, lock_file, unhashed, package)
    return Library(folder / "bin" / "python", (folder / _MARKER).read_text(), package)


def plain_environment() -> dict[str, str]:
    """This process's environment without settings that steer MLflow or Python, and without MLflow's calls home."""
    steering = ("MLFLOW_", "MLKEEP_", "PYTHON", "VIRTUAL_ENV", "GIT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MPLBACKEND": "agg"}


def output_of(
    command: list[str], *, env: Mapping[str, str], cwd: Path | None = None, limit_s: float = _RUN_LIMIT_S
) -> str:
    """What a command writes to standard output. Raises AssertionError: it failed, with everything it printed."""
    done = subprocess.run(command, env=dict(env), cwd=cwd, capture_output=True, text=True, timeout=limit_s, check=False)
    if done.returncode != 0:
        raise AssertionError(
            f"exit code {done.returncode} of {' '.join(command)}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
        )
    return done.stdout


def _install(folder: Path, lock_file: Path, unhashed: Iterable[Path], package: str) -> None:
    """Fill a folder beside, then rename it: what is there under the final name is whole.

    What has no hashes comes last: it finds all that it needs installed from the hashed file.

    A virtualenv still runs after a rename as long as one calls its `bin/python`, not the scripts beside it.
    """
    building = folder.with_name(f"{folder.name}.building")
    for left_over in (building, folder):
        shutil.rmtree(left_over, ignore_errors=True)
    python = str(building / "bin" / "python")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    output_of([sys.executable, "-m", "venv", str(building)], env=env)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # The file names all there is to install; a package that comes later would not be found in it.
    hashed = ["--require-hashes", "--no-deps", "--requirement", str(lock_file)]
    output_of([*install, *hashed], env=env, limit_s=_INSTALL_LIMIT_S)
    for file in unhashed:
        output_of([*install, "--requirement", str(file)], env=env, limit_s=_INSTALL_LIMIT_S)
    version = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]), end='')"
    (building / _MARKER).write_text(output_of([python, "-c", version, package], env=env))
    building.rename(folder)


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Of all processes, one at a time."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tell(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def _run(name: str, arguments: list[str]) -> None:
    python = str(environment(name).python)
    os.execve(python, [python, *arguments], {**plain_environment(), "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"})


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        _run(sys.argv[2], sys.argv[3:])
    for each in sys.argv[1:]:
        environment(each)
