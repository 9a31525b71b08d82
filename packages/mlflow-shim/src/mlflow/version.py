"""The release of MLflow whose interface this package offers.

Integrations compare `mlflow.__version__` with the releases that brought what they use, so it is a plain release number;
the version of mlkeep is `mlkeep.__version__`.
"""

VERSION = "3.17.2"
