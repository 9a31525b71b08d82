"""Record what the official server answers: `python -m tests.wire.record [group ...]`. By hand, when rows change."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bench.environments import newest, plain_environment
from bench.processes import ServerProcess, free_port, is_healthy
from tests.wire.exchange import play
from tests.wire.groups import GROUPS, golden


def main(groups: list[str]) -> None:
    """Record the named groups, or all of them, each on a server of its own."""
    official = newest(3)
    for group in groups or GROUPS:
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            command = [str(official.python), "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
            command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", folder]
            server = ServerProcess(command, Path(folder) / "log", env=plain_environment(), cwd=Path(folder))
            try:
                server.until(partial(is_healthy, port))
                answers = play(port, GROUPS[group])
            finally:
                server.end()
        told = {name: asdict(answer) for name, answer in answers.items()}
        golden(group).write_text(json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        print(f"{group}: {len(told)} answers of MLflow {official.version}")


if __name__ == "__main__":
    main(sys.argv[1:])
