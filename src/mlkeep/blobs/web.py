"""Files on the web, for reading only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, unquote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout, make_headers

from mlkeep.blobs import paths
from mlkeep.blobs.buckets.faults import PASSING
from mlkeep.blobs.contract import PIECE, Bundles, PartUploads, Signed, Sink
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import Forbidden, InvalidInput, MlkeepException, NotFound, Unavailable
from mlkeep.core.manifest import StoredFile
from mlkeep.core.settings import backoff_factor_s, request_retries, request_timeout_s

_RESUMES = 4
"""How often in a row a download that broke off is taken up again."""

_URL_CHARACTERS = "/%?=&~+,:;@!$'()*"


class WebStore:
    """See `contract.ArtifactStore`. Paths are put behind the URL as they are, so they may have a query; "" is the URL
    itself. Nothing is listed, and whatever would change something is an InvalidInput.
    """

    def __init__(self, url: str) -> None:
        """Files below `url`. A name and password in it are sent as credentials. Raises InvalidInput: it has no host."""
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput(f"Invalid artifact URI '{url}': it must look like https://host/path.")
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._headers = {"Accept-Encoding": "identity"}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers |= make_headers(basic_auth=pair)
        self._pool = urllib3.PoolManager(num_pools=2, maxsize=8)

    @property
    def parts(self) -> PartUploads | None:
        return None

    @property
    def bundles(self) -> Bundles | None:
        return None

    def below(self, path: str) -> WebStore:
        store = object.__new__(WebStore)
        store._url, store._headers, store._pool = self._where(paths.checked(path)), self._headers, self._pool
        return store

    def tree(self, path: str = "") -> list[FileInfo]:  # noqa: ARG002 - part of the contract
        return []

    def list(self, path: str = "") -> list[FileInfo]:  # noqa: ARG002 - part of the contract
        return []

    def size(self, path: str) -> int | None:
        where = self._where(paths.checked(path))
        try:
            answer = self._ask("HEAD", where)
            if "Content-Length" not in answer.headers:
                answer = self._ask("GET", where)
                answer.close()
        except NotFound:
            return None
        length = answer.headers.get("Content-Length")
        return None if length is None else int(length)

    def put(self, path: str, source: Path) -> StoredFile:  # noqa: ARG002 - part of the contract
        self._refuse(path)

    def put_bytes(self, path: str, data: bytes) -> StoredFile:  # noqa: ARG002 - part of the contract
        self._refuse(path)

    def sink(self, path: str, size: int | None = None) -> Sink:  # noqa: ARG002 - part of the contract
        self._refuse(path)

    def read(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        where = self._where(paths.checked(path))
        return self._resumed(where, start, end, self._open(where, start, end))

    def local_file(self, path: str) -> Path | None:  # noqa: ARG002 - part of the contract
        return None

    def delete(self, path: str) -> None:
        self._refuse(path)

    def share(self, path: str, twin: str, file: StoredFile) -> bool:  # noqa: ARG002 - part of the contract
        return False

    def sign(self, method: str, path: str, expires_s: int) -> Signed | None:  # noqa: ARG002 - part of the contract
        return None

    def _where(self, path: str) -> str:
        return f"{self._url}/{quote(path, safe=_URL_CHARACTERS)}" if path else self._url

    def _refuse(self, path: str) -> NoReturn:
        raise InvalidInput(f"'{path}' cannot be written or deleted: {self._url} can be read only.")

    def _open(self, where: str, start: int, end: int | None) -> urllib3.BaseHTTPResponse | None:
        """The answer with the bytes from `start` on; None if there are none."""
        if end is not None and end <= start:
            self._ask("HEAD", where)
            return None
        ranged = {"Range": f"bytes={start}-" + ("" if end is None else str(end - 1))} if start or end else {}
        answer = self._ask("GET", where, ranged)
        return None if answer.status == 416 else answer

    def _resumed(
        self, where: str, start: int, end: int | None, answer: urllib3.BaseHTTPResponse | None
    ) -> Iterator[bytes]:
        """The bytes from `start` on, asked for again from where they broke off."""
        at, breaks = start, 0
        while answer is not None:
            taken_up_at = at
            try:
                for piece in _wanted(answer, at, end):
                    at += len(piece)
                    yield piece
            except HTTPError as err:
                breaks = 1 if at - taken_up_at >= PIECE else breaks + 1
                if breaks > _RESUMES:
                    raise Unavailable(f"The download of {where} broke off after {at} bytes: try it again.") from err
            else:
                return
            finally:
                answer.close()
            answer = self._open(where, at, end)

    def _ask(self, method: str, where: str, headers: dict[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        wait_s = max(request_timeout_s(), 0.001)
        try:
            answer = self._pool.request(
                method,
                where,
                headers={**self._headers, **(headers or {})},
                timeout=Timeout(connect=min(10, wait_s), read=wait_s),
                retries=Retry(
                    total=request_retries(),
                    status_forcelist=PASSING,
                    backoff_factor=backoff_factor_s(),
                    raise_on_status=False,
                ),
                preload_content=False,
            )
        except HTTPError as err:
            raise Unavailable(f"{where} does not answer. Is the address right, and the server running?") from err
        if answer.status in {200, 206, 416}:
            return answer
        answer.close()
        raise _error(answer.status, where)


def _wanted(answer: urllib3.BaseHTTPResponse, start: int, end: int | None) -> Iterator[bytes]:
    """The bytes from `start` to `end` of an answer, which has all of the file if the server knows no ranges."""
    skipped = start if answer.status == 200 else 0
    left = None if end is None else end - start
    for piece in answer.stream(PIECE):
        wanted = piece[skipped:][:left]
        skipped = max(0, skipped - len(piece))
        if wanted:
            yield wanted
        if left is not None:
            left -= len(wanted)
            if not left:
                return


def _error(status: int, where: str) -> MlkeepException:
    match status:
        case 404 | 410:
            return NotFound(f"No such file: {where}")
        case 401 | 403:
            return Forbidden(f"{where} is not for everybody (status {status}): put a name and password into the URL.")
        case _:
            return Unavailable(f"{where} cannot be read: the server answered with status {status}.")
