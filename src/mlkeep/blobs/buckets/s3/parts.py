"""Uploads to S3 in parts, that go on after a break."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from mlkeep.blobs import paths
from mlkeep.blobs.buckets.s3.bucket import S3Bucket
from mlkeep.blobs.buckets.s3.documents import Part
from mlkeep.blobs.buckets.s3.part_sink import S3PartSink
from mlkeep.blobs.buckets.s3.upload import part_bytes_for
from mlkeep.blobs.contract import PartUpload, Signed, Sink
from mlkeep.core.errors import Forbidden, InvalidInput, MlkeepException, NotFound
from mlkeep.core.manifest import StoredFile

ABANDONED_S = 7 * 24 * 3600
"""Seconds after which an upload that was begun and is not complete is given up."""

_SWEEP_EVERY_S = 3600
_ID = re.compile(r"[0-9a-f]{32}")
_REMEMBERED = 1000


class Session(msgspec.Struct, frozen=True):
    """An upload that was begun, as it is kept beside the files of the destination. `path` is below the destination."""

    key: str
    path: str
    size: int
    part_bytes: int
    s3_id: str
    begun_s: int

    def state(self, upload_id: str, root: str, parts: list[Part]) -> PartUpload:
        """The upload as the store with this root shows it, with the parts that S3 has."""
        whole = PartUpload(
            upload_id, self.key.removeprefix(f"{root}/" if root else ""), self.size, self.part_bytes, digests=True
        )
        have = frozenset(part.number for part in parts if part.number in _usable(whole, parts))
        return msgspec.structs.replace(whole, have=have)


class Sessions:
    """The uploads to one destination, each in a small object of its own in `.mlkeep-uploads`."""

    def __init__(self, bucket: S3Bucket, destination: str) -> None:
        self.bucket = bucket
        self.destination = destination
        self._folder = paths.joined(destination, paths.STAGING)
        self._known: dict[str, Session] = {}
        self._swept_s = 0.0

    def find(self, upload_id: str) -> Session | None:
        """The session of an upload."""
        if not _ID.fullmatch(upload_id):
            return None
        if (known := self._known.get(upload_id)) is None:
            known = self._read(self._key(upload_id))
            if known is not None:
                self._remember(upload_id, known)
        return known

    def keep(self, upload_id: str, session: Session) -> None:
        """Make it known to whoever asks the bucket."""
        name = f"{paths.STAGING}/{upload_id}.json"
        self.bucket.put(self._key(upload_id), name, msgspec.json.encode(session))
        self._remember(upload_id, session)

    def forget(self, upload_id: str) -> None:
        """Drop what was kept of it, if that can be: what stays is swept up later."""
        self._known.pop(upload_id, None)
        with suppress(MlkeepException):
            self.bucket.delete([self._key(upload_id)], f"{paths.STAGING}/{upload_id}.json")

    def sweep(self) -> None:
        """Give up what was begun long ago; looks at most once an hour."""
        now_s = time.time()
        if now_s < self._swept_s + _SWEEP_EVERY_S:
            return
        self._swept_s = now_s
        with suppress(MlkeepException):  # it can wait, and those who may not list the bucket can upload all the same
            for entry in list(self.bucket.entries(f"{self._folder}/")):
                session = self._read(entry.key)
                if session is None or session.begun_s < now_s - ABANDONED_S:
                    if session is not None:
                        self.bucket.abort_upload(session.key, session.path, session.s3_id)
                    self.forget(entry.key.rpartition("/")[2].removesuffix(".json"))

    def _key(self, upload_id: str) -> str:
        return f"{self._folder}/{upload_id}.json"

    def _read(self, key: str) -> Session | None:
        try:
            body = self.bucket.open(key, key)
            return msgspec.json.decode(b"".join(body.pieces), type=Session)
        except (NotFound, Forbidden, msgspec.MsgspecError):  # who may not list a bucket is forbidden what is not there
            return None

    def _remember(self, upload_id: str, session: Session) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[upload_id] = session


class S3Parts:
    """See `contract.PartUploads`. Each part must come with its SHA-256, and the whole with the sender's.

    S3 is told each part's digest, which it checks; the SHA-256 of the whole is taken as told.
    """

    def __init__(self, sessions: Sessions, root: str) -> None:
        self._sessions = sessions
        self._bucket = sessions.bucket
        self._root = root

    def begin(self, path: str, size: int, fingerprint: str, part_bytes: int) -> PartUpload:
        key = paths.joined(self._root, paths.checked_file(path))
        part_bytes = max(part_bytes, part_bytes_for(size))
        told = "\0".join((key, str(size), str(part_bytes), fingerprint))
        upload_id = hashlib.sha256(told.encode()).hexdigest()[:32]
        self._sessions.sweep()
        if (begun := self._sessions.find(upload_id)) is not None:
            try:
                return self._state(upload_id, begun)
            except NotFound:  # S3, or a rule of the bucket, gave it up
                pass
        name = key.removeprefix(f"{self._sessions.destination}/" if self._sessions.destination else "")
        s3_id = self._bucket.create_upload(key, name)
        session = Session(key, name, size, part_bytes, s3_id, int(time.time()))
        self._sessions.keep(upload_id, session)
        return session.state(upload_id, self._root, [])

    def find(self, upload_id: str) -> PartUpload:
        return self._state(upload_id, self._session(upload_id))

    def sink(self, upload_id: str, number: int, sha256: str | None = None) -> Sink:
        session = self._session(upload_id)
        start, end = self._range(session, upload_id, number)
        if sha256 is None:
            raise InvalidInput(f"Part {number} of '{session.path}' must come with its SHA-256.")
        return S3PartSink(self._bucket, session.key, session.path, session.s3_id, number, end - start, sha256)

    def put_part(self, upload_id: str, number: int, data: bytes) -> None:
        """Send a part that is in memory; tried again after passing faults."""
        session = self._session(upload_id)
        self._bucket.put_part(session.key, session.path, session.s3_id, number, data)

    def sign_part(self, upload_id: str, number: int, expires_s: int) -> Signed | None:
        """A URL on which anybody can PUT one part of an upload for some seconds; None without keys."""
        session = self._session(upload_id)
        self._range(session, upload_id, number)
        return _signed_part(self._bucket, session.key, session.s3_id, number, expires_s)

    def complete(self, upload_id: str, sha256: str | None, twin: str | None = None) -> StoredFile:  # noqa: ARG002
        session = self._session(upload_id)
        if sha256 is None:
            raise InvalidInput(f"The upload of '{session.path}' can be completed with the SHA-256 of the file only.")
        parts = self._parts(upload_id, session)
        state = session.state(upload_id, self._root, parts)
        missing = next((number for number in range(1, state.count + 1) if number not in state.have), None)
        if missing is not None:
            raise InvalidInput(f"Part {missing} of {state.count} of '{session.path}' is missing: send it first.")
        etags = {part.number: part.etag for part in parts}
        self._bucket.complete_upload(session.key, session.path, session.s3_id, etags)
        self._sessions.forget(upload_id)
        return StoredFile(state.path, state.size, sha256)

    def abort(self, upload_id: str) -> None:
        try:
            session = self._session(upload_id)
        except NotFound:
            return
        self._bucket.abort_upload(session.key, session.path, session.s3_id)
        self._sessions.forget(upload_id)

    def _session(self, upload_id: str) -> Session:
        session = self._sessions.find(upload_id)
        if session is None or not session.key.startswith(f"{self._root}/" if self._root else ""):
            raise NotFound(f"There is no upload '{upload_id}': begin it again.")
        return session

    def _state(self, upload_id: str, session: Session) -> PartUpload:
        return session.state(upload_id, self._root, self._parts(upload_id, session))

    def _parts(self, upload_id: str, session: Session) -> list[Part]:
        try:
            return self._bucket.list_parts(session.key, session.path, session.s3_id)
        except NotFound:
            self._sessions.forget(upload_id)
            raise

    def _range(self, session: Session, upload_id: str, number: int) -> tuple[int, int]:
        state = session.state(upload_id, self._root, [])
        if not 1 <= number <= state.count:
            raise InvalidInput(f"There is no part {number} of '{session.path}': its parts are 1 to {state.count}.")
        return state.range_of(number)


class S3Multipart:
    """Uploads as S3 itself knows them: nothing is known of the file, and the sender keeps the etags of the parts.

    For senders that speak MLflow's protocol, which tells neither size nor digests.
    """

    def __init__(self, bucket: S3Bucket, root: str) -> None:
        self._bucket = bucket
        self._root = root

    def create(self, path: str) -> str:
        """Begin an upload; the id that S3 gives it."""
        return self._bucket.create_upload(self._key(path), path)

    def sign_part(self, path: str, s3_id: str, number: int, expires_s: int) -> Signed | None:
        """A URL on which anybody can PUT a part for some seconds; the answer has its etag. None without keys."""
        return _signed_part(self._bucket, self._key(path), s3_id, number, expires_s)

    def complete(self, path: str, s3_id: str, etags: Mapping[int, str]) -> None:
        """Make the file of the parts with these etags, by number. Raises NotFound: there is no such upload."""
        self._bucket.complete_upload(self._key(path), path, s3_id, etags)

    def abort(self, path: str, s3_id: str) -> None:
        """Give the upload up; no such upload is no error."""
        self._bucket.abort_upload(self._key(path), path, s3_id)

    def _key(self, path: str) -> str:
        return paths.joined(self._root, paths.checked_file(path))


def _usable(upload: PartUpload, parts: list[Part]) -> frozenset[int]:
    """Numbers of the parts that have the size they should have."""
    sizes = {part.number: part.size for part in parts if part.number <= upload.count}
    ranges = {number: upload.range_of(number) for number in sizes}
    return frozenset(number for number, size in sizes.items() if size == ranges[number][1] - ranges[number][0])


def _signed_part(bucket: S3Bucket, key: str, s3_id: str, number: int, expires_s: int) -> Signed | None:
    query = {"partNumber": str(number), "uploadId": s3_id}
    return bucket.client.sign("PUT", key, expires_s, query, dict(bucket.client.place.extra.bytes_of))
