"""How long the texts may be that MLflow's protocol does not limit, though its databases do.

Wide enough for anything meant, and narrow enough for every index and page they end up in. A path with dots leads into
requests inside the request, and through lists of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlkeep.core import limits
from mlkeep.core.names import check_length
from mlkeep.wire import artifacts, logged_models, registry, runs
from mlkeep.wire.message import Request

MAX_ID_LENGTH = 256
MAX_TEXT_LENGTH = 16_384
MAX_LONG_TEXT_LENGTH = 1_048_576
"""Characters of the id of something elsewhere, of a line of text, and of pages of it."""

MAX_QUERY_URI_LENGTH = 3_000
"""Characters of a URI in a query: with a path beside it, all encoded, it has to fit into the 64 KB of a request line."""

_ID, _TEXT, _PAGES, _KEY = MAX_ID_LENGTH, MAX_TEXT_LENGTH, MAX_LONG_TEXT_LENGTH, limits.MAX_KEY_LENGTH

BOUNDS: dict[type[Request], dict[str, int]] = {
    runs.CreateRun: {"run_name": _TEXT, "user_id": _TEXT, "tags.key": _KEY, "tags.value": _PAGES},
    runs.UpdateRun: {"run_name": _TEXT},
    runs.LogInputs: {"datasets.dataset.source_type": _TEXT, "models.model_id": _ID},
    runs.LogOutputs: {"models.model_id": _ID},
    runs.LogModelRecord: {"model_json": _PAGES},
    logged_models.CreateLoggedModel: {
        "name": _TEXT,
        "model_type": _TEXT,
        "source_run_id": _ID,
        "tags.key": _KEY,
        "tags.value": _PAGES,
        "params.key": _KEY,
        "params.value": _PAGES,
    },
    logged_models.SetLoggedModelTags: {"tags.key": _KEY, "tags.value": _PAGES},
    logged_models.LogLoggedModelParams: {"params.key": _KEY, "params.value": _PAGES},
    registry.CreateRegisteredModel: {"description": _PAGES},
    registry.UpdateRegisteredModel: {"description": _PAGES},
    registry.CreateModelVersion: {
        "source": _TEXT,
        "run_id": _ID,
        "run_link": _TEXT,
        "model_id": _ID,
        "description": _PAGES,
    },
    registry.UpdateModelVersion: {"description": _PAGES},
    artifacts.RecordFiles: {"uri": _TEXT},
    artifacts.ForgetFiles: {"uri": _TEXT},
    artifacts.GetManifest: {"uri": MAX_QUERY_URI_LENGTH, "path": limits.MAX_ARTIFACT_PATH_BYTES},
}


def check_bounds(request: Request) -> None:
    """Raises InvalidInput: a text of `request` is longer than it may be."""
    for path, most in BOUNDS.get(type(request), {}).items():
        for where, text in _texts(request, path.split("."), ""):
            check_length(text, where, most)


def _texts(value: object, parts: list[str], where: str) -> Iterator[tuple[str, str]]:
    """The texts at a path, each with the place it was found at."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _texts(item, parts, f"{where}[{i}]")
    elif value is not None:
        yield from _texts(getattr(value, parts[0]), parts[1:], f"{where}.{parts[0]}".lstrip("."))
