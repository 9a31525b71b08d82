"""Signatures: what a model takes, gives, and which parameters it knows."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.models.inference import infer_param_schema, infer_schema
from mlkeep.models.schema import ParamSchema, Schema
from mlkeep.models.type_hints import TypeHints as _TypeHints  # noqa: F401 - pickles of models with hints ask for it here


class ModelSignature:
    """The schemas of a model's inputs, outputs and parameters; at least one is given.

    Raises:
        ValueError: none is given.
        TypeError: one is of another class.
    """

    def __init__(
        self, inputs: Schema | None = None, outputs: Schema | None = None, params: ParamSchema | None = None
    ) -> None:
        for field, value, kind in (
            ("inputs", inputs, Schema),
            ("outputs", outputs, Schema),
            ("params", params, ParamSchema),
        ):
            if value is not None and not isinstance(value, kind):
                raise TypeError(f"{field} must be either None or a {kind.__name__}, not {type(value).__name__}.")
        if inputs is None and outputs is None and params is None:
            raise ValueError("A signature needs inputs, outputs or params; all three are None.")
        self.inputs = inputs
        self.outputs = outputs
        self.params = params

    @classmethod
    def from_dict(cls, signature_dict: Mapping[str, Any]) -> ModelSignature:
        """The signature written in an MLmodel file: each schema a JSON text, or absent.

        Raises:
            InvalidInput: a schema cannot be read, or there is none.
        """
        read: dict[str, str | None] = {}
        for field in ("inputs", "outputs", "params"):
            text = signature_dict.get(field)
            if text is not None and not isinstance(text, str):
                raise InvalidInput(f"'signature.{field}' must be a JSON text, not {type(text).__name__}.")
            read[field] = text
        if not any(read.values()):
            raise InvalidInput("'signature' has neither inputs nor outputs nor params.")
        return cls(
            inputs=Schema.from_json(read["inputs"]) if read["inputs"] else None,
            outputs=Schema.from_json(read["outputs"]) if read["outputs"] else None,
            params=ParamSchema.from_json(read["params"]) if read["params"] else None,
        )

    def to_dict(self) -> dict[str, str | None]:
        """What `from_dict` reads."""
        return {
            "inputs": self.inputs.to_json() if self.inputs else None,
            "outputs": self.outputs.to_json() if self.outputs else None,
            "params": self.params.to_json() if self.params else None,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelSignature) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(tuple(self.to_dict().values()))

    def __repr__(self) -> str:
        return f"inputs: \n  {self.inputs!r}\noutputs: \n  {self.outputs!r}\nparams: \n  {self.params!r}\n"


def infer_signature(
    model_input: Any = None, model_output: Any = None, params: Mapping[Any, Any] | None = None
) -> ModelSignature:
    """The signature of a model that answers `model_output` to `model_input`; `params` holds parameters' defaults.

    Data no schema can describe gives a single column of any type, and a warning in the log.

    Raises:
        ValueError: nothing is given.
        InvalidInput: `params` holds something no parameter can be.
    """
    return ModelSignature(
        inputs=None if model_input is None else infer_schema(model_input, "inputs"),
        outputs=None if model_output is None else infer_schema(model_output, "outputs"),
        params=infer_param_schema(params) if params else None,
    )


def __getattr__(name: str) -> Any:
    # MLflow has the function here too; it stands on layers above.
    if name != "set_signature":
        raise AttributeError(f"module 'mlkeep.models.signature' has no attribute '{name}'")
    return importlib.import_module("mlkeep.flavors.model_changes").set_signature
