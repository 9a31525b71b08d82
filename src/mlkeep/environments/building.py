"""Building the environment of a model, once for all models that need the same."""

from __future__ import annotations

import contextlib
import enum
import errno
import fcntl
import hashlib
import importlib.util
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from mlkeep.core.errors import InvalidInput, NotInstalled
from mlkeep.core.settings import setting
from mlkeep.environments.recorded import RecordedEnvironment
from mlkeep.models.environment import CONDA_FILE
from mlkeep.models.own_wheel import own_digest, write_own_wheel
from mlkeep.models.uv import AS_PIP, find_uv, needed_uv, reason_of, unresolved
from mlkeep.version import __version__

_STAMP: Final = "mlkeep-environment.json"
_NO_LOCKS: Final = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_LIST: Final = (
    "import importlib.metadata as m, json, platform; print(json.dumps([platform.python_version(), "
    "sorted({f'{d.name.lower()}=={d.version}' for d in m.distributions() if d.name})]))"
)

_log = logging.getLogger(__name__)


class EnvManager(enum.Enum):
    """What makes the environment that a model runs in; the names are MLflow's. Raises InvalidInput: there is no such."""

    LOCAL = "local"
    """None: it is the one that runs here."""

    UV = "uv"
    VIRTUALENV = "virtualenv"
    """As `uv` if there is one, else the venv and pip of this Python."""

    CONDA = "conda"

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise InvalidInput(f"env_manager: {value!r} is unknown; choose one of {', '.join(each.value for each in cls)}.")


