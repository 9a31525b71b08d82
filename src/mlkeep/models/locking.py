"""Pinning all that a model's requirements bring along, at the time it is saved."""

from __future__ import annotations

import importlib.metadata
import sys
import tempfile
from pathlib import Path

from mlkeep.models.own_wheel import write_own_wheel
from mlkeep.models.requirements import Requirements, pinned
from mlkeep.models.uv import call_uv, needed_uv, unresolved


def locked(requirements: Requirements) -> Requirements:
    """The same lines, with a constraint for every distribution that they bring along on this Python and platform.

    As constraints they hold for whoever installs the requirements, mlkeep, pip or MLflow, and the requirements still
    say what the model itself asks for. Constraints that were given are kept to; besides, the versions that are installed
    here are taken wherever the requirements allow it: the model was made with these.

    Raises:
        NotInstalled: there is no uv.
        InvalidInput: there is no way to install the requirements together; the message has uv's reason.
    """
    needed_uv()
    with tempfile.TemporaryDirectory(prefix="mlkeep-") as scratch:
        folder = Path(scratch)
        write_own_wheel(folder)
        (folder / "constraints.txt").write_text("\n".join(requirements.constraints), encoding="utf-8")
        compiled = folder / "compiled.txt"  # uv prefers what an earlier output says
        compiled.write_text("\n".join(_installed_here()), encoding="utf-8")
        done = call_uv(
            [
                *("pip", "compile", "-", "--quiet", "--no-header", "--no-annotate"),
                *("--find-links", folder, "--constraint", folder / "constraints.txt", "--python", sys.executable),
                *("--output-file", compiled),
            ],
            stdin="\n".join(requirements.lines),
        )
        if done.returncode:
            raise unresolved(done.stderr, requirements.lines)
        pins = [line for line in compiled.read_text(encoding="utf-8").splitlines() if "==" in line or " @ " in line]
    return Requirements(requirements.lines, pins)


def _installed_here() -> list[str]:
    return sorted({pinned(found.name) for found in importlib.metadata.distributions() if found.name})
