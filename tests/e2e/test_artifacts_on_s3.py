"""The artifact routes of a server that keeps artifacts in a bucket, and of one whose runs keep theirs there directly."""

from __future__ import annotations

import hashlib
import io
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3

from bench.objectstore import S3Server
from bench.processes import MlkeepServer
from mlkeep.blobs import bundles
from mlkeep.core.manifest import StoredFile
from tests.e2e.artifact_server import API, MPU, OWN, PROXY, Client, files_below

MIB = 1024 * 1024


@pytest.fixture
def start(tmp_path: Path, s3_server: S3Server) -> Iterator[Callable[..., Client]]:
    """Starts a server that reaches the bucket, and gives a connection to it."""
    with ExitStack() as running:

        def started(*options: str) -> Client:
            server = MlkeepServer(tmp_path / "server", *options, env=s3_server.variables)
            running.callback(lambda: print(server.output))
            running.callback(server.end)
            client = Client(server)
            running.callback(client.close)
            return client

        yield started


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    return s3_server.new_bucket()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_proxy_keeps_files_in_a_bucket(start: Callable[..., Client], s3_server: S3Server, bucket: str) -> None:
    client = start("--artifacts-destination", f"s3://{bucket}/kept")
    run_id, root = client.new_run()
    data = bytes(range(256)) * 40_000
    up = client.ask("PUT", f"{PROXY}/{root}/d/big.bin", iter([data[:MIB], data[MIB:]]))
    down = client.ask("GET", f"{PROXY}/{root}/d/big.bin")
    piece = client.ask(
        "GET", f"{PROXY}/{root}/d/big.bin", headers={"Range": "bytes=-5", "If-Range": down.headers["etag"]}
    )
    head = client.ask("HEAD", f"{PROXY}/{root}/d/big.bin")
    listed = client.ask("GET", f"{PROXY}?path={root}/d").json
    archive = zipfile.ZipFile(io.BytesIO(client.ask("GET", f"{OWN}/archive?run_id={run_id}").body))
    found = client.ask("GET", f"/get-artifact?run_id={run_id}&path=d/big.bin")
    missing = client.ask("GET", f"{PROXY}/{root}/none")

    assert (up.json, down.body == data, found.body == data) == ({}, True, True)
    assert (piece.status, piece.body) == (206, data[-5:])
    assert (head.headers["content-length"], head.body) == (str(len(data)), b"")
    assert listed == {"files": [{"path": "big.bin", "is_dir": False, "file_size": len(data)}]}
    assert archive.namelist() == ["d/big.bin"]
    assert archive.testzip() is None
    assert client.manifest(root) == {"d/big.bin": (len(data), sha256(data))}
    assert missing.refusal == (404, "RESOURCE_DOES_NOT_EXIST")
    assert sorted(files_below(s3_server.data / bucket)) == [f"kept/{root}/d/big.bin"]
    client.ask("DELETE", f"{PROXY}/{root}/")
    assert files_below(s3_server.data / bucket) == {}


