"""Trainers that may be killed, what they say they have logged, and whether the server has that, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.processes import environment
from mlkeep import MlkeepClient
from mlkeep.sdk.journal.syncing import sync
from tests.faults import training
from tests.faults.training import Call, Line, Plan

END_LIMIT_S = 40
SHOWN = 5
"""Of many differences."""

Point = tuple[str, str, int, int, float]
"""Run, key, step, time and value."""


class Trainer:
    """A `training` process; it and its children die together. Journals, ledgers and output are in `folder`."""

    def __init__(
        self,
        folder: Path,
        uri: str,
        experiment_id: str,
        plan: Mapping[str, object],
        *,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; `plan` has further fields of `Plan`."""
        self.folder = folder
        self.journals = folder / "journals"
        self.ledgers = folder / "ledgers"
        self.ledgers.mkdir(parents=True, exist_ok=True)
        self._stop = folder / "stop"
        self._log = folder / "output"
        known = {"uri": uri, "experiment_id": experiment_id, "ledgers": str(self.ledgers), "stop": str(self._stop)}
        told = msgspec.json.encode(msgspec.convert({**known, **plan}, Plan))
        variables = {**environment(), "MLKEEP_JOURNAL_DIR": str(self.journals), **(env or {})}
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", training.__file__, told],
                env=variables,
                stdout=output,
                stderr=output,
                cwd=folder,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """`kill -9` of all its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Kill it if it is still there."""
        if self.process.poll() is None:
            self.kill()

    def finish(self) -> list[str]:
        """Have it come to its end by itself; what is wrong with that. Raises AssertionError: it does not end."""
        self._stop.touch()
        try:
            code = self.process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the trainer did not end within {END_LIMIT_S} s:\n{self._last_words()}") from None
        return [f"exit code {code}"] if code else []

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something it does. Raises AssertionError: it ended, or it takes too long."""
        deadline = time.monotonic() + END_LIMIT_S
        while not condition():
            if (code := self.process.poll()) is not None:
                raise AssertionError(f"the trainer ended with exit code {code}:\n{self.output}")
            if time.monotonic() > deadline:
                raise AssertionError(f"the trainer did not get there in {END_LIMIT_S} s:\n{self._last_words()}")
            time.sleep(0.005)

    def _last_words(self) -> str:
        """Its output, which ends with where it is; it ends too."""
        self.process.send_signal(signal.SIGABRT)
        self.process.wait()
        return self.output

    def logged(self) -> Logged:
        """What its calls were given so far."""
        return Logged(self.ledgers)

    @property
    def is_done(self) -> bool:
        """Whether all its steps have been done."""
        return (self.ledgers / "done").exists()

    def has_returned(self, calls: int) -> bool:
        """Whether so many calls have returned."""
        return len(self.logged().returned) >= calls

    def left_over(self) -> list[str]:
        """The files among its journals."""
        return sorted(str(each.relative_to(self.journals)) for each in self.journals.rglob("*") if each.is_file())


class Logged:
    """What ledgers say: the calls that returned, those nobody knows the end of, and what was raised."""

    def __init__(self, ledgers: Path) -> None:
        self.returned: list[Call] = []
        self.open: list[Call] = []
        self.raised: list[str] = []
        self.runs: dict[str, str] = {}
        """The runs that were made, by id, with their marks."""
        for file in sorted(ledgers.glob("*.ledger")):
            self._read(file)

    def _read(self, file: Path) -> None:
        begun: dict[int, Call] = {}
        for line in _lines(file):
            if line.call is not None:
                begun[line.number] = line.call
                continue
            call = begun.pop(line.number)
            if line.raised:
                self.raised.append(f"{call}: {line.raised}")
            elif call.makes:
                self.runs[line.made] = call.makes
                self.returned.append(msgspec.structs.replace(call, run_id=line.made))
            else:
                self.returned.append(call)
        self.open += begun.values()


def _lines(file: Path) -> Iterator[Line]:
    decoder = msgspec.json.Decoder(Line)
    for line in file.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):  # a process that is killed may leave half a line
            yield decoder.decode(line)


class Kept(msgspec.Struct, frozen=True):
    """What the server has of all runs of an experiment."""

    runs: dict[str, str]
    points: list[Point]
    params: dict[tuple[str, str], str]
    tags: dict[tuple[str, str], str]
    statuses: dict[str, str]


def kept(uri: str, experiment_id: str) -> Kept:
    """Read it through the server. Tags that trainers do not set are left out."""
    client = MlkeepClient(uri)
    found = Kept({}, [], {}, {}, {})
    token: str | None = None
    while True:
        page = client.search_runs([experiment_id], max_results=1_000, page_token=token)
        for run in page:
            run_id = run.info.run_id
            found.runs[run_id] = run.data.tags.get("mark", "")
            found.statuses[run_id] = run.info.status
            found.params.update({(run_id, key): value for key, value in run.data.params.items()})
            tags = {key: value for key, value in run.data.tags.items() if key == "mark" or ".tag." in key}
            found.tags.update({(run_id, key): value for key, value in tags.items()})
            for key in run.data.metrics:
                history = client.get_metric_history(run_id, key)
                found.points.extend((run_id, key, each.step, each.timestamp, each.value) for each in history)
        if (token := page.token) is None:
            return found


def differences(logged: Logged, found: Kept) -> list[str]:
    """What the server lacks of the calls that returned, and what it has too much or twice. None is as it should be.

    A call of which nobody knows the end may have been kept or not.
    """
    marks = {call.makes for call in logged.open}
    unknown = [mark for run, mark in found.runs.items() if run not in logged.runs and mark not in marks]
    told = [
        *_differing("raised", logged.raised),
        *_differing("runs missing", [f"{run} ({mark})" for run, mark in logged.runs.items() if run not in found.runs]),
        *_differing("runs never made", unknown),
        *_points_differing(logged, found),
    ]
    for name, wanted, lucky, there in (
        ("param", _pairs(logged.returned, "params"), _pairs(logged.open, "params"), found.params),
        ("tag", _pairs(logged.returned, "tags"), _pairs(logged.open, "tags"), found.tags),
    ):
        told += _differing(f"{name}s missing", [each for each in wanted.items() if there.get(each[0]) != each[1]])
        known = {**wanted, **lucky}
        strange = [each for each in there.items() if known.get(each[0]) != each[1] and each[0][0] in logged.runs]
        told += _differing(f"{name}s never logged", strange)
    ended = {call.run_id: call.status for call in logged.returned if call.status}
    told += _differing("ends missing", [each for each in ended.items() if found.statuses.get(each[0]) != each[1]])
    return told


def _points_differing(logged: Logged, found: Kept) -> list[str]:
    wanted = Counter(_points(logged.returned))
    lucky = set(_points(logged.open))
    there = Counter(found.points)
    return [
        *_differing("points missing", sorted(wanted.keys() - there.keys())),
        *_differing("points twice", sorted(point for point, count in there.items() if count > 1)),
        *_differing("points never logged", sorted(there.keys() - wanted.keys() - lucky)),
    ]


def _points(calls: list[Call]) -> list[Point]:
    return [(call.run_id, *point) for call in calls for point in call.points]


def _pairs(calls: list[Call], kind: str) -> dict[tuple[str, str], str]:
    return {(call.run_id, key): value for call in calls for key, value in getattr(call, kind).items()}


def _differing(what: str, items: Sequence[object]) -> list[str]:
    return [f"{len(items)} {what}: {', '.join(map(str, items[:SHOWN]))}"] if items else []


def recover(journals: Path, uri: str) -> list[str]:
    """Send the journals of dead processes to a server; what was kept, damaged or refused, by file and place."""
    found: list[str] = []
    ends = time.monotonic() + END_LIMIT_S
    while True:
        told = sync(journals, uri)
        found += [f"{each.path.name}: byte {one.at} to {one.end} damaged" for each in told.sent for one in each.damage]
        found += [f"{each.path.name}: {each.refused} refused" for each in told.sent if each.refused]
        if not told.live or time.monotonic() > ends:  # who was killed may hold its files for a moment
            return [*found, *(f"{each.path.name}: not sent: {each.reason}" for each in (*told.kept, *told.live))]
        time.sleep(0.1)
