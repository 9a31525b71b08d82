"""The client and the functions can be called as MLflow's can: same names, same arguments, same defaults.

`mlflow_signatures.json` tells of MLflow 3.17.2: the methods of `MlflowClient` and `mlflow.Image`, and the functions of
`mlflow` and `mlflow.artifacts`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mlkeep
from mlkeep.core.errors import NotInstalled

MLFLOW: dict[str, Any] = json.loads((Path(__file__).parent / "mlflow_signatures.json").read_text())

# What is not there yet, by the part of mlkeep that it belongs to.
LATER: dict[str, dict[str, str]] = {
    "client": {
        "evaluation datasets": (
            "add_dataset_to_experiments create_dataset delete_dataset delete_dataset_tag get_dataset "
            "remove_dataset_from_experiments search_datasets set_dataset_tags"
        ),
        "webhooks": "create_webhook delete_webhook get_webhook list_webhooks test_webhook update_webhook",
    },
    "functions": {
        "autologging": "autolog",
        "evaluation": "evaluate validate_evaluation_results",
        "frameworks": "import_checkpoints",
        "operations": "doctor",
        "projects": "run",
        "traces": "context",
    },
}
OURS = {"sync"}
"""Functions that MLflow does not have."""

# Traces, prompts, assessments, gateway, workspaces and MCP servers are listed in the file by name only: mlkeep does not
# mean to have them.

HOMES: dict[str, Any] = {
    "client": mlkeep.MlkeepClient,
    "functions": mlkeep,
    "artifacts": mlkeep.artifacts,
    "image": mlkeep.Image,
}


def later(kind: str) -> set[str]:
    return {name for names in LATER.get(kind, {}).values() for name in names.split()}


def parameters(call: Callable[..., object]) -> list[tuple[str, Any, Any]]:
    """Name, kind and default of each."""
    return [(one.name, one.kind, one.default) for one in inspect.signature(call).parameters.values()]


def written(call: str) -> Callable[..., object]:
    """A function with the arguments that the file tells of."""
    made: Callable[..., object] = eval(f"lambda {call.removeprefix('(').removesuffix(')')}: None")
    return made


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in HOMES for name in MLFLOW[kind] if name not in later(kind)],
)
def test_a_call_that_fits_mlflow_fits_here(kind: str, name: str) -> None:
    theirs = parameters(written(MLFLOW[kind][name]))
    ours = parameters(getattr(HOMES[kind], name))

    assert ours[: len(theirs)] == theirs
    # What we add can only be given by name, and need not be given.
    assert {one[1] for one in ours[len(theirs) :]} <= {inspect.Parameter.KEYWORD_ONLY}
    assert all(default is not inspect.Parameter.empty for _, _, default in ours[len(theirs) :])


@pytest.mark.parametrize("kind", list(LATER))
def test_what_belongs_to_later_parts_is_not_there_in_name_either(kind: str) -> None:
    assert later(kind) <= set(MLFLOW[kind])
    assert [name for name in sorted(later(kind)) if hasattr(HOMES[kind], name)] == []
    assert [name for name in MLFLOW[f"{kind} of no concern"] if hasattr(HOMES[kind], name)] == []


def test_the_public_names_are_there_and_no_others() -> None:
    missing, functions = [], set()
    for name in mlkeep.__all__:
        try:
            if inspect.isfunction(getattr(mlkeep, name)):
                functions.add(name)
        except NotInstalled:  # a flavor whose framework is not in this environment
            missing.append(name)

    assert set(missing) <= {"keras", "pytorch", "spark", "tensorflow", "transformers"}
    assert functions == set(MLFLOW["functions"]) - later("functions") | OURS
