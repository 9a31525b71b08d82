"""mlkeep under the import name `mlflow`: the package in packages/mlflow-shim, not installed but put on the path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mlkeep import __version__
from mlkeep.core import limits

SHIM = Path(__file__).parents[2] / "packages" / "mlflow-shim"


def python(*words: str, path: str = "", cwd: Path) -> subprocess.CompletedProcess[str]:
    """A Python that finds the shim, and then what is in `path`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "MLKEEP_"))}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SHIM / "src"), path]))
    command = [sys.executable, "-W", "error", *words]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def told(script: str, cwd: Path) -> Any:
    """What a script says by the function `tell`, as JSON."""
    done = python("-c", "import json\ntell = lambda v: print(json.dumps(v))\n" + textwrap.dedent(script), cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_names_are_the_same_objects_as_in_mlkeep(tmp_path: Path) -> None:
    script = """
        import mlflow, mlkeep
        import mlflow.sklearn, mlflow.tracking.fluent, mlflow.types.schema
        from mlflow.client import MlflowClient
        from mlflow.entities import Metric, Param, RunTag, ViewType
        from mlflow.entities.model_registry import ModelVersion
        from mlflow.exceptions import MlflowException
        from mlflow.models import infer_signature
        from mlflow.models.signature import ModelSignature
        from mlflow.pyfunc.model import PythonModel
        from mlflow.tracking import MlflowClient as TrackingClient

        def same(name):
            try:
                return getattr(mlflow, name) is getattr(mlkeep, name)
            except mlkeep.exceptions.MlflowException:
                return name in ("keras", "pytorch", "spark", "tensorflow", "transformers")  # not installed here


        tell({
            "client": mlflow.MlflowClient is MlflowClient is TrackingClient is mlkeep.MlkeepClient,
            "error": mlflow.MlflowException is MlflowException is mlkeep.MlkeepException,
            "entities": (Metric, Param, RunTag, ViewType) == tuple(
                getattr(mlkeep.entities, name) for name in ("Metric", "Param", "RunTag", "ViewType")
            ),
            "registry": ModelVersion is mlkeep.entities.ModelVersion,
            "config": mlflow.config.set_tracking_uri is mlkeep.set_tracking_uri,
            "models": infer_signature is mlkeep.models.infer_signature and ModelSignature is mlkeep.models.ModelSignature,
            "pyfunc": PythonModel is mlkeep.pyfunc.PythonModel and mlflow.pyfunc.load_model is mlkeep.pyfunc.load_model,
            "modules": mlflow.sklearn is mlkeep.sklearn and mlflow.tracking.fluent is mlkeep.tracking.fluent,
            "functions": all(same(name) for name in mlkeep.__all__ if name != "__version__"),
        })
    """
    assert set(told(script, tmp_path).items()) == {
        (name, True)
        for name in ["client", "error", "entities", "registry", "config", "models", "pyfunc", "modules", "functions"]
    }


def test_a_bare_import_gives_the_modules_when_they_are_used_and_loads_nothing_heavy(tmp_path: Path) -> None:
    script = """
        import sys
        import mlflow
        heavy = [name for name in ("numpy", "pandas", "sklearn", "sqlalchemy", "litestar") if name in sys.modules]
        used = [
            mlflow.artifacts.download_artifacts,
            mlflow.client.MlflowClient,
            mlflow.exceptions.MlflowException,
            mlflow.models.infer_signature,
            mlflow.pyfunc.load_model,
            mlflow.sklearn.log_model,
            mlflow.tracking.MlflowClient,
            mlflow.types.Schema,
        ]
        tell([heavy, len(used)])
    """
    assert told(script, tmp_path) == [[], 8]


def test_modules_keep_their_own_names_and_are_loaded_once(tmp_path: Path) -> None:
    script = """
        import importlib, sys
        import mlflow.tracking.fluent, mlflow.models.signature, mlflow.pyfunc.model
        twice = [name for name, module in list(sys.modules.items())
                 if name.startswith("mlflow.") and "mlkeep" in str(getattr(module, "__file__", ""))
                 and sys.modules.get(name.replace("mlflow", "mlkeep", 1)) is not module]
        again = importlib.import_module("mlflow.tracking") is mlflow.tracking
        tell([twice, again, mlflow.tracking.__name__, mlflow.tracking.__spec__.name])
    """
    assert told(script, tmp_path) == [[], True, "mlkeep.tracking", "mlkeep.tracking"]


def test_what_integrations_import_from_inside_mlflow_is_there(tmp_path: Path) -> None:
    script = """
        from mlflow.store.entities import PagedList
        from mlflow.store.entities.paged_list import PagedList as SameList
        from mlflow.tracking.context.registry import resolve_tags
        from mlflow.utils import mlflow_tags, validation
        from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME, MLFLOW_USER
        import mlkeep.core.pages
        tell({
            "list": PagedList is SameList is mlkeep.core.pages.PagedList,
            "tags": [MLFLOW_RUN_NAME, MLFLOW_PARENT_RUN_ID, MLFLOW_USER],
            "no tag twice": len({getattr(mlflow_tags, name) for name in mlflow_tags.__all__}) == len(mlflow_tags.__all__),
            "resolved": resolve_tags({"mlflow.user": "joe", "team": "risk"}),
            "limits": {name: getattr(validation, name) for name in validation.__all__},
        })
    """
    answer = told(script, tmp_path)

    limits_there = answer.pop("limits")
    assert answer == {
        "list": True,
        "tags": ["mlflow.runName", "mlflow.parentRunId", "mlflow.user"],
        "no tag twice": True,
        "resolved": {
            "mlflow.source.name": "-c",
            "mlflow.source.type": "LOCAL",
            "mlflow.user": "joe",
            "team": "risk",
        },
    }
    assert {
        "MAX_PARAM_VAL_LENGTH": 6_000,
        "MAX_PARAMS_TAGS_PER_BATCH": 100,
        "MAX_TAG_VAL_LENGTH": 8_000,
        "MAX_METRICS_PER_BATCH": limits.MAX_METRICS_PER_BATCH,
        "MAX_ENTITY_KEY_LENGTH": 250,
    }.items() <= limits_there.items()


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("import mlflow.storage", "mlflow.storage"),
        ("import mlkeep.storage.sql, mlflow.storage", "mlflow.storage"),
        ("from mlflow import storage", "mlflow.storage"),
        ("import mlflow.services.runs", "mlflow.services"),
        ("import mlflow.models.casting", "mlflow.models.casting"),
        ("import mlflow.tracking.context.nothing", "mlflow.tracking.context.nothing"),
        ("import mlflow.spacy", "mlflow.spacy"),
        ("from mlflow import evaluate", "mlflow.evaluate"),
    ],
)
def test_what_mlkeep_does_not_have_or_keeps_for_itself_cannot_be_imported(
    statement: str, name: str, tmp_path: Path
) -> None:
    script = f"""
        try:
            {statement}
        except ImportError as error:
            tell([type(error).__name__, str(error)])
    """
    message = (
        f"'{name}' is not offered: mlkeep {__version__} stands in for MLflow here (the package mlkeep-mlflow-shim), and "
        "does not have it."
    )
    assert told(script, tmp_path) == ["ModuleNotFoundError", message]


