"""Tables among the artifacts of runs: JSON or Parquet files that grow by rows."""

from __future__ import annotations

import io
import json
import os
import re
import threading
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlkeep.core.entities import Run
from mlkeep.core.errors import InvalidInput
from mlkeep.core.limits import MAX_TAG_VALUE_LENGTH
from mlkeep.sdk.images import Image, encoded, is_image, picture_of, preview_of

LOGGED_ARTIFACTS_TAG = "mlflow.loggedArtifacts"
"""JSON list of the tables of a run: `{"path": …, "type": "table"}`."""

TABLE_IMAGES = "table_images"

_INFO_COLUMNS = ("run_id", "experiment_id", "status", "artifact_uri")
_TIME_COLUMNS = ("start_time", "end_time")
_TIME_NAME = re.compile(r".*(_at|_time)|timestamp.*|modified|date")
"""Names of columns that pandas takes for times."""

_LOCKS = [threading.Lock() for _ in range(64)]


def _begin_anew_in_child() -> None:
    """Threads that had locks stay with the parent."""
    _LOCKS[:] = [threading.Lock() for _ in _LOCKS]


os.register_at_fork(after_in_child=_begin_anew_in_child)


def lock_for(run_id: str) -> threading.Lock:
    """The lock that changes of the tables of a run need; several runs may share one."""
    return _LOCKS[zlib.crc32(run_id.encode()) % len(_LOCKS)]


def aside(artifact_file: str) -> str:
    """A name for rows that cannot be added to a table now: beside it, and not taken."""
    stem, dot, ending = artifact_file.rpartition(".")
    return f"{stem}-{uuid.uuid4().hex[:8]}{dot}{ending}"


def ending_of(artifact_file: str) -> str:
    """ ".json" or ".parquet". Raises ValueError: it is another."""
    ending = Path(artifact_file).suffix
    if ending not in {".json", ".parquet"}:
        raise ValueError(
            f"Invalid artifact file path '{artifact_file}'. Please ensure the file you are trying to log as a table has "
            "a file name with either '.json' or '.parquet' extension."
        )
    return ending


def frame_of(data: Mapping[str, Any] | pd.DataFrame) -> pd.DataFrame:
    """The rows of a data frame, or of a mapping from column to values, or to the one value of a single row.

    Raises:
        InvalidInput: it is something else, or a column is there twice.
    """
    if isinstance(data, pd.DataFrame):
        frame = data
    elif isinstance(data, Mapping):
        try:
            frame = pd.DataFrame(dict(data))
        except ValueError:  # plain values, or lists of several lengths: the cells of one row
            frame = pd.DataFrame([dict(data)])
    else:
        raise InvalidInput(f"data must be a pandas.DataFrame or a dictionary, got {type(data).__name__}.")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InvalidInput(f"The table has the column '{twice}' twice: give each column a name of its own.")
    return frame


def without_images(frame: pd.DataFrame, artifact_file: str, keep: Callable[[str, bytes], object]) -> pd.DataFrame:
    """The rows with each image replaced by where it is kept; `keep` is given the path and the bytes of each file.

    Raises:
        ValueError: a column has images and other things.
    """
    folder = f"{TABLE_IMAGES}/{artifact_file.rpartition('.')[0]}"

    def kept(image: Image | Any) -> dict[str, str]:
        picture = picture_of(image)
        stem = f"{folder}/{uuid.uuid4()}"
        full, preview = f"{stem}.png", f"{stem}.webp"
        keep(full, encoded(picture, full))
        keep(preview, encoded(preview_of(picture), preview))
        return {"type": "image", "filepath": full, "compressed_filepath": preview}

    columns: dict[Any, Any] = {}
    for name in frame.columns:
        cells = frame[name]
        are_images = [is_image(cell) for cell in cells] if cells.dtype == object else []
        if any(are_images):
            if not all(are_images):
                raise ValueError(
                    f"Column `{name}` contains a mix of images and non-images. Please ensure that all elements in the "
                    "column are of the same type."
                )
            columns[name] = pd.Series([kept(cell) for cell in cells], index=frame.index, dtype=object)
    return frame.assign(**columns) if columns else frame


def as_file(frame: pd.DataFrame, artifact_file: str, before: bytes | None = None) -> bytes:
    """The file of this name with the rows of the file `before`, then those of `frame`; columns are those of both.

    What is in a JSON file already is not changed by it; numbers that come new have ten significant digits there, as in
    MLflow. Parquet keeps them as they are.

    Raises:
        InvalidInput: the file before is no table.
    """
    put_together = _json_file if ending_of(artifact_file) == ".json" else _parquet_file
    try:
        return put_together(frame, before)
    except _NoTable as err:
        raise InvalidInput(
            f"The artifact '{artifact_file}' is there already and is no table: log this one under another name."
        ) from err


class _NoTable(Exception):  # noqa: N818 - a message between two functions of this module
    """The file before cannot be read as a table."""


