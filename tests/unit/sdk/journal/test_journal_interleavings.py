"""Whatever was done to a journal before its process died: who opens it reads exactly what was not noted as sent."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mlkeep.sdk.journal import file, records
from mlkeep.sdk.journal.file import Journal
from mlkeep.sdk.journal.folder import journals_in, leftovers, taken
from mlkeep.sdk.journal.records import Placed, Points

RUN = "a" * 32
URI = "http://localhost:5000"


def steps_in(piece: file.Unsent) -> list[tuple[int, int]]:
    """The steps of the points of a piece, each with where its record ends."""
    found = records.scan(piece.data, piece.start, is_whole=piece.is_all)
    return [(one.record.step, one.end) for one in found if isinstance(one, Placed) and isinstance(one.record, Points)]


def has_room(machine: Interleaving) -> bool:
    return machine.room is None


class Interleaving(RuleBasedStateMachine):
    """One journal, its writer and its sender; steps of points stand for what is logged."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.journal = Journal(Path(self.folder.name), RUN, URI, 2**40)
        self.next_step = 0
        self.unsent: list[int] = []
        self.room: int | None = None
        """Bytes that the disk still takes; None if it is not full."""
        self.usual_write = os.write
        os.write = self.write  # type: ignore[assignment]  # it is called with bytes only

    def write(self, fd: int, data: bytes) -> int:
        if self.room is None or fd != self.journal._fd:
            return self.usual_write(fd, data)
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data = data[: self.room]
        self.room -= len(data)
        return self.usual_write(fd, data)

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            os.write = self.usual_write
            self.journal.close()
            self.folder.cleanup()

    @rule(room=st.integers(0, 300))
    def fill_the_disk(self, room: int) -> None:
        self.room = room

    @rule()
    def make_room(self) -> None:
        self.room = None

    @rule(count=st.integers(1, 20), size=st.integers(1, 8))
    def log(self, count: int, size: int) -> None:
        for _ in range(count):
            self.journal.append(records.points(1, self.next_step, {f"key{n}": 0.5 for n in range(size)}))
            self.unsent.append(self.next_step)
            self.next_step += 1

    @precondition(has_room)
    @rule(most=st.integers(100, 3_000), share=st.floats(0, 1), later=st.integers(0, 5))
    def send(self, most: int, share: float, later: int) -> None:
        """The server takes a part of what comes next; others log meanwhile."""
        piece = self.journal.unsent(most)
        found = steps_in(piece)
        assert [step for step, _ in found] == self.unsent[: len(found)]
        if later:
            self.log(later, 1)
        count = round(len(found) * share)
        if count:
            self.journal.mark_sent(piece, found[count - 1][1])
            del self.unsent[:count]

    @precondition(has_room)
    @rule()
    def send_all(self) -> None:
        while not self.journal.is_sent:
            piece = self.journal.unsent(10**6)
            found = steps_in(piece)
            if found:
                self.journal.mark_sent(piece, found[-1][1])
            self.journal.mark_sent(piece, piece.start + len(piece.data), is_noted=False)
        self.unsent.clear()

    @precondition(has_room)
    @rule()
    def trim(self) -> None:
        self.journal.trim()

    @precondition(has_room)
    @rule()
    def lose_the_file(self) -> None:
        """Somebody deletes it while its process lives."""
        self.journal.path.unlink()
        self.journal.unsent(1)

    @precondition(has_room)
    @rule(torn=st.binary(max_size=30))
    def die(self, torn: bytes) -> None:
        """The process is killed, maybe in the middle of writing; the next one goes on."""
        os.write(self.journal._fd, torn)
        os.close(self.journal._fd)
        self.reopen()

    @precondition(has_room)
    @rule()
    def close(self) -> None:
        was_sent = not self.unsent and self.journal.is_sent
        self.journal.close()
        assert was_sent is not self.journal.path.exists()
        if was_sent:
            self.journal = Journal(Path(self.folder.name), RUN, URI, 2**40)
        else:
            self.reopen()

    def reopen(self) -> None:
        (path,) = journals_in(Path(self.folder.name))
        found = taken(path)
        assert found is not None
        self.journal = found.journal
        assert found.contents.unsent == len(self.unsent)

    @invariant()
    def what_comes_next_is_what_was_not_sent(self) -> None:
        if hasattr(self, "journal"):
            found = [step for step, _ in steps_in(self.journal.unsent(10**6))]
            assert found == self.unsent[: len(found)]
            assert self.room is not None or len(found) == len(self.unsent)
            assert self.journal.lost == 0


@pytest.fixture(autouse=True)
def _cut_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "CUT_FROM", 1_000)


TestInterleaving = Interleaving.TestCase
TestInterleaving.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("operation", range(16))
def test_a_process_that_is_killed_while_it_cuts_loses_nothing(
    operation: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = os.fork()
    if child == 0:
        _cut_and_die(tmp_path, operation)
    os.waitpid(child, 0)
    (path,) = journals_in(tmp_path)
    for leftover in leftovers(tmp_path):
        leftover.unlink()
    assert list(tmp_path.iterdir()) == [path]
    found = taken(path)
    assert found is not None
    assert [step for step, _ in steps_in(found.journal.unsent(10**6))] == list(range(80, 100))
    found.journal.close()


def _cut_and_die(folder: Path, operation: int) -> None:
    """Cut a journal off of which 80 of 100 records are sent, and die before the given operation on files."""
    journal = Journal(folder, RUN, URI, 2**40)
    for step in range(100):
        journal.append(records.points(1, step, {"loss": 0.5}))
    piece = journal.unsent(10**6)
    journal.mark_sent(piece, steps_in(piece)[79][1])
    count = 0

    def dying(name: str) -> None:
        usual = getattr(os, name)

        def call(*words: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count > operation:
                os._exit(0)
            return usual(*words, **named)

        setattr(os, name, call)

    for name in ("open", "write", "pread", "fsync", "rename", "close"):
        dying(name)
    journal.trim()
    os._exit(0)
