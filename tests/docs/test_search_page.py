"""The page about searching says what works: its code runs, its filters find, its requests are understood."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.processes import environment
from mlkeep import MlkeepClient
from mlkeep.sdk.doors import door_to
from mlkeep.wire.decode import from_body
from mlkeep.wire.runs import SearchRuns

PAGE = (Path(__file__).parents[2] / "docs" / "search.md").read_text()
ROW = re.compile(r"^\| (`+)(.+?)\1 \| ([a-z, ]*) \|$", re.MULTILINE)


def examples(heading: str) -> list[tuple[str, list[str]]]:
    """What stands in the first column of the tables under this heading, and the names of runs in the second."""
    tables = re.findall(rf"^\| {heading} \| \w+ \|\n\| --- \| --- \|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [(written, names.split(", ")) for table in tables for _, written, names in ROW.findall(table)]


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> MlkeepClient:
    """A client of a database in which the code of the page was run."""
    folder = tmp_path_factory.mktemp("page")
    uri = f"sqlite:///{folder / 'mlkeep.db'}"
    script = [sys.executable, "-W", "error", "-c", "\n".join(blocks("python"))]
    subprocess.run(script, cwd=folder, env={**environment(), "MLKEEP_TRACKING_URI": uri}, check=True)
    return MlkeepClient(tracking_uri=uri)


@pytest.mark.parametrize(("text", "names"), examples("filter"))
def test_a_filter_finds_what_the_page_says(client: MlkeepClient, text: str, names: list[str]) -> None:
    # Two runs may begin in one millisecond, so the page does not promise an order here.
    assert sorted(run.info.run_name for run in client.search_runs(["1"], text)) == sorted(names)


@pytest.mark.parametrize(("order_by", "names"), examples("order_by"))
def test_an_order_gives_what_the_page_says(client: MlkeepClient, order_by: str, names: list[str]) -> None:
    found = client.search_runs(["1"], order_by=order_by.split(", "))
    assert [run.info.run_name for run in found] == names


@pytest.mark.parametrize("body", blocks("json"))
def test_a_request_is_answered(client: MlkeepClient, body: str) -> None:
    answer = door_to(client.tracking_uri).call(from_body(SearchRuns, body.encode()))
    assert answer.runs or answer.total_count


def test_nothing_on_the_page_was_missed() -> None:
    assert (len(examples("filter")), len(examples("order_by")), len(blocks("python")), len(blocks("json"))) == (
        14,
        3,
        7,
        3,
    )
