"""No room on the disk of the journal, or of the server: nothing is raised into training, and nothing is stored wrongly."""

from __future__ import annotations

import contextlib
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from bench.processes import MlkeepServer
from tests.faults.drivers import Driven, logged, stored
from tests.faults.trainers import recover

pytestmark = pytest.mark.faults

KIB = 1024
STEPS = 1_000
"""So many that their records need some ten times the room there is for the journal."""


class Disk(Protocol):
    """A folder on a disk without room."""

    folder: Path

    def fill(self, pid: int) -> None:
        """Leave little room to a process, or none."""

    def make_room(self, pid: int) -> None:
        """Let it have all it wants."""


class LimitedFiles:
    """The largest file that the process may write stands in for the disk: any user can have that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def fill(self, pid: int) -> None:
        largest = max((path.stat().st_size for path in self.folder.rglob("*") if path.is_file()), default=0)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest + 4 * KIB, resource.RLIM_INFINITY))

    def make_room(self, pid: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class SmallDisk:
    """A disk of a few megabytes, in memory, and a file that fills what is left of it."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError: this user may not mount one."""
        self.folder = folder
        folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            raise PermissionError(mounted.stderr.decode())
        self._ballast = folder / "ballast"

    def fill(self, pid: int) -> None:  # noqa: ARG002 - all processes have this disk
        with self._ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4 * KIB)):
                pass

    def make_room(self, pid: int) -> None:  # noqa: ARG002 - all processes have this disk
        self._ballast.unlink()

    def end(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture(params=[LimitedFiles, SmallDisk])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    if request.param is LimitedFiles:
        yield LimitedFiles(tmp_path / "disk")
        return
    try:
        small = SmallDisk(tmp_path / "disk")
    except OSError as error:
        pytest.skip(f"only who may mount can have a small disk: {error}")
    yield small
    small.end()


def servers(folder: Path, **options: int) -> MlkeepServer:
    return MlkeepServer(folder, "--no-access-log", *(f"--{name}={value}" for name, value in options.items()))


def test_with_the_server_there_nothing_is_lost_though_the_journal_has_no_room(
    disk: Disk, tmp_path: Path, start_trainer: Callable[..., Driven]
) -> None:
    server = servers(tmp_path / "server")
    try:
        trainer = start_trainer(server.url, disk.folder / "journals")
        assert trainer.tell("log 0 10") == "done"
        disk.fill(trainer.process.pid)
        assert trainer.tell(f"log 10 {STEPS}") == "done"
        assert trainer.tell("param lr 0.1") == "done"
        assert trainer.tell("flush") == "done"
        assert stored(server.url, trainer.run_id) == logged(range(STEPS))

        assert trainer.tell(f"log {STEPS} {2 * STEPS}") == "done"
        assert trainer.tell("end") == "done"
        assert trainer.finish() == 0
        assert stored(server.url, trainer.run_id) == logged(range(2 * STEPS))
        assert trainer.left_over() == []
    finally:
        server.end()


def test_what_memory_held_is_on_the_disk_once_there_is_room(
    disk: Disk, tmp_path: Path, start_trainer: Callable[..., Driven]
) -> None:
    server = servers(tmp_path / "server")
    trainer = start_trainer(server.url, disk.folder / "journals")
    assert trainer.tell("log 0 10") == "done"
    server.end()
    try:
        disk.fill(trainer.process.pid)
        assert trainer.tell(f"log 10 {STEPS}") == "done"
        assert trainer.tell("param lr 0.1") == "done"
        assert sum(path.stat().st_size for path in trainer.journals.glob("*")) < 8 * KIB
        disk.make_room(trainer.process.pid)
        assert trainer.tell(f"log {STEPS} {STEPS + 10}") == "done"
        assert trainer.finish() == 0

        server = servers(tmp_path / "server", port=server.port)
        assert recover(trainer.journals, server.url) == []
        assert stored(server.url, trainer.run_id) == logged(range(STEPS + 10))
        assert trainer.left_over() == []
    finally:
        server.end()


def test_a_disk_on_which_no_journal_can_be_made_does_not_stop_training(
    tmp_path: Path, start_trainer: Callable[..., Driven]
) -> None:
    """A link to itself in the place of the folder: neither it nor anything below it can be made, by any user."""
    (tmp_path / "journals").symlink_to("journals")
    server = servers(tmp_path / "server")
    try:
        trainer = start_trainer(server.url)
        assert trainer.tell(f"log 0 {STEPS}") == "done"
        assert trainer.tell("end") == "done"
        assert trainer.finish() == 0
        assert stored(server.url, trainer.run_id) == logged(range(STEPS))
    finally:
        server.end()


def test_a_journal_that_cannot_be_made_when_it_is_needed_does_not_stop_training(
    tmp_path: Path, start_trainer: Callable[..., Driven]
) -> None:
    """The folder has gone meanwhile."""
    server = servers(tmp_path / "server")
    try:
        trainer = start_trainer(server.url)
        (tmp_path / "journals").rename(tmp_path / "gone")
        (tmp_path / "journals").symlink_to("journals")
        assert trainer.tell(f"log 0 {STEPS}") == "done"
        assert trainer.tell("end") == "done"
        assert trainer.finish() == 0
        assert stored(server.url, trainer.run_id) == logged(range(STEPS))
    finally:
        server.end()


def test_what_a_server_without_room_does_not_take_it_has_once_when_there_is_room(
    disk: Disk, tmp_path: Path, start_trainer: Callable[..., Driven]
) -> None:
    server = servers(disk.folder / "server")
    try:
        trainer = start_trainer(server.url)
        assert trainer.tell("log 0 10") == "done"
        assert trainer.tell("flush") == "done"
        disk.fill(server.pid)
        for first in range(10, STEPS, 110):  # in several requests, some of which may find room
            assert trainer.tell(f"log {first} {first + 110}") == "done"
            assert trainer.tell(f"param p{first} 1") == "done"
        assert "was not kept" in server.output
        told = stored(server.url, trainer.run_id)
        assert all(set(told[key]) <= set(wanted) for key, wanted in logged(range(STEPS)).items())
        disk.make_room(server.pid)
        assert trainer.tell(f"log {STEPS} {STEPS + 10}") == "done"
        assert trainer.tell("end") == "done"
        assert trainer.finish() == 0

        assert stored(server.url, trainer.run_id) == logged(range(STEPS + 10))
        assert trainer.left_over() == []
    finally:
        server.end()
        print(server.output)
