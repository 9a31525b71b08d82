"""Drives trainers that do what they are told, and says what is stored of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.processes import environment
from mlkeep import MlkeepClient
from tests.faults import driven

ANSWER_LIMIT_S = 60
END_LIMIT_S = 60


class Driven:
    """A `driven` process."""

    def __init__(
        self,
        journals: Path,
        uri: str,
        experiment_id: str = "0",
        run_id: str | None = None,
        *,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it, and its run. Raises AssertionError: it does not start one."""
        self.journals = journals
        variables = {**environment(), "MLKEEP_JOURNAL_DIR": str(journals), **(env or {})}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        command = [sys.executable, "-X", "faulthandler", driven.__file__, uri, experiment_id]
        self.process = subprocess.Popen(
            command + ([run_id] if run_id else []),
            env=variables,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self.run_id = self._answer()

    def tell(self, command: str) -> str:
        """Have it do something; its answer. Raises AssertionError: it has ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._answer()

    @property
    def complaints(self) -> str:
        """What it has written to standard error."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def finish(self) -> int:
        """Have it come to its end; the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(END_LIMIT_S)

    def kill(self) -> None:
        """`kill -9`, unless it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Kill it, and print what it complained of."""
        self.kill()
        print(self.complaints)
        for file in (self.process.stdin, self.process.stdout, self._errors):
            if file is not None:
                file.close()

    def left_over(self) -> list[str]:
        """The files among its journals."""
        return sorted(path.name for path in self.journals.rglob("*") if path.is_file())

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the trainer has ended with exit code {self.process.wait()}"
        return line.strip()


Steps = dict[str, list[tuple[int, float]]]
"""Steps and values of each key, by step."""


def stored(uri: str, run_id: str) -> Steps:
    """What a server has of a run of a `driven` trainer."""
    client = MlkeepClient(uri)
    return {
        key: sorted((point.step, point.value) for point in client.get_metric_history(run_id, key))
        for key in client.get_run(run_id).data.metrics
    }


def logged(steps: Iterable[int]) -> Steps:
    """What it has if it was logged once."""
    known = sorted(steps)
    return {key: [(step, driven.value_of(key, step)) for step in known] for key in driven.KEYS}
