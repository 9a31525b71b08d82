"""A journal takes what it is given, whatever the disk does."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlkeep.sdk.journal import file, held, locks, records
from mlkeep.sdk.journal.file import Journal, Unsent
from mlkeep.sdk.journal.folder import contents, journals_in, leftovers, state, taken
from mlkeep.sdk.journal.records import Placed, Points

RUN = "a" * 32
URI = "http://localhost:5000"


def steps_in(piece: Unsent) -> list[int]:
    found = records.scan(piece.data, piece.start, is_whole=piece.is_all)
    return [one.record.step for one in found if isinstance(one, Placed) and isinstance(one.record, Points)]


def all_sent(journal: Journal) -> list[int]:
    """Send everything; the steps in the order in which the server has them."""
    steps = []
    while not journal.is_sent:
        piece = journal.unsent(100_000)
        steps += steps_in(piece)
        found = list(records.scan(piece.data, piece.start, is_whole=piece.is_all))
        journal.mark_sent(piece, found[-1].end)  # the beginning of the next record comes again
    return steps


def left_steps(folder: Path) -> list[int]:
    """The steps that are read of the one journal of a folder when its process is gone; they are sent then."""
    (path,) = journals_in(folder)
    found = taken(path)
    assert found is not None
    steps = all_sent(found.journal)
    found.journal.close()
    return steps


def log(journal: Journal, *steps: int) -> None:
    for step in steps:
        assert journal.append(records.points(1, step, {"loss": 0.5}))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path, RUN, URI, 2**40)
    yield journal
    journal.close()


@contextlib.contextmanager
def file_size_limit(most: int) -> Iterator[None]:
    """No file of this process may become larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_journal_that_is_sent_is_deleted_and_one_that_is_not_stays(tmp_path: Path) -> None:
    journal = Journal(tmp_path, RUN, "http://user:secret@host:5000", 2**40)
    log(journal, 1, 2)
    assert all_sent(journal) == [1, 2]
    log(journal, 3)
    journal.close()
    assert b"secret" not in journal.path.read_bytes()
    head = state(journal.path).contents.head
    assert (head.run_id, head.tracking_uri, head.pid) == (RUN, "http://user:***@host:5000", os.getpid())
    assert left_steps(tmp_path) == [3]
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_the_disk_takes_half_is_taken_back_and_held(tmp_path: Path, journal: Journal) -> None:
    log(journal, 1)
    size = journal.path.stat().st_size
    with file_size_limit(size + 20):
        log(journal, 2, 3)
        assert journal.path.stat().st_size == size
        assert all_sent(journal) == [1, 2, 3]
    log(journal, 4)
    assert all_sent(journal) == [4]
    assert journal.lost == 0


