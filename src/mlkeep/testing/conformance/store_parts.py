"""What is promised of uploads in parts, by stores that have them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlkeep.blobs.contract import PIECE, ArtifactStore, PartUpload, PartUploads
from mlkeep.core.errors import Damaged, InvalidInput, NotFound
from mlkeep.core.manifest import StoredFile
from mlkeep.testing.conformance.stores import OpenStore, StoreSuite, a_file, fetched, some_bytes, stored

PART = 5 * 1024 * 1024
"""The size of parts in bytes: the smallest that S3 takes."""
DATA = some_bytes(2 * PART + 1_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
PATH = "in a/folder/ü.bin"


class StorePartsPromises(StoreSuite):
    """Large files that go up in parts, and go on after a break."""

    @pytest.fixture
    def parts(self, store: ArtifactStore) -> PartUploads:
        """The uploads of the store."""
        assert store.parts is not None
        return store.parts

    @pytest.fixture
    def upload(self, parts: PartUploads) -> PartUpload:
        """An upload that was begun."""
        return parts.begin(PATH, len(DATA), "fingerprint", PART)

    def test_parts_in_any_order_make_a_file(self, store: ArtifactStore, parts: PartUploads, upload: PartUpload) -> None:
        assert (upload.path, upload.size, upload.have) == (PATH, len(DATA), frozenset())
        for number in reversed(range(1, upload.count + 1)):
            send(parts, upload, number)
            assert store.tree() == []
        assert parts.complete(upload.upload_id, SHA256) == stored(PATH, DATA)
        assert (fetched(store, PATH), store.tree()) == (DATA, [a_file(PATH, len(DATA))])

    def test_parts_may_come_at_the_same_time(self, store: ArtifactStore, parts: PartUploads) -> None:
        upload = parts.begin(PATH, len(DATA), "fingerprint", PART)
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda number: send(parts, upload, number), range(1, upload.count + 1)))
        assert parts.complete(upload.upload_id, SHA256) == stored(PATH, DATA)
        assert fetched(store, PATH) == DATA

    @pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1])
    def test_files_of_few_parts(self, store: ArtifactStore, parts: PartUploads, size: int) -> None:
        data = DATA[:size]
        upload = parts.begin("small", size, "fingerprint", PART)
        assert upload.count == max(1, -(-size // upload.part_bytes))
        for number in range(1, upload.count + 1):
            send(parts, upload, number, data)
        assert parts.complete(upload.upload_id, hashlib.sha256(data).hexdigest()) == stored("small", data)
        assert (fetched(store, "small"), store.tree()) == (data, [a_file("small", size)])

    def test_another_goes_on_where_one_stopped(
        self, open_store: OpenStore, parts: PartUploads, upload: PartUpload
    ) -> None:
        send(parts, upload, 2)
        broken = parts.sink(upload.upload_id, 1, digest_of_part(upload, 1))
        broken.write(DATA[:PIECE])
        other = open_store()
        assert other.parts is not None
        again = other.parts.begin(PATH, len(DATA), "fingerprint", PART)
        assert (again.upload_id, again.part_bytes, again.have) == (upload.upload_id, upload.part_bytes, frozenset({2}))
        assert other.parts.find(upload.upload_id) == again
        for number in sorted({1, 2, 3} - again.have):
            send(other.parts, again, number)
        broken.discard()
        assert other.parts.complete(again.upload_id, SHA256) == stored(PATH, DATA)
        assert fetched(other, PATH) == DATA

    def test_another_file_is_another_upload(self, parts: PartUploads, upload: PartUpload) -> None:
        others = [
            parts.begin("other", len(DATA), "fingerprint", PART),
            parts.begin(PATH, len(DATA) + 1, "fingerprint", PART),
            parts.begin(PATH, len(DATA), "other", PART),
        ]
        assert len({upload.upload_id, *(other.upload_id for other in others)}) == 4
        for other in others:
            parts.abort(other.upload_id)

    def test_a_part_may_be_sent_again(self, store: ArtifactStore, parts: PartUploads, upload: PartUpload) -> None:
        for number in (1, 1, 2, 3, 2):
            send(parts, upload, number)
        assert parts.find(upload.upload_id).have == {1, 2, 3}
        assert parts.complete(upload.upload_id, SHA256) == stored(PATH, DATA)
        assert fetched(store, PATH) == DATA

    def test_a_part_counts_when_it_is_whole(self, parts: PartUploads, upload: PartUpload) -> None:
        for data in (DATA[: PART - 1], DATA[: PART + 1]):
            sink = parts.sink(upload.upload_id, 1, hashlib.sha256(data).hexdigest() if upload.digests else None)
            sink.write(data)
            with pytest.raises(InvalidInput, match=r"(?i)part 1 .*524288"):
                sink.finish()
            sink.discard()
        assert parts.find(upload.upload_id).have == frozenset()

    def test_a_part_is_compared_with_its_digest(self, parts: PartUploads, upload: PartUpload) -> None:
        sink = parts.sink(upload.upload_id, 1, hashlib.sha256(b"other").hexdigest())
        sink.write(DATA[:PART])
        with pytest.raises(Damaged, match=r"(?i)part 1 "):
            sink.finish()
        sink.discard()
        assert parts.find(upload.upload_id).have == frozenset()

    @pytest.mark.parametrize("number", [-1, 0, 4])
    def test_a_part_has_a_number_of_those_there_are(self, parts: PartUploads, upload: PartUpload, number: int) -> None:
        with pytest.raises(InvalidInput, match=rf"(?i)part {number}\b"):
            parts.sink(upload.upload_id, number, hashlib.sha256(b"").hexdigest())

    def test_parts_that_are_missing_are_asked_for(
        self, store: ArtifactStore, parts: PartUploads, upload: PartUpload
    ) -> None:
        send(parts, upload, 1)
        send(parts, upload, 3)
        with pytest.raises(InvalidInput, match=r"(?i)part 2\b"):
            parts.complete(upload.upload_id, SHA256)
        assert store.tree() == []
        send(parts, upload, 2)
        assert parts.complete(upload.upload_id, SHA256) == stored(PATH, DATA)

    def test_a_whole_that_is_not_what_was_announced_is_not_kept(
        self, store: ArtifactStore, parts: PartUploads, upload: PartUpload
    ) -> None:
        store.put_bytes(PATH, b"old")
        for number in (1, 2, 3):
            send(parts, upload, number)
        with pytest.raises(Damaged, match=PATH):
            parts.complete(upload.upload_id, hashlib.sha256(b"other").hexdigest())
        assert (store.tree(), fetched(store, PATH)) == ([a_file(PATH, 3)], b"old")
        with pytest.raises(NotFound, match=upload.upload_id):
            parts.find(upload.upload_id)
        assert parts.begin(PATH, len(DATA), "fingerprint", PART).have == frozenset()

    def test_an_upload_that_is_complete_is_there_no_more(self, parts: PartUploads, upload: PartUpload) -> None:
        for number in (1, 2, 3):
            send(parts, upload, number)
        parts.complete(upload.upload_id, SHA256)
        assert completed_again(parts, upload) in (stored(PATH, DATA), None)
        with pytest.raises(NotFound, match="upload"):
            parts.find(upload.upload_id)
        with pytest.raises(NotFound, match="upload"):
            parts.sink(upload.upload_id, 1, digest_of_part(upload, 1))
        assert parts.begin(PATH, len(DATA), "fingerprint", PART).have == frozenset()

    def test_an_upload_that_was_given_up_leaves_nothing(
        self, store: ArtifactStore, parts: PartUploads, upload: PartUpload
    ) -> None:
        send(parts, upload, 1)
        parts.abort(upload.upload_id)
        parts.abort(upload.upload_id)
        for ask in (parts.find, lambda upload_id: parts.complete(upload_id, SHA256)):
            with pytest.raises(NotFound, match="upload"):
                ask(upload.upload_id)
        assert store.tree() == []

    @pytest.mark.parametrize("upload_id", ["", "0" * 32, "../../x", "a/b", "ü", "x" * 300], ids=ascii)
    def test_there_is_no_upload_of_a_name_that_was_made_up(self, parts: PartUploads, upload_id: str) -> None:
        for ask in (parts.find, lambda name: parts.complete(name, SHA256), lambda name: parts.sink(name, 1, SHA256)):
            with pytest.raises(NotFound, match="upload"):
                ask(upload_id)
        parts.abort(upload_id)

    def test_the_file_is_what_was_sent_whatever_is_said_of_a_twin(
        self, store: ArtifactStore, parts: PartUploads
    ) -> None:
        store.put_bytes("same", DATA)
        store.put_bytes("other", DATA[:-1] + b"x")
        for i, twin in enumerate(("same", "other", "nothing", "folder 0")):
            upload = parts.begin(f"folder {i}/file", len(DATA), "fingerprint", PART)
            for number in (1, 2, 3):
                send(parts, upload, number)
            assert parts.complete(upload.upload_id, SHA256, twin) == stored(f"folder {i}/file", DATA)
            assert fetched(store, f"folder {i}/file") == DATA

    def test_uploads_of_a_folder_are_named_from_there(self, store: ArtifactStore) -> None:
        parts = store.below("run").parts
        if parts is None:
            pytest.skip("this store has no uploads in parts")
        upload = parts.begin("a", 3, "fingerprint", PART)
        assert (upload.path, parts.find(upload.upload_id).path) == ("a", "a")
        send(parts, upload, 1, b"123")
        assert parts.complete(upload.upload_id, hashlib.sha256(b"123").hexdigest()) == stored("a", b"123")
        assert store.tree() == [a_file("run/a", 3)]


def send(parts: PartUploads, upload: PartUpload, number: int, data: bytes = DATA) -> None:
    """Send one part."""
    sink = parts.sink(upload.upload_id, number, digest_of_part(upload, number, data))
    try:
        for piece in pieces_of_part(upload, number, data):
            sink.write(piece)
        sink.finish()
        sink.commit()
    finally:
        sink.discard()


def pieces_of_part(upload: PartUpload, number: int, data: bytes = DATA) -> Iterator[bytes]:
    """The bytes of a part, in pieces."""
    start, end = upload.range_of(number)
    for at in range(start, end, PIECE):
        yield data[at : min(at + PIECE, end)]


def digest_of_part(upload: PartUpload, number: int, data: bytes = DATA) -> str | None:
    """The digest that must come with a part, if one must."""
    start, end = upload.range_of(number)
    return hashlib.sha256(data[start:end]).hexdigest() if upload.digests else None


def completed_again(parts: PartUploads, upload: PartUpload) -> StoredFile | None:
    """What a store says that is asked again to complete an upload; None if it does not remember."""
    try:
        return parts.complete(upload.upload_id, SHA256)
    except NotFound:
        return None
