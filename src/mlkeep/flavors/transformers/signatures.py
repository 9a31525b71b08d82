"""What goes into pipelines and comes out of them, by task, where nobody says otherwise."""

from __future__ import annotations

import numpy as np

from mlkeep.models.datatypes import DataType
from mlkeep.models.schema import ColSpec, Schema, TensorSpec
from mlkeep.models.signature import ModelSignature

_TEXT = Schema([ColSpec(DataType.string)])
_SOUND = Schema([ColSpec(DataType.binary)])
_SCORES = Schema([ColSpec(DataType.string, "label"), ColSpec(DataType.double, "score")])
_QUESTION = Schema([ColSpec(DataType.string, "question"), ColSpec(DataType.string, "context")])
_CHOICE = Schema(
    [
        ColSpec(DataType.string, "sequences"),
        ColSpec(DataType.string, "candidate_labels"),
        ColSpec(DataType.string, "hypothesis_template", required=False),
    ]
)
_CHOSEN = Schema(
    [ColSpec(DataType.string, "sequence"), ColSpec(DataType.string, "labels"), ColSpec(DataType.double, "scores")]
)
_NUMBERS = Schema([TensorSpec(np.dtype("float64"), (-1,), "double")])

_BY_TASK = {
    "text-classification": (_TEXT, _SCORES),
    "token-classification": (_TEXT, _TEXT),
    "fill-mask": (_TEXT, _TEXT),
    "text-generation": (_TEXT, _TEXT),
    "text2text-generation": (_TEXT, _TEXT),
    "summarization": (_TEXT, _TEXT),
    "translation": (_TEXT, _TEXT),
    "zero-shot-classification": (_CHOICE, _CHOSEN),
    "question-answering": (_QUESTION, _TEXT),
    "feature-extraction": (_TEXT, _NUMBERS),
    "image-classification": (_TEXT, _SCORES),
    "audio-classification": (_SOUND, _SCORES),
    "automatic-speech-recognition": (_SOUND, _TEXT),
}


def default_signature(task: str) -> ModelSignature | None:
    """The signature of a pipeline for `task`; None for tasks of other kinds, whose data is not checked."""
    name = "translation" if task.startswith("translation") else task
    found = _BY_TASK.get(name)
    return None if found is None else ModelSignature(*found)
