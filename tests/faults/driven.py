"""A trainer that does what the lines of its input say, and answers each with `done` or with what was raised.

Usage: driven.py TRACKING_URI EXPERIMENT_ID [RUN_ID]

    log FIRST LAST     points of the steps from FIRST on, LAST left out, under each of `KEYS`
    param KEY VALUE    a param
    clock MS           from now on the clock is so many milliseconds late
    flush              wait until everything is sent, as who reads does
    end                end the run

Answers with the id of its run before it does anything.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import mlkeep

KEYS = tuple(f"k{number}" for number in range(5))


def value_of(key: str, step: int) -> float:
    """What is logged under a key at a step."""
    return step / 7 + KEYS.index(key)


def log(first: str, last: str) -> None:
    """Log points with the time of the clock."""
    for step in range(int(first), int(last)):
        mlkeep.log_metrics({key: value_of(key, step) for key in KEYS}, step=step)


def set_clock(behind_ms: str) -> None:
    """Have the wall clock be late. What measures durations is another clock."""
    late_ns = int(behind_ms) * 1_000_000
    time.time_ns = lambda: _true_time_ns() - late_ns
    time.time = lambda: (_true_time_ns() - late_ns) / 1e9


def flush() -> None:
    """Read something."""
    mlkeep.MlkeepClient().get_metric_history(run.info.run_id, KEYS[0])


_true_time_ns = time.time_ns
COMMANDS: dict[str, Callable[..., object]] = {
    "log": log,
    "param": mlkeep.log_param,
    "clock": set_clock,
    "flush": flush,
    "end": mlkeep.end_run,
}

if __name__ == "__main__":
    mlkeep.set_tracking_uri(sys.argv[1])
    run = mlkeep.start_run(experiment_id=sys.argv[2], run_id=sys.argv[3] if len(sys.argv) > 3 else None)
    print(run.info.run_id, flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        try:
            COMMANDS[command](*words)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to know
            print(f"{type(error).__name__}: {error}", flush=True)
        else:
            print("done", flush=True)
