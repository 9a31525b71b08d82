"""In which form a module is kept, and what is read of each."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors import pickle_policy
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.pytorch import graphs, pickles, weights
from mlkeep.flavors.pytorch.inputs import Inputs
from mlkeep.models.inside import inside

with needed("pytorch"):
    import torch

PICKLE = "pickle"
PT2 = "pt2"
SAFETENSORS = "safetensors"
_FILES = {PT2: graphs.FILE, SAFETENSORS: weights.FILE, PICKLE: pickles.FILE}

_INSTEAD = (
    "To hold no code, give an input_example or a signature of tensors (the model becomes a graph, 'pt2'), or "
    "serialization_format='safetensors' (its weights; the class must be importable where it is loaded)."
)

_log = logging.getLogger(__name__)


class Kept(msgspec.Struct, frozen=True):
    """What was written: the flavor's settings, modules that are imported when it is read, files that are pickles, and
    what else than torch it takes to read it."""

    conf: dict[str, Any]
    modules: set[str]
    pickles: list[str] = []
    needs: list[str] = []


class Wanted(msgspec.Struct, frozen=True):
    """How the caller wants a module to be kept; `format` None is for the safest that works."""

    format: str | None
    pickle_module: Any = None
    module_kwargs: Mapping[str, Any] | None = None
    options: dict[str, Any] = {}
    """Keywords of `torch.save`."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Wanted:
        """What `save_model` or `log_model` was called with: `given` are its `locals()`.

        Raises:
            InvalidInput: the format is unknown, or what else is given does not go with it.
        """
        chosen = given["serialization_format"]
        if chosen is not None and chosen not in _FILES:
            raise InvalidInput(f"serialization_format: {chosen!r} is unknown; choose one of {', '.join(_FILES)}.")
        if given["export_model"]:
            if chosen not in {None, PT2}:
                raise InvalidInput(
                    f"export_model=True asks for a graph ('pt2'), serialization_format={chosen!r} for something else: "
                    "leave one of them out."
                )
            chosen = PT2
        if given["module_kwargs"] is not None and chosen != SAFETENSORS:
            raise InvalidInput("module_kwargs: they are kept with serialization_format='safetensors' only.")
        if (given["pickle_module"] is not None or given["kwargs"]) and chosen not in {None, PICKLE}:
            named = sorted([*given["kwargs"], *(["pickle_module"] if given["pickle_module"] is not None else [])])
            raise InvalidInput(f"{', '.join(named)}: only for serialization_format='pickle', not {chosen!r}.")
        if chosen is None and (given["pickle_module"] is not None or given["kwargs"]):
            # Whoever says how to pickle wants a pickle.
            chosen = PICKLE
        return cls(chosen, given["pickle_module"], given["module_kwargs"], dict(given["kwargs"]))


def write(model: Any, folder: Path, wanted: Wanted, inputs: Inputs | None) -> Kept:
    """Put `model` into `folder/data`; `inputs` are what its graph would be made with, if that is known.

    Raises:
        InvalidInput: it cannot be written in the wanted format.
        Forbidden: only a pickle holds it, and pickles are forbidden here.
    """
    data = folder / "data"
    data.mkdir()
    if wanted.format == SAFETENSORS:
        conf, modules = weights.write(model, data, wanted.module_kwargs)
        return Kept({"serialization_format": SAFETENSORS, **conf}, modules, needs=["safetensors"])
    if wanted.format == PT2:
        if inputs is None:
            raise InvalidInput(
                "serialization_format='pt2' records what the model does with an example: give an input_example (an "
                "array, a tensor, a DataFrame, or a tuple of arrays), or a signature whose input is a tensor."
            )
        return _exported(model, data, inputs)
    if wanted.format is None and not isinstance(model, torch.jit.ScriptModule):
        reason = "nothing says what goes into it"
        if inputs is not None:
            try:
                return _exported(model, data, inputs)
            except InvalidInput as error:
                reason = f"it has no graph ({error.message})"
        pickle_policy.check_writing("The module", _INSTEAD)
        _log.warning(
            "The module is saved as a pickle, which runs code when it is loaded, because %s. %s", reason, _INSTEAD
        )
    return _pickled(model, data, wanted)


def _exported(model: Any, data: Path, inputs: Inputs) -> Kept:
    if has_pickle := graphs.write(model, data, inputs):
        pickle_policy.check_writing("The module", _INSTEAD)
    pickled = [f"{data.name}/{graphs.FILE}"] if has_pickle else []
    return Kept({"serialization_format": PT2}, {"torch"}, pickled)


def _pickled(model: Any, data: Path, wanted: Wanted) -> Kept:
    pickle_policy.check_writing("The module", _INSTEAD)
    files = [f"{data.name}/{pickles.FILE}"]
    if isinstance(model, torch.jit.ScriptModule):
        # An archive of torch's own, which has to be trusted as code all the same.
        pickles.write_script(model, data, wanted.options)
        return Kept({"serialization_format": PICKLE}, {"torch"}, files)
    modules = pickles.write(model, data, wanted.pickle_module, wanted.options)
    return Kept({"serialization_format": PICKLE}, modules, files, ["cloudpickle"])


def read(
    folder: Path, conf: Mapping[str, Any], device: str | None, module: Any = None, options: dict[str, Any] | None = None
) -> Any:
    """The module that is kept in `folder`, on `device` (None: where it was, if that is here, else the processor).

    `module` is filled with the weights, if weights are what is kept. `options` are keywords of `torch.load`.

    Raises:
        Forbidden: it is a pickle, and pickles are forbidden here.
        Damaged: a file is not what was written.
        InvalidInput: `module` or `options` do not go with the format, or the class is not there.
    """
    data = inside(folder, conf.get("model_data") or "data", "model_data")
    kept = next((name for name, file in _FILES.items() if (data / file).is_file()), PICKLE)
    if module is not None and kept != SAFETENSORS:
        raise InvalidInput(f"module: this model was saved as {kept!r}, which holds the module itself; leave it out.")
    if options and kept != PICKLE:
        raise InvalidInput(f"{', '.join(sorted(options))}: these are for pickles; this model was saved as {kept!r}.")
    if kept == SAFETENSORS:
        return weights.read(data, conf, device, module)
    if kept == PT2:
        return graphs.read(data, device)
    return pickles.read(data, device, options or {})
