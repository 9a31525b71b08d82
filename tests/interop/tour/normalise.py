"""What must differ between two tours is given names: ids, times, chance names, places.

An id is named after the call that brought it first, wherever it stands, so that what was equal stays equal.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_IDS = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-z][0-9a-f]{7}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|(?:m-)?[0-9a-f]{32})(?![0-9a-f])"
)
_CHANCE_NAME = re.compile(r"[a-z]+-[a-z]+-\d{1,4}")
_MADE_UP = re.compile(r"(?:m-)?(.)\1{31}")
"""An id that the tour invented: one digit again and again."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?")
_MILLISECONDS = re.compile(r"(?<!\d)\d{13}(?!\d)")
_EXPERIMENT_IN_TEXT = re.compile(
    r"(?P<before>mlflow-artifacts:/|/experiments/|experiment_id = '|with (?:id|ID) |Experiment ID\s*: )(?P<id>\d+)(?!\w)"
)
_TEMPORARY = re.compile(r"(?<=<folder>/temporary/)\w+")
_UNORDERED = {"dataset_inputs", "metrics", "model_inputs", "model_outputs", "records"}
"""Lists whose order MLflow leaves to its database."""
_SLACK_MS = 60_000
_TAKES_EXPERIMENTS = re.compile(
    r"(client|mlflow)\.((get|delete|restore|rename)_experiment|(set|delete)_experiment_tag|create_run|search_runs"
    r"|create_logged_model|search_logged_models|load_table)"
)


@dataclass
class Normaliser:
    """Names for what one tour met, given in its order."""

    tracking_uri: str
    folder: str
    started_ms: int
    ended_ms: int
    names: dict[str, str] = field(default_factory=dict)
    _here: str = ""
    _new_here: int = 0

    def calls(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """All calls of the tour, each with its place in its chapter."""
        counts: dict[str, int] = {}
        done = []
        for call in calls:
            chapter = call["chapter"]
            counts[chapter] = counts.get(chapter, 0) + 1
            self._here, self._new_here = f"{chapter} {counts[chapter]}", 0
            done.append({**{key: self._part(call, key) for key in call}, "place": counts[chapter]})
        return done

    def _part(self, call: dict[str, Any], key: str) -> Any:
        value = call[key]
        if key in {"chapter", "call"}:
            return value
        if key == "args" and value and _TAKES_EXPERIMENTS.fullmatch(call["call"]):
            return [self._experiments(value[0]), *self._value(value[1:])]
        if key == "args" and call["call"].startswith("mlflow ") and "--experiment-id" in value:
            at = value.index("--experiment-id") + 1
            return self._value([*value[:at], self._experiments(value[at]), *value[at + 1 :]])
        if key == "result" and call["call"].endswith(".create_experiment"):
            return self._experiments(value)
        return self._value(value)

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) == {"time"}:
                return self._number(value["time"])
            if value.get("type") == "EvaluationDataset":
                value = {**value, "digest": "<digest>"}  # of the time, among others
            return {self._text(key): self._field(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, str):
            return self._text(value)
        return self._number(value) if isinstance(value, int) and not isinstance(value, bool) else value

    def _field(self, key: str, value: Any) -> Any:
        if key.startswith("experiment_id"):
            return self._experiments(value)
        if key == "output":  # of the command: columns are as wide as the longest name
            value = re.sub(r"-{3,}", "---", " ".join(value.split()))
            return re.sub(_CHANCE_NAME, lambda found: self._name(found[0]), self._text(value))
        if key in _UNORDERED and isinstance(value, list):
            return sorted(map(self._value, sorted(value, key=_without_ids)), key=repr)
        return self._value(value)

    def _experiments(self, value: Any) -> Any:
        """An experiment's id, or several."""
        if isinstance(value, list):
            return [self._experiments(item) for item in value]
        if isinstance(value, int) and value > 0:
            return {"int": self._name(str(value))}
        return self._name(value) if isinstance(value, str) and value.isdecimal() else self._value(value)

    def _number(self, value: int) -> int | str:
        return "<time>" if self.started_ms - _SLACK_MS <= value <= self.ended_ms + _SLACK_MS else value

    def _text(self, text: str) -> str:
        if _CHANCE_NAME.fullmatch(text):
            return self._name(text)
        text = text.replace(self.tracking_uri, "<server>").replace(self.folder, "<folder>")
        text = _TEMPORARY.sub("...", text)
        text = _EXPERIMENT_IN_TEXT.sub(lambda found: found["before"] + self._name(found["id"]), text)
        text = _IDS.sub(lambda found: self._name(found[0]), text)
        text = _DATE.sub(lambda found: "<date>" if found[0] > "2020" else found[0], text)
        return _MILLISECONDS.sub(lambda found: str(self._number(int(found[0]))), text)

    def _name(self, found: str) -> str:
        if found in {"0", "99999999"} or _MADE_UP.fullmatch(found):
            return found
        if found not in self.names:
            self._new_here += 1
            self.names[found] = f"<{self._here}.{self._new_here}>"
        return self.names[found]


def _without_ids(value: Any) -> str:
    """What to sort by before ids have names."""
    return _IDS.sub("", json.dumps(value, sort_keys=True))
