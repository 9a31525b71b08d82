"""Uploads to a real S3 server: large files, breaks, parts that others send, what was left behind."""

from __future__ import annotations

import hashlib
import time
import tracemalloc
from pathlib import Path

import msgspec
import pytest
import urllib3

from bench.objectstore import S3Server
from mlkeep.blobs.buckets.s3.parts import S3Multipart, S3Parts, Session
from mlkeep.blobs.buckets.s3.upload import MIN_PART, part_bytes_for
from mlkeep.blobs.buckets.store import AT_ONCE, ObjectStore
from mlkeep.blobs.contract import PIECE, PartUpload
from mlkeep.blobs.opening import open_store
from mlkeep.core.errors import InvalidInput, NotFound, Unavailable
from mlkeep.core.manifest import StoredFile

MIB = 1024 * 1024
LARGE = hashlib.shake_128(b"large").digest(AT_ONCE + 3 * MIB + 1)
SHA256 = hashlib.sha256(LARGE).hexdigest()


class Place:
    """A bucket, the store in it, and what the server has in its folder."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.bucket = server.new_bucket()

    @property
    def store(self) -> ObjectStore:
        store = open_store(f"s3://{self.bucket}/root")
        assert isinstance(store, ObjectStore)
        return store

    @property
    def parts(self) -> S3Parts:
        parts = self.store.s3_parts
        assert parts is not None
        return parts

    @property
    def multipart(self) -> S3Multipart:
        multipart = self.store.multipart
        assert multipart is not None
        return multipart

    def sessions(self) -> list[Path]:
        return sorted((self.server.data / self.bucket).rglob("*.json"))


@pytest.fixture
def place(s3: S3Server) -> Place:
    return Place(s3)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    file = tmp_path / "large.bin"
    file.write_bytes(LARGE)
    return file


def send(parts: S3Parts, upload: PartUpload, number: int, data: bytes = LARGE) -> None:
    start, end = upload.range_of(number)
    sink = parts.sink(upload.upload_id, number, hashlib.sha256(data[start:end]).hexdigest())
    for at in range(start, end, PIECE):
        sink.write(data[at : min(at + PIECE, end)])
    sink.finish()
    sink.commit()


def test_a_large_file_goes_up_in_parts(place: Place, large: Path) -> None:
    assert place.store.put("a/large.bin", large) == StoredFile("a/large.bin", len(LARGE), SHA256)
    assert b"".join(place.store.read("a/large.bin")) == LARGE
    assert place.sessions() == []


def test_a_large_file_goes_on_where_it_broke_off(place: Place, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    put_part = S3Parts.put_part

    def some_only(self: S3Parts, upload_id: str, number: int, data: bytes) -> None:
        if number == 2:
            raise Unavailable("the client was killed")
        sent.append(number)
        put_part(self, upload_id, number, data)

    monkeypatch.setattr(S3Parts, "put_part", some_only)
    with pytest.raises(Unavailable, match="killed"):
        place.store.put("large.bin", large)
    assert place.store.tree() == []
    assert len(place.sessions()) == 1
    before, sent[:] = list(sent), []

    def those(self: S3Parts, upload_id: str, number: int, data: bytes) -> None:
        sent.append(number)
        put_part(self, upload_id, number, data)

    monkeypatch.setattr(S3Parts, "put_part", those)
    assert place.store.put("large.bin", large).sha256 == SHA256
    assert sorted(before + sent) == [1, 2, 3]
    assert b"".join(place.store.read("large.bin")) == LARGE


def test_a_file_that_was_changed_since_is_sent_anew(place: Place, large: Path) -> None:
    upload = place.parts.begin("large.bin", len(LARGE), "other time", MIN_PART)
    send(place.parts, upload, 1)
    large.write_bytes(LARGE[::-1])
    assert place.store.put("large.bin", large).sha256 == hashlib.sha256(LARGE[::-1]).hexdigest()
    assert b"".join(place.store.read("large.bin")) == LARGE[::-1]


def test_an_upload_that_the_store_forgot_begins_anew(place: Place) -> None:
    upload = place.parts.begin("a", len(LARGE), "fingerprint", MIN_PART)
    send(place.parts, upload, 1)
    session = msgspec.json.decode(place.sessions()[0].read_bytes(), type=Session)
    place.multipart.abort("a", session.s3_id)
    with pytest.raises(NotFound, match="The upload of 'a' is not known to the store any more"):
        place.parts.find(upload.upload_id)
    again = place.parts.begin("a", len(LARGE), "fingerprint", MIN_PART)
    assert (again.upload_id, again.have) == (upload.upload_id, frozenset())
    for number in range(1, again.count + 1):
        send(place.parts, again, number)
    assert place.parts.complete(again.upload_id, SHA256) == StoredFile("a", len(LARGE), SHA256)


def test_a_stream_that_is_given_up_leaves_nothing(place: Place) -> None:
    sink = place.store.sink("a")
    sink.write(LARGE)
    sink.discard()
    sink.discard()
    assert (place.store.tree(), list((place.server.data / place.bucket).rglob("*.bin"))) == ([], [])


def test_a_stream_takes_the_memory_of_two_parts(place: Place) -> None:
    piece = LARGE[:MIB]
    sink = place.store.sink("a", 24 * MIB)
    tracemalloc.start()
    for _ in range(24):
        sink.write(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    sink.finish()
    sink.commit()
    assert (place.store.size("a"), peak < 12.5 * MIB) == (24 * MIB, True)


def test_a_part_is_passed_on_in_pieces(place: Place) -> None:
    size = 20 * MIB
    upload = place.parts.begin("a", size, "fingerprint", size)
    digest = hashlib.sha256()
    pieces = [LARGE[at : at + MIB] for at in range(0, 16 * MIB, MIB)] + [LARGE[:MIB]] * 4
    for piece in pieces:
        digest.update(piece)
    sink = place.parts.sink(upload.upload_id, 1, digest.hexdigest())
    tracemalloc.start()
    for piece in pieces:
        sink.write(memoryview(piece))
    sink.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MIB
    assert place.parts.complete(upload.upload_id, digest.hexdigest()).size == size


def test_a_part_that_is_given_up_is_not_there(place: Place) -> None:
    upload = place.parts.begin("a", len(LARGE), "fingerprint", MIN_PART)
    sink = place.parts.sink(upload.upload_id, 1, "0" * 64)
    for at in range(0, 4 * MIB, MIB):
        sink.write(LARGE[at : at + MIB])
    sink.discard()
    assert place.parts.find(upload.upload_id).have == frozenset()


def test_parts_have_the_sizes_that_s3_takes(place: Place) -> None:
    assert place.parts.begin("a", 100 * MIB, "fingerprint", 1).part_bytes == MIN_PART
    assert place.parts.begin("b", 100 * MIB, "fingerprint", 9 * MIB).part_bytes == 9 * MIB
    huge = place.parts.begin("c", 5_000 * 1024 * MIB, "fingerprint", MIN_PART)
    assert (huge.part_bytes, huge.count <= 10_000) == (512 * MIB, True)
    assert [part_bytes_for(size) // MIB for size in (0, 50_000 * MIB, 50_001 * MIB)] == [5, 5, 6]


def test_a_part_is_refused_without_its_digest(place: Place) -> None:
    upload = place.parts.begin("a", len(LARGE), "fingerprint", MIN_PART)
    assert upload.digests
    with pytest.raises(InvalidInput, match="Part 1 of 'a' must come with its SHA-256"):
        place.parts.sink(upload.upload_id, 1)
    with pytest.raises(InvalidInput, match="SHA-256 of the file"):
        place.parts.complete(upload.upload_id, None)


def test_parts_can_be_sent_on_signed_urls(place: Place) -> None:
    upload = place.parts.begin("a b/ü", len(LARGE), "fingerprint", 10 * MIB)
    for number in range(1, upload.count + 1):
        start, end = upload.range_of(number)
        signed = place.parts.sign_part(upload.upload_id, number, 60)
        assert signed is not None
        assert urllib3.request("PUT", signed.url, body=LARGE[start:end], headers=signed.headers).status == 200
    assert place.parts.complete(upload.upload_id, SHA256).path == "a b/ü"
    assert b"".join(place.store.read("a b/ü")) == LARGE


def test_an_upload_by_etags_is_what_the_official_protocol_needs(place: Place) -> None:
    s3_id = place.multipart.create("a/b")
    etags = {}
    for number, start in enumerate(range(0, len(LARGE), 10 * MIB), 1):
        signed = place.multipart.sign_part("a/b", s3_id, number, 60)
        assert signed is not None
        answer = urllib3.request("PUT", signed.url, body=LARGE[start : start + 10 * MIB], headers=signed.headers)
        etags[number] = answer.headers["ETag"]
    assert place.store.tree() == []
    place.multipart.complete("a/b", s3_id, etags)
    assert b"".join(place.store.read("a/b")) == LARGE
    other = place.multipart.create("c")
    place.multipart.abort("c", other)
    place.multipart.abort("c", other)
    with pytest.raises(NotFound, match="'c'"):
        place.multipart.complete("c", other, {1: '"x"'})


def test_uploads_of_another_folder_are_not_shown(place: Place) -> None:
    upload = place.parts.begin("one/a", len(LARGE), "fingerprint", MIN_PART)
    one, two = place.store.below("one").parts, place.store.below("two").parts
    assert one is not None
    assert two is not None
    assert one.find(upload.upload_id).path == "a"
    with pytest.raises(NotFound, match=upload.upload_id):
        two.find(upload.upload_id)


def test_what_was_left_long_ago_is_swept_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    old = place.parts.begin("old", len(LARGE), "fingerprint", MIN_PART)
    now = time.time()
    monkeypatch.setattr("mlkeep.blobs.buckets.s3.parts.time.time", lambda: now + 6 * 24 * 3600)
    younger = place.parts.begin("younger", len(LARGE), "fingerprint", MIN_PART)
    assert [file.stem for file in place.sessions()] == sorted([old.upload_id, younger.upload_id])
    monkeypatch.setattr("mlkeep.blobs.buckets.s3.parts.time.time", lambda: now + 8 * 24 * 3600)
    place.parts.begin("younger", len(LARGE), "fingerprint", MIN_PART)
    assert [file.stem for file in place.sessions()] == [younger.upload_id]
    with pytest.raises(NotFound, match=old.upload_id):
        place.parts.find(old.upload_id)


def test_uploads_on_their_way_are_not_listed(place: Place) -> None:
    place.parts.begin("a", len(LARGE), "fingerprint", MIN_PART)
    place.store.put_bytes("b", b"1")
    assert [info.path for info in place.store.list()] == [info.path for info in place.store.tree()] == ["b"]
    place.store.delete("")
    assert (place.store.tree(), len(place.sessions())) == ([], 1)


def test_what_is_told_of_a_file_is_kept_with_it(place: Place, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_S3_UPLOAD_EXTRA_ARGS", '{"Metadata": {"team": "a"}, "StorageClass": "STANDARD_IA"}')
    place.store.put_bytes("small.json", b"{}")
    place.store.put("large.bin", large)
    for path, kind in (("small.json", "application/json"), ("large.bin", "application/octet-stream")):
        signed = place.store.sign("GET", path, 60)
        assert signed is not None
        headers = urllib3.request("GET", signed.url, headers=signed.headers).headers
        assert (headers["Content-Type"], headers.get("x-amz-meta-team")) == (kind, "a")


@pytest.mark.parametrize(
    ("name", "header"),
    [("model.pkl", 'filename="model.pkl"'), ("ü x.txt", "filename*=UTF-8''%C3%BC%20x.txt"), ('a"b', "filename*=UTF-8''a%22b")],
)  # fmt: skip
def test_a_signed_download_has_a_name(place: Place, name: str, header: str) -> None:
    place.store.put_bytes(f"folder/{name}", b"1")
    signed = place.store.sign("GET", f"folder/{name}", 60)
    assert signed is not None
    answer = urllib3.request("GET", signed.url, headers=signed.headers)
    assert (answer.headers["Content-Disposition"], answer.data) == (f"attachment; {header}", b"1")


@pytest.mark.parametrize("seconds", [0, 604_801])
def test_a_url_is_valid_for_a_week_at_most(place: Place, seconds: int) -> None:
    with pytest.raises(InvalidInput, match=f"validity of {seconds} s"):
        place.store.sign("GET", "a", seconds)
