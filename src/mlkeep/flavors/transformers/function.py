"""Pipelines as functions of frames, lists and texts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.transformers import media
from mlkeep.flavors.transformers.answers import ANSWERS
from mlkeep.flavors.transformers.records import choices_of, items_of, questions_of, texts_of

_IMAGES = frozenset({"image-classification", "image-feature-extraction", "object-detection", "depth-estimation"})
_SOUNDS = frozenset({"automatic-speech-recognition", "audio-classification"})
_ONE_BY_ONE = frozenset({"fill-mask"})
"""Tasks whose pipelines answer one input in a list otherwise than several."""

_BY_RECORD: dict[str, Callable[[Any, str], list[dict[str, Any]]]] = {
    "zero-shot-classification": choices_of,
    "question-answering": questions_of,
}
"""Tasks whose pipelines take several named values, and are asked row by row."""


class PipelineFunction:
    """`pipeline` as a function; `config` are keywords it is always called with, `template` is put around each text."""

    def __init__(self, pipeline: Any, config: Mapping[str, Any], template: str | None = None) -> None:
        self.pipeline = pipeline
        self.config = dict(config)
        self.template = template
        self.task = "translation" if str(pipeline.task).startswith("translation") else str(pipeline.task)

    def get_raw_model(self) -> Any:
        """The pipeline."""
        return self.pipeline

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the pipeline answers, in the shape of its task: see `answers`. `params` are keywords of the pipeline, and
        replace those of the configuration.

        Raises:
            InvalidInput: the data is not what the task takes, or a parameter is not one of the pipeline's.
        """
        keywords = {**self.config, **(params or {})}
        self._check_known(keywords)
        if (records_of := _BY_RECORD.get(self.task)) is not None:
            # What each record says replaces what is said of all.
            raw = [self._ask((), {**keywords, **record}) for record in records_of(data, self.task)]
        elif self.task in _ONE_BY_ONE:
            raw = [self._ask((item,), keywords) for item in self._inputs(data)]
        else:
            raw = self._ask((self._inputs(data),), keywords)
        answer = ANSWERS.get(self.task)
        return raw if answer is None else answer(raw)

    def _inputs(self, data: Any) -> list[Any]:
        if self.task in _IMAGES:
            return [media.image(item) for item in items_of(data)]
        if self.task in _SOUNDS:
            return [media.sound(item) for item in items_of(data)]
        texts = texts_of(data, self.task)
        template = self.template
        if template is None:
            return texts
        return [template.format(prompt=text) if isinstance(text, str) else text for text in texts]

    def _ask(self, inputs: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        try:
            return self.pipeline(*inputs, **keywords)
        except (TypeError, ValueError) as error:
            if not keywords:
                raise
            raise InvalidInput(f"The pipeline for {self.task} refused {dict(keywords)!r}: {error}") from error

    def _check_known(self, keywords: Mapping[str, Any]) -> None:
        """Pipelines that generate take any keyword here, and refuse what they do not know when they generate."""
        taken = inspect.signature(self.pipeline._sanitize_parameters).parameters  # noqa: SLF001 - tells what it takes
        others = next((one.name for one in taken.values() if one.kind is inspect.Parameter.VAR_KEYWORD), None)
        known = {*taken, "batch_size", "num_workers"} - {others}
        if others == "tokenizer_kwargs":
            # Tokenizers say nothing of what they do not know.
            known |= inspect.signature(self.pipeline.tokenizer.__call__).parameters.keys()
        elif others is not None:
            return
        if unknown := sorted(keywords.keys() - known):
            raise InvalidInput(
                f"params {unknown}: the pipeline for {self.task} has none of these; it takes {sorted(known)}."
            )
