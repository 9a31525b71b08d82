"""ONNX models as functions of arrays and frames, run by onnxruntime."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.errors import Damaged, InvalidInput, NotFound
from mlkeep.flavors.frameworks import needed

with needed("onnx"):
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as faults

DEFAULT_PROVIDERS = ["CUDAExecutionProvider", "CPUExecutionProvider"]
_CPU = "CPUExecutionProvider"

_EXECUTION_MODES = {
    "parallel": onnxruntime.ExecutionMode.ORT_PARALLEL,
    "sequential": onnxruntime.ExecutionMode.ORT_SEQUENTIAL,
}
_OPTIMIZATION_LEVELS = {
    0: onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    2: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    99: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_THREADS = ("inter_op_num_threads", "intra_op_num_threads")

_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float16)": np.dtype(np.float16),
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(bool)": np.dtype(np.bool_),
    **{f"tensor({kind}{bits})": np.dtype(f"{kind}{bits}") for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}
"""What the inputs of a graph are called, and what numpy calls them."""

_log = logging.getLogger(__name__)


def checked_options(options: object) -> dict[str, Any] | None:
    """`onnx_session_options` as given. Raises InvalidInput: a key or value that onnxruntime does not have."""
    if options is None:
        return None
    if not isinstance(options, Mapping):
        raise InvalidInput(f"onnx_session_options: expected a dict, found {options!r}.")
    known = ["execution_mode", "graph_optimization_level", "extra_session_config", *_THREADS]
    for name, value in options.items():
        if name not in known:
            raise InvalidInput(f"onnx_session_options: {name!r} is unknown; expected some of {', '.join(known)}.")
        if name == "execution_mode" and str(value).lower() not in _EXECUTION_MODES:
            raise InvalidInput(
                f"onnx_session_options: execution_mode is {value!r}; expected 'parallel' or 'sequential'."
            )
        if name == "graph_optimization_level" and value not in _OPTIMIZATION_LEVELS:
            raise InvalidInput(f"onnx_session_options: graph_optimization_level is {value!r}; expected 0, 1, 2 or 99.")
        if name in _THREADS and not isinstance(value, int):
            raise InvalidInput(f"onnx_session_options: {name} is {value!r}; expected a number of threads.")
        if name == "extra_session_config" and not isinstance(value, Mapping):
            raise InvalidInput(f"onnx_session_options: extra_session_config is {value!r}; expected a dict.")
    return dict(options)


class OnnxSession:
    """A graph that is ready to run.

    `providers` are tried in this order, those that are not here left out with a warning; `options` are the session's.

    Raises:
        NotFound: there is no such file, or one with its tensors is missing.
        Damaged: it is not that of an ONNX model.
        InvalidInput: onnxruntime cannot run the graph.
    """

    def __init__(self, path: Path, providers: Sequence[Any] | None, options: Mapping[str, Any] | None) -> None:
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), sess_options=_session_options(options or {}), providers=_available(providers)
            )
        except faults.NoSuchFile as error:
            raise NotFound(f"The model needs the file {path.name}, which is not in {path.parent}.") from error
        except faults.InvalidProtobuf as error:
            raise Damaged(
                f"{path.name} in {path.parent} is not the file of an ONNX model, or damaged: {told(error)}"
            ) from error
        except (faults.Fail, faults.InvalidGraph, faults.NotImplemented, faults.RuntimeException) as error:
            raise InvalidInput(f"onnxruntime cannot run {path.name} in {path.parent}: {told(error)}") from error
        self._inputs = {one.name: one for one in self._session.get_inputs()}
        self._outputs = [one.name for one in self._session.get_outputs()]

    def get_raw_model(self) -> Any:
        """The `onnxruntime.InferenceSession`."""
        return self._session

    def predict(self, data: Any) -> Any:
        """The outputs of the graph by name; for a frame, a frame with a column for each of them.

        `data` is a dict of arrays by the names of inputs, an array for the only input, or a frame: all its columns for
        the only input, or those named like the inputs. Numbers are cast to what the graph takes where that keeps them, or
        rounds them as floats are rounded.

        In a frame, an output of more than one value a row is flattened, as in MLflow, if all have equally many values;
        else each row has its values as a list.

        Raises:
            InvalidInput: an input is missing, or is not what the graph takes.
        """
        feeds = {name: _cast(value, self._inputs[name]) for name, value in self._named(data).items()}
        try:
            answers = dict(zip(self._outputs, self._session.run(None, feeds), strict=True))
        except (faults.InvalidArgument, faults.Fail, faults.RuntimeException) as error:
            raise InvalidInput(
                f"The graph cannot compute this input: {told(error)} It takes {self._told_inputs()}."
            ) from error
        return _as_frame(answers) if isinstance(data, pd.DataFrame) else answers

    def _named(self, data: Any) -> dict[str, Any]:
        if isinstance(data, pd.DataFrame):
            return self._columns(data)
        if isinstance(data, Mapping):
            if missing := sorted(self._inputs.keys() - data.keys()):
                raise InvalidInput(f"The input lacks {', '.join(missing)}: the graph takes {self._told_inputs()}.")
            return {name: data[name] for name in self._inputs}
        if not isinstance(data, np.ndarray):
            raise InvalidInput(
                f"An ONNX model takes a frame, an array, or a dict of arrays by the names of its inputs; found "
                f"{type(data).__name__}. The graph takes {self._told_inputs()}."
            )
        if len(self._inputs) != 1:
            raise InvalidInput(f"One array is not enough: give a dict of arrays for {self._told_inputs()}.")
        return {next(iter(self._inputs)): data}

    def _columns(self, frame: pd.DataFrame) -> dict[str, Any]:
        if len(self._inputs) == 1:
            [(name, one)] = self._inputs.items()
            one_column = frame.shape[1] == 1 and len(one.shape or ()) != 2
            return {name: _stacked(frame.iloc[:, 0]) if one_column else frame.to_numpy()}
        if missing := [name for name in self._inputs if name not in frame.columns]:
            raise InvalidInput(
                f"The frame lacks the columns {', '.join(missing)}: the graph takes {self._told_inputs()}."
            )
        return {name: _in_rank(_stacked(frame[name]), len(one.shape or ())) for name, one in self._inputs.items()}

    def _told_inputs(self) -> str:
        return ", ".join(f"{name}: {one.type} of shape {one.shape}" for name, one in self._inputs.items())


def told(error: Exception) -> str:
    """What onnx or onnxruntime says, in one line."""
    return " ".join(str(error).split())


def _session_options(options: Mapping[str, Any]) -> Any:
    made = onnxruntime.SessionOptions()
    checked = checked_options(options) or {}
    if "execution_mode" in checked:
        made.execution_mode = _EXECUTION_MODES[str(checked["execution_mode"]).lower()]
    if "graph_optimization_level" in checked:
        made.graph_optimization_level = _OPTIMIZATION_LEVELS[checked["graph_optimization_level"]]
    for name in _THREADS:
        if name in checked:
            setattr(made, name, checked[name])
    for key, value in checked.get("extra_session_config", {}).items():
        made.add_session_config_entry(str(key), str(value))
    return made


def _available(providers: Sequence[Any] | None) -> list[Any]:
    """Those of `providers` that are here. In a folder, one with options is a list of its name and the options."""
    here = set(onnxruntime.get_available_providers())
    wanted = [tuple(one) if isinstance(one, list) else one for one in providers or DEFAULT_PROVIDERS]
    kept = [one for one in wanted if (one[0] if isinstance(one, tuple) else one) in here]
    if len(kept) < len(wanted) and list(providers or DEFAULT_PROVIDERS) != DEFAULT_PROVIDERS:
        missing = [one for one in wanted if one not in kept]
        _log.warning("Going without %s: this onnxruntime has %s.", missing, sorted(here))
    return kept or [_CPU]


def _stacked(column: pd.Series[Any]) -> Any:
    """A column as an array; arrays and lists in its cells become further dimensions."""
    if column.dtype == object and len(column) and isinstance(column.iloc[0], (list, np.ndarray)):
        return np.stack([np.asarray(cell) for cell in column])
    return column.to_numpy()


def _in_rank(value: Any, rank: int) -> Any:
    """A column for an input of rows and one column."""
    return value.reshape(-1, 1) if value.ndim == 1 and rank == 2 else value


def _cast(value: Any, taken: Any) -> Any:
    array = np.asarray(value)
    if taken.type == "tensor(string)":
        return array.astype(str).astype(object)
    wanted = _DTYPES.get(taken.type)
    if wanted is None or array.dtype == wanted:
        return value if wanted is None else array
    if array.dtype == object:
        array = _inferred(array)
    if np.can_cast(array.dtype, wanted, "safe") or (array.dtype.kind, wanted.kind) == ("f", "f"):
        return array.astype(wanted)
    if array.dtype.kind in "iu" and wanted.kind in "iuf":
        cast = array.astype(wanted)
        if np.array_equal(cast, array):
            return cast
    raise InvalidInput(
        f"The input {taken.name} takes {taken.type}; found {array.dtype}, which cannot be cast to it safely."
    )


def _inferred(array: Any) -> Any:
    """An array of objects as one of numbers, if they all are; what else they are, the graph does not take."""
    try:
        return np.array(array.tolist())
    except ValueError:
        return array


def _as_frame(answers: dict[str, Any]) -> pd.DataFrame:
    flat = {name: value.reshape(-1) if isinstance(value, np.ndarray) else value for name, value in answers.items()}
    if len({len(value) for value in flat.values()}) <= 1:
        return pd.DataFrame(flat)
    return pd.DataFrame({name: _row_by_row(value) for name, value in answers.items()})


def _row_by_row(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) and value.ndim > 1 else value
