"""Container images that serve a model: the files they are built from, and building them."""

from __future__ import annotations

import importlib.resources
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from string import Template

from mlkeep.core.errors import InvalidInput, MlkeepException, NotInstalled, NotOffered
from mlkeep.core.settings import setting
from mlkeep.environments.building import EnvManager
from mlkeep.environments.recorded import RecordedEnvironment, recorded
from mlkeep.flavors.loading import fetch
from mlkeep.flavors.table import PYFUNC
from mlkeep.models.mlmodel import Model
from mlkeep.models.own_wheel import write_own_wheel
from mlkeep.models.requirements import name_of

_ENGINES = ("docker", "podman")
_UV_IMAGE = "ghcr.io/astral-sh/uv:latest"
_IGNORED = "**/__pycache__\n"
_MODEL_IN_BUILD = Path("/build/model")
_HAS_MODEL = "COPY model /opt/ml/model"
_BUILDS_LATER = "COPY --from=uv /uv /usr/local/bin/uv"
"""An image without a model makes the environment of the one that it finds when it starts."""


def generate_dockerfile(
    model_uri: str | None,
    output_directory: str | Path,
    env_manager: str | None = None,
    mlflow_home: str | None = None,
    install_java: bool = False,
    base_image: str | None = None,
) -> Path:
    """Write the files of an image into a folder, which is made: `Dockerfile`, `start`, the model, and what it needs.

    The image serves on port 8080 as a user without rights, and tells whether it is healthy. Without a model it serves
    what is mounted at /opt/ml/model. `env_manager` may be None, `local`, `uv` or `virtualenv`, which are the same there:
    the packages are installed by uv while the image is built. `mlflow_home` is a checkout or wheel to take mlkeep from.

    Raises:
        NotOffered: `env_manager` is `conda`.
        InvalidInput: the folder is not empty, or another argument makes no sense.
        NotFound: there is no such model.
    """
    if env_manager is not None and EnvManager(env_manager) is EnvManager.CONDA:
        raise NotOffered("Images with conda are not made: leave env_manager out, and the image is filled by uv.")
    folder = Path(output_directory)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"output_directory: '{folder}' is not empty; name one that is, or does not exist.")
    source = None if model_uri is None else fetch(model_uri)
    conf = {} if source is None else Model.load(source).flavors.get(PYFUNC, {})
    folder.mkdir(parents=True, exist_ok=True)
    own = _put_own(folder, mlflow_home)
    wanted = None
    if source is not None:
        shutil.copytree(source, folder / "model", ignore=shutil.ignore_patterns("__pycache__"))
        wanted = recorded(folder / "model", conf.get("python_version"))
    _write_requirements(folder, wanted)
    (folder / "Dockerfile").write_text(_dockerfile(wanted, own, install_java, base_image), encoding="utf-8")
    (folder / ".dockerignore").write_text(_IGNORED, encoding="utf-8")
    start = folder / "start"
    start.write_text(_template("start"), encoding="utf-8")
    start.chmod(0o755)
    return folder


def build_docker(
    model_uri: str | None = None,
    name: str = "mlflow-pyfunc",
    env_manager: str | None = "virtualenv",
    mlflow_home: str | None = None,
    install_java: bool = False,
    install_mlflow: bool = False,  # noqa: ARG001 - mlkeep is always installed
    base_image: str | None = None,
) -> None:
    """Build the image `name` of the files that `generate_dockerfile` writes, with docker or podman.

    Raises:
        NotInstalled: there is neither.
        MlkeepException: the engine fails; the message has its reason.
        NotOffered, InvalidInput, NotFound: as for `generate_dockerfile`.
    """
    engine = next((found for each in _ENGINES if (found := shutil.which(each))), None)
    if engine is None:
        raise NotInstalled(
            "Images are built by docker or podman, and neither is here: install one, or write the files with `mlkeep "
            "models generate-dockerfile` and build them elsewhere."
        )
    with tempfile.TemporaryDirectory(prefix="mlkeep-") as scratch:
        folder = Path(scratch) / "image"
        generate_dockerfile(model_uri, folder, env_manager, mlflow_home, install_java, base_image)
        done = subprocess.run(  # noqa: S603 - no shell
            [engine, "build", "--tag", name, str(folder)], stderr=subprocess.PIPE, text=True, check=False
        )
    if done.returncode:
        raise MlkeepException(
            f"{Path(engine).name} cannot build the image '{name}': {_last_line(done.stderr)} The files it is built from "
            "are written by `mlkeep models generate-dockerfile`."
        )


def _last_line(told: str) -> str:
    """What an engine failed of: it warns first, and says that last."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    said = lines[-1].removeprefix("ERROR: ") if lines else "it did not say why."
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _put_own(folder: Path, home: str | None) -> str:
    """Put mlkeep beside the Dockerfile; the name of its wheel, or of the folder with its source."""
    home = home or setting("HOME")
    if home is None:
        return write_own_wheel(folder).name
    source = Path(home)
    if source.suffix == ".whl" and source.is_file():
        shutil.copy2(source, folder / source.name)
        return source.name
    if not (source / "pyproject.toml").is_file():
        raise InvalidInput(f"mlflow_home: '{home}' is neither a wheel nor a checkout with a pyproject.toml.")
    left_out = shutil.ignore_patterns(".*", "__pycache__", "tests", "bench", "docs", "build", "dist")
    shutil.copytree(source, folder / "mlkeep-source", ignore=left_out)
    return "mlkeep-source"


def _write_requirements(folder: Path, wanted: RecordedEnvironment | None) -> None:
    """The lines without mlkeep, which is installed from its own file, and the constraints, for the image to install."""
    lines, constraints = ([], []) if wanted is None else (wanted.absolute_lines(_MODEL_IN_BUILD), wanted.constraints)
    for name, content in (("requirements.txt", lines), ("constraints.txt", constraints)):
        others = [line for line in content if name_of(line) != "mlkeep"]
        (folder / name).write_text("\n".join([*others, ""]), encoding="utf-8")


def _dockerfile(wanted: RecordedEnvironment | None, own: str, install_java: bool, base_image: str | None) -> str:
    python = platform.python_version_tuple()[:2] if wanted is None else wanted.minor.split(".")
    return Template(_template("Dockerfile")).substitute(
        uv_image=_UV_IMAGE,
        base_image=base_image or f"python:{'.'.join(python)}-slim-bookworm",
        own=own,
        system_packages=" ".join(["libgomp1", *(["openjdk-17-jre-headless"] if install_java else [])]),
        model=_BUILDS_LATER if wanted is None else _HAS_MODEL,
        is_installed="false" if wanted is None else "true",
    )


def _template(name: str) -> str:
    return (importlib.resources.files("mlkeep.environments") / "image" / name).read_text(encoding="utf-8")