def _json_file(frame: pd.DataFrame, before: bytes | None) -> bytes:
    """JSON is put together as JSON: in a data frame texts would become numbers, and numbers lose digits."""
    text = frame.to_json(orient="split", index=False, date_format="iso")
    if before is None:
        return text.encode()
    new = json.loads(text)
    try:
        table = json.loads(before)
        names, rows = list(table["columns"]), list(table["data"])
    except (ValueError, TypeError, KeyError) as err:
        raise _NoTable from err
    known = {json.dumps(name) for name in names}
    added = [name for name in new["columns"] if json.dumps(name) not in known]
    names += added
    place = {json.dumps(name): number for number, name in enumerate(new["columns"])}
    order = [place.get(json.dumps(name)) for name in names]
    rows = [row + [None] * len(added) for row in rows] if added else rows
    rows += [[None if number is None else row[number] for number in order] for row in new["data"]]
    text = json.dumps({"columns": names, "data": rows}, separators=(",", ":"))
    return text.replace("/", "\\/").encode()  # as pandas writes them; there are slashes in texts only


def _parquet_file(frame: pd.DataFrame, before: bytes | None) -> bytes:
    if before is not None:
        try:
            earlier = pd.read_parquet(io.BytesIO(before))
        except (ValueError, OSError) as err:
            raise _NoTable from err
        frame = pd.concat([earlier, frame], ignore_index=True)
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return file.getvalue()


def read(file: Path) -> pd.DataFrame:
    """The rows of a table. Texts stay texts; columns whose names say so, such as `date` or `sent_at`, become times."""
    if ending_of(file.name) == ".parquet":
        return pd.read_parquet(file)
    table = pd.read_json(file, orient="split", dtype=False, precise_float=True)
    guessed = None
    for name in table.columns:
        if bool(table[name].isna().all()):
            table[name] = table[name].astype(float)
        elif _TIME_NAME.fullmatch(str(name).lower()):
            guessed = pd.read_json(file, orient="split") if guessed is None else guessed
            if pd.api.types.is_datetime64_any_dtype(guessed[name]):
                table[name] = guessed[name]
    return table


def tables_of(run: Run) -> list[dict[str, str]]:
    """What the run's tag says of its tables; nothing if it says nothing that can be read."""
    try:
        told = json.loads(run.data.tags.get(LOGGED_ARTIFACTS_TAG, "[]"))
    except ValueError:
        return []
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def has_table(run: Run, artifact_file: str) -> bool:
    """Whether the run says that the file is a table of its."""
    return _entry(artifact_file) in tables_of(run)


def tag_with(run: Run, artifact_file: str) -> str | None:
    """What the run's tag has to say when the file is one more table; None if it says so already.

    Raises:
        InvalidInput: the tag has no room for one more.
    """
    told = tables_of(run)
    if _entry(artifact_file) in told:
        return None
    text = json.dumps([*told, _entry(artifact_file)])
    if len(text) > MAX_TAG_VALUE_LENGTH:
        raise InvalidInput(
            f"The run has {len(told)} tables, and its tag '{LOGGED_ARTIFACTS_TAG}' no room for '{artifact_file}' "
            f"({MAX_TAG_VALUE_LENGTH} characters in all): append to one of them, or log it with log_artifact."
        )
    return text


def _entry(artifact_file: str) -> dict[str, str]:
    return {"path": artifact_file, "type": "table"}


def put_together(
    tables: Sequence[tuple[Run, pd.DataFrame]], extra_columns: Sequence[str], warn: Callable[[str], object]
) -> pd.DataFrame:
    """The rows of the tables of several runs, with what `extra_columns` name of each run beside them.

    Those are `run_id`, `start_time` and so on, `params.depth`, `metrics.loss`, `tags.team`.

    Raises:
        KeyError: no run has such a thing.
    """
    known = {*_INFO_COLUMNS, *_TIME_COLUMNS}
    for run, _ in tables:
        known |= {f"{kind}.{key}" for kind in ("params", "metrics", "tags") for key in getattr(run.data, kind)}
    for column in extra_columns:
        if column not in known:
            raise KeyError(column)
    frames = []
    for run, frame in tables:
        beside: dict[str, Any] = {}
        for column in extra_columns:
            name = column
            if name in frame.columns:
                warn(f"The table has a column '{name}' of its own: that of the run is called '{name}_'.")
                name = f"{name}_"
            beside[name] = _told(run, column)
        frames.append(frame.assign(**beside))
    return pd.concat(frames, ignore_index=True)


def _told(run: Run, column: str) -> Any:
    if column in _INFO_COLUMNS:
        return getattr(run.info, column)
    if column in _TIME_COLUMNS:
        time_ms = getattr(run.info, column)
        return pd.NaT if time_ms is None else pd.Timestamp(time_ms, unit="ms", tz="UTC")
    kind, _, key = column.partition(".")
    return getattr(run.data, kind).get(key, np.nan)
