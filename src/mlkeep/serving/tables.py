"""Rows and columns of a request's frame, whichever of MLflow's spellings they came in."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mlkeep.core.errors import BadRequest
from mlkeep.serving.values import shown

_SPLIT_KEYS = {"columns", "data", "index"}


@dataclass(frozen=True, slots=True)
class Table:
    """A frame as it was sent: every row has as many values as there are names.

    `names` are the columns' positions when none were sent. `index` is None when none was sent.
    """

    names: Sequence[Any]
    rows: Sequence[Sequence[Any]] | NDArray[Any]
    index: Sequence[Any] | None = None

    def columns(self) -> dict[Any, Sequence[Any]]:
        """The values by column."""
        if len(self.rows) == 0:
            return {name: [] for name in self.names}
        return dict(zip(self.names, zip(*self.rows, strict=True), strict=True))


def table_of_split(value: object) -> Table:
    """The table in `dataframe_split`.

    Raises:
        BadRequest: it is not an object of `data` and optionally `columns` and `index` that fit together.
    """
    if not isinstance(value, dict):
        raise BadRequest(f"Invalid input. Dataframe split format must be a dictionary. Got {_kind(value)}.")
    if "data" not in value or not value.keys() <= _SPLIT_KEYS:
        raise BadRequest(
            "Invalid input. Dataframe split format must have 'data' field and optionally 'columns' and 'index' "
            f"fields. Got {sorted(value)}."
        )
    data, names, index = value["data"], value.get("columns"), value.get("index")
    for field, given in (("data", data), ("columns", names), ("index", index)):
        if not isinstance(given, list) and not (given is None and field != "data"):
            raise _broken_split(f"'{field}' must be a list. Got {_kind(given)}")
    if data and not any(isinstance(row, list) for row in data):
        data = [[cell] for cell in data]  # one column may be sent as a plain list, as pandas takes it
    if names is None:
        names = range(len(data[0]) if data and isinstance(data[0], list) else 0)
    for position, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(names):
            raise _broken_split(f"row {position} of 'data' is {shown(row)}, but there are {len(names)} columns")
    if index is not None and len(index) != len(data):
        raise _broken_split(f"'index' has {len(index)} entries, 'data' has {len(data)} rows")
    if twice := [name for position, name in enumerate(names) if name in names[:position]]:
        raise _broken_split(f"column {twice[0]!r} is given twice")
    for field, labels in (("columns", names), ("index", index or [])):
        if any(isinstance(label, (list, dict)) for label in labels):
            raise _broken_split(f"each of '{field}' must be a text or a number")
    return Table(names, data, index)


def table_of_records(value: object) -> Table:
    """The table in `dataframe_records`; a key that a record lacks counts as null.

    Raises:
        BadRequest: it is not a list of objects.
    """
    if not isinstance(value, list):
        raise BadRequest(f"Invalid input. Dataframe records format must be a list of records. Got {_kind(value)}.")
    for position, record in enumerate(value):
        if not isinstance(record, dict):
            raise BadRequest(
                "Invalid input. Dataframe records format must be a list of records. "
                f"Item {position} is {shown(record)}, not an object of column names and values."
            )
    return table_of_objects(value)


def table_of_objects(objects: Sequence[dict[str, Any]]) -> Table:
    """A table with one row for each of `objects`; a missing key counts as null."""
    names = list(dict.fromkeys(name for each in objects for name in each))
    return Table(names, [[each.get(name) for name in names] for each in objects])


def is_objects(value: object) -> bool:
    """Whether `value` is a list of objects, of at least one."""
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def require_in_every_row(objects: Sequence[dict[str, Any]], names: Iterable[Hashable]) -> None:
    """Check that each of `names` that some of `objects` have is in all of them.

    Raises:
        BadRequest: one lacks it.
    """
    for name in names:
        lacking = [row for row, each in enumerate(objects) if name not in each]
        if lacking and len(lacking) < len(objects):
            raise BadRequest(
                "Invalid input. The length of values for each input/column name are not the same: "
                f"row {lacking[0]} has no value for {name!r}."
            )


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "dictionary"
    return "list" if isinstance(value, list) else f"type {type(value)}"


def _broken_split(what: str) -> BadRequest:
    return BadRequest(
        "Invalid input. Provided dataframe_split field is not a valid dataframe representation in 'split' format. "
        f"Error: '{what}'"
    )
