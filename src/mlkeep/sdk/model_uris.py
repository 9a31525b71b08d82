"""The URIs of models: `models:/name/3`, `models:/name@alias`, `models:/name/latest`, `models:/name/Stage`, `models:/m-…`."""

from __future__ import annotations

import msgspec

from mlkeep.core.errors import InvalidInput


class ModelUri(msgspec.Struct, frozen=True, kw_only=True):
    """What a model URI says. All of `version`, `alias`, `stage`, `model_id` None means the latest version."""

    name: str = ""
    version: str | None = None
    alias: str | None = None
    stage: str | None = None
    model_id: str | None = None


def parse_model_uri(uri: str) -> ModelUri:
    """The parts of a `models:/` URI.

    Raises:
        InvalidInput: it is none.
    """
    segments = uri.removeprefix("models:").removeprefix("/").split("/")
    if not uri.startswith("models:/") or not 1 <= len(segments) <= 2 or not all(segments):
        raise InvalidInput(
            f"Invalid model URI '{uri}': it must look like models:/name/3, models:/name@alias, models:/name/latest, "
            "models:/name/Production or models:/m-<id>."
        )
    name, suffix = segments[0], segments[1] if len(segments) == 2 else ""
    if suffix:
        if suffix.isdigit():
            return ModelUri(name=name, version=suffix)
        return ModelUri(name=name) if suffix.lower() == "latest" else ModelUri(name=name, stage=suffix)
    if "@" in name:
        model, _, alias = name.rpartition("@")
        if not model or not alias:
            raise InvalidInput(f"Invalid model URI '{uri}': a name and an alias must stand around the '@'.")
        return ModelUri(name=model, alias=alias)
    return ModelUri(model_id=name)