class Environment(msgspec.Struct, frozen=True):
    """An environment. `packages` are `name==version`, sorted; `python` is the path of its interpreter."""

    folder: Path
    python: Path
    version: str
    packages: list[str]
    is_this: bool = False
    """Whether it is the one that runs here."""

    @property
    def digest(self) -> str:
        """That of the packages."""
        text = "".join(f"{line}\n" for line in self.packages)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    def variables(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment variables of a process in it: those of this one, without what leads back to its packages."""
        if self.is_this:
            return {**os.environ, **(more or {})}
        kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
        path = os.pathsep.join([str(self.python.parent), kept.get("PATH", "")])
        return {**kept, "VIRTUAL_ENV": str(self.folder), "PATH": path, **(more or {})}


def this_environment() -> Environment:
    """The environment that runs here; what is installed in it is not looked at."""
    return Environment(Path(sys.prefix), Path(sys.executable), platform.python_version(), [], is_this=True)


def env_root() -> Path:
    """Where environments are kept: `MLKEEP_ENV_ROOT`, `MLFLOW_ENV_ROOT`, else `mlkeep/envs` in the user's caches."""
    if own := setting("ENV_ROOT"):
        return Path(own).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "mlkeep" / "envs"


def build(wanted: RecordedEnvironment, manager: EnvManager, home: str | None = None) -> Environment:
    """The environment `wanted`, built unless it is there already, below `env_root`.

    mlkeep is installed in it from `home`, a checkout or wheel, else from MLKEEP_HOME, else from the files that run here.
    One that several processes ask for is built once. One that was not finished is built anew.

    Raises:
        InvalidInput: it cannot be built; the message says which line, why, and what to do.
        NotInstalled: the manager, or the Python that it needs, is not there.
    """
    home = home or setting("HOME")
    uses_uv = manager is EnvManager.UV or (manager is EnvManager.VIRTUALENV and find_uv() is not None)
    maker = "conda" if manager is EnvManager.CONDA else "uv" if uses_uv else "venv"
    conda = wanted.folder / CONDA_FILE
    of_conda = conda.read_text(encoding="utf-8") if maker == "conda" and conda.is_file() else ""
    name = wanted.digest(maker, of_conda, _of_home(home) if home else own_digest())
    root = env_root()
    root.mkdir(parents=True, exist_ok=True)
    folder = root / f"mlkeep-{name}"
    with _alone(root / f"mlkeep-{name}.lock"):
        if (found := _finished(folder)) is not None:
            return found
        shutil.rmtree(folder, ignore_errors=True)
        started = time.monotonic()
        _log.info("Building the environment %s with %s ...", folder, maker)
        try:
            _make(folder, wanted, maker, home)
            built = _look(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _log.info("Built it in %.1f s: %d packages.", time.monotonic() - started, len(built.packages))
        return built


def _make(folder: Path, wanted: RecordedEnvironment, maker: str, home: str | None) -> None:
    if maker == "conda":
        from mlkeep.environments.conda import make_conda  # few have it

        make_conda(folder, wanted)
    elif maker == "uv":
        python = sys.executable if wanted.suits_this_python else wanted.minor
        _run(
            [needed_uv(), "venv", "--quiet", "--no-project", "--python", python, str(folder)], f"Python {wanted.minor}"
        )
    elif wanted.suits_this_python:
        bare = ["--without-pip"] if _has_pip() else []
        _run([sys.executable, "-m", "venv", *bare, str(folder)], f"Python {wanted.minor}")
    else:
        raise NotInstalled(
            f"The model needs Python {wanted.minor}, and this is {'.'.join(map(str, sys.version_info[:2]))}: install uv, "
            "which brings other Pythons along (pip install 'mlkeep[uv]'), or run mlkeep with that Python."
        )
    installing = _installer(str(interpreter(folder)), with_uv=maker != "venv" and find_uv() is not None)
    _checked([*installing, *_requirement_files(folder, wanted, home)], wanted)


def collect_wheels(wanted: RecordedEnvironment, into: Path, home: str | None = None) -> list[str]:
    """Put a wheel of each distribution that `wanted` installs, mlkeep among them, into a folder; their names, sorted.

    They are for the Python that the model was made with, and for this machine. What is published as source only is built.
    `home` as for `build`.

    Raises:
        InvalidInput: there is no such wheel; the message says which line, why, and what to do.
        NotInstalled: there is neither a pip for that Python nor uv, which would bring one.
    """
    if wanted.suits_this_python and _has_pip():
        pip = [sys.executable, "-m", "pip"]
    else:
        python = sys.executable if wanted.suits_this_python else wanted.minor
        pip = [needed_uv(), "tool", "run", "--quiet", "--python", python, "pip"]
    quietly = ["--quiet", "--disable-pip-version-check", "--no-input"]
    with tempfile.TemporaryDirectory(prefix="mlkeep-") as scratch:
        files = _requirement_files(Path(scratch), wanted, home or setting("HOME"))
        _checked([*pip, "wheel", *quietly, "--wheel-dir", str(into), *files], wanted)
    return sorted(path.name for path in into.glob("*.whl"))


def _requirement_files(folder: Path, wanted: RecordedEnvironment, home: str | None) -> list[str]:
    """The arguments for uv and pip that say what is installed, by files that are written into `folder`."""
    own = Path(home).absolute() if home else write_own_wheel(folder)
    requirements, constraints = folder / "requirements.txt", folder / "constraints.txt"
    requirements.write_text("\n".join(wanted.installable(str(own), __version__)) + "\n", encoding="utf-8")
    free = [line for line in wanted.constraints if not line.startswith("mlkeep==")]
    constraints.write_text("\n".join(free) + "\n", encoding="utf-8")
    return ["-r", str(requirements), "-c", str(constraints)]


def _checked(command: Sequence[str], wanted: RecordedEnvironment) -> None:
    """Raises InvalidInput: the command cannot install what is wanted."""
    done = _call(command, cwd=wanted.folder)
    if done.returncode:
        raise unresolved(done.stderr or done.stdout, [line for line in wanted.lines if not line.startswith("mlkeep")])


def _installer(python: str, *, with_uv: bool) -> list[str]:
    """The command that installs into the environment of `python`."""
    if with_uv:
        return [needed_uv(), "pip", "install", "--quiet", "--python", python]
    # The pip that is here can install elsewhere: putting one into every environment takes seconds.
    pip = [sys.executable, "-m", "pip", "--python", python] if _has_pip() else [python, "-m", "pip"]
    return [*pip, "install", "--quiet", "--disable-pip-version-check", "--no-input"]


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None


def interpreter(folder: Path) -> Path:
    """The Python of the environment in `folder`."""
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def _look(folder: Path) -> Environment:
    python = interpreter(folder)
    done = _call([str(python), "-I", "-c", _LIST])
    if done.returncode:
        raise InvalidInput(f"The Python of the new environment does not start: {reason_of(done.stderr)}")
    version, packages = msgspec.json.decode(done.stdout, type=tuple[str, list[str]])
    built = Environment(folder, python, version, packages)
    temporary = folder / f"{_STAMP}.part"
    temporary.write_bytes(msgspec.json.encode(built, enc_hook=str))
    temporary.replace(folder / _STAMP)
    return built


def _finished(folder: Path) -> Environment | None:
    try:
        built = msgspec.json.decode(
            (folder / _STAMP).read_bytes(), type=Environment, dec_hook=lambda kind, value: kind(value)
        )
    except (OSError, msgspec.DecodeError):
        return None
    return built if built.python.exists() else None  # the Python it stands on may have been removed


def _run(command: Sequence[str], what: str) -> None:
    done = _call(command)
    if done.returncode:
        raise InvalidInput(f"No environment with {what} can be made: {reason_of(done.stderr or done.stdout)}")


def _call(command: Sequence[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    variables = {
        **AS_PIP,
        **{name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}},
    }
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)  # noqa: S603 - no shell


def _of_home(home: str) -> str:
    path = Path(home)
    if not path.exists():
        raise InvalidInput(f"The place to install mlkeep from, '{home}', is not there: name a checkout or a wheel.")
    newest = max((file.stat().st_mtime_ns for file in [path, *path.rglob("*.py")]), default=0)
    return f"{path.absolute()} {newest}"


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Nobody else builds the same meanwhile, where the file system has locks."""
    with lock.open("a") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
