"""A server that asks something of new model versions, from its command line to the version that fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import mlkeep
import mlkeep.pyfunc
from bench.processes import MlkeepServer
from mlkeep.cli.main import main
from mlkeep.core.errors import Forbidden


def doubler() -> Any:
    """A model as scripts make them: its class is pickled whole."""

    class Doubler(mlkeep.pyfunc.PythonModel):
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002 - part of the interface
            return model_input["a"] * 2

    return Doubler()


def test_a_version_is_made_once_its_model_has_a_signature_and_is_verified(
    start_server: Callable[..., MlkeepServer], environment: pytest.MonkeyPatch
) -> None:
    mlkeep.set_tracking_uri(start_server("--require-of-versions", "signature,verified").url)
    with mlkeep.start_run() as run:
        without = mlkeep.pyfunc.log_model("without", python_model=doubler())
        example = pd.DataFrame({"a": [1.0, 2.0]})
        logged = mlkeep.pyfunc.log_model("model", python_model=doubler(), input_example=example)
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")

    with pytest.raises(
        Forbidden, match=r"it has no signature: log the model with signature=.*; there is no proof that"
    ):
        mlkeep.register_model(without.model_uri, "doubler")
    with pytest.raises(Forbidden) as refused:
        mlkeep.register_model(logged.model_uri, "doubler")
    source = f"{run.info.artifact_uri}/model"
    assert refused.value.message == (
        f"PERMISSION_DENIED: No version of 'doubler' is made of '{source}', because of what this installation asks of new versions "
        f"(MLKEEP_REQUIRE_OF_VERSIONS=signature,verified): there is no proof that it runs: run `mlkeep models verify "
        f"{logged.model_uri}` first."
    )
    assert mlkeep.search_model_versions(filter_string="name = 'doubler'") == []

    told = CliRunner().invoke(main, ["models", "verify", logged.model_uri, "--env-manager", "local"])
    version = mlkeep.register_model(logged.model_uri, "doubler")

    assert (told.exit_code, told.stdout.splitlines()[-1]) == (0, f"Recorded on run {run.info.run_id}.")
    assert (version.version, version.source) == ("1", source)
    assert mlkeep.pyfunc.load_model("models:/doubler/1").predict(example).tolist() == [2.0, 4.0]
