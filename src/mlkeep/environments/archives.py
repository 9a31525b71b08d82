"""An environment as one file, to be unpacked where models run and nothing can be installed."""

from __future__ import annotations

import tarfile
from pathlib import Path

from mlkeep.core.errors import AlreadyExists
from mlkeep.environments.building import EnvManager
from mlkeep.environments.running import prepare


def build_model_env(model_uri: str, save_path: str | Path, env_manager: str = "virtualenv") -> str:
    """Build the environment of a model and pack it into the folder `save_path`, which is made; the path of the archive.

    It stands on the same Python at the same path of the machine where it is unpacked.

    Raises:
        AlreadyExists: the archive is there.
        InvalidInput, NotInstalled, NotFound: as for `running.prepare`.
    """
    _, environment = prepare(model_uri, EnvManager(env_manager))
    target = Path(save_path) / f"{environment.folder.name}.tar.gz"
    if target.exists():
        raise AlreadyExists(f"save_path: '{target}' is there already; remove it, or name another folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".part")
    try:
        with tarfile.open(temporary, "w:gz", compresslevel=1) as archive:
            archive.add(environment.folder, arcname=environment.folder.name)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return str(target)
