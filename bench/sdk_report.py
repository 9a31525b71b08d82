"""What `bench.sdk` found, as Markdown: docs/benchmarks-sdk.md."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bench.sdk_peers import CASES, PEERS, SITUATIONS, Case, Outcome

Topic = Literal["calls", "stored", "imports"]

P50_S, P99_S, STORED_S, IMPORT_S = 10e-6, 100e-6, 2.0, 0.15
"""What is expected of mlkeep."""

FEWEST = 10
"""Calls from which on it is said how long all of them would have taken."""

_EXPECTED = {
    "mlkeep-up": "server up",
    "mlkeep-slow": "server slow",
    "mlkeep-down": "server down",
    "mlkeep-database": "SQLite file",
    "mlkeep-offline": "offline",
    "mlkeep-mlflow": "server of MLflow, up",
}
"""Cases that are expected to keep to it, and what they are called there."""

_READING = """\
Numbers of different machines or different minutes do not compare; those of one run do.
Each program runs in the virtualenv of its library, the server of mlkeep or MLflow as a process beside it, on the same two processors.
A call logs two values of one step; only the calls are timed, one by one, in a loop that does nothing else, which is harder than training: what a library does in threads of its own takes time from the calls.
"From the last call to all stored" is how long the function takes that a library has for it: `end_run`, `finish`, `close`.
What it waits for differs as the promises do: a server for mlkeep and MLflow, a file on this machine for the others.
Of 10,000 calls that would have taken too long, fewer were made, as the line says, and the total is extrapolated (≈).
MLflow cannot start a run while its server is down, so for all the run is started first, and then the server is killed."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What a library costs before it does anything."""

    version: str
    import_s: float
    at_hand_s: float
    size_bytes: int
    packages: int


@dataclass
class Findings:
    """What was measured, by case or by library; each round has its outcome."""

    calls: int
    points: int
    is_quick: bool
    surroundings: list[str] = field(default_factory=list)
    calls_of: dict[str, list[Outcome]] = field(default_factory=dict)
    stored_of: dict[str, list[Outcome]] = field(default_factory=dict)
    installed: dict[str, Installed] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Say something once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def page(found: Findings) -> str:
    """The whole of docs/benchmarks-sdk.md."""
    quick = "**This was a quick check with few calls and one round; its numbers say little.**"
    parts = [
        "# Logging from a program",
        "Written by `make bench-sdk`; do not edit.",
        "\n".join(found.surroundings),
        *([quick] if found.is_quick else []),
        *(["## A call of `log_metrics` with two values", calls(found)] if found.calls_of else []),
        *([f"## {found.points:,} points, as fast as they can be logged", stored(found)] if found.stored_of else []),
        *(["## Imports and sizes", imports(found)] if found.installed else []),
        "## Expected and measured",
        expected(found),
        "## How to read it",
        _READING,
        *(["## Notes", "\n".join(f"- {note}" for note in found.notes)] if found.notes else []),
    ]
    return "\n\n".join(parts) + "\n"


def calls(found: Findings) -> str:
    """A line a library and situation."""
    lines = [
        f"| | server | p50 | p99 | {found.calls:,} calls | from the last call to all stored | what was logged is, when the call returns |",
        "|---|---|---|---|---|---|---|",
    ]
    for case, outcomes in _measured(found.calls_of):
        cells = [case.who, SITUATIONS[case.situation], *_times(outcomes, found.calls)]
        cells += [_finished(case, outcomes), case.promise]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def stored(found: Findings) -> str:
    """How long all calls took, and what came after them."""
    lines = ["| | server | p50 | p99 | all calls | from the last call to all stored |", "|---|---|---|---|---|---|"]
    for case, outcomes in _measured(found.stored_of):
        made = min(one.calls for one in outcomes)
        took = _finished(case, outcomes) + (f" (of {2 * made:,} points)" if 2 * made < found.points else "")
        cells = [case.who, SITUATIONS[case.situation], *_times(outcomes, found.points // 2), took]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def imports(found: Findings) -> str:
    """What each library costs before it does anything."""
    lines = ["| | `import` | and its functions at hand | installed | packages |", "|---|---|---|---|---|"]
    for peer in PEERS:
        if (one := found.installed.get(peer)) is not None:
            cells = [f"{PEERS[peer][0]} {one.version}", spelled(one.import_s), spelled(one.at_hand_s)]
            cells += [f"{one.size_bytes / 1e6:,.0f} MB", str(one.packages)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def expected(found: Findings) -> str:
    """What was expected of mlkeep beside what was measured."""
    lines = ["| | expected | measured | |", "|---|---|---|---|"]

    def add(title: str, most: float, value: float | None) -> None:
        judged = ("not measured", "") if value is None else (spelled(value), "met" if value <= most else "**missed**")
        lines.append(f"| {title} | ≤ {spelled(most)} | {' | '.join(judged)} |")

    for key, where in _EXPECTED.items():
        outcomes = found.calls_of.get(key, [])
        add(f"{where}: p50", P50_S, median(outcomes, lambda one: one.p50_s))
        add(f"{where}: p99", P99_S, median(outcomes, lambda one: one.p99_s))
    stored = [one for one in found.stored_of.get("mlkeep-up", []) if one.stored == found.points]
    add(
        f"{found.points:,} points stored, from the last call", STORED_S, median(stored, lambda one: one.finished_s or 0)
    )
    ours = found.installed.get("mlkeep")
    add("`import mlkeep`", IMPORT_S, ours.import_s if ours else None)
    return "\n".join(lines)


def median(outcomes: list[Outcome], of: Callable[[Outcome], float]) -> float | None:
    """The median over the rounds; None if there are none."""
    return statistics.median(of(one) for one in outcomes) if outcomes else None


def spelled(seconds: float) -> str:
    """6.1 µs, 4.2 ms, 17 s."""
    for most, factor, unit in ((1e-3, 1e6, "µs"), (1, 1e3, "ms")):
        if seconds < most:
            return f"{_digits(seconds * factor)} {unit}"
    return f"{_digits(seconds)} s"


def _digits(number: float) -> str:
    return f"{number:.1f}" if number < 10 and number != int(number) else f"{number:,.0f}"


def _measured(of_cases: dict[str, list[Outcome]]) -> list[tuple[Case, list[Outcome]]]:
    return [(case, of_cases[case.key]) for case in CASES if case.key in of_cases]


def _times(outcomes: list[Outcome], wanted: int) -> list[str]:
    """p50, p99 and the total."""
    made = min(one.calls for one in outcomes)
    total = statistics.median(one.mean_s for one in outcomes) * wanted
    about = f"≈ {spelled(total)} " if made >= FEWEST else ""
    told = spelled(total) if made >= wanted else f"{about}({made:,} made)"
    p50, p99 = (statistics.median(values) for values in zip(*((one.p50_s, one.p99_s) for one in outcomes), strict=True))
    return [spelled(p50), spelled(p99) if made >= 100 else "", told]


def _finished(case: Case, outcomes: list[Outcome]) -> str:
    if not case.finishes:
        return "never"
    took = spelled(statistics.median(one.finished_s or 0 for one in outcomes))
    match case.situation:
        case "down":
            return f"when the server is back; `end_run` returns after {took}"
        case "offline":
            return f"by `mlkeep sync`; `end_run` returns after {took}"
        case _:
            return took
