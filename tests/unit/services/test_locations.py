"""Where artifacts go, and which places may be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlkeep.core.errors import InvalidInput
from mlkeep.services.locations import below, checked_location, has_parent_segments, is_inside
from mlkeep.services.rules import Rules


@pytest.mark.parametrize(
    ("root", "place"),
    [
        ("mlflow-artifacts:/", "mlflow-artifacts:/1/r"),
        ("s3://bucket", "s3://bucket/1/r"),
        ("s3://bucket/p/", "s3://bucket/p/1/r"),
        ("/data", "/data/1/r"),
    ],
)
def test_a_place_below_a_root(root: str, place: str) -> None:
    assert below(root, "1", "r") == place


@pytest.mark.parametrize(
    "location", ["s3://b/p", "/data", "file:///data", "mlflow-artifacts:/x", "gs://h/p?a=b", "odd+scheme:/x"]
)
def test_a_location_is_kept(location: str) -> None:
    assert checked_location(location, Rules()) == location


def test_a_relative_location_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert checked_location("some/where", Rules()) == f"{tmp_path}/some/where"


@pytest.mark.parametrize(
    "location", ["runs:/r/a", "RUNS:/r/a", "s3://b/p#f", "s3://b/p;x", "s3://b/p?a=../b", "s3://b/" + "x" * 2_048]
)
def test_a_location_that_cannot_be_is_refused(location: str) -> None:
    with pytest.raises(InvalidInput, match="'artifact_location'"):
        checked_location(location, Rules())


@pytest.mark.parametrize(
    ("uri", "has"),
    [
        ("s3://b/a/../c", True),
        ("s3://b/a/..", True),
        ("../a", True),
        ("a\\..\\b", True),
        ("s3://b/%2e%2e/c", True),
        ("s3://b/%252e%252e/c", True),
        ("s3://b/a%2f..%2fc", True),
        ("s3://b/..a/b../c", False),
        ("s3://b/a?x=../y", False),
        ("s3://b/100%", False),
    ],
)
def test_parent_segments_are_seen_through_encodings(uri: str, has: bool) -> None:
    assert has_parent_segments(uri) is has


@pytest.mark.parametrize(
    ("uri", "root", "inside"),
    [
        ("s3://b/a", "s3://b/a", True),
        ("s3://b/a/c", "s3://b/a", True),
        ("s3://b/a/c", "s3://b/a/", True),
        ("s3://b/ab", "s3://b/a", False),
        ("s3://b", "s3://b/a", False),
        ("/data/a", "/data", True),
        ("file:///data/a", "/data", True),
        ("/data/a", "file:/data", True),
        ("/database", "/data", False),
        ("/data", "mlflow-artifacts:/data", False),
    ],
)
def test_inside_is_what_lies_below(uri: str, root: str, inside: bool) -> None:
    assert is_inside(uri, root) is inside
