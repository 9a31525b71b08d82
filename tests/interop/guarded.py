"""Registers a model where new versions must be verified: what is refused at first is taken after `verify`.

Arguments: the tracking URI, and the command that verifies the model whose URI comes after it. Prints as JSON what the
server said, the command's exit code, and the version.
"""

from __future__ import annotations

import json
import subprocess
import sys

import mlflow.pyfunc
import pandas as pd

import mlflow

tracking_uri, *verify = sys.argv[1:]
mlflow.set_tracking_uri(tracking_uri)


class Doubler(mlflow.pyfunc.PythonModel):
    """Pickled whole, as it is part of a script."""

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ARG002 - as scripts have it
        return model_input["a"] * 2


with mlflow.start_run() as run:
    mlflow.pyfunc.log_model(
        "model", python_model=Doubler(), input_example=pd.DataFrame({"a": [1.0, 2.0]}), pip_requirements=["cloudpickle"]
    )
uri = f"runs:/{run.info.run_id}/model"
try:
    mlflow.register_model(uri, "guarded")
except mlflow.MlflowException as error:
    refused = {"code": error.error_code, "message": str(error)}
verified = subprocess.run([*verify, uri], check=False).returncode
version = mlflow.register_model(uri, "guarded")
print(json.dumps({"refused": refused, "verified": verified, "version": str(version.version)}))
