"""Proving that a model runs: its files, its environment, loading it, and predicting its example."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from mlkeep.core.errors import MlkeepException, NotInstalled
from mlkeep.core.manifest import StoredFile
from mlkeep.core.proofs import Proof, digest_of_files, is_of_model
from mlkeep.environments import trial
from mlkeep.environments.building import Environment, EnvManager, build
from mlkeep.environments.recorded import recorded
from mlkeep.environments.recording import record_proof
from mlkeep.flavors.loading import fetch
from mlkeep.flavors.table import PYFUNC
from mlkeep.models.distributions import installed
from mlkeep.models.mlmodel import Model
from mlkeep.models.requirements import pinned
from mlkeep.version import __version__

_MAX_REASON = 1_000


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: the proof, where it was recorded ("" for nowhere), what to do, and what was installed."""

    proof: Proof
    recorded_on: str = ""
    advice: str = ""
    traceback: str = ""
    packages: list[str] = []


def verify(model_uri: str, env_manager: str = "uv", *, record: bool = True, home: str | None = None) -> Verified:
    """Fetch a model, check its files, build its environment, load it there, and predict its example.

    What it predicts must be what its signature says. A failure is an answer, not an exception. With `record` the proof
    becomes a tag of the version, logged model or run that `model_uri` names, in place of an earlier one. `env_manager`
    is one of `EnvManager`; `local` tries it in a new process of this environment. `home` as for `building.build`.

    Raises:
        NotFound: there is no such model.
        InvalidInput: the environment manager is unknown.
        NotInstalled: it is not there.
        MlkeepException: the model cannot be fetched, or the proof not be recorded.
    """
    manager = EnvManager(env_manager)
    folder = fetch(model_uri)
    model = Model.load(folder)
    files = stored_files(folder)
    proof = Proof(
        outcome="failed",
        at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        model=digest_of_files((file.path, file.sha256) for file in files),
        platform=f"{sys.platform}-{platform.machine()}",
        manager=manager.value,
        mlkeep=__version__,
    )
    found = _tried(folder, model, manager, proof, home)
    where = record_proof(model_uri, model, found.proof, files) if record else ""
    return msgspec.structs.replace(found, recorded_on=where)


def stored_files(folder: Path) -> list[StoredFile]:
    """The files of a model with their digests, by their paths below its folder."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and is_of_model(name):
            with path.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            found.append(StoredFile(name, path.stat().st_size, digest))
    return found


def _tried(folder: Path, model: Model, manager: EnvManager, proof: Proof, home: str | None) -> Verified:
    started = time.monotonic()
    try:
        conf = model.flavor(PYFUNC)
        wanted = recorded(folder, conf.get("python_version"))
        environment = None if manager is EnvManager.LOCAL else build(wanted, manager, home)
    except NotInstalled:
        raise  # it is this machine that lacks something, not the model
    except MlkeepException as error:
        return Verified(proof=msgspec.structs.replace(proof, reason=error.message[:_MAX_REASON]))
    built_s = time.monotonic() - started
    told = _run(folder, environment)
    seconds = {"build": built_s, **told["seconds"]}
    reason = str(told.get("reason") or "")
    proof = msgspec.structs.replace(
        proof,
        outcome="failed" if reason else "passed",
        reason=reason[:_MAX_REASON],
        predicted=bool(told.get("predicted")),
        seconds={name: round(value, 3) for name, value in seconds.items()},
        memory_mb=told.get("memory_mb", 0),
        python=platform.python_version() if environment is None else environment.version,
        packages="" if environment is None else environment.digest,
    )
    return Verified(
        proof=proof,
        advice=_advice(told.get("missing")),
        traceback=str(told.get("traceback") or ""),
        packages=[] if environment is None else environment.packages,
    )


def _run(folder: Path, environment: Environment | None) -> dict[str, Any]:
    python = sys.executable if environment is None else str(environment.python)
    with tempfile.TemporaryDirectory(prefix="mlkeep-") as scratch:
        result = Path(scratch) / "result.json"
        # Neither the folder of the program nor this process's search path may lend the model a module.
        isolated = "-P" if environment is None else "-I"
        command = [python, isolated, str(Path(trial.__file__).resolve()), str(folder.resolve()), str(result)]
        variables = None if environment is None else environment.variables()
        done = subprocess.run(command, env=variables, cwd=scratch, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
        if result.is_file():
            told: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
            return told
    last = [line for line in done.stderr.splitlines() if line.strip()][-1:] or ["it printed nothing"]
    return {
        "seconds": {},
        "reason": f"The process that tried the model ended with code {done.returncode}: {last[0]}",
        "traceback": done.stderr,
    }


def _advice(missing: object) -> str:
    """What to do where a module is missing in the model's environment."""
    if not isinstance(missing, str):
        return ""
    found = installed().of_module(missing)
    if not found:
        return (
            f"The module {missing} is in no package that is installed here: if it is your own, give it in code_paths."
        )
    return f"Add what has the module {missing}: mlkeep models update-pip-requirements -m URI add '{pinned(found[0])}'"
