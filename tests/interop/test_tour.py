"""The official clients tour our server and the official one, and see the same.

What differs on purpose is listed, with reasons, in tour/accepted.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.environments import newest
from tests.interop.tour.accepted import ACCEPTED
from tests.interop.tour.compare import Difference, differences
from tests.interop.tour.scope import OUT_OF_SCOPE, is_out_of_scope
from tests.interop.tour.servers import Recording, mlkeep_server, official_server, toured

pytestmark = [
    pytest.mark.interop,
    pytest.mark.tour,
    pytest.mark.xdist_group("tour"),
]  # all of it stands on the same tours

CLIENTS = (2, 3)
"""Major versions; each in its newest release."""

BACKENDS = ("sqlite", "postgres")

OFFICIAL = "official"

each_client = pytest.mark.parametrize("client", CLIENTS, ids=[f"newest {major}.x" for major in CLIENTS])
each_backend = pytest.mark.parametrize("backend", BACKENDS)


class Tours:
    """All tours, each made once; two at a time, because waiting takes most of their time."""

    def __init__(self, folder: Path, databases: Callable[[str, Path], str], pool: ThreadPoolExecutor) -> None:
        """`databases` gives the URL of an empty database of a kind, in a folder or elsewhere."""
        self._made: dict[tuple[int, str], Future[Recording]] = {}
        for client in CLIENTS:
            for server in (OFFICIAL, *BACKENDS):
                own = folder / f"{client} {server}"
                own.mkdir()
                backend = None if server == OFFICIAL else databases(server, own)
                self._made[client, server] = pool.submit(_tour, client, backend, own)

    def of(self, client: int, server: str) -> Recording:
        """The tour of a client on the official server, or on ours with a backend."""
        return self._made[client, server].result()

    def differences(self, client: int, backend: str) -> list[Difference]:
        """What a client meets on our server otherwise than on the official one."""
        return differences(self.of(client, OFFICIAL).calls, self.of(client, backend).calls)


def _tour(client: int, backend: str | None, folder: Path) -> Recording:
    place = folder / "server"
    server = mlkeep_server(backend, place) if backend else official_server(newest(CLIENTS[-1]), place)
    with server as tracking_uri:
        return toured(newest(client), tracking_uri, folder)


@pytest.fixture(scope="module")
def tours(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tours]:
    """The tours; whoever asks for one waits for it alone."""

    def empty_database(kind: str, folder: Path) -> str:
        if kind == "sqlite":
            return f"sqlite:///{folder / 'mlkeep.db'}"
        url: str = request.getfixturevalue("postgres").new_database()
        return url

    pool = ThreadPoolExecutor(max_workers=2)
    yield Tours(tmp_path_factory.mktemp("tours"), empty_database, pool)
    pool.shutdown(cancel_futures=True)


@each_client
def test_the_tour_comes_to_its_end_on_the_official_server(tours: Tours, client: int) -> None:
    calls = tours.of(client, OFFICIAL).calls
    assert [call for call in calls if call["call"] == "the chapter broke off"] == []
    assert len(calls) > 1_000


@each_client
@each_backend
def test_the_official_client_meets_what_it_meets_on_the_official_server(
    tours: Tours, client: int, backend: str
) -> None:
    unexpected = [
        difference
        for difference in tours.differences(client, backend)
        if not any(accepted.covers(difference) for accepted in ACCEPTED)
    ]
    assert not unexpected, f"{len(unexpected)} differences:\n" + "\n".join(map(str, unexpected))


@each_backend
def test_each_accepted_difference_is_still_there(tours: Tours, backend: str) -> None:
    found = [difference for client in CLIENTS for difference in tours.differences(client, backend)]
    needless = [accepted for accepted in ACCEPTED if not any(map(accepted.covers, found))]
    assert needless == []


@each_client
def test_every_public_method_and_function_is_toured_or_out_of_scope(tours: Tours, client: int) -> None:
    tour = tours.of(client, OFFICIAL)
    made = {call["call"] for call in tour.calls}
    wanted = {f"client.{name}" for name in tour.client} | {f"mlflow.{name}" for name in tour.fluent}
    left_out = sorted(name for name in wanted - made if not is_out_of_scope(name.partition(".")[2]))
    assert left_out == []


def test_nothing_is_out_of_scope_that_no_client_has_or_that_is_toured(tours: Tours) -> None:
    both = [tours.of(client, OFFICIAL) for client in CLIENTS]
    names = {name for tour in both for name in (*tour.client, *tour.fluent)}
    made = {name for tour in both for call in tour.calls for name in [call["call"].partition(".")[2]] if name}
    assert [pattern for pattern, _ in OUT_OF_SCOPE if not any(re.fullmatch(pattern, name) for name in names)] == []
    assert sorted(filter(is_out_of_scope, made)) == []
