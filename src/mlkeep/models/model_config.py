"""The configuration that the script of a model reads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import yaml

from mlkeep.core.errors import InvalidInput
from mlkeep.core.yaml_text import read_yaml

_saved: ContextVar[dict[str, Any] | None] = ContextVar("saved configuration of a model", default=None)


class ModelConfig:
    """Settings in the script of a model: those it was saved or loaded with, else `development_config`.

    `development_config` is a dict, or the path of a YAML file; it is what the script uses while it is written.

    Raises:
        FileNotFoundError: there is no such file, or no configuration at all.
        InvalidInput: it is no dict.
    """

    def __init__(self, *, development_config: str | Path | Mapping[str, Any] | None = None) -> None:
        self.config: str | Path | Mapping[str, Any] | None = development_config
        saved = _saved.get()
        if saved is not None:
            self._values = dict(saved)
        elif development_config is None:
            raise FileNotFoundError(
                "Config file is not provided which is needed to load the model: the model is saved without "
                "model_config, and its ModelConfig has no development_config."
            )
        elif isinstance(development_config, (str, Path)) and not Path(development_config).is_file():
            raise FileNotFoundError(f"Config file '{development_config}' not found.")
        else:
            self._values = read_config(development_config) or {}

    def get(self, key: str) -> Any:
        """The value of `key`. Raises KeyError: there is none."""
        if key not in self._values:
            raise KeyError(f"Key '{key}' not found in configuration: {self._values}.")
        return self._values[key]

    def to_dict(self) -> dict[str, Any]:
        """All settings."""
        return dict(self._values)


@contextlib.contextmanager
def configured(config: dict[str, Any] | None) -> Iterator[None]:
    """Around the run of a script: `config` is what each `ModelConfig` in it holds; None leaves them their own."""
    token = _saved.set(config)
    try:
        yield
    finally:
        _saved.reset(token)


def read_config(config: str | Path | Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A model's configuration, read from its file if need be.

    Raises:
        InvalidInput: it cannot be read, or is not a dict.
    """
    content: Any = config
    if isinstance(config, (str, Path)):
        try:
            content = read_yaml(Path(config).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise InvalidInput(f"model_config: cannot read {config}: {error}") from error
    if content is None:
        return None
    if not isinstance(content, Mapping):
        raise InvalidInput(f"model_config: expected a dict or the path of a YAML file with one, found {content!r}.")
    return dict(content)
