"""Buckets keep the promises of stores: by requests of our own, and through obstore."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3
from obstore.store import S3Store

from bench.objectstore import KEY_ID, SECRET, S3Server
from mlkeep.blobs.buckets.cloud_bucket import CloudBucket
from mlkeep.blobs.buckets.clouds import client_options, retry_config
from mlkeep.blobs.buckets.faults import Spot
from mlkeep.blobs.buckets.store import ObjectStore
from mlkeep.blobs.contract import PIECE, ArtifactStore, PartUpload, PartUploads
from mlkeep.blobs.opening import open_store as opened
from mlkeep.core.errors import Unavailable
from mlkeep.testing.conformance import StorePartsPromises, StorePromises
from mlkeep.testing.conformance.stores import OpenStore, fetched, some_bytes


@pytest.fixture(params=["prefix", "below", "obstore"])
def open_store(request: pytest.FixtureRequest, s3: S3Server) -> OpenStore:
    """A bucket that only this test uses."""
    bucket = s3.new_bucket()
    match request.param:
        case "prefix":
            return lambda: opened(f"s3://{bucket}/some prefix/1")
        case "below":
            return lambda: opened(f"s3://{bucket}").below("1/run/artifacts")
        case _:
            return lambda: ObjectStore(CloudBucket(through_obstore(s3, bucket), Spot(bucket, s3.url)), "prefix")


def through_obstore(server: S3Server, bucket: str) -> S3Store:
    """The bucket as a client without keys of its own sees it, except that it has some."""
    return S3Store(
        bucket,
        endpoint=server.url,
        access_key_id=KEY_ID,
        secret_access_key=SECRET,
        client_options=client_options(),
        retry_config=retry_config(),
    )


class TestStores(StorePromises):
    def test_a_file_does_not_take_the_place_of_a_folder(self, store: ArtifactStore) -> None:
        """A bucket has no folders that could be in the way, and to look for one would cost a request for every file."""

    def test_of_many_who_keep_a_file_at_once_one_is_the_last(self, store: ArtifactStore) -> None:
        """Here none reads meanwhile: the server of this test mixes a file with the one that replaces it, as S3 does not.

        It may also list the name twice.
        """
        versions = [bytes([i]) * (100_000 + i) for i in range(8)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda data: store.put_bytes("a/b", data), versions * 3))
        assert fetched(store, "a/b") in versions
        assert {info.path for info in store.tree()} == {"a/b"}

    def test_a_signed_url_carries_its_own_permission(self, store: ArtifactStore) -> None:
        """The server of this test sends ranges with status 200, where S3 says 206."""
        path = "folder/größe ü+%20.bin"
        put, get = store.sign("PUT", path, 60), store.sign("GET", path, 60)
        assert put is not None
        assert get is not None
        with urllib3.PoolManager() as http:
            assert http.request("PUT", put.url, body=b"0123456789", headers=put.headers).status == 200
            assert (fetched(store, path), store.size(path)) == (b"0123456789", 10)
            assert http.request("GET", get.url, headers=get.headers).data == b"0123456789"
            ranged = http.request("GET", get.url, headers={**get.headers, "Range": "bytes=2-4"})
            assert ranged.data == b"234"
            assert http.request("PUT", get.url, body=b"x", headers=get.headers).status == 403
        assert fetched(store, path) == b"0123456789"

    @pytest.mark.parametrize(("start", "end"), [(0, 5), (5, None), (7, 7), (PIECE, 3 * PIECE), (2 * PIECE, 9 * PIECE)])
    def test_a_range_of_a_file_is_fetched(self, store: ArtifactStore, start: int, end: int | None) -> None:
        """obstore wants a range to come with status 206, and the server of this test sends it with 200."""
        data = some_bytes(2 * PIECE + 10)
        store.put_bytes("a", data)
        if goes_through_obstore(store) and start != end:
            with pytest.raises(Unavailable, match="read 'a'"):
                fetched_range(store, start, end)
        else:
            assert fetched_range(store, start, end) == data[start:end]


def goes_through_obstore(store: ArtifactStore) -> bool:
    """Whether requests are not our own."""
    return store.parts is None


def fetched_range(store: ArtifactStore, start: int, end: int | None) -> bytes:
    """Some bytes of the file `a`."""
    return b"".join(store.read("a", start, end))


@pytest.mark.parametrize("open_store", ["prefix", "below"], indirect=True)
class TestStoreParts(StorePartsPromises):
    """Through obstore there are no uploads in parts that could go on."""

    def test_a_whole_that_is_not_what_was_announced_is_not_kept(
        self,
        store: ArtifactStore,  # noqa: ARG002 - as in the suite
        parts: PartUploads,  # noqa: ARG002
        upload: PartUpload,
    ) -> None:
        """This store is told the digest of each part instead."""
        assert upload.digests
