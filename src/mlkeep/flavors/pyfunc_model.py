"""A model that is called without knowing its framework."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

import pandas as pd

from mlkeep.core.errors import InvalidInput, MlkeepException, NotOffered
from mlkeep.flavors.python_model import LoadedPythonModel
from mlkeep.flavors.table import PYFUNC
from mlkeep.models.enforcement import Enforcement, enforce_params
from mlkeep.models.mlmodel import Model
from mlkeep.models.schema import ParamSchema, Schema
from mlkeep.models.type_hints import checked_by_hint

_log = logging.getLogger(__name__)
_SHOWN = 200  # characters of the data that an error shows


class PyFuncModel:
    """A loaded model, callable with frames, arrays, dicts, lists or scalars, as its signature says.

    `model_meta` is what its folder says; `model_impl` has the method `predict_fn` that answers; `folder` is where it was
    loaded from.
    """

    def __init__(
        self,
        model_meta: Model,
        model_impl: Any,
        predict_fn: str = "predict",
        predict_stream_fn: str | None = None,
        model_id: str | None = None,
        model_config: dict[str, Any] | None = None,
        folder: Path | None = None,
    ) -> None:
        if not hasattr(model_impl, predict_fn):
            raise InvalidInput(
                f"Model implementation {type(model_impl).__name__} is missing the method {predict_fn!r}."
            )
        self._meta = model_meta
        self._impl = model_impl
        self._predict = getattr(model_impl, predict_fn)
        self._predict_stream = getattr(model_impl, predict_stream_fn) if predict_stream_fn else None
        self._model_id = model_id
        self._model_config = model_config
        self._folder = folder
        self._hint = model_impl.input_hint if isinstance(model_impl, LoadedPythonModel) else None
        self._enforcement: Enforcement | None = None
        taken = inspect.signature(self._predict).parameters.get("params")
        # `predict(X, **params)` of scikit-learn's pipelines has other keywords in mind.
        self._knows_params = taken is not None and taken.kind is not inspect.Parameter.VAR_KEYWORD

    @property
    def metadata(self) -> Model:
        """What the model's folder says."""
        return self._meta

    @property
    def model_id(self) -> str | None:
        """The id of the logged model, if it is one."""
        return self._model_id or self._meta.model_id

    @property
    def model_config(self) -> dict[str, Any] | None:
        """The configuration the model was loaded with."""
        return self._model_config

    @property
    def loader_module(self) -> str | None:
        """What the folder names as the module that loads it."""
        return self._meta.flavors.get(PYFUNC, {}).get("loader_module")

    @property
    def input_example(self) -> Any:
        """The data of the input example the model was saved with; None if there is none, or the folder is gone."""
        if self._folder is None or not self._folder.is_dir():
            return None
        return self._meta.load_input_example(self._folder)

    @property
    def input_schema(self) -> Schema | None:
        """The signature's inputs."""
        return self._meta.get_input_schema()

    @property
    def params_schema(self) -> ParamSchema | None:
        """The signature's parameters."""
        return self._meta.get_params_schema()

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """The model's answer to `data`.

        With a signature, `data` and `params` are first brought into the form it declares; without, `data` is passed on
        untouched. Parameters the signature does not name are ignored.

        Raises:
            InvalidInput: the data or a parameter is not what the signature declares.
        """
        return self._call(self._predict, data, params)

    def predict_stream(self, data: Any, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """The model's answer to `data`, piece by piece.

        Raises:
            InvalidInput: as for `predict`.
            NotOffered: the model does not stream.
        """
        if self._predict_stream is None:
            raise NotOffered("This model does not stream its answers; use predict().")
        answer: Iterator[Any] = self._call(self._predict_stream, data, params)
        return answer

    def unwrap_python_model(self) -> Any:
        """The `PythonModel` that was saved.

        Raises:
            InvalidInput: it is a model of another flavor.
        """
        if not isinstance(self._impl, LoadedPythonModel):
            raise InvalidInput(
                f"Only a model made of a PythonModel or a function can be unwrapped; this one is loaded by "
                f"{self.loader_module}. Use get_raw_model()."
            )
        return self._impl.python_model

    def get_raw_model(self) -> Any:
        """The object of the framework.

        Raises:
            NotImplementedError: the model is made of a PythonModel; use `unwrap_python_model`.
        """
        if isinstance(self._impl, LoadedPythonModel):
            raise NotImplementedError("A PythonModel is not of a framework; use unwrap_python_model().")
        # Some are loaded inside something that prepares their data.
        return self._impl.get_raw_model() if hasattr(self._impl, "get_raw_model") else self._impl

    def _call(self, method: Any, data: Any, params: Mapping[str, Any] | None) -> Any:
        signature = self._meta.signature
        checked = self._checked(data, None if signature is None else signature.inputs)
        enforced = enforce_params(params, None if signature is None else signature.params)
        if self._knows_params:
            return method(checked, params=enforced)
        # Of those that the signature does not name, `enforce_params` has told.
        if ignored := sorted(enforced.keys() & set(map(str, params or ()))):
            _log.warning("Ignoring params %s: the model's predict takes none.", ignored)
        return method(checked)

    def _checked(self, data: Any, schema: Schema | None) -> Any:
        if self._meta.is_signature_from_type_hint:
            return self._checked_by_hint(data)
        if schema is None:
            return data
        try:
            enforcement = self._enforcement
            if enforcement is None or enforcement.schema is not schema:  # the signature may be set anew
                enforcement = self._enforcement = Enforcement(schema)
            enforced = enforcement(data)
        except MlkeepException as error:
            shown = repr(data)
            shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
            raise InvalidInput(
                f"Failed to enforce schema of data '{shown}' with schema '{schema}'. Error: {error.message}"
            ) from error
        return self._as_example(enforced) if self._meta.type_hint_from_example else enforced

    def _checked_by_hint(self, data: Any) -> Any:
        if get_origin(self._hint) is not list:
            # The hint is not in the folder, or is in it as something that only MLflow reads.
            return data.iloc[:, 0].tolist() if isinstance(data, pd.DataFrame) and data.shape[1] == 1 else data
        try:
            return checked_by_hint(data, self._hint)
        except InvalidInput as error:
            raise InvalidInput(f"Failed to validate the input of predict. Error: {error.message}") from error

    def _as_example(self, enforced: Any) -> Any:
        """Checked data in the shape of the input example: a list where that was one."""
        info = self._meta.saved_input_example_info or {}
        if info.get("type") != "json_object" or not isinstance(enforced, pd.DataFrame):
            return enforced
        schema = self.input_schema
        if schema is not None and schema.has_input_names():
            return enforced.to_dict("records")
        return enforced.iloc[:, 0].tolist()

    def __repr__(self) -> str:
        lines = ["mlflow.pyfunc.loaded_model:"]
        if self._meta.artifact_path and self._meta.run_id:
            lines += [f"  artifact_path: {self._meta.artifact_path}", f"  run_id: {self._meta.run_id}"]
        return "\n".join([*sorted(lines), f"  flavor: {self.loader_module}", ""])
