"""Whose artifacts a URI names."""

from __future__ import annotations

import pytest

from mlkeep.core.artifact_owners import MOST_CLAIMS, Claim, OwnerKind, claims, path_below, uri_below

MODEL = f"m-{'a' * 32}"
RUN = "0123456789abcdef" * 2


def run(run_id: str) -> Claim:
    return Claim(OwnerKind.RUN, run_id)


@pytest.mark.parametrize(
    ("uri", "claimed"),
    [
        (f"mlflow-artifacts:/1/{RUN}/artifacts", [run(RUN)]),
        (f"mlflow-artifacts:{RUN}/artifacts/a/b.txt", [run(RUN)]),
        (f"s3://bucket/1/{RUN}/artifacts/", [run(RUN)]),
        ("r/artifacts/x", [run("r")]),
        (f"/data/artifacts/1/{RUN}/artifacts/x/artifacts", [run("x"), run(RUN), run("data")]),
        ("a/artifacts/artifacts", [run("artifacts"), run("a")]),
        (f"s3://b/models/{MODEL}/artifacts/MLmodel", [Claim(OwnerKind.LOGGED_MODEL, MODEL), run(MODEL)]),
        (f"s3://b/models/{MODEL}x/artifacts", [run(f"{MODEL}x")]),
        (f"s3://b/1/{RUN}/artifactsx", []),
        (f"s3://b/1/{RUN}", []),
        ("s3://b/-x/artifacts", []),
        ("s3://b/" + "x" * 257 + "/artifacts", []),
        ("/artifacts", []),
        ("", []),
    ],
)
def test_the_innermost_id_comes_first(uri: str, claimed: list[Claim]) -> None:
    assert claims(uri) == claimed


def test_of_many_ids_only_the_last_count() -> None:
    uri = "/".join(f"{i}/artifacts" for i in range(100))
    assert claims(uri) == [run(str(i)) for i in reversed(range(100 - MOST_CLAIMS, 100))]


@pytest.mark.parametrize(
    ("uri", "root", "path"),
    [
        ("s3://b/r/artifacts/a/b.txt", "s3://b/r/artifacts", "a/b.txt"),
        ("s3://b/r/artifacts", "s3://b/r/artifacts/", ""),
        ("S3://b/r/artifacts//a/", "s3://b/r/artifacts", "a"),
        ("s3://b/r/artifacts/a%20b", "s3://b/r/artifacts", "a%20b"),
        ("s3://b/r/artifactsx", "s3://b/r/artifacts", None),
        ("s3://b/R/artifacts/a", "s3://b/r/artifacts", None),
        ("gs://b/r/artifacts/a", "s3://b/r/artifacts", None),
        ("s3://b/r", "s3://b/r/artifacts", None),
        ("/d/r/artifacts/a", "file:///d/r/artifacts", "a"),
        ("file:/d/r%20r/artifacts/a%20b", "/d/r r/artifacts", "a b"),
        ("file://localhost/d/r/artifacts/a", "/d/r/artifacts/", "a"),
        ("/d//r/./artifacts/a", "/d/r/artifacts", "a"),
        ("file://host/d/r/artifacts/a", "/d/r/artifacts", None),
        ("file://host/d/r/artifacts/a", "file://host/d/r/artifacts", "a"),
        ("/d/r/artifacts/../x", "/d/r/artifacts", "../x"),
        ("mlflow-artifacts://host:5000/1/r/artifacts/a", "mlflow-artifacts:/1/r/artifacts", "a"),
        ("mlflow-artifacts:/1/r/artifacts/a", "mlflow-artifacts://host/1/r/artifacts", "a"),
        ("mlflow-artifacts:///1/r//artifacts/a", "MLFLOW-ARTIFACTS:1/r/artifacts/", "a"),
        ("mlflow-artifacts:/2/r/artifacts/a", "mlflow-artifacts:/1/r/artifacts", None),
        ("/d/r/artifacts", "", None),
        ("/d", "/", None),
    ],
)
def test_a_path_below_a_root_is_found_however_both_are_written(uri: str, root: str, path: str | None) -> None:
    assert path_below(uri, root) == path


@pytest.mark.parametrize("root", ["s3://b/r/artifacts", "/d d/artifacts/", "file:///d%20d", "mlflow-artifacts:/1"])
@pytest.mark.parametrize("path", ["a/b.txt", "100%", "a b%20c/ü"])
def test_a_uri_below_a_root_leads_back(root: str, path: str) -> None:
    assert path_below(uri_below(root, path), root) == path
