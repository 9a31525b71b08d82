"""Stores that refuse, break off, hang, and are somewhere else."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from obstore.store import S3Store

from bench.scriptedserver import Answer, ScriptedServer
from mlkeep.blobs.buckets.cloud_bucket import CloudBucket
from mlkeep.blobs.buckets.clouds import client_options, retry_config
from mlkeep.blobs.buckets.faults import Spot
from mlkeep.blobs.buckets.store import ObjectStore
from mlkeep.blobs.contract import PIECE, ArtifactStore, Sink
from mlkeep.blobs.opening import open_store
from mlkeep.core.errors import Damaged, Forbidden, MlkeepException, NotFound, StorageFull, Unavailable
from mlkeep.core.manifest import StoredFile

OK = Answer(headers={"ETag": '"e"'})
SLOW = Answer(503, b"<Error><Code>SlowDown</Code><Message>secret text of the store</Message></Error>")
BROKEN = Answer(500, b"<Error><Code>InternalError</Code></Error>")
DATA = bytes(range(256)) * 40_000
WHO = r"the access key id that ends in '1234' \(from AWS_ACCESS_KEY_ID\)"


@pytest.fixture
def store(scripted: ScriptedServer) -> ArtifactStore:
    return open_store("s3://bucket/p")


@pytest.fixture
def obstore(scripted: ScriptedServer) -> ArtifactStore:
    """The same through obstore."""
    bucket = S3Store(
        "bucket",
        endpoint=scripted.url,
        access_key_id="a",
        secret_access_key="b",
        client_options=client_options(),
        retry_config=retry_config(),
    )
    return ObjectStore(CloudBucket(bucket, Spot("bucket", scripted.url)), "p")


def error(code: str, status: int, rest: str = "") -> Answer:
    return Answer(
        status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>told</Message>{rest}</Error>".encode()
    )


def test_a_store_that_is_busy_is_asked_again(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [BROKEN, SLOW, Answer(429), OK]
    assert store.put_bytes("a", b"123").size == 3
    assert [(asked.method, asked.target, asked.body) for asked in scripted.asked] == [
        ("PUT", "/bucket/p/a", b"123")
    ] * 4


def test_a_store_that_stays_busy_is_unavailable(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [SLOW]
    with pytest.raises(
        Unavailable,
        match=rf"Could not write 'a': the bucket 'bucket' at {scripted.url} answered 503 SlowDown\. Try again later",
    ) as caught:
        store.put_bytes("a", b"123")
    assert len(scripted.asked) == 5
    assert "secret text" not in caught.value.message


def test_a_refusal_is_not_repeated(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [error("AccessDenied", 403)]
    with pytest.raises(Forbidden):
        store.put_bytes("a", b"123")
    assert len(scripted.asked) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (error("InvalidAccessKeyId", 403), Forbidden, rf"The store of the bucket 'bucket' at \S+ does not know {WHO}: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and MLFLOW_S3_ENDPOINT_URL\."),
        (error("SignatureDoesNotMatch", 403), Forbidden, rf"The store of the bucket 'bucket' at \S+ refuses the secret that belongs to {WHO}: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\."),
        (error("AccessDenied", 403), Forbidden, rf"The bucket 'bucket' at \S+ does not let {WHO} write 'a': check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and what the bucket allows\."),
        (Answer(403), Forbidden, rf"The bucket 'bucket' at \S+ does not let {WHO} write 'a': .*"),
        (error("ExpiredToken", 400), Forbidden, rf"The session token of {WHO} is no longer valid for the bucket 'bucket' at \S+: get new keys\."),
        (error("NoSuchBucket", 404), NotFound, r"There is no bucket 'bucket' at \S+: check the artifact URI and MLFLOW_S3_ENDPOINT_URL\."),
        (error("AuthorizationHeaderMalformed", 400, "<Region>eu-north-1</Region>"), Forbidden, r"The bucket 'bucket' at \S+ is in another region than 'us-east-1', it says 'eu-north-1': set AWS_DEFAULT_REGION to the right one\."),
        (Answer(301, headers={"x-amz-bucket-region": "eu-west-1"}), Forbidden, r"The bucket .* it says 'eu-west-1': .*"),
        (error("XMinioStorageFull", 507), StorageFull, r"The bucket 'bucket' at \S+ has no room left: could not write 'a'\."),
        (Answer(507), StorageFull, r"The bucket .* no room left: .*"),
        (error("BadDigest", 400), Damaged, r"The bucket 'bucket' at \S+ received other bytes than were sent: could not write 'a'; try again\."),
        (error("SomethingNew", 418), Unavailable, r"Could not write 'a': the bucket 'bucket' at \S+ answered 418 SomethingNew\. .*"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_sentence_that_says_what_to_look_at(
    store: ArtifactStore, scripted: ScriptedServer, answer: Answer, kind: type[MlkeepException], sentence: str
) -> None:
    scripted.answers = [answer]
    with pytest.raises(kind, match=f"^{sentence}$") as caught:
        store.put_bytes("a", b"123")
    assert "the-secret" not in caught.value.message
    assert "<" not in caught.value.message


def test_clocks_that_differ_are_told_of(store: ArtifactStore, scripted: ScriptedServer) -> None:
    theirs = format_datetime(datetime.now(UTC) + timedelta(hours=2))
    told = error("RequestTimeTooSkewed", 403)
    scripted.answers = [Answer(403, told.body, {"Date": theirs})]
    with pytest.raises(
        Forbidden, match=r"The clock of this machine and that of .* differ by 7\d\d\d s, .*: set the clock"
    ):
        store.list()


def test_the_reason_of_a_refusal_without_words_is_asked_for(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [error("InvalidAccessKeyId", 403)]
    with pytest.raises(Forbidden, match="does not know the access key id"):
        store.size("a")
    assert [asked.method for asked in scripted.asked] == ["HEAD", "GET"]


def test_a_store_that_is_not_there_is_named_with_the_variable(
    environment: pytest.MonkeyPatch, scripted: ScriptedServer
) -> None:
    environment.setenv("MLFLOW_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(
        Unavailable,
        match=r"^http://127.0.0.1:9 \(from MLFLOW_S3_ENDPOINT_URL\) does not answer: no connection can be made\.",
    ):
        open_store("s3://bucket/p").list()


def test_a_store_that_hangs_is_not_waited_for(
    environment: pytest.MonkeyPatch, store: ArtifactStore, scripted: ScriptedServer
) -> None:
    environment.setenv("MLKEEP_HTTP_REQUEST_TIMEOUT", "0.2")
    scripted.answers = [Answer(hangs=True)]
    with pytest.raises(Unavailable, match=r"does not answer: it took longer than 0\.2 s"):
        store.put_bytes("a", b"123")
    assert 2 <= len(scripted.asked) <= 4  # within twice the time that one answer may take, another try is made
    scripted.answers = [Answer(hangs=True), OK]
    store.put_bytes("a", b"123")


def test_what_answers_may_not_speak_s3(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [Answer(body=b"<!doctype html><p>Welcome")]
    with pytest.raises(
        Unavailable, match=r"does not speak S3 \(no XML\)\. Check the address in MLFLOW_S3_ENDPOINT_URL\."
    ):
        store.list()


@pytest.mark.parametrize("door", ["store", "obstore"])
def test_a_download_that_breaks_off_goes_on_where_it_was(
    request: pytest.FixtureRequest, scripted: ScriptedServer, door: str
) -> None:
    store: ArtifactStore = request.getfixturevalue(door)
    half, quarter = len(DATA) // 2, len(DATA) // 4 * 3
    scripted.answers = [whole_from(0, half), whole_from(half, quarter - half), whole_from(quarter)]
    assert b"".join(store.read("a")) == DATA
    ranges = [asked.headers.get("range") for asked in scripted.asked]
    assert ranges[0] is None
    assert all(range_ is not None and range_ != "bytes=0-" for range_ in ranges[1:])


def whole_from(start: int, sent: int | None = None) -> Answer:
    """The file from a byte on, of which only some may be sent."""
    headers = {"ETag": '"e"', "Last-Modified": "Sat, 21 Nov 2026 15:40:42 GMT"}
    if start:
        headers["Content-Range"] = f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"
    return Answer(206 if start else 200, DATA[start:], headers, sent)


def test_a_range_that_breaks_off_goes_on_where_it_was(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [Answer(206, DATA[10:100], {"ETag": '"e"'}, 40), Answer(206, DATA[50:100], {"ETag": '"e"'})]
    assert b"".join(store.read("a", 10, 100)) == DATA[10:100]
    assert [(asked.headers["range"], asked.headers.get("if-match")) for asked in scripted.asked] == [("bytes=10-99", None), ("bytes=50-99", '"e"')]  # fmt: skip


def test_a_download_that_keeps_breaking_off_ends(store: ArtifactStore, scripted: ScriptedServer) -> None:
    scripted.answers = [Answer(200, DATA, {"ETag": '"e"'}, 10)]
    with pytest.raises(Unavailable, match="the connection was closed"):
        b"".join(store.read("a"))
    assert len(scripted.asked) == 5


def test_a_file_that_is_replaced_while_it_is_read_is_not_mixed(store: ArtifactStore, scripted: ScriptedServer) -> None:
    other = {"ETag": '"other"'}
    for answer in (Answer(412), Answer(206, DATA[PIECE * 2 :], other), Answer(200, DATA, other)):
        scripted.answers = [Answer(200, DATA, {"ETag": '"e"'}, PIECE * 2), answer]
        with pytest.raises(Unavailable, match="'a' was replaced while it was read"):
            b"".join(store.read("a"))


def test_a_file_that_is_replaced_before_a_byte_came_is_read_as_it_is_now(
    store: ArtifactStore, scripted: ScriptedServer
) -> None:
    scripted.answers = [Answer(200, DATA, {"ETag": '"e"'}, 0), Answer(200, b"new", {"ETag": '"other"'})]
    assert b"".join(store.read("a")) == b"new"


def test_an_error_that_comes_with_status_200_is_one(store: ArtifactStore, scripted: ScriptedServer) -> None:
    """Of the completion of an upload, which takes long: the status is sent before it is known."""
    assert store.parts is not None
    multipart = open_store("s3://bucket/p").multipart  # type: ignore[attr-defined]  # S3 has it
    failed = Answer(200, b"\n\n<?xml version='1.0'?>\n<Error><Code>InternalError</Code></Error>")
    scripted.answers = [failed, failed, Answer(200, b"<CompleteMultipartUploadResult/>")]
    multipart.complete("a", "id", {1: '"e"'})
    assert [asked.target for asked in scripted.asked] == ["/bucket/p/a?uploadId=id"] * 3
    scripted.answers = [failed]
    with pytest.raises(Unavailable, match=r"Could not complete the upload of 'a': .* answered 200 InternalError"):
        multipart.complete("a", "id", {1: '"e"'})


def test_a_completion_whose_answer_was_lost_is_known_by_its_result(scripted: ScriptedServer) -> None:
    multipart = open_store("s3://bucket/p").multipart  # type: ignore[attr-defined]  # S3 has it
    gone = error("NoSuchUpload", 404)
    etags = {1: '"79b281060d337b9b2b84ccf390adcf74"', 2: '"7f021a1415b86f2d013b2618fb31ae53"'}
    scripted.answers = [BROKEN, gone, Answer(headers={"ETag": '"cc8f6f16b44b75adde6349ab98aee432-2"'})]
    multipart.complete("a", "id", etags)
    scripted.answers = [BROKEN, gone, Answer(headers={"ETag": '"0000000000000000000000000000000-2"'})]
    with pytest.raises(NotFound, match="The upload of 'a' is not known to the store any more"):
        multipart.complete("a", "id", etags)


LISTING = Answer(body=b"<ListBucketResult/>")
CREATED = Answer(body=b"<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>")
NO_SUCH_KEY = error("NoSuchKey", 404)


def test_a_part_that_is_refused_on_its_way_says_why(scripted: ScriptedServer, store: ArtifactStore) -> None:
    data = DATA[: 3 * PIECE]
    assert store.parts is not None
    scripted.answers = [LISTING, NO_SUCH_KEY, CREATED, OK, error("AccessDenied", 403)]
    upload = store.parts.begin("a", len(data), "fingerprint", 1)
    for pieces in (1, 3):
        sink = store.parts.sink(upload.upload_id, 1, hashlib.sha256(data).hexdigest())
        with pytest.raises(Forbidden, match="write part 1 of 'a'"):
            written(sink, data, len(data) // pieces)
        sink.discard()


def test_uploads_begin_in_a_bucket_that_may_not_be_listed(scripted: ScriptedServer, store: ArtifactStore) -> None:
    """S3 answers there that it is forbidden to read what is not there."""
    assert store.parts is not None
    forbidden = error("AccessDenied", 403)
    scripted.answers = [forbidden, forbidden, CREATED, OK]
    assert store.parts.begin("a", 10, "fingerprint", 1).have == frozenset()
    assert [(asked.method, asked.target.partition("?")[2]) for asked in scripted.asked[1:]] == [
        ("GET", ""),
        ("POST", "uploads="),
        ("PUT", ""),
    ]


def test_giving_up_raises_nothing(scripted: ScriptedServer, store: ArtifactStore) -> None:
    scripted.answers = [CREATED, OK, error("AccessDenied", 403)]
    sink = store.sink("a")
    sink.write(DATA)
    sink.discard()
    assert [asked.method for asked in scripted.asked] == ["POST", "PUT", "DELETE"]


def written(sink: Sink, data: bytes, piece: int) -> StoredFile:
    """Write it all in pieces."""
    for at in range(0, len(data), piece):
        sink.write(data[at : at + piece])
    return sink.finish()


def test_a_part_in_one_piece_is_sent_again_and_one_in_many_is_not(
    scripted: ScriptedServer, store: ArtifactStore
) -> None:
    data = DATA[: 3 * PIECE]
    assert store.parts is not None
    scripted.answers = [LISTING, NO_SUCH_KEY, CREATED, OK, SLOW, OK]
    upload = store.parts.begin("a", len(data), "fingerprint", 1)
    sink = store.parts.sink(upload.upload_id, 1, hashlib.sha256(data).hexdigest())
    sink.write(data)
    assert sink.finish().size == len(data)
    scripted.answers = [SLOW, OK]
    sink = store.parts.sink(upload.upload_id, 1, hashlib.sha256(data).hexdigest())
    sink.write(data[:PIECE])
    sink.write(data[PIECE:])
    with pytest.raises(Unavailable, match=r"write part 1 of 'a'.* 503 SlowDown"):
        sink.finish()


@pytest.mark.parametrize(
    ("answer", "kind"), [(error("NoSuchBucket", 404), NotFound), (error("AccessDenied", 403), Forbidden), (BROKEN, Unavailable)]
)  # fmt: skip
def test_errors_through_obstore_are_told_in_the_same_words(
    environment: pytest.MonkeyPatch, scripted: ScriptedServer, answer: Answer, kind: type[MlkeepException]
) -> None:
    environment.setenv("MLKEEP_HTTP_REQUEST_MAX_RETRIES", "1")
    bucket = S3Store("bucket", endpoint=scripted.url, access_key_id="a", secret_access_key="b", client_options=client_options(), retry_config=retry_config())  # fmt: skip
    store = ObjectStore(CloudBucket(bucket, Spot("bucket", scripted.url)), "p")
    scripted.answers = [answer]
    for way in (store.list, store.tree, lambda: store.put_bytes("a", b"1"), lambda: b"".join(store.read("a"))):
        with pytest.raises(kind, match="bucket 'bucket' at") as caught:
            way()
        assert "<" not in caught.value.message
