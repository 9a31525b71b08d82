"""Uploads in parts to a folder: whoever is killed, whoever else writes, the file is whole or not there."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlkeep.blobs.contract import PartUpload, PartUploads, Sink
from mlkeep.blobs.folder.parts import FolderParts
from mlkeep.blobs.folder.store import FolderStore
from mlkeep.core.errors import Conflict, Damaged, InvalidInput, NotFound
from mlkeep.testing.conformance.stores import a_file, fetched, some_bytes, stored

PART = 100_000
DATA = some_bytes(4 * PART + 10)
SHA256 = hashlib.sha256(DATA).hexdigest()
ENVIRONMENT = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
A_WEEK_S = 7 * 24 * 3600


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(root)


@pytest.fixture
def upload(store: FolderStore) -> PartUpload:
    return store.parts.begin("in/a", len(DATA), "fingerprint", PART)


def begun_sink(parts: PartUploads, upload: PartUpload, number: int, data: bytes = DATA) -> Sink:
    """A sink that has taken all of a part, and is not finished."""
    sink = parts.sink(upload.upload_id, number)
    start, end = upload.range_of(number)
    sink.write(data[start:end])
    return sink


def send(parts: PartUploads, upload: PartUpload, *numbers: int, data: bytes = DATA) -> None:
    for number in numbers:
        sink = begun_sink(parts, upload, number, data)
        sink.finish()
        sink.commit()
        sink.discard()


def uploads_left(root: Path) -> set[str]:
    return {path.name for path in (root / ".mlkeep-uploads").iterdir()} - {"swept"}


@pytest.mark.parametrize("kind", ["alone", "twin"])
def test_an_upload_goes_on_wherever_its_process_was_killed(tmp_path: Path, kind: str) -> None:
    command = [sys.executable, "-m", "tests.unit.blobs.killed_uploads", str(tmp_path), kind]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert int(answer.stdout) > 60


def test_processes_upload_parts_of_one_file_together(store: FolderStore, root: Path, upload: PartUpload) -> None:
    program = (
        "import sys; from pathlib import Path; from mlkeep.blobs.folder.store import FolderStore\n"
        "_, root, upload_id, *numbers = sys.argv; data = sys.stdin.buffer.read(); parts = FolderStore(Path(root)).parts\n"
        "for number in map(int, numbers):\n"
        "    sink = parts.sink(upload_id, number); start, end = parts.find(upload_id).range_of(number)\n"
        "    sink.write(data[start:end]); sink.finish(); sink.commit()"
    )
    with ThreadPoolExecutor() as threads:
        others = [
            threads.submit(
                subprocess.run,
                [sys.executable, "-c", program, str(root), upload.upload_id, *numbers],
                input=DATA,
                env=ENVIRONMENT,
                check=True,
            )
            for numbers in ("51", "3")
        ]
        send(store.parts, upload, 4, 2)
        for other in others:
            other.result()
    assert store.parts.complete(upload.upload_id, SHA256) == stored("in/a", DATA)
    assert fetched(store, "in/a") == DATA


def test_a_complete_upload_leaves_a_note_of_itself_alone(store: FolderStore, root: Path, upload: PartUpload) -> None:
    send(store.parts, upload, 1, 2, 3, 4, 5)
    store.parts.complete(upload.upload_id, SHA256)
    assert uploads_left(root) == {f"{upload.upload_id}.done"}


def test_who_asks_again_to_complete_gets_the_same_answer_while_the_file_is_the_same(
    store: FolderStore, upload: PartUpload
) -> None:
    send(store.parts, upload, 1, 2, 3, 4, 5)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: store.parts.complete(upload.upload_id, SHA256), range(4)))
    assert answers == [stored("in/a", DATA)] * 4
    assert store.parts.complete(upload.upload_id, None) == stored("in/a", DATA)
    with pytest.raises(NotFound, match=upload.upload_id):
        store.parts.complete(upload.upload_id, hashlib.sha256(b"other").hexdigest())
    store.put_bytes("in/a", DATA[:-1] + b"x")
    with pytest.raises(NotFound, match=upload.upload_id):
        store.parts.complete(upload.upload_id, SHA256)


def test_the_same_file_is_uploaded_again_after_it_was_complete(store: FolderStore, upload: PartUpload) -> None:
    send(store.parts, upload, 1, 2, 3, 4, 5)
    store.parts.complete(upload.upload_id, SHA256)
    again = store.parts.begin("in/a", len(DATA), "fingerprint", PART)
    assert (again.upload_id, again.have) == (upload.upload_id, frozenset())
    send(store.parts, again, 5, 4, 3, 2, 1)
    assert store.parts.complete(again.upload_id, SHA256) == stored("in/a", DATA)


def test_what_is_written_late_does_not_reach_the_complete_file(store: FolderStore, upload: PartUpload) -> None:
    late = store.parts.sink(upload.upload_id, 2)
    late.write(b"late")
    send(store.parts, upload, 1, 2, 3, 4, 5)
    with pytest.raises(Conflict, match="Part 2"):
        late.write(b"late")
    later = store.parts.sink(upload.upload_id, 4)
    assert store.parts.complete(upload.upload_id, SHA256) == stored("in/a", DATA)
    with pytest.raises(Conflict, match="Part 4"):
        later.write(b"late")
    for sink in (late, later):
        sink.discard()
    assert fetched(store, "in/a") == DATA


def test_of_two_who_send_the_same_part_one_is_told_that_the_other_did(store: FolderStore, upload: PartUpload) -> None:
    one, other = begun_sink(store.parts, upload, 2), begun_sink(store.parts, upload, 2)
    for sink in (one, other):
        sink.finish()
    other.commit()
    with pytest.raises(Conflict, match="Part 2"):
        one.commit()
    for sink in (one, other):
        sink.discard()
    assert store.parts.find(upload.upload_id).have == {2}


def test_a_part_that_is_being_sent_anew_does_not_count(store: FolderStore, upload: PartUpload) -> None:
    send(store.parts, upload, 1, 2, 3, 4, 5)
    unwritten = store.parts.sink(upload.upload_id, 3)
    assert store.parts.find(upload.upload_id).have == {1, 2, 3, 4, 5}
    anew = begun_sink(store.parts, upload, 2)
    assert store.parts.find(upload.upload_id).have == {1, 3, 4, 5}
    for sink in (unwritten, anew):
        sink.discard()
    with pytest.raises(InvalidInput, match="part 2 of 5 is missing"):
        store.parts.complete(upload.upload_id, SHA256)
    send(store.parts, upload, 2)
    assert store.parts.complete(upload.upload_id, SHA256) == stored("in/a", DATA)


def test_the_digest_is_of_what_was_sent_last(store: FolderStore, upload: PartUpload) -> None:
    send(store.parts, upload, 1, 2, 3, 4, 5, data=some_bytes(5 * PART)[::-1])
    send(store.parts, upload, 4, 1, 2, 3, 5)
    assert store.parts.complete(upload.upload_id, SHA256) == stored("in/a", DATA)


def test_bytes_that_changed_on_the_disk_are_noticed_by_who_did_not_digest_them(
    store: FolderStore, root: Path, upload: PartUpload
) -> None:
    parts = FolderParts(FolderStore(root)._fence, "")
    send(parts, upload, 2, 3, 4, 5)
    with (root / ".mlkeep-uploads" / upload.upload_id / "data").open("r+b") as data:
        data.seek(2 * PART)
        data.write(bytes([DATA[2 * PART] ^ 1]))
    send(parts, upload, 1)
    with pytest.raises(Damaged, match=rf"'in/a' .*announced was {SHA256}"):
        store.parts.complete(upload.upload_id, SHA256)
    assert (store.tree(), uploads_left(root)) == ([], set())


def test_an_upload_waits_for_a_week(store: FolderStore, root: Path, upload: PartUpload) -> None:
    send(store.parts, upload, 1)
    other = store.parts.begin("other", 1, "fingerprint", 1)
    send(store.parts, other, 1, data=b"1")
    store.parts.complete(other.upload_id, None)
    parts = FolderParts(store._fence, "")
    parts.remove_stale(time.time() + A_WEEK_S - 60)
    assert store.parts.find(upload.upload_id).have == {1}
    parts.remove_stale(time.time() + A_WEEK_S + 60)
    assert uploads_left(root) == set()
    with pytest.raises(NotFound, match="Begin it again"):
        store.parts.find(upload.upload_id)


def test_what_is_stale_is_looked_for_once_an_hour(store: FolderStore, root: Path, upload: PartUpload) -> None:
    staging = root / ".mlkeep-uploads"
    long_ago_s = time.time() - 2 * A_WEEK_S
    os.utime(staging / upload.upload_id, (long_ago_s, long_ago_s))
    store.parts.begin("other", 1, "fingerprint", 1)
    assert store.parts.find(upload.upload_id) == upload
    os.utime(staging / "swept", (time.time() - 3601, time.time() - 3601))
    store.parts.begin("another", 1, "fingerprint", 1)
    with pytest.raises(NotFound):
        store.parts.find(upload.upload_id)


def test_what_was_given_up_is_removed_though_its_remover_was_killed(store: FolderStore, root: Path) -> None:
    (root / ".mlkeep-uploads" / f"{'0' * 32}.gone-1").mkdir(parents=True)
    store.parts.begin("a", 1, "fingerprint", 1)
    assert len(uploads_left(root)) == 1


def test_an_upload_of_one_folder_is_not_reached_from_another(store: FolderStore, upload: PartUpload) -> None:
    assert store.below("in").parts.find(upload.upload_id).path == "a"
    other = store.below("other").parts
    for ask in (
        other.find,
        lambda upload_id: other.sink(upload_id, 1),
        lambda upload_id: other.complete(upload_id, None),
    ):
        with pytest.raises(NotFound, match=upload.upload_id):
            ask(upload.upload_id)
    other.abort(upload.upload_id)
    assert store.parts.find(upload.upload_id) == upload


def test_parts_are_larger_where_there_would_be_too_many(store: FolderStore) -> None:
    upload = store.parts.begin("a", 1_000_001, "fingerprint", 1)
    assert (upload.part_bytes, upload.count) == (101, 9_901)
    assert store.parts.begin("a", 1_000_001, "fingerprint", 1) == upload


@pytest.mark.parametrize(("size", "part_bytes"), [(-1, 5), (5, 0), (5, -1)])
def test_sizes_that_make_no_sense_are_refused(store: FolderStore, size: int, part_bytes: int) -> None:
    with pytest.raises(InvalidInput, match=rf"size \({size}\).*part_bytes \({part_bytes}\)"):
        store.parts.begin("a", size, "fingerprint", part_bytes)


def test_a_folder_that_appears_meanwhile_is_not_replaced(store: FolderStore, upload: PartUpload) -> None:
    send(store.parts, upload, 1, 2, 3, 4, 5)
    store.put_bytes("in/a/b", b"1")
    with pytest.raises(InvalidInput, match="'in/a' is a directory"):
        store.parts.complete(upload.upload_id, SHA256)
    store.delete("in/a")
    assert store.parts.complete(upload.upload_id, SHA256) == stored("in/a", DATA)
    assert store.tree() == [a_file("in/a", len(DATA))]


def test_uploads_are_kept_nowhere_else(store: FolderStore, root: Path, upload: PartUpload) -> None:
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (root / ".mlkeep-uploads").rename(root / "renamed")
    (root / ".mlkeep-uploads").symlink_to(elsewhere)
    with pytest.raises(InvalidInput, match="leads out"):
        store.parts.begin("in/b", 1, "fingerprint", 1)
    assert list(elsewhere.iterdir()) == []
