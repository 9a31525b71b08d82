"""Texts, images, tables and streams: what one client logs, the other reads; and both log the same files and tags."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.environments import Library
from bench.processes import MlkeepServer
from mlkeep.version import __version__

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("official")]

SCRIPT = Path(__file__).parent / "contents.py"
MLKEEP = Library(Path(sys.executable), __version__, "mlkeep")  # runs the same script


def done(library: Library, what: str, url: str, *words: str, folder: Path) -> Any:
    output = library.run(SCRIPT, what, library.name, url, *words, cwd=folder)
    return json.loads(output.splitlines()[-1])


def test_both_clients_log_the_same_and_read_what_the_other_logged(
    official_mlflow: Library, server: MlkeepServer, tmp_path: Path
) -> None:
    writers = {library.name: done(library, "log", server.url, folder=tmp_path) for library in (official_mlflow, MLKEEP)}

    told = {
        (writer, library.name): done(library, "tell", server.url, run_id, folder=tmp_path)
        for writer, run_id in writers.items()
        for library in (official_mlflow, MLKEEP)
    }

    theirs = told["mlflow", "mlflow"]
    if official_mlflow.version.startswith("2."):  # without log_stream
        for (writer, _), one in told.items():
            assert (one["files"].pop("streams/a.bin", None) is None) == (writer == "mlflow")
    for one in told.values():
        assert one == theirs
    # Four that agree could be wrong together.
    assert theirs["tags"]["loggedImages"] == "True"
    assert [one["path"] for one in json.loads(theirs["tags"]["loggedArtifacts"])] == [
        "tables/a.json",
        "tables/b.parquet",
        "tables/c.json",
    ]
    assert [path for path in sorted(theirs["files"]) if path.startswith("images/")] == [
        "images/first layer+step+3+timestamp+1700000000000+UUID+compressed.webp",
        "images/first layer+step+3+timestamp+1700000000000+UUID.png",
        "images/plain+step+0+timestamp+NOW+UUID+compressed.webp",
        "images/plain+step+0+timestamp+NOW+UUID.png",
    ]
    assert json.loads(theirs["tables"]["tables/a.json"]) == {
        "columns": ["id", "n", "extra", "status"],
        "data": [["x", 1, None, "FINISHED"], ["y/z", 2, None, "FINISHED"], ["ü", 3, "new", "FINISHED"]],
    }
    assert theirs["pixels"][0][1] == [12, 16, 20]
