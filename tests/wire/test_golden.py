"""Every endpoint answers as the official server did when it was recorded, but where a row says otherwise and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.processes import MlkeepServer
from mlkeep.wire.endpoint import OWN
from mlkeep.wire.table import ENDPOINTS
from tests.wire.exchange import Answer, Row, play
from tests.wire.groups import GROUPS, golden

Answers = dict[str, Answer]

ALL = [pytest.param(group, row, id=f"{group}: {row.name}") for group, rows in GROUPS.items() for row in rows]


@pytest.fixture(scope="module")
def answers_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Answers]]:
    """What mlkeep answers to a group; played when first asked for."""
    server = MlkeepServer(tmp_path_factory.mktemp("golden"), "--no-access-log")
    played: dict[str, Answers] = {}

    def answers(group: str) -> Answers:
        if group not in played:
            played[group] = play(server.port, GROUPS[group])
        return played[group]

    yield answers
    server.end()


def recorded(group: str) -> Answers:
    told = json.loads(golden(group).read_text())
    return {name: Answer(**answer) for name, answer in told.items()}


@pytest.mark.parametrize(("group", "row"), ALL)
def test_an_answer_is_that_of_the_official_server(group: str, row: Row, answers_of: Callable[[str], Answers]) -> None:
    ours, theirs = answers_of(group)[row.name], recorded(group)[row.name]
    if row.ours is None:
        # Where MLflow answers with a page for people, the status is all there is to compare.
        assert ours.status == theirs.status
        assert theirs.body is None or ours == theirs
    else:
        told = ours.body.get("error_code", "") if isinstance(ours.body, dict) else ""
        assert (ours.status, told) == (row.ours.status, row.ours.code)
        assert ours != theirs, "there is no difference any more: take the reason out of the row"


@pytest.mark.parametrize("group", GROUPS)
def test_every_row_is_recorded_under_a_name_of_its_own(group: str) -> None:
    names = [row.name for row in GROUPS[group]]
    assert sorted(set(names)) == sorted(names) == sorted(recorded(group))


def test_every_endpoint_of_mlflows_is_asked() -> None:
    asked = {
        (row.method, Path(row.path.partition("?")[0]).name) for rows in GROUPS.values() for row in rows if row.path
    }
    missing = [
        (method, endpoint.path)
        for endpoint in ENDPOINTS
        for method in endpoint.methods
        if endpoint.version != OWN
        and not endpoint.path.endswith("}")
        and (method, Path(endpoint.path).name) not in asked
    ]
    assert missing == []