def test_a_missing_attribute_is_an_attribute_error_that_names_it(tmp_path: Path) -> None:
    script = """
        import mlflow
        try:
            mlflow.evaluate
        except AttributeError as error:
            tell([hasattr(mlflow, "storage"), error.name, str(error).split(":")[0]])
    """
    assert told(script, tmp_path) == [False, "evaluate", "'mlflow.evaluate' is not offered"]


def test_its_version_is_a_plain_release_that_integrations_can_compare(tmp_path: Path) -> None:
    script = """
        import mlflow, mlkeep
        from mlflow.version import VERSION
        tell([list(map(int, mlflow.__version__.split("."))), VERSION == mlflow.__version__ != mlkeep.__version__])
    """
    (major, *_), agrees = told(script, tmp_path)
    assert major == 3
    assert agrees


@pytest.mark.parametrize("name", ["mlflow", "mlflow_skinny"])
def test_it_refuses_to_stand_beside_the_official_mlflow(name: str, tmp_path: Path) -> None:
    official = tmp_path / "site" / f"{name}-3.1.0.dist-info"
    official.mkdir(parents=True)

    done = python("-c", "import mlflow", path=str(official.parent), cwd=tmp_path)

    assert done.returncode == 1
    assert f"ImportError: Both mlkeep-mlflow-shim and the official MLflow ({official}) are installed" in done.stderr


def test_python_m_mlflow_is_the_command_line(tmp_path: Path) -> None:
    done = python("-m", "mlflow", "--version", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"mlkeep, version {__version__}\n")


def test_the_commands_of_mlflow_are_those_of_mlkeep(tmp_path: Path) -> None:
    made = python("-m", "mlflow", "experiments", "create", "-n", "fraud", cwd=tmp_path)
    listed = python("-m", "mlflow", "experiments", "search", "--output", "json", cwd=tmp_path)

    assert (made.returncode, made.stdout) == (0, "Created experiment 'fraud' with id 1\n")
    assert {experiment["name"] for experiment in json.loads(listed.stdout)} == {"fraud", "Default"}


def test_its_distribution_belongs_to_this_version_of_mlkeep_and_is_not_called_mlflow() -> None:
    project = tomllib.loads((SHIM / "pyproject.toml").read_text())["project"]

    assert (project["name"], project["version"], project["dependencies"]) == (
        "mlkeep-mlflow-shim",
        __version__,
        [f"mlkeep=={__version__}"],
    )
