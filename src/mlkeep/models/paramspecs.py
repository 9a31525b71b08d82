"""Parameters of inference: their names, types, defaults, and what a given value becomes."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlkeep.core.errors import InvalidInput
from mlkeep.models.casting import cast_value
from mlkeep.models.datatypes import AnyColumnType, DataType, SchemaPart, as_type, type_from_dict, type_to_dict

_log = logging.getLogger(__name__)


class ParamSpec(SchemaPart):
    """A parameter: a scalar (`shape` None), a list of any length (`(-1,)`), or a dict (type `Object`).

    Raises:
        InvalidInput: the default is not of the type and shape, or the type is binary, which parameters cannot have.
    """

    def __init__(
        self, name: str, dtype: AnyColumnType | str, default: object, shape: Sequence[int] | None = None
    ) -> None:
        self.name = str(name)
        self.dtype = as_type(dtype, "dtype")
        if self.dtype is DataType.binary:
            raise InvalidInput(f"Parameter '{name}': a parameter cannot be binary; pass text, for example base64.")
        if shape is not None and tuple(shape) != (-1,):
            raise InvalidInput(f"Parameter '{name}': shape must be None (a scalar) or (-1,) (a list), not {shape!r}.")
        self.shape = None if shape is None else (-1,)
        self.default = self.cast(default)

    @classmethod
    def from_json_dict(cls, **described: Any) -> ParamSpec:
        """The parameter that `described` (its JSON, as keywords) stands for.

        Raises:
            InvalidInput: a key is missing or the values do not fit each other.
        """
        if missing := [key for key in ("name", "type", "default") if key not in described]:
            raise InvalidInput(f"A parameter needs 'name', 'type' and 'default'; {missing} missing in {described!r}.")
        return cls(described["name"], type_from_dict(described), described["default"], described.get("shape"))

    @classmethod
    def validate_param_spec(cls, value: object, param_spec: ParamSpec) -> Any:
        """`value` as what `param_spec` says. Raises InvalidInput, as `cast` does."""
        return param_spec.cast(value)

    @classmethod
    def validate_type_and_shape(
        cls, spec: str, value: object, value_type: AnyColumnType, shape: Sequence[int] | None
    ) -> Any:
        """`value` as this type and shape; `spec` names it in errors. Raises InvalidInput, as `cast` does."""
        return cls(spec, value_type, None, shape).cast(value)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "default": _jsonable(self.default),
            "shape": None if self.shape is None else list(self.shape),
            **type_to_dict(self.dtype),
        }

    def cast(self, value: object) -> Any:
        """`value` as this parameter's type; None stays None.

        Raises:
            InvalidInput: it cannot be converted without loss.
        """
        if value is None:
            return None
        if self.shape is None:
            return cast_value(value, self.dtype, f"parameter '{self.name}'")
        if isinstance(value, np.ndarray) and value.ndim == 1:
            value = value.tolist()
        if not isinstance(value, list):
            raise InvalidInput(f"Parameter '{self.name}' is a list of {self.dtype!r}, not {value!r}.")
        return [cast_value(item, self.dtype, f"item {n} of parameter '{self.name}'") for n, item in enumerate(value)]

    def __repr__(self) -> str:
        shape = "" if self.shape is None else f" (shape: {self.shape})"
        return f"{self.name!r}: {self.dtype!r} (default: {self.default}){shape}"


class ParamSchema(SchemaPart):
    """The parameters a model takes.

    Raises:
        InvalidInput: two have the same name.
    """

    def __init__(self, params: Sequence[ParamSpec]) -> None:
        names = [item.name for item in params]
        if duplicated := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidInput(f"Each parameter has a name of its own; found more than one of {duplicated}.")
        self.params = list(params)

    @classmethod
    def from_json(cls, json_str: str) -> ParamSchema:
        """The parameters written in `json_str`.

        Raises:
            InvalidInput: it is not the JSON of a parameter schema.
        """
        try:
            described = json.loads(json_str)
        except ValueError as error:
            raise InvalidInput(f"Parameters are written as JSON; this is not JSON: {json_str[:200]!r}.") from error
        if not isinstance(described, list) or not all(isinstance(item, dict) for item in described):
            raise InvalidInput(f"Parameters are a JSON list of objects; found {json_str[:200]!r}.")
        return cls([ParamSpec.from_json_dict(**item) for item in described])

    def to_dict(self) -> list[dict[str, Any]]:  # type: ignore[override]  # MLflow's name, though it is a list
        """What JSON says of it: a list."""
        return [item.to_dict() for item in self.params]

    def to_json(self) -> str:
        """The text `from_json` reads."""
        return json.dumps(self.to_dict())

    def __repr__(self) -> str:
        return repr(self.params)


def enforce_params(params: Mapping[Any, Any] | None, schema: ParamSchema | None) -> dict[str, Any]:
    """The parameters a model is called with: defaults, overlaid by `params` converted to their types.

    What the schema does not name (everything, when there is none) is dropped with a warning in the log.

    Raises:
        InvalidInput: `params` is no dict, or a value cannot be converted without loss.
    """
    if params is None and schema is None:
        return {}
    if params is not None and not isinstance(params, Mapping):
        raise InvalidInput(f"Parameters must be a dictionary. Got type '{type(params).__name__}'.")
    given = {str(name): value for name, value in (params or {}).items()}
    specs = [] if schema is None else schema.params
    if unknown := sorted(given.keys() - {spec.name for spec in specs}):
        _log.warning("Ignoring params %s: the model's signature does not name them.", unknown)
    cast: dict[str, Any] = {}
    invalid: list[str] = []
    for spec in specs:
        try:
            cast[spec.name] = spec.cast(given[spec.name]) if spec.name in given else spec.default
        except InvalidInput as error:
            invalid.append(f"('{spec.name}', {error.message!r})")
    if invalid:
        raise InvalidInput("Invalid parameters found: {" + ", ".join(invalid) + "}")
    return cast


def _jsonable(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    return value
