"""Programs of users: scripts that run in a process of their own, and track at a given URI."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import uuid
from pathlib import Path

from bench.processes import environment

LIMIT_S = 60


class Program:
    """A script that has been started, in `folder`, where its journals are too."""

    def __init__(self, script: str, uri: str, folder: Path, *options: str, **variables: str) -> None:
        self._errors = folder / f"errors.{uuid.uuid4().hex}"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *options, "-c", "import mlkeep\n" + textwrap.dedent(script)],
                env={
                    **environment(),
                    "MLKEEP_TRACKING_URI": uri,
                    "MLKEEP_JOURNAL_DIR": str(folder / "journal"),
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                    **variables,
                },
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    @property
    def errors(self) -> str:
        """What it has written to standard error."""
        return self._errors.read_text()

    def line(self) -> str:
        """The next line that it prints. Raises AssertionError: it ends without one."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the program ended:\n{self.errors}"
        return line.strip()

    def tell(self, line: str) -> None:
        """Write a line that it reads."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def ended(self) -> tuple[int, str, str]:
        """The exit code, and what it printed, on standard output since, on standard error in all.

        Raises AssertionError: it does not end.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        killer = threading.Timer(LIMIT_S, self.process.kill)
        killer.start()
        try:
            output = self.process.stdout.read()
            code = self.process.wait()
        finally:
            killer.cancel()
        assert code != -signal.SIGKILL, f"the program did not end:\n{output}\n{self.errors}"
        return code, output, self.errors

    def end(self) -> None:
        """Kill it if it is still there."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
