"""What pipelines are asked, out of the many forms in which data comes: texts, records, items."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import InvalidInput

_TAKES_PAIRS = frozenset({"text-classification"})
"""Tasks whose pipelines take dicts, with the keys `text` and `text_pair`."""


def items_of(data: Any) -> list[Any]:
    """`data` as a list of things: the cells of a frame's only column, the elements of a list, or the thing itself.

    Raises:
        InvalidInput: a frame has several columns.
    """
    if isinstance(data, pd.DataFrame):
        if data.shape[1] != 1:
            raise InvalidInput(f"The pipeline takes one column, and the frame has {list(data.columns)}.")
        return list(data.iloc[:, 0])
    if isinstance(data, pd.Series):
        return list(data)
    return list(data) if isinstance(data, (list, tuple)) else [data]


def texts_of(data: Any, task: str) -> list[Any]:
    """`data` as a list of texts; conversations (lists of messages with `role` and `content`) stay whole, and pairs of
    texts stay dicts where the task takes them.

    Raises:
        InvalidInput: there is something else in it.
    """
    if isinstance(data, np.ndarray):
        data = data.reshape(-1).tolist()
    if isinstance(data, pd.DataFrame) and data.shape[1] != 1 and task in _TAKES_PAIRS:
        data = data.to_dict("records")
    texts = items_of(data)
    if texts and all(isinstance(one, Mapping) and "role" in one for one in texts):
        return [[dict(message) for message in texts]]
    for text in texts:
        is_pair = isinstance(text, Mapping) and task in _TAKES_PAIRS
        if not (isinstance(text, str) or is_pair or _is_conversation(text)):
            raise InvalidInput(f"A pipeline for {task} takes texts, not {type(text).__name__} {text!r:.80}.")
    return texts


def _is_conversation(item: Any) -> bool:
    return isinstance(item, list) and bool(item) and all(isinstance(one, Mapping) and "role" in one for one in item)


def records_of(data: Any, task: str) -> list[dict[str, Any]]:
    """`data` as a list of dicts without missing values: a frame's rows, a list of them, or one.

    Raises:
        InvalidInput: it is something else.
    """
    if isinstance(data, pd.DataFrame):
        data = data.to_dict("records")
    records = [data] if isinstance(data, Mapping) else data
    if not isinstance(records, list) or not all(isinstance(record, Mapping) for record in records):
        raise InvalidInput(
            f"A pipeline for {task} takes a frame, a dict or a list of dicts, not {type(data).__name__}."
        )
    return [{str(key): value for key, value in record.items() if not _is_missing(value)} for record in records]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def choices_of(data: Any, task: str) -> list[dict[str, Any]]:
    """`data` as the keywords of calls that choose between labels. The `candidate_labels` of a record may be a list, the
    JSON of one, or a text with commas.

    Rows with one label each stand for all labels with all sequences: that is what a signature's columns make of a dict of
    lists, and a choice from one label would be none.

    Raises:
        InvalidInput: a key is missing.
    """
    choices = [_choice(record) for record in records_of(data, task)]
    if len(choices) < 2 or any(len(one["candidate_labels"]) > 1 for one in choices):
        return choices
    labels = list(dict.fromkeys(label for one in choices for label in one["candidate_labels"]))
    sequences = list(dict.fromkeys(one["sequences"] for one in choices))
    return [{**choices[0], "sequences": sequences, "candidate_labels": labels}]


def _choice(record: dict[str, Any]) -> dict[str, Any]:
    _require(record, "sequences", "candidate_labels")
    labels = record["candidate_labels"]
    if isinstance(labels, str):
        labels = json.loads(labels) if labels.lstrip().startswith("[") else [one.strip() for one in labels.split(",")]
    sequences = record["sequences"]
    sequences = list(sequences) if isinstance(sequences, np.ndarray) else sequences
    return {**record, "sequences": sequences, "candidate_labels": list(labels)}


def questions_of(data: Any, task: str) -> list[dict[str, Any]]:
    """`data` as the keywords of calls that answer questions.

    Raises:
        InvalidInput: a key is missing.
    """
    records = records_of(data, task)
    for record in records:
        _require(record, "question", "context")
    return records


def _require(record: Mapping[str, Any], *names: str) -> None:
    if missing := [name for name in names if name not in record]:
        raise InvalidInput(f"A record needs {', '.join(names)}; {missing} missing in {sorted(record)}.")
