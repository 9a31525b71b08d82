"""Models written in Python: the class users derive from, and how instances of it are kept in a folder."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import InvalidInput

LOADER_MODULE = "mlflow.pyfunc.model"
"""Where MLflow keeps its `PythonModel`; folders and pickles refer to it by this name."""

PICKLE_FILE = "python_model.pkl"


class PythonModelContext:
    """What a `PythonModel` gets beside its input: `artifacts` maps names to absolute local paths."""

    def __init__(self, artifacts: dict[str, str], model_config: dict[str, Any] | None) -> None:
        self.artifacts = artifacts
        self.model_config = model_config if model_config is not None else {}


class TypeHints:
    """The hints of a model's `predict`, as MLflow keeps them in a pickled model."""

    def __init__(self, input: Any = None, output: Any = None) -> None:  # noqa: A002 - part of the format
        self.input = input
        self.output = output


class PythonModel:
    """Base of models written in Python.

    Define `predict(self, context, model_input, params=None)` or `predict(self, model_input, params=None)`. An instance
    is saved with what it holds; what is better loaded from files is given as artifacts and read in `load_context`.
    """

    _predict_type_hints: TypeHints | None = None

    def load_context(self, context: PythonModelContext) -> None:
        """Called once, when the model is loaded."""

    def predict(self, context: PythonModelContext, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """The answer to `model_input`."""
        raise NotImplementedError(f"{type(self).__name__} must define predict(self, context, model_input).")

    def predict_stream(
        self, context: PythonModelContext, model_input: Any, params: dict[str, Any] | None = None
    ) -> Iterator[Any]:
        """The answer to `model_input`, piece by piece."""
        raise NotImplementedError(f"{type(self).__name__} does not define predict_stream(self, context, model_input).")

    @property
    def predict_type_hints(self) -> TypeHints:
        """The hints of `predict`; MLflow asks for them."""
        return self._predict_type_hints or TypeHints()


class FunctionModel(PythonModel):
    """A plain function as a model, as MLflow pickles it."""

    func: Callable[[Any], Any]

    def predict(self, model_input: Any) -> Any:  # type: ignore[override]  # the short form
        return self.func(model_input)


def model_of_function(function: Callable[[Any], Any]) -> PythonModel:
    """`function` as a model.

    Its class is made here and now, so that a pickle holds it whole: it loads wherever there is MLflow's `PythonModel`.

    Raises:
        InvalidInput: the function does not take exactly one argument.
    """
    if len(inspect.signature(function).parameters) != 1:
        raise InvalidInput(
            f"python_model: a function must take exactly one argument, the input; {function!r} takes "
            f"{inspect.signature(function)}. Derive a class from PythonModel for more."
        )

    class Function(PythonModel):
        def __init__(self, func: Callable[[Any], Any]) -> None:
            self.func = func

        def predict(self, model_input: Any) -> Any:  # type: ignore[override]  # the short form
            return self.func(model_input)

    return Function(function)


class LoadedPythonModel:
    """A `PythonModel` with its context, callable as `predict(data, params)`."""

    def __init__(self, python_model: Any, context: PythonModelContext) -> None:
        self.python_model = python_model
        self.context = context
        self._names: dict[str, list[str]] = {}  # of the arguments of its methods, looked up once

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the model answers to `data`."""
        return self._call("predict", data, params)

    def predict_stream(self, data: Any, params: dict[str, Any] | None = None) -> Iterator[Any]:
        """What the model answers to `data`, piece by piece."""
        pieces: Iterator[Any] = self._call("predict_stream", data, params)
        return pieces

    def _call(self, called: str, data: Any, params: dict[str, Any] | None) -> Any:
        method: Callable[..., Any] = getattr(self.python_model, called)
        if (names := self._names.get(called)) is None:
            names = self._names[called] = list(inspect.signature(method).parameters)
        positional = (self.context, data) if _takes_context(names) else (data,)
        return method(*positional, params=params) if "params" in names else method(*positional)


def _takes_context(names: list[str]) -> bool:
    return "context" in names or len([name for name in names if name != "params"]) > 1


def load_pyfunc(folder: Path, conf: Mapping[str, Any], model_config: dict[str, Any]) -> LoadedPythonModel:
    """The model kept in `folder`, its context loaded.

    Raises:
        InvalidInput: pickles are forbidden, or this one cannot be read.
    """
    # Here, because the unpickler gives the classes above out by name.
    from mlkeep.flavors.pickling import load

    python_model = load(folder / str(conf.get("python_model", PICKLE_FILE)), conf.get("python_model_compression"))
    artifacts = {name: str((folder / entry["path"]).resolve()) for name, entry in (conf.get("artifacts") or {}).items()}
    context = PythonModelContext(artifacts, model_config)
    python_model.load_context(context=context)
    return LoadedPythonModel(python_model, context)
