"""Estimators in files: skops if it holds them whole, else a pickle; for all flavors with scikit-learn's interface."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlkeep.core.errors import InvalidInput
from mlkeep.core.model_files import HARMLESS_TYPES, PICKLE_FORMATS, estimator_file, is_pickled_estimator
from mlkeep.flavors import pickling, skops_files
from mlkeep.models.inside import inside

SKOPS = "skops"
PICKLE = "pickle"
CLOUDPICKLE = "cloudpickle"
FORMATS = [SKOPS, PICKLE, CLOUDPICKLE]

_INSTEAD_OF_ASKING = "Leave serialization_format out, or set it to 'skops'."

_IN_EVERY_PICKLE = {"numpy.dtype"}
"""What a pickle refers to whenever there is an array."""

_log = logging.getLogger(__name__)


class EstimatorFile(msgspec.Struct, frozen=True):
    """A file that was written: its name, its format, the types it is to be trusted with, and what it imports."""

    name: str
    serialization_format: str
    trusted: list[str] | None
    modules: set[str]

    @property
    def pickles(self) -> list[str]:
        """For `saving.Written.pickles`."""
        return [self.name] if self.serialization_format in PICKLE_FORMATS else []

    @property
    def requirement(self) -> str:
        """The distribution that reads the file, "" if Python does."""
        return "" if self.serialization_format == PICKLE else self.serialization_format


def checked_format(serialization_format: str | None) -> str | None:
    """The format as given. Raises InvalidInput: there is no such."""
    if serialization_format is not None and serialization_format not in FORMATS:
        raise InvalidInput(f"serialization_format: {serialization_format!r} is unknown; choose one of {FORMATS}.")
    return serialization_format


def write(
    estimator: object,
    folder: Path,
    serialization_format: str | None,
    trusted: Iterable[str] | None,
    stem: str = "model",
) -> EstimatorFile:
    """Write `estimator` into `folder`, as `stem.skops` or `stem.pkl`.

    Without a format it is skops if that gives the object back as it is, made only of types that skops trusts, that
    `trusted` names or that are known to be harmless; else cloudpickle, of which one warning says why, and how to do
    without.

    Raises:
        InvalidInput: the format is unknown; or it is skops, and skops cannot hold the object, or not without types that
            nobody trusts (the message lists them).
        Forbidden: it takes a pickle, and the policy of this process forbids pickles.
    """
    chosen = checked_format(serialization_format)
    given = set(trusted or ())
    if chosen in PICKLE_FORMATS:
        return _pickled(estimator, folder / f"{stem}.pkl", chosen, _INSTEAD_OF_ASKING)
    file = folder / f"{stem}.skops"
    made = _attempt(estimator, file, given, explicit=chosen == SKOPS)
    vouched = skops_files.vouched_for()
    types = sorted(given | (vouched & set(made.types)))
    untrusted = sorted(set(made.types) - vouched - given)
    if not made.fault and not untrusted:
        return EstimatorFile(file.name, SKOPS, types or None, set(made.modules))
    if chosen == SKOPS:
        return _kept_or_refused(file, made, types, untrusted)
    file.unlink(missing_ok=True)
    kind = type(estimator).__name__
    why, instead = _explained(kind, made, sorted(given), untrusted)
    written = _pickled(estimator, folder / f"{stem}.pkl", CLOUDPICKLE, f"{why} {instead}".strip())
    _log.warning(
        "%s is saved as a pickle, which runs code when it is loaded, and which is refused where MLKEEP_ALLOW_PICKLE=0 is "
        "set: %s %s",
        *(kind, why, instead or "serialization_format='cloudpickle' says that this is intended."),
    )
    return written


def read(folder: Path, conf: Mapping[str, Any]) -> Any:
    """The estimator in `folder`; `conf` are the settings of its flavor, in the notation of any MLflow.

    Raises:
        NotFound: its file is missing.
        InvalidInput: its file is not inside the folder, or it is a skops file with types that nobody trusts.
        Forbidden: it is a pickle, or has types that only the folder trusts, and pickles are forbidden here.
        Damaged: it cannot be read.
    """
    path = inside(folder, estimator_file(conf), "pickled_model or data")
    if is_pickled_estimator(conf):
        return pickling.load(path)
    return skops_files.load(path, list(conf.get("skops_trusted_types") or []))


def _attempt(estimator: object, file: Path, trusted: Collection[str], *, explicit: bool) -> skops_files.Attempt:
    never = skops_files.never_trusted().difference(trusted)
    if not explicit and never and never & (found := pickling.types_in(estimator)):
        # Writing a large forest with skops takes long, and would be in vain.
        return skops_files.Attempt(sorted((HARMLESS_TYPES & found) - _IN_EVERY_PICKLE))
    return skops_files.attempt(estimator, file)


def _kept_or_refused(file: Path, made: skops_files.Attempt, types: list[str], untrusted: list[str]) -> EstimatorFile:
    """What was asked for, if it can be had; what skops changes is the caller's choice."""
    if not file.exists() or not made.modules:
        raise InvalidInput(f"serialization_format='skops': {made.fault}. Save with serialization_format='cloudpickle'.")
    if untrusted:
        raise skops_files.untrusted(file.name, untrusted)
    _log.warning("%s: %s. serialization_format='cloudpickle' keeps all of it.", file.name, made.fault)
    return EstimatorFile(file.name, SKOPS, types or None, set(made.modules))


def _explained(kind: str, made: skops_files.Attempt, trusted: list[str], untrusted: list[str]) -> tuple[str, str]:
    """Why skops was not chosen, and what would make it."""
    if made.fault:
        return f"{made.fault}.", ""
    why = f"skops does not trust {untrusted} in {kind} by itself."
    return why, f"If you do, pass skops_trusted_types={sorted({*trusted, *untrusted})}, and no pickle is needed."


def _pickled(estimator: object, path: Path, chosen: str, instead: str) -> EstimatorFile:
    modules = pickling.dump(estimator, path, by_value=chosen == CLOUDPICKLE, instead=instead)
    return EstimatorFile(path.name, chosen, None, modules)
