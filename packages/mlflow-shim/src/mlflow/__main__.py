"""`python -m mlflow` is `mlkeep`."""

import sys

from mlkeep.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
