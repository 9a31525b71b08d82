"""A server's artifact proxy keeps the promises of stores, to our client and to one that knows MLflow's protocol only."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from bench.processes import MlkeepServer
from mlkeep.blobs.contract import ArtifactStore
from mlkeep.core.errors import InvalidInput
from mlkeep.remote import abilities
from mlkeep.remote.artifacts import ProxiedStore
from mlkeep.remote.transport import Transport
from mlkeep.testing.conformance import StorePartsPromises, StorePromises
from mlkeep.testing.conformance.stores import OpenStore

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlkeepServer]:
    running = MlkeepServer(tmp_path_factory.mktemp("proxy"))
    yield running
    running.end()


@pytest.fixture(params=["mlkeep", "MLflow"])
def open_store(
    request: pytest.FixtureRequest, server: MlkeepServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenStore]:
    """A folder of the proxy that only this test uses, by one protocol or the other."""
    monkeypatch.setattr(abilities, "_known", {})
    if request.param == "MLflow":
        monkeypatch.setattr(abilities, "_asked", lambda _: abilities.PLAIN)
    transport, folder = Transport(server.url), f"stores/{next(_numbers)}"
    yield lambda: ProxiedStore(transport, folder)
    transport.close()


class TestProxiedStores(StorePromises):
    def test_a_file_does_not_take_the_place_of_a_folder(self, store: ArtifactStore) -> None:
        """A server names paths below its destination, which are longer than those below the store's root."""
        store.put_bytes("a/b", b"1")
        with pytest.raises(InvalidInput, match="/a' is a directory"):
            store.put_bytes("a", b"2")
        assert [info.path for info in store.tree()] == ["a/b"]


@pytest.mark.parametrize("open_store", ["mlkeep"], indirect=True)
class TestProxiedParts(StorePartsPromises):
    """MLflow's protocol has no uploads in parts that could go on."""
