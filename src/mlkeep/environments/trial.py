"""Loads a model and predicts its example, in the environment of the model. Run as a program, with a folder and a file.

It is started by its path in whatever environment the model has, with mlkeep, of any version, or MLflow in it: so it
imports nothing but Python's own modules until it knows what there is. What came of it is written into the file as JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any


def main(folder: str, result: str) -> None:
    """Try the model in `folder`, and write what came of it into the file `result`."""
    told: dict[str, Any] = {"seconds": {}}
    try:
        _try(folder, told)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what this program is to tell
        if type(error).__module__ == "mlkeep.core.errors":  # which say all there is to say
            told["reason"] = str(error)
        else:
            told["reason"] = "".join(traceback.format_exception_only(error)).strip()
            told["traceback"] = traceback.format_exc()
        told["missing"] = error.name if isinstance(error, ModuleNotFoundError) else None
    told["memory_mb"] = _memory_mb()
    Path(result).write_text(json.dumps(told), encoding="utf-8")


def _try(folder: str, told: dict[str, Any]) -> None:
    started = time.perf_counter()
    load_model, infer_signature = _tools()
    imported = time.perf_counter()
    model = load_model(folder)
    loaded = time.perf_counter()
    told["seconds"] |= {"import": imported - started, "load": loaded - imported}
    example = model.metadata.load_input_example(folder)
    if example is None:
        return
    params = model.metadata.load_input_example_params(folder)
    began = time.perf_counter()
    output = model.predict(example, params=params) if params else model.predict(example)
    told["seconds"]["predict"] = time.perf_counter() - began
    told["predicted"] = True
    signature = model.metadata.signature
    if signature is None or signature.outputs is None or output is None:
        return
    expected = signature.outputs.to_dict()
    found = infer_signature(model_output=output).outputs.to_dict()
    if difference := _difference(expected, found):
        told["reason"] = f"What it predicts is not what its signature says: {difference}"


def _tools() -> tuple[Any, Any]:
    try:
        importlib.import_module("mlkeep")
        name = "mlkeep"
    except ModuleNotFoundError:
        name = "mlflow"
    pyfunc, models = importlib.import_module(f"{name}.pyfunc"), importlib.import_module(f"{name}.models")
    return pyfunc.load_model, models.infer_signature


def _difference(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> str:
    """What is different between two lists of columns or tensors; "" if nothing that matters is."""
    if len(expected) == len(found) == 1 and (_is_tensor(expected[0]) != _is_tensor(found[0])):
        return ""  # one unnamed column and an array of one dimension are the same answer
    wanted, given = [_shown(spec) for spec in expected], [_shown(spec) for spec in found]
    return "" if wanted == given else f"expected {', '.join(wanted)}; found {', '.join(given)}"


def _is_tensor(spec: dict[str, Any]) -> bool:
    return spec.get("type") == "tensor"


def _shown(spec: dict[str, Any]) -> str:
    """A column or tensor in short, without how many rows there are and whether it must be there."""
    name = f"{spec['name']}: " if spec.get("name") is not None else ""
    if _is_tensor(spec):
        tensor = spec["tensor-spec"]
        return f"{name}tensor of {tensor['dtype']} {tuple(tensor['shape'][1:])}"
    inner = {key: value for key, value in spec.items() if key not in {"name", "required", "type"}}
    return f"{name}{spec.get('type')}{json.dumps(inner, sort_keys=True) if inner else ''}"


def _memory_mb() -> float:
    try:
        import resource
    except ImportError:  # there is none on Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
