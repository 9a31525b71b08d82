"""`mlkeep doctor --artifacts` at the prompt."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from bench.objectstore import S3Server

Run = Callable[..., Result]

PROBE = r"mlkeep-doctor-[0-9a-f]{32}\.txt"
SKIPPED = [
    *(f"skip  {name}: it needs 'write', which did not work" for name in ("read back", "range", "delete")),
    *(f"skip  {name}: it needs 'write', which did not work" for name in ("multipart", "signing")),
]
NO_BUCKET = [f"skip  {name}: it needs 'bucket', which did not work" for name in ("list", "write")] + SKIPPED


def lines(result: Result, title: str) -> list[str]:
    """What was printed under a title."""
    first, *rest = result.stdout.splitlines()
    assert first == title
    return [line.strip() for line in rest]


def test_a_bucket_is_tried_in_every_way(mlkeep: Run, s3: S3Server) -> None:
    uri = f"s3://{s3.new_bucket()}/models"
    result = mlkeep("doctor", "--artifacts", uri)
    assert result.exit_code == 0
    told = lines(result, f"Artifacts at {uri}")
    assert [re.sub(PROBE, "PROBE", line) for line in told] == [
        "ok    bucket: it answers",
        "ok    list: 0 files and folders at the top",
        "ok    write: wrote PROBE (47 bytes)",
        "ok    read back: read the same bytes",
        "ok    range: read bytes 3 to 10",
        "ok    delete: it is gone",
        "ok    multipart: made a file of 2 parts (5,242,927 bytes)",
        "ok    signing: wrote and read by signed URLs",
    ]
    assert [file for file in s3.data.rglob("*") if file.is_file() and "doctor" in file.name] == []


def test_wrong_keys_are_one_clear_sentence(mlkeep: Run, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.new_bucket()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAWRONG")
    result = mlkeep("doctor", "--artifacts", f"s3://{bucket}")
    assert result.exit_code == 1
    sentence = (
        f"The store of the bucket '{bucket}' at {s3.url} does not know the access key id that ends in 'RONG' (from "
        "AWS_ACCESS_KEY_ID): check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and MLFLOW_S3_ENDPOINT_URL."
    )
    assert lines(result, f"Artifacts at s3://{bucket}") == [
        f"FAIL  bucket: {sentence}",
        "Correct that first; nothing else can work before.",
        *NO_BUCKET,
    ]


def test_a_bucket_that_is_not_there_is_named(mlkeep: Run, s3: S3Server) -> None:
    result = mlkeep("doctor", "--artifacts", "s3://nothing/x")
    assert result.exit_code == 1
    assert lines(result, "Artifacts at s3://nothing/x") == [
        f"FAIL  bucket: There is no bucket 'nothing' at {s3.url}: check the artifact URI and MLFLOW_S3_ENDPOINT_URL.",
        "Make the bucket, or correct the URI.",
        *NO_BUCKET,
    ]


def test_a_folder_is_tried_and_left_as_it_was(mlkeep: Run, tmp_path: Path) -> None:
    place = tmp_path / "not there yet"
    result = mlkeep("doctor", "--artifacts", str(place))
    assert result.exit_code == 0
    told = lines(result, f"Artifacts at {place}")
    assert told[0] == "ok    folder: it answers"
    assert told[-1] == "skip  signing: this store signs no URLs, so the bytes go through the server"
    assert not place.exists()


def test_a_uri_that_means_nothing_is_refused(mlkeep: Run) -> None:
    result = mlkeep("doctor", "--artifacts", "ftp://host/x")
    assert result.exit_code == 1
    assert lines(result, "Artifacts at ftp://host/x")[0].startswith(
        "FAIL  bucket: Artifacts at 'ftp://host/x' cannot be reached: mlkeep knows the schemes "
    )