def test_half_a_record_that_cannot_be_taken_back_is_skipped(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(journal, 1)

    def refused(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "no")

    with file_size_limit(journal.path.stat().st_size + 20), monkeypatch.context() as broken:
        broken.setattr(os, "ftruncate", refused)
        log(journal, 2, 3)
    log(journal, 4)
    assert steps_in(journal.unsent(10**6)) == [1, 2, 3, 4]
    journal.close()
    assert left_steps(tmp_path) == [1, 2, 3, 4]


def test_what_memory_holds_is_on_disk_as_soon_as_there_is_room(tmp_path: Path, journal: Journal) -> None:
    with file_size_limit(journal.path.stat().st_size):
        log(journal, *range(5))
        piece = journal.unsent(10)
        assert (steps_in(piece), piece.held) == ([0], 1)
    journal.unsent(10)
    assert [one.step for one in map(points_of, scanned(journal.path)) if one] == list(range(5))
    journal.mark_sent(piece, 0)
    assert all_sent(journal) == list(range(5))


def scanned(path: Path) -> list[Placed]:
    return [one for one in records.scan(path.read_bytes()) if isinstance(one, Placed)]


def points_of(placed: Placed) -> Points | None:
    return placed.record if isinstance(placed.record, Points) else None


def test_what_neither_disk_nor_memory_takes_is_counted_and_said_once(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record = len(records.points(1, 1, {"loss": 0.5}))
    monkeypatch.setattr(held, "MAX_HELD_BYTES", 10 * record)
    with file_size_limit(journal.path.stat().st_size):
        log(journal, *range(25))
    assert journal.lost == 15
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "File too large" in caplog.records[0].message
    assert all_sent(journal) == list(range(10))
    journal.close()
    assert caplog.records[-1].message == f"15 records of run {RUN} are lost: neither disk nor memory took them."


def test_a_journal_has_a_bound(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(tmp_path, RUN, URI, 2_000)
    log(journal, *range(100))
    assert journal.path.stat().st_size <= 2_000
    assert "bytes of 2000" in caplog.text
    steps = []
    while not journal.is_sent:
        piece = journal.unsent(500)
        steps += steps_in(piece)
        end = max(one.end for one in records.scan(piece.data, piece.start, is_whole=piece.is_all))
        journal.mark_sent(piece, end)
        journal.trim()
        assert journal.path.stat().st_size <= 2_100
    assert steps == list(range(100))
    assert journal.lost == 0
    journal.close()


def test_where_no_file_can_be_made_memory_does_until_one_can(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (wall := tmp_path / "journals").write_text("no folder")
    journal = Journal(wall, RUN, URI, 2**40)
    log(journal, 1, 2)
    assert "takes nothing" in caplog.text
    assert steps_in(journal.unsent(10**6)) == [1, 2]
    wall.unlink()
    assert steps_in(journal.unsent(10**6)) == [1, 2]
    log(journal, 3)
    journal.close()
    assert left_steps(wall) == [1, 2, 3]


def test_a_journal_that_somebody_deletes_is_made_again(tmp_path: Path, journal: Journal) -> None:
    log(journal, 1, 2)
    journal.path.unlink()
    log(journal, 3)
    journal.close()
    assert left_steps(tmp_path) == [1, 2, 3]


def test_a_file_whose_file_system_went_away_is_left_to_others(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(journal, 1, 2)
    piece = journal.unsent(10**6)
    usual, stale, old = os.fstat, journal._fd, journal.path

    def fstat(fd: int) -> os.stat_result:
        if fd == stale:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return usual(fd)

    monkeypatch.setattr(os, "write", lambda fd, _: fstat(fd).st_size)
    monkeypatch.setattr(os, "fstat", fstat)
    log(journal, 3)
    monkeypatch.undo()
    journal.mark_sent(piece, piece.start + len(piece.data))
    assert all_sent(journal) == [3]
    log(journal, 4)
    journal.close()
    found = taken(old)
    assert found is not None
    assert all_sent(found.journal) == [1, 2]
    found.journal.close()
    assert left_steps(tmp_path) == [4]


def test_what_is_sent_is_cut_off_when_it_is_much(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "CUT_FROM", 1_000)
    log(journal, *range(100))
    piece = journal.unsent(10**6)
    ends = [one.end for one in records.scan(piece.data, piece.start)]
    journal.mark_known("b" * 32)
    journal.mark_sent(piece, ends[79])
    before = journal.path.stat().st_size
    journal.trim()
    assert journal.path.stat().st_size < before / 2
    journal.close()
    found = taken(journal.path)
    assert found is not None
    assert (found.contents.known, all_sent(found.journal)) == ("b" * 32, list(range(80, 100)))
    found.journal.close()


def test_a_disk_without_room_for_the_cut_leaves_the_journal(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "CUT_FROM", 1_000)
    log(journal, *range(100))
    piece = journal.unsent(10**6)
    journal.mark_sent(piece, [one.end for one in records.scan(piece.data, piece.start)][79])
    with file_size_limit(200):
        journal.trim()
    assert list(tmp_path.iterdir()) == [journal.path]
    assert steps_in(journal.unsent(10**6)) == list(range(80, 100))


def test_nothing_is_appended_to_a_closed_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path, RUN, URI, 2**40)
    log(journal, 1)
    journal.close()
    journal.close()
    assert not journal.append(records.points(1, 2, {"loss": 0.5}))
    assert journal.unsent(100).data == b""
    assert journal.is_sent  # another process sees to the rest
    assert left_steps(tmp_path) == [1]


def test_closing_while_others_read_and_write_neither_raises_nor_loses(tmp_path: Path) -> None:
    for _ in range(30):
        journal = Journal(tmp_path / "journals", RUN, URI, 2**40)
        done: list[int] = []
        sent: set[int] = set()
        errors: list[BaseException] = []

        def write(journal: Journal = journal, done: list[int] = done) -> None:
            step = 0
            while journal.append(records.points(1, step, {"loss": 0.5})):
                done.append(step)
                step += 1

        def send(journal: Journal = journal, sent: set[int] = sent, errors: list[BaseException] = errors) -> None:
            try:
                while not journal._is_closed:
                    piece = journal.unsent(1_000)
                    found = list(records.scan(piece.data, piece.start, is_whole=piece.is_all))
                    sent.update(steps_in(piece))
                    if found:
                        journal.mark_sent(piece, found[-1].end)
                    journal.trim()
            except BaseException as error:  # noqa: BLE001 - told by the test
                errors.append(error)

        threads = [threading.Thread(target=work) for work in (write, send)]
        for thread in threads:
            thread.start()
        while len(done) < 200:
            pass
        journal.close()
        for thread in threads:
            thread.join()
        assert errors == []
        rest = left_steps(tmp_path / "journals") if journal.path.exists() else []
        assert sorted(sent | set(rest)) == done
        for path in journals_in(tmp_path / "journals"):
            path.unlink()


def test_an_interrupted_call_does_not_put_the_next_ones_at_wrong_places(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler that raises may come between the writing and its noting."""
    usual = os.write

    def interrupted(fd: int, data: bytes) -> int:
        usual(fd, data)
        raise KeyboardInterrupt

    log(journal, 1)
    with monkeypatch.context() as signals:
        signals.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.append(records.points(1, 2, {"loss": 0.5}))
    piece = journal.unsent(10**6)
    journal.mark_sent(piece, next(one.end for one in records.scan(piece.data, piece.start)))
    log(journal, 3)
    assert steps_in(journal.unsent(10**6)) == [2, 3]
    journal.close()
    assert left_steps(tmp_path) == [2, 3]


def test_two_writers_of_a_run_have_a_file_each(tmp_path: Path, journal: Journal) -> None:
    other = Journal(tmp_path, RUN, URI, 2**40)
    log(journal, 1, 3)
    log(other, 2, 4)
    assert sorted(journals_in(tmp_path)) == sorted([journal.path, other.path])
    assert (all_sent(journal), all_sent(other)) == ([1, 3], [2, 4])
    other.close()


def test_nobody_takes_the_journal_of_a_living_process(tmp_path: Path, journal: Journal) -> None:
    log(journal, 1)
    assert taken(journal.path) is None
    assert state(journal.path).is_live
    journal.close()
    assert not state(journal.path).is_live
    found = taken(journal.path)
    assert found is not None
    assert taken(journal.path) is None
    found.journal.close()
    assert taken(tmp_path / "gone.1-2.journal") is None


def test_a_forked_child_leaves_the_journal_to_its_parent(tmp_path: Path, journal: Journal) -> None:
    log(journal, 1)
    child = os.fork()
    if child == 0:
        journal.abandon()
        os._exit(int(journal.append(b"of the child")))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert taken(journal.path) is None
    assert all_sent(journal) == [1]


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that has none."""

    def refused(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refused)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_the_id_of_the_process_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, RUN, URI, 2**40)
    log(journal, 1)
    assert taken(journal.path) is None
    assert state(journal.path).is_live
    child = os.fork()
    if child == 0:
        log(Journal(tmp_path / "child", RUN, URI, 2**40), 2)
        os._exit(0)
    os.waitpid(child, 0)
    assert left_steps(tmp_path / "child") == [2]
    journal.close()


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_journal_of_another_host_is_left_alone_while_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    journal = Journal(tmp_path, RUN, URI, 2**40)
    log(journal, 1)
    journal.close()
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    assert taken(journal.path) is None
    quiet = journal.path.stat().st_mtime - locks.QUIET_S - 1
    os.utime(journal.path, (quiet, quiet))
    assert left_steps(tmp_path) == [1]


def test_what_is_left_of_killed_cuts_is_found_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    (left := tmp_path / f"{RUN}.1-2.0123.cut").write_bytes(b"the half of something")
    fd = os.open(tmp_path / f"{RUN}.1-2.4567.cut", os.O_CREAT | os.O_RDWR)
    locks.take(fd)
    assert list(leftovers(tmp_path)) == [left]
    locks.let_go(fd)


def test_a_journal_is_kept_while_artifacts_wait_beside_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path, RUN, URI, 2**40)
    journal.artifacts_path.mkdir()
    journal.close()
    assert journal.path.exists()


def test_contents_name_the_run_even_if_the_first_record_is_damaged(tmp_path: Path, journal: Journal) -> None:
    log(journal, 1)
    data = bytearray(journal.path.read_bytes())
    data[0] ^= 1
    journal.path.write_bytes(data)
    fd = os.open(journal.path, os.O_RDONLY)
    found = contents(fd, journal.path)
    os.close(fd)
    assert (found.head.run_id, found.head.tracking_uri, found.unsent) == (RUN, "", 1)
    assert journal.path.name == f"{RUN}.{found.head.writer}.journal"


def test_what_was_refused_is_told_once_though_it_was_refused_twice(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    log(journal, 1)
    caplog.set_level(logging.CRITICAL)
    placed = scanned(journal.path)[1]
    for _ in range(2):
        journal.refuse(placed, "no such thing")
    assert [(one.record, one.reason) for one in state(journal.path).refused] == [(placed.record, "no such thing")]
