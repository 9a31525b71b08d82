"""Progress is shown on terminals, of transfers that take a while, and nowhere else."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from mlkeep.blobs.moving.plan import SILENT
from mlkeep.sdk import progress


class Terminal(io.StringIO):
    """Standard error that is a terminal; `shown` is set when it says something."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if "%" in text or "weights" in text:
            self.shown.set()
        return super().write(text)


def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Called in the test itself: before it, pytest puts something of its own in place of standard error."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    return made


def test_a_transfer_that_takes_long_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    monkeypatch.setattr(progress, "_SHOWN_AFTER_S", 0.001)
    with progress.progress("Uploading weights") as shown:
        shown.begin(3, 1_000_000)
        shown.moved(500_000)
        shown.done(2)
        assert terminal.shown.wait(30)
    assert "Uploading weights" in terminal.getvalue()
    assert "2/3 files" in terminal.getvalue()


def test_a_transfer_that_takes_no_time_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    with progress.progress("Uploading weights") as shown:
        shown.begin(1, 10)
        shown.moved(10)
        shown.done()
    assert terminal.getvalue() == ""


def test_where_there_is_no_terminal_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for standard_error in (io.StringIO(), None):
        monkeypatch.setattr(sys, "stderr", standard_error)
        with progress.progress("Uploading weights") as shown:
            assert shown is SILENT


def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    at_terminal(monkeypatch)
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with progress.progress("Uploading weights") as shown:
        assert shown is SILENT