def test_bundles_and_parts_go_through_to_the_bucket(start: Callable[..., Client], bucket: str) -> None:
    client = start("--artifacts-destination", f"s3://{bucket}")
    _, root = client.new_run()
    files = {f"{i:02}.txt": b"%d" % i * 1000 for i in range(30)}
    body = b"".join(bundles.write((StoredFile(p, len(d), sha256(d)), d) for p, d in files.items()))
    kept = client.ask("POST", f"{OWN}/bundle?path={root}/small", body)
    read = client.ask("POST", f"{OWN}/bundle/read?path={root}/small", {"paths": ["07.txt", "29.txt"]})
    data = bytes(range(250)) * 48_000
    wanted = {"path": f"{root}/big.bin", "size": len(data), "fingerprint": "1", "part_bytes": 5 * MIB}
    begun = client.ask("POST", f"{OWN}/uploads", wanted).json
    url, size = f"{OWN}/uploads/{begun['upload_id']}", begun["part_bytes"]
    parts = {i // size + 1: data[i : i + size] for i in range(0, len(data), size)}
    for number, part in parts.items():
        digest = f"sha-256=:{b64encode(hashlib.sha256(part).digest()).decode()}:"
        assert client.ask("PUT", f"{url}/{number}", part, {"Content-Digest": digest}).json == {}
    done = client.ask("POST", f"{url}/complete", {"sha256": sha256(data)})

    assert [file["path"] for file in kept.json["files"]] == list(files)
    assert [d for _, d in bundles.Reader().feed(read.body)] == [files["07.txt"], files["29.txt"]]
    assert begun["digests"] is True
    assert "ask_again" not in begun
    assert done.json == {"path": f"{root}/big.bin", "size": len(data), "sha256": sha256(data)}
    assert client.ask("GET", f"{PROXY}/{root}/big.bin").body == data
    expected = {f"small/{path}": (len(d), sha256(d)) for path, d in files.items()}
    assert client.manifest(root) == expected | {"big.bin": (len(data), sha256(data))}


def test_anybody_may_use_the_urls_the_server_signs(start: Callable[..., Client], bucket: str) -> None:
    client = start("--artifacts-destination", f"s3://{bucket}/kept", "--multipart-uploads", "--multipart-downloads")
    info = client.ask("GET", "/api/3.0/mlflow/server-info").json
    _, root = client.new_run()
    data = bytes(range(256)) * 24_000
    client.ask("PUT", f"{PROXY}/{root}/d/a.bin", b"older")
    begun = client.ask("POST", f"{MPU}/create/{root}/d", {"path": "/home/x/a.bin", "num_parts": 2}).json
    cut = 5 * MIB
    pieces = {1: data[:cut], 2: data[cut:]}
    parts = []
    for part in begun["credentials"]:
        number, url = part["part_number"], part["url"]
        sent = urllib3.request("PUT", url, body=pieces[number], headers=part["headers"])
        assert sent.status == 200
        parts.append({"part_number": number, "etag": sent.headers["ETag"], "url": url})
    ended = {"path": "/home/x/a.bin", "upload_id": begun["upload_id"], "parts": parts}
    done = client.ask("POST", f"{MPU}/complete/{root}/d", ended)
    presigned = client.ask("GET", f"/api/2.0/mlflow-artifacts/presigned/{root}/d/a.bin").json
    read = urllib3.request("GET", presigned["url"], headers={**presigned["headers"], "Range": "bytes=1-3"})
    other = client.ask("POST", f"{MPU}/create/{root}/d", {"path": "b.bin", "num_parts": 1}).json
    aborted = client.ask("POST", f"{MPU}/abort/{root}/d", {"path": "b.bin", "upload_id": other["upload_id"]})

    assert (info["multipart_uploads_enabled"], info["multipart_downloads_enabled"]) == (True, True)
    assert (done.json, aborted.json) == ({}, {})
    assert client.ask("GET", f"{PROXY}/{root}/d/a.bin").body == data
    assert client.manifest(root) == {}  # what was recorded is not what is there, and nobody digested that
    assert (presigned["file_size"], read.data) == (len(data), data[1:4])


def test_runs_that_keep_artifacts_in_a_bucket_themselves(start: Callable[..., Client], bucket: str) -> None:
    client = start("--default-artifact-root", f"s3://{bucket}/roots")
    run_id, root = client.new_run()
    uploaded = client.ask("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=d/a.txt", b"text")
    found = client.ask("GET", f"/get-artifact?run_id={run_id}&path=d/a.txt")
    listed = client.ask("GET", f"{API}/artifacts/list?run_id={run_id}&path=d").json
    place = {"run_id": run_id, "path": "d/b.txt"}
    to_put = client.ask("POST", f"{API}/artifacts/presigned-upload-url", {**place, "expiration": 60}).json
    headers = {header["name"]: header["value"] for header in to_put["headers"]}
    put = urllib3.request("PUT", to_put["presigned_url"], body=b"put directly", headers=headers)
    to_get = client.ask("POST", f"{API}/artifacts/presigned-download-url", place).json
    read = urllib3.request("GET", to_get["presigned_url"])
    missing = client.ask("POST", f"{API}/artifacts/presigned-download-url", {**place, "path": "none"})

    assert root == f"s3://{bucket}/roots/0/{run_id}/artifacts"
    assert (uploaded.json, found.body, found.headers["content-disposition"]) == (
        {},
        b"text",
        "attachment; filename=a.txt",
    )
    assert listed == {"root_uri": root, "files": [{"path": "d/a.txt", "is_dir": False, "file_size": 4}]}
    assert (put.status, read.data, to_get["file_size"]) == (200, b"put directly", 12)
    assert missing.refusal == (404, "RESOURCE_DOES_NOT_EXIST")
