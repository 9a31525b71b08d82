"""What `bench.models` found, as Markdown: docs/benchmarks-models.md."""

from __future__ import annotations

from dataclasses import dataclass

SAVE_TIMES, CALL_TIMES = 10, 5
"""How many times less mlkeep is expected to take: to save a model, and to call it with one row."""

MEASURES = {
    "save": "save with an example, beside the bare dump",
    "load": "load from a folder",
    "fetch": "load from the registry, the first time",
    "fetch again": "load from the registry again",
    "frame 1": "call with a frame of 1 row",
    "records 1": "call with a list of 1 dict",
    "array 1": "call with an array of 1 row (tensor signature)",
    "frame 10000": "call with a frame of 10,000 rows",
    "records 10000": "call with a list of 10,000 dicts",
    "array 10000": "call with an array of 10,000 rows (tensor signature)",
}

_EXPECTED = {"save": SAVE_TIMES, "frame 1": CALL_TIMES, "records 1": CALL_TIMES, "array 1": CALL_TIMES}

_READING = """\
Numbers of different machines or different minutes do not compare; those of one run do.
Each library runs in its own virtualenv, with the same versions of scikit-learn and pandas, and with its own server on the same machine.
Models take ten columns of doubles, and have a signature that was inferred from an example of five rows.
Estimators of scikit-learn are saved with `serialization_format="cloudpickle"` by both: what MLflow does by default refuses forests.
"Save" is the median of the saves after the first of a program; the time `cloudpickle` takes to write the same model is taken off.
A call is all of `PyFuncModel.predict` but the model's own `predict`.
Of a list of 10,000 dicts, nearly all the time is pandas making a frame of it, for both."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was measured: for each library its version, and seconds by "model, measure"."""

    surroundings: list[str]
    versions: dict[str, str]
    seconds: dict[str, dict[str, float]]
    is_quick: bool


def page(found: Findings) -> str:
    """The whole of docs/benchmarks-models.md."""
    quick = "**This was a quick check with one short round; its numbers say little.**"
    parts = [
        "# Models",
        "Written by `make bench-models`; do not edit.",
        "\n".join(found.surroundings),
        *([quick] if found.is_quick else []),
        *(f"## {model}\n\n{table(found, model)}" for model in models(found)),
        "## Expected and measured",
        expected(found),
        "## How to read it",
        _READING,
    ]
    return "\n\n".join(parts) + "\n"


def models(found: Findings) -> list[str]:
    """The models both have measured, in order."""
    return list(
        dict.fromkeys(key.partition(", ")[0] for key in found.seconds["mlkeep"] if key in found.seconds["mlflow"])
    )


def table(found: Findings, model: str) -> str:
    """A line a measure."""
    lines = [
        f"| | mlkeep {found.versions['mlkeep']} | MLflow {found.versions['mlflow']} | times as fast |",
        "|---|---|---|---|",
    ]
    for measure, title in MEASURES.items():
        ours, theirs = (found.seconds[peer][f"{model}, {measure}"] for peer in ("mlkeep", "mlflow"))
        lines.append(f"| {title} | {spelled(ours)} | {spelled(theirs)} | {theirs / ours:.1f} |")
    return "\n".join(lines)


def expected(found: Findings) -> str:
    """What was expected of mlkeep beside what was measured."""
    lines = ["| | times as fast, expected | measured | |", "|---|---|---|---|"]
    for model in models(found):
        for measure, times in _EXPECTED.items():
            key = f"{model}, {measure}"
            measured = found.seconds["mlflow"][key] / found.seconds["mlkeep"][key]
            judged = "met" if measured >= times else "**missed**"
            lines.append(f"| {model}: {MEASURES[measure]} | ≥ {times} | {measured:.1f} | {judged} |")
    return "\n".join(lines)


def spelled(seconds: float) -> str:
    """Seconds with the unit that suits them."""
    unit, factor = ("s", 1.0) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
    value = seconds * factor
    return f"{value:.2g} {unit}" if value < 10 else f"{value:,.0f} {unit}"
