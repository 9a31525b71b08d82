"""Journals as processes leave them."""

from __future__ import annotations

from pathlib import Path

from mlkeep.core.entities import RunStatus
from mlkeep.core.ids import new_run_id
from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.delivery import UNSENT_EXPERIMENT, asked
from mlkeep.sdk.journal.file import Journal
from mlkeep.wire import runs
from mlkeep.wire.message import KeyValueInput, Request

STARTED_MS = 1_700_000_000_000


class Writer:
    """A process that logs to a run, without a server; it never closes its journal unless told to."""

    def __init__(self, folder: Path, tracking_uri: str, run_id: str | None = None) -> None:
        self.run_id = run_id or new_run_id()
        self.journal = Journal(folder, self.run_id, tracking_uri, 2**40)

    def ask(self, request: Request) -> Writer:
        assert self.journal.append(records.encoded(asked(request)))
        return self

    @property
    def experiment(self) -> str:
        """The name of the experiment that the run is made in."""
        return f"of {self.run_id}"

    def make_run(self, **tags: str) -> Writer:
        return self.ask(
            runs.CreateRun(
                run_id=self.run_id,
                experiment_id=f"{UNSENT_EXPERIMENT}{self.experiment}",
                run_name="offline",
                start_time=STARTED_MS,
                tags=[KeyValueInput(key=key, value=value) for key, value in tags.items()],
            )
        )

    def log(self, *steps: int, key: str = "loss") -> Writer:
        for step in steps:
            assert self.journal.append(records.points(STARTED_MS + step, step, {key: step / 2}))
        return self

    def end(self, status: RunStatus = RunStatus.FINISHED, at_ms: int = STARTED_MS + 9_000) -> Writer:
        return self.ask(runs.UpdateRun(run_id=self.run_id, status=status, end_time=at_ms))

    def leave(self) -> Writer:
        """The process ends."""
        self.journal.close()
        return self
