"""Models written in Python: the class users derive from, and how instances of it are kept in a folder."""

from __future__ import annotations

import contextlib
import inspect
import logging
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlkeep.core.errors import InvalidInput
from mlkeep.models.inside import inside
from mlkeep.models.mlmodel import Model
from mlkeep.models.type_hints import TypeHints

LOADER_MODULE = "mlflow.pyfunc.model"
"""Where MLflow keeps its `PythonModel`; folders and pickles refer to it by this name."""

PICKLE_FILE = "python_model.pkl"

_log = logging.getLogger(__name__)


class PythonModelContext:
    """What a `PythonModel` gets beside its input: `artifacts` maps names to absolute local paths."""

    def __init__(self, artifacts: dict[str, str], model_config: dict[str, Any] | None) -> None:
        self.artifacts = artifacts
        self.model_config = model_config if model_config is not None else {}


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
        """The hints of the input and the answer of `predict`; None where there are none that can be read."""
        return self._predict_type_hints or hints_of(self)


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


def hints_of(model: Any) -> TypeHints:
    """The hints of the input and the answer of a model's `predict`, read from its source.

    For a function that was made a model, those of the function. Hints that name what cannot be found count as none.
    """
    function = predicting(model)
    try:
        hints = typing.get_type_hints(function)
        name = _input_name(list(inspect.signature(function).parameters))
    except (NameError, TypeError, AttributeError, ValueError) as error:
        if getattr(function, "__annotations__", None):
            _log.warning("The type hints of predict are not used, because they cannot be read: %s", error)
        return TypeHints()
    return TypeHints(hints.get(name), hints.get("return"))


def predicting(model: Any) -> Any:
    """The function that answers in a model: the one it was made of, or that of its class."""
    return getattr(model, "func", None) or type(model).predict


def _input_name(names: list[str]) -> str:
    """Which parameter takes the input: the last but `params`."""
    return next((name for name in reversed(names) if name != "params"), "")


@contextlib.contextmanager
def hints_noted(model: Any) -> Iterator[None]:
    """The hints of `predict` are an attribute of `model` meanwhile: that is how MLflow finds them in a pickle.

    Text in the place of hints, as `from __future__ import annotations` makes it, has no meaning where it is loaded.
    """
    hints = getattr(model, "predict_type_hints", None)
    attributes = getattr(model, "__dict__", {})
    if hints is None or hints.input is None or "_predict_type_hints" in attributes:
        yield
        return
    attributes["_predict_type_hints"] = hints
    try:
        yield
    finally:
        del attributes["_predict_type_hints"]


def streams(model: Any) -> bool:
    """Whether a model has a `predict_stream` of its own."""
    home = next((kind for kind in type(model).__mro__ if "predict_stream" in vars(kind)), None)
    return home is not None and home is not PythonModel and home.__module__ != LOADER_MODULE


def pyfunc(func: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`func`, which is to be saved as a model, as it is: mlkeep checks the input of a model by its type hints anyway."""
    return func


class LoadedPythonModel:
    """A `PythonModel` with its context, callable as `predict(data, params)`."""

    def __init__(self, python_model: Any, context: PythonModelContext) -> None:
        self.python_model = python_model
        self.context = context
        self._predict = _Method(python_model.predict)

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the model answers to `data`."""
        return self._predict.call(self.context, data, params)

    def predict_stream(self, data: Any, params: dict[str, Any] | None = None) -> Iterator[Any]:
        """What the model answers to `data`, piece by piece."""
        pieces: Iterator[Any] = _Method(self.python_model.predict_stream).call(self.context, data, params)
        return pieces

    @property
    def input_hint(self) -> Any:
        """The hint of the input of `predict`; None if there is none."""
        return getattr(self.python_model, "predict_type_hints", TypeHints()).input


class _Method:
    """`predict(context, model_input, params)`, or one that leaves out the first, the last, or both."""

    def __init__(self, method: Callable[..., Any]) -> None:
        names = list(inspect.signature(method).parameters)
        self._method = method
        self._takes_params = "params" in names
        self._takes_context = "context" in names or len([name for name in names if name != "params"]) > 1

    def call(self, context: PythonModelContext, data: Any, params: dict[str, Any] | None) -> Any:
        positional = (context, data) if self._takes_context else (data,)
        return self._method(*positional, params=params) if self._takes_params else self._method(*positional)


def load_pyfunc(
    folder: Path,
    model: Model,  # noqa: ARG001 - all is in the settings of the python_function flavor
    conf: Mapping[str, Any],
    model_config: dict[str, Any],
) -> LoadedPythonModel:
    """The model kept in `folder`, its context loaded.

    Raises:
        Forbidden: pickles are forbidden.
        InvalidInput: this one cannot be read.
    """
    # Here, because the unpickler gives the classes above out by name.
    from mlkeep.flavors.pickling import load

    python_model = load(
        inside(folder, conf.get("python_model") or PICKLE_FILE, "python_model"), conf.get("python_model_compression")
    )
    return loaded(python_model, folder, conf, model_config)


def loaded(python_model: Any, folder: Path, conf: Mapping[str, Any], model_config: dict[str, Any]) -> LoadedPythonModel:
    """`python_model` with the artifacts in `folder` and its configuration, after its `load_context`."""
    artifacts = {
        name: str(inside(folder, entry["path"], "artifacts").resolve())
        for name, entry in (conf.get("artifacts") or {}).items()
    }
    context = PythonModelContext(artifacts, model_config)
    python_model.load_context(context=context)
    return LoadedPythonModel(python_model, context)
