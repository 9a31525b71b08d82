"""Running uv, and what it says when it cannot do what it is asked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mlkeep.core.errors import InvalidInput, NotInstalled

_CAUSE = re.compile(r"^\s*(?:cause:|╰─▶|├─▶|error:)\s*", re.MULTILINE)
_SHOWN = 400  # characters of a reason

AS_PIP = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}
"""Certificates that this machine trusts are good enough for uv, by its newer and its older name of that setting."""


def find_uv() -> str | None:
    """The path of uv: that of the package in this environment, else the one on PATH; None if there is none."""
    beside = Path(sys.executable).parent / ("uv.exe" if os.name == "nt" else "uv")
    return str(beside) if beside.is_file() else shutil.which("uv")


def needed_uv() -> str:
    """The path of uv. Raises NotInstalled."""
    found = find_uv()
    if found is None:
        raise NotInstalled("This needs uv, which is not installed: pip install 'mlkeep[uv]'.")
    return found


def call_uv(arguments: Sequence[str | Path], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """What came of calling uv: its exit code, and what it printed. Raises NotInstalled: there is none."""
    return subprocess.run(  # noqa: S603 - no shell, and uv takes none of these for a program
        [needed_uv(), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**AS_PIP, **os.environ},
    )


def unresolved(told: str, requirements: Sequence[str]) -> InvalidInput:
    """An error with what uv or pip said in `told`, and the first of the `requirements` it speaks of."""
    reason = reason_of(told)
    line = next((line for line in requirements if _speaks_of(reason, line)), None)
    where = f"the requirement {line!r}" if line is not None else "the requirements"
    return InvalidInput(
        f"The environment cannot be made because of {where}: {reason} Correct the line (`mlkeep models "
        "update-pip-requirements` changes those of a model that is saved), or give pip_requirements when saving."
    )


def reason_of(told: str) -> str:
    """The reason in what uv or pip printed, as one line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", told).strip()
    causes = [part for part in _CAUSE.split(text) if part.strip()]
    pip_errors = re.findall(r"^ERROR: (.*)$", text, re.MULTILINE)
    reason = pip_errors[0] if pip_errors else (causes[-1] if causes else text or "it did not say why")
    reason = " ".join(reason.split())
    reason = reason if len(reason) <= _SHOWN else f"{reason[:_SHOWN]}..."
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def _speaks_of(reason: str, line: str) -> bool:
    name = re.match(r"[A-Za-z0-9][\w.-]*", line)
    if name is None:
        return False
    said = re.sub(r"[-_.]+", "-", reason).lower()
    return re.search(rf"(?<![\w-]){re.escape(re.sub(r'[-_.]+', '-', name[0]).lower())}(?![\w-])", said) is not None
