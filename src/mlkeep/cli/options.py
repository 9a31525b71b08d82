"""Options that several commands have."""

from __future__ import annotations


def env(name: str) -> list[str]:
    """The environment variables an option may come from: ours wins over MLflow's."""
    return [f"MLKEEP_{name}", f"MLFLOW_{name}"]
