"""Whether this process reads and writes pickles, which run code when they are read."""

from __future__ import annotations

import os
from pathlib import Path

from mlkeep.core.errors import Forbidden

_VARIABLES = ("MLKEEP_ALLOW_PICKLE", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION")
_NO = {"0", "false", "no", "off"}


def forbidden_by() -> str | None:
    """The setting that forbids pickles in this process, as `NAME=value`; None if they are allowed."""
    for variable in _VARIABLES:
        if os.environ.get(variable, "").strip().lower() in _NO:
            return f"{variable}={os.environ[variable]}"
    return None


def check_allowed(path: Path) -> None:
    """See that the policy allows reading the pickle at `path`.

    Raises:
        Forbidden: it does not.
    """
    if (policy := forbidden_by()) is not None:
        raise Forbidden(
            f"{path.name} is a pickle, and loading a pickle runs whatever code is in it; {policy} forbids that. Save the "
            "model in a format that holds no code (scikit-learn: serialization_format='skops'), or set the variable to 1 "
            "if you trust the file."
        )


def check_writing(what: str, instead: str = "") -> None:
    """See that the policy allows pickling `what`, such as "A RandomForestClassifier".

    `instead` is a sentence that says how to do without, if that can be done.

    Raises:
        Forbidden: it does not.
    """
    if (policy := forbidden_by()) is not None:
        ways = f"{instead} Or set" if instead else "Set"
        raise Forbidden(
            f"{what} would be saved as a pickle, which runs code when it is loaded; {policy} forbids that. {ways} the "
            "variable to 1 if those who load the model trust who saves it."
        )
