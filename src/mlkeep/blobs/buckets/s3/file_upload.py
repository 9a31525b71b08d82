"""A local file sent to S3 in parts, several at a time."""

from __future__ import annotations

import functools
import hashlib
import os
from collections import deque
from concurrent.futures import Future
from typing import IO

from mlkeep.blobs.buckets.s3.parts import S3Parts
from mlkeep.blobs.buckets.s3.upload import in_sender
from mlkeep.core.errors import Unavailable
from mlkeep.core.manifest import StoredFile

PART_BYTES = 8 * 1024 * 1024

AT_A_TIME = 4
"""Parts that are on their way together: with the one that is read, five are in memory."""


def put_in_parts(parts: S3Parts, path: str, file: IO[bytes]) -> StoredFile:
    """Send an open file from its beginning. If that breaks off, the same call goes on with what is missing.

    The file is read once: its digest is that of the bytes that were sent.

    Raises:
        Unavailable: the store does not answer, or the file became shorter meanwhile.
    """
    told = os.fstat(file.fileno())
    upload = parts.begin(path, told.st_size, f"{told.st_size}-{told.st_mtime_ns}", PART_BYTES)
    whole = hashlib.sha256()
    sent: deque[Future[None]] = deque()
    try:
        for number in range(1, upload.count + 1):
            start, end = upload.range_of(number)
            data = file.read(end - start)
            if len(data) < end - start:
                raise Unavailable(f"The file for '{path}' became shorter while it was sent: send it again.")
            whole.update(data)
            if number not in upload.have:
                if len(sent) == AT_A_TIME:
                    sent.popleft().result()
                sent.append(in_sender(functools.partial(parts.put_part, upload.upload_id, number, data)))
        while sent:
            sent.popleft().result()
    finally:
        for rest in sent:
            rest.exception()  # nothing may arrive after the caller was told of an error
    return parts.complete(upload.upload_id, whole.hexdigest())
