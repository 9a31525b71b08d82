"""The page about the journal says what works: its program runs without a server, its commands print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import MlkeepServer, environment, free_port
from mlkeep import MlkeepClient

PAGE = (Path(__file__).parents[2] / "docs" / "journal.md").read_text()
TRAIN, SYNC = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
WORK, DAMAGE = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlkeepServer]:
    server = MlkeepServer(tmp_path / "server")
    yield server
    server.end()


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which `mlkeep` and `python` are those of this interpreter."""
    (commands := tmp_path / "bin").mkdir()
    for name, words in {"python": "", "mlkeep": " -m mlkeep.cli.main"}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} -W error{words} "$@"\n')
        (commands / name).chmod(0o755)
    return {**environment(), "PATH": f"{commands}:{os.environ['PATH']}"}


def shape(text: str) -> list[list[str]]:
    """Words of each line, without what is another one each time."""
    for pattern, word in {
        r"\b[0-9a-f]{32}\b": "RUN",
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d": "TIME",
        r"(?<=TIME UTC)\s+[\d,]+": " BYTES",
        r"\S+:\d+(?=\s+TIME)": "WRITER",
        r"-{2,}": "--",
        r"\S+/(?=RUN)": "FOLDER/",
        r"\b\d+-[0-9a-f]{8}\b": "WRITER",
        r"bytes \d+ to \d+": "bytes",
    }.items():
        text = re.sub(pattern, word, text)
    return [line.split() for line in text.splitlines()]


def ran(command: str, folder: Path, env: dict[str, str]) -> str:
    """What a command prints, whatever its exit code."""
    return subprocess.run(
        command, shell=True, cwd=folder, env=env, stdout=subprocess.PIPE, text=True, check=False, timeout=120
    ).stdout


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path, server: MlkeepServer, shell: dict[str, str]) -> None:
    (folder := tmp_path / "work").mkdir()
    (folder / "train.py").write_text(TRAIN)
    known = {"http://localhost:5000": server.url, "http://tracking:5000": f"http://127.0.0.1:{free_port()}"}
    page = WORK
    for shown, meant in known.items():
        page = page.replace(shown, meant)
    shown_output = ""
    printed = ""
    for step in re.split(r"^\$ ", page, flags=re.MULTILINE)[1:]:
        command, _, output = step.partition("\n")
        shown_output += output
        printed += ran(command, folder, shell)
    assert shape(printed) == shape(shown_output)

    client = MlkeepClient(server.url)
    (run,) = client.search_runs(["0"])
    assert (run.info.run_name, run.info.status) == ("at sea", "FINISHED")
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 1_000

    to_server = {**shell, "MLKEEP_TRACKING_URI": server.url}
    subprocess.run(["python", "-c", f"import mlkeep\n{SYNC}"], cwd=folder, env=to_server, check=True)
    assert len(client.search_runs(["0"])) == 1


def test_damage_is_told_as_on_the_page(tmp_path: Path, shell: dict[str, str]) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    nowhere = {**shell, "MLKEEP_MODE": "offline", "MLKEEP_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    ran("python train.py", tmp_path, nowhere)
    (journal,) = (tmp_path / ".mlkeep" / "journal").glob("*.journal")
    data = bytearray(journal.read_bytes())
    records = [match.start() for match in re.finditer(b"\xa7J", data)]
    data[records[99] + 20] ^= 1  # after the head, the run and 97 steps
    journal.write_bytes(data)

    command, _, shown = DAMAGE.removeprefix("$ ").partition("\n")
    assert shape(ran(command, tmp_path, shell)) == shape(shown)
