"""Ids as types, how new ones are made, and what they may look like."""

from __future__ import annotations

import re
import uuid
from typing import NewType

from mlkeep.core.errors import InvalidInput

ExperimentId = NewType("ExperimentId", str)
RunId = NewType("RunId", str)
LoggedModelId = NewType("LoggedModelId", str)

DEFAULT_EXPERIMENT_ID = ExperimentId("0")
DEFAULT_EXPERIMENT_NAME = "Default"
DEFAULT_WORKSPACE = "default"

RUN_ID_PATTERN = "[a-zA-Z0-9][a-zA-Z0-9_-]{0,255}"
"""What an id of a run looks like, as a regular expression of any dialect."""

LOGGED_MODEL_ID_PATTERN = "m-[0-9a-f]{32}"
"""What an id of a logged model looks like."""

_RUN_ID = re.compile(RUN_ID_PATTERN)


def new_run_id() -> RunId:
    """A fresh run id: 32 lowercase hexadecimal digits."""
    return RunId(uuid.uuid4().hex)


def new_logged_model_id() -> LoggedModelId:
    """A fresh logged-model id: `m-` and 32 lowercase hexadecimal digits."""
    return LoggedModelId(f"m-{uuid.uuid4().hex}")


def new_evaluation_dataset_id() -> str:
    """A fresh id of an evaluation dataset: `d-` and 32 lowercase hexadecimal digits."""
    return f"d-{uuid.uuid4().hex}"


def new_evaluation_record_id() -> str:
    """A fresh id of a record of an evaluation dataset: `dr-` and 32 lowercase hexadecimal digits."""
    return f"dr-{uuid.uuid4().hex}"


def check_run_id(text: str) -> RunId:
    """`text` as a run id.

    Raises:
        InvalidInput: it is not 1..256 letters, digits, `_` or `-`, starting with a letter or digit.
    """
    if not _RUN_ID.fullmatch(text):
        raise InvalidInput(
            f"Invalid value {text!r} for parameter 'run_id' supplied: a run id has 1 to 256 letters, digits, "
            "underscores or dashes, and starts with a letter or a digit."
        )
    return RunId(text)


def experiment_key(experiment_id: str) -> int:
    """The integer behind an experiment id.

    Raises:
        InvalidInput: the id is not an integer. A negative one is, though no experiment has it.
    """
    digits = experiment_id.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise InvalidInput(
            f"Invalid value {experiment_id!r} for parameter 'experiment_id' supplied: experiment ids are integers, "
            "such as '1'."
        )
    return int(experiment_id)
