"""Uploads in parts by processes that are killed, each a little later in its work. A program of its own: it forks.

    python -m tests.unit.blobs.killed_uploads FOLDER KIND

What is done next is known from the interpreter's audit events, so each open, rename, lock, … is a place to be killed at.
Each upload is then taken up in this process. Prints how many were killed when all went as promised.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path

from mlkeep.blobs.folder.store import FolderStore
from mlkeep.core.manifest import StoredFile

PART = 30_000
DATA = hashlib.shake_128(b"killed").digest(2 * PART + 17)
SHA256 = hashlib.sha256(DATA).hexdigest()
EVENTS = ("open", "os.", "fcntl.flock", "shutil.rmtree")


def main(folder: Path, kind: str) -> None:
    """Kill uploads at their first, second, … event, until one goes through."""
    killed = 0
    while is_killed(folder / str(killed), kind, killed):
        take_up(folder / str(killed), kind)
        killed += 1
    print(killed)


def is_killed(root: Path, kind: str, at: int) -> bool:
    """Upload in another process that is killed at an event. Whether it was; if not, it was through before."""
    prepare(root, kind)
    child = os.fork()
    if child == 0:
        left = at

        def count(event: str, _: object) -> None:
            nonlocal left
            if event.startswith(EVENTS):
                left -= 1
                if left == -1:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        upload(root, kind)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, status
    return status != 0


def prepare(root: Path, kind: str) -> None:
    """What is there before."""
    store = FolderStore(root)
    store.put_bytes("in/old", b"old")
    if kind == "twin":
        store.put_bytes("twin", DATA)


def upload(root: Path, kind: str) -> StoredFile:
    """Upload, sending what is missing, one part of it twice."""
    parts = FolderStore(root).parts
    begun = parts.begin("in/file", len(DATA), "fingerprint", PART)
    missing = [number for number in (3, 1, 2) if number not in begun.have]
    for number in [*missing, *missing[:1]]:
        sink = parts.sink(begun.upload_id, number)
        start, end = begun.range_of(number)
        middle = (start + end) // 2
        sink.write(DATA[start:middle])
        sink.write(DATA[middle:end])
        sink.finish()
        sink.commit()
        sink.discard()
    return parts.complete(begun.upload_id, SHA256, "twin" if kind == "twin" else None)


def take_up(root: Path, kind: str) -> None:
    """Go on with an upload that was killed, and see that the file is there, whole, and little else."""
    store = FolderStore(root)
    seen = store.size("in/file")
    assert seen in (None, len(DATA)), seen
    if seen is not None:
        assert b"".join(store.read("in/file")) == DATA
    assert upload(root, kind) == StoredFile("in/file", len(DATA), SHA256)
    assert b"".join(store.read("in/file")) == DATA
    assert [info.path for info in store.tree()] == ["in/file", "in/old", *(["twin"] if kind == "twin" else [])]
    left = [path for path in (root / ".mlkeep-uploads").rglob("data") if ".new-" not in path.parent.name]
    assert all(".gone-" in path.parent.name for path in left), left
    assert not [path for path in root.rglob("*") if path.name.startswith(".artifact.uploading.") and kind != "twin"]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
