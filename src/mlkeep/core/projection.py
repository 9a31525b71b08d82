"""Which parts of a run a search is to tell: nothing that is not asked for needs to be read or sent."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters.lexer import clipped

MAX_FIELDS = 1_000
"""Names one search may ask for."""

PARTS = ("info", "metrics", "params", "tags", "inputs", "outputs")
KEYED = ("metrics", "params", "tags")
"""The parts of which single keys may be asked for."""


class Keys(msgspec.Struct, frozen=True):
    """Which keys of a part are wanted: those in `names`, or every one if it is None."""

    names: frozenset[str] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the part is wanted."""
        return self.names is not None and not self.names


ALL_KEYS = Keys()


class RunFields(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a run that are wanted. Its id is always told."""

    info: bool = True
    metrics: Keys = ALL_KEYS
    params: Keys = ALL_KEYS
    tags: Keys = ALL_KEYS
    inputs: bool = True
    outputs: bool = True


WHOLE_RUN = RunFields()


def run_fields(names: Sequence[str]) -> RunFields:
    """The parts that `names` ask for: a part as a whole (`metrics`), or one key of it (`metrics.loss`).

    Everything after the first dot is the key, as it is; backticks around it are taken off. No names ask for everything.

    Raises:
        InvalidInput: too many names, or one that names no part of a run.
    """
    if len(names) > MAX_FIELDS:
        raise InvalidInput(f"Invalid fields: {len(names)} names were given, at most {MAX_FIELDS} are allowed.")
    if not names:
        return WHOLE_RUN
    whole: set[str] = set()
    keys: dict[str, set[str]] = {part: set() for part in KEYED}
    for name in names:
        part, dot, key = name.partition(".")
        if name in PARTS:
            whole.add(name)
        elif dot and key and part in keys:
            keys[part].add(_unquoted(key))
        else:
            raise InvalidInput(
                f"Invalid value {clipped(name)!a} for parameter 'fields' supplied: name a part of a run "
                f"({', '.join(PARTS)}) or one key, as in metrics.loss, params.lr, tags.team."
            )
    wanted = {part: ALL_KEYS if part in whole else Keys(frozenset(keys[part])) for part in KEYED}
    return RunFields(info="info" in whole, inputs="inputs" in whole, outputs="outputs" in whole, **wanted)


def _unquoted(key: str) -> str:
    return key[1:-1] if len(key) > 2 and key[0] == key[-1] == "`" else key
