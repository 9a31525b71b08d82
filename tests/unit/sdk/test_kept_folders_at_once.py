"""Several processes that want the same folder at the same moment: one makes it, and all have it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_MAKES = """
import sys
from pathlib import Path
from mlkeep.sdk.kept_folders import KeptFolders

place = Path(sys.argv[1])

def fill(folder):
    with (place / "fills").open("a") as out:
        out.write("one\\n")
    (folder / "file").write_bytes(b"content " * 100_000)
    return {"file": "0" * 64}

print("ready", flush=True)
sys.stdin.readline()
made = KeptFolders(place / "root", place / "cache", 1 << 30).made("d" * 64, fill)
print(made, (made / "file").stat().st_size, flush=True)
sys.stdin.readline()  # what a process has taken it uses until it ends
"""


def test_one_of_many_makes_the_folder_and_all_use_it(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _MAKES, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    told = []
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        told.append(process.stdout.readline())
    for process in processes:
        process.communicate("end\n")
    assert told == [f"{tmp_path / 'root' / ('d' * 64)} 800000\n"] * 6
    assert (tmp_path / "fills").read_text() == "one\n"
    assert sorted(path.name for path in (tmp_path / "root").iterdir()) == [
        "d" * 64 + end for end in ("", ".json", ".lock")
    ]
