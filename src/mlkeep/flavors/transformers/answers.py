"""What pipelines answer, as a function gives it: the shapes are MLflow's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd


def labels(raw: Any) -> pd.DataFrame:
    """A frame with `label` and `score`, one row for each input; with several labels for each (`top_k`), the columns are
    0, 1, … and hold the dicts."""
    return pd.DataFrame(raw)


def tags(raw: Any) -> list[str]:
    """For each input, the labels of its tokens, joined by commas."""
    per_input = [raw] if raw and isinstance(raw[0], dict) else raw
    return [",".join(str(one.get("entity", one.get("entity_group"))) for one in found) for found in per_input]


def fillings(raw: list[Any]) -> list[str]:
    """For each input, the likeliest word for its mask; joined by commas if it has several masks."""
    return [",".join(one["token_str"] for one in _best(found)) for found in raw]


def _best(found: Any) -> list[dict[str, Any]]:
    return [found[0]] if isinstance(found[0], dict) else [guesses[0] for guesses in found]


def texts(raw: Any) -> list[str]:
    """For each input, the text that was made of it; of a conversation, the last message."""
    return [_text(one[0] if isinstance(one, list) else one) for one in raw]


def _text(one: dict[str, Any]) -> str:
    made = next(one[key] for key in ("generated_text", "summary_text", "translation_text", "text") if key in one)
    return str(made[-1]["content"]) if isinstance(made, list) else str(made)


def chosen(raw: list[Any]) -> pd.DataFrame:
    """A frame with `sequence`, `labels` and `scores`: a row for each label of each sequence, the likeliest first."""
    rows = [
        (one["sequence"], label, score)
        for asked in raw
        for one in (asked if isinstance(asked, list) else [asked])
        for label, score in zip(one["labels"], one["scores"], strict=True)
    ]
    return pd.DataFrame(rows, columns=["sequence", "labels", "scores"])


def answered(raw: list[Any]) -> list[str]:
    """For each question, the answer; the likeliest of several (`top_k`)."""
    return [str((one[0] if isinstance(one, list) else one)["answer"]) for one in raw]


def features(raw: Any) -> Any:
    """The features of the tokens of one input (n_tokens, n_features); of several, a list of such arrays."""
    arrays = [np.asarray(one[0] if len(one) == 1 else one) for one in raw]
    return arrays[0] if len(arrays) == 1 else arrays


ANSWERS: dict[str, Callable[[Any], Any]] = {
    "text-classification": labels,
    "image-classification": labels,
    "audio-classification": labels,
    "token-classification": tags,
    "fill-mask": fillings,
    "text-generation": texts,
    "text2text-generation": texts,
    "summarization": texts,
    "translation": texts,
    "automatic-speech-recognition": texts,
    "zero-shot-classification": chosen,
    "question-answering": answered,
    "feature-extraction": features,
}
"""By task; what others answer is given as it is."""
