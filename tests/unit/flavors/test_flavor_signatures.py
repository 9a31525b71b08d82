"""Flavors can be called as MLflow's can: same names, same arguments, same defaults.

`mlflow_signatures.json` tells of MLflow 3.17.2.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MLFLOW: dict[str, Any] = json.loads((Path(__file__).parent / "mlflow_signatures.json").read_text())
PACKAGES = {"pytorch": "torch", "spark": "pyspark", "models": "mlkeep", "pyfunc": "mlkeep"}
"""What must be installed for a flavor, where that has another name."""


def parameters(call: Callable[..., object]) -> list[tuple[str, Any, Any]]:
    """Name, kind and default of each."""
    return [(one.name, one.kind, one.default) for one in inspect.signature(call).parameters.values()]


def written(call: str) -> Callable[..., object]:
    """A function with the arguments that the file tells of."""
    made: Callable[..., object] = eval(f"lambda {call.removeprefix('(').removesuffix(')')}: None")
    return made


def flavors_here() -> list[str]:
    """Those whose framework is installed; of the others tests/frameworks has an environment."""
    named = [flavor for flavor, calls in MLFLOW.items() if isinstance(calls, dict)]
    return [flavor for flavor in named if importlib.util.find_spec(PACKAGES.get(flavor, flavor))]


@pytest.mark.parametrize(("flavor", "name"), [(flavor, name) for flavor in flavors_here() for name in MLFLOW[flavor]])
def test_a_call_that_fits_mlflow_fits_here(flavor: str, name: str) -> None:
    theirs = parameters(written(MLFLOW[flavor][name]))
    ours = parameters(getattr(importlib.import_module(f"mlkeep.{flavor}"), name))
    named = [one for one in theirs if one[1] is not inspect.Parameter.VAR_KEYWORD]
    added = ours[len(named) :]

    assert ours[: len(named)] == named
    # What we add can only be given by name, and need not be given.
    assert {kind for _, kind, _ in added} <= {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}
    assert all(
        kind is inspect.Parameter.VAR_KEYWORD or default is not inspect.Parameter.empty for _, kind, default in added
    )
