"""Calls the official client and keeps every call with what came of it, in order."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.interop.tour import official
from tests.interop.tour.values import as_json


class Tour:
    """One way through the whole client; the chapters make the calls.

    `client`, `mlflow` and `artifacts` stand for MLflow's client, its fluent functions and its artifact functions. A
    call through them is recorded and gives what MLflow gave, or None where MLflow raised: the error is recorded.
    """

    def __init__(self, tracking_uri: str, folder: Path) -> None:
        """`folder` is empty and the tour's own: files to upload and downloads lie there."""
        self.tracking_uri = tracking_uri
        self.folder = folder
        self.calls: list[dict[str, Any]] = []
        self.chapter = ""
        self.client = Recorded(self, "client", official.mlflow.MlflowClient(tracking_uri))
        self.mlflow = Recorded(self, "mlflow", official.mlflow)
        self.artifacts = Recorded(self, "mlflow.artifacts", official.artifacts)
        self._tokens: dict[str, str] = {}

    @contextlib.contextmanager
    def in_chapter(self, name: str) -> Iterator[None]:
        """Name what follows; a chapter that cannot go on ends, which is recorded, and the next one begins."""
        self.chapter = name
        try:
            yield
        except Exception:  # noqa: BLE001 - whatever stops a chapter is a finding
            self.note("the chapter broke off", traceback.format_exc())

    def call(self, name: str, function: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
        """Make a call, record it, and give its result; None if it raised."""
        record = {
            "chapter": self.chapter,
            "call": name,
            "args": [self._argument(value) for value in args],
            "options": {option: self._argument(value) for option, value in options.items()},
        }
        self.calls.append(record)
        try:
            result = function(*args, **options)
        except Exception as err:  # noqa: BLE001 - errors are results here
            record["error"] = error(err)
            return None
        record["result"] = as_json(result)
        if token := getattr(result, "token", None):
            self._tokens[token] = "<token>"
        return result

    def note(self, what: str, value: Any) -> None:
        """Record something seen that is no call."""
        self.calls.append({"chapter": self.chapter, "call": what, "args": [], "options": {}, "result": as_json(value)})

    def file(self, name: str, content: str | bytes) -> Path:
        """A file in the tour's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def pages(self, search: Callable[..., Any], *args: Any, **options: Any) -> None:
        """All pages of a search, ten at most: a search without end shows as eleven."""
        page = search(*args, **options)
        for _ in range(10):
            if page is None or not page.token:
                return
            page = search(*args, **options, page_token=page.token)

    def _argument(self, value: Any) -> Any:
        return self._tokens.get(value, value) if isinstance(value, str) else as_json(value)


class Recorded:
    """Something of MLflow's whose functions are called through a tour."""

    def __init__(self, tour: Tour, name: str, target: Any) -> None:
        self._tour = tour
        self._name = name
        self._target = target

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._target, attribute)
        if isinstance(found, ModuleType) or not callable(found):
            return self._tour.call(f"{self._name}.{attribute}", lambda: found)
        return lambda *args, **options: self._tour.call(f"{self._name}.{attribute}", found, *args, **options)


def error(err: Exception) -> dict[str, Any]:
    """An exception as a program can tell it from others; `server` says whether its text came from there."""
    code = getattr(err, "error_code", None)
    message = str(err)
    return {
        "class": type(err).__name__,
        "error_code": code,
        "server": message.startswith((f"{code}: ", "API request to ")) or "Response text: " in message,
        "message": message,
    }
