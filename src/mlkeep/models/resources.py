"""What a model needs beside its folder, such as an endpoint, as MLmodel lists it: kept for readers, not acted upon."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from mlkeep.core.errors import InvalidInput
from mlkeep.core.yaml_text import read_yaml

API_VERSION = "1"


class ResourceType(enum.Enum):
    """Kinds of resources; MLflow's names."""

    UC_CONNECTION = "uc_connection"
    VECTOR_SEARCH_INDEX = "vector_search_index"
    SERVING_ENDPOINT = "serving_endpoint"
    SQL_WAREHOUSE = "sql_warehouse"
    FUNCTION = "function"
    GENIE_SPACE = "genie_space"
    TABLE = "table"
    APP = "app"
    LAKEBASE = "lakebase"


class Resource(ABC):
    """Something a model needs; derive a class for each kind."""

    @property
    @abstractmethod
    def type(self) -> ResourceType:
        """The kind."""

    @property
    @abstractmethod
    def target_uri(self) -> str:
        """Whose it is, such as `databricks`."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Under the kind, what MLmodel says of it: usually `{kind: [{"name": ...}]}`."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Resource:
        """The resource that an entry of MLmodel describes."""
        raise NotImplementedError(f"{cls.__name__} must define from_dict(data) to be read from {dict(data)!r}.")


Resources: TypeAlias = Sequence[Resource] | Mapping[str, Any] | str | Path
"""Resources, what MLmodel says of them, or the path of a YAML file with that."""


def described_resources(resources: Resources | None) -> dict[str, Any] | None:
    """What MLmodel says of `resources`.

    Raises:
        InvalidInput: it is none of the three, or the file cannot be read.
    """
    content: Any = resources
    if isinstance(resources, (str, Path)):
        try:
            content = read_yaml(Path(resources).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise InvalidInput(f"resources: cannot read {resources}: {error}") from error
    if content is None:
        return None
    if isinstance(content, Mapping):
        return dict(content)
    described: dict[str, Any] = {"api_version": API_VERSION}
    if not isinstance(content, (list, tuple)):
        raise InvalidInput(
            f"resources: expected a list of Resource, a dict or the path of a YAML file, found {content!r}."
        )
    for resource in content:
        if not all(hasattr(resource, name) for name in ("target_uri", "to_dict")):
            raise InvalidInput(f"resources: {resource!r} is no Resource.")
        kinds = described.setdefault(resource.target_uri, {})
        for kind, entries in resource.to_dict().items():
            kinds.setdefault(kind, []).extend(entries)
    return described
