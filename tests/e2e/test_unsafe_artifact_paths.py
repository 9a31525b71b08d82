"""No artifact route follows a path that leads out: every route, every spelling, and links."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec
import pytest

from bench.processes import MlkeepServer
from mlkeep.blobs.bundles import END
from mlkeep.core.manifest import StoredFile
from mlkeep.testing.conformance.unsafe_paths import UNSAFE_PATHS
from tests.e2e.artifact_server import API, MPU, OWN, PROXY, Answer, Body, Client, files_below

SECRET = b"outside"


class Asked(NamedTuple):
    """One request."""

    route: str
    method: str
    url: str
    body: Body = None


class Server(NamedTuple):
    """A server with a file of a run, of a logged model and of a version in it, and a file outside its artifacts."""

    client: Client
    artifacts: Path
    outside: Path
    run_id: str
    run_root: str
    model_id: str
    model_root: str
    name: str
    version: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the module's own: what is asked of it changes nothing."""
    process = MlkeepServer(tmp_path_factory.mktemp("unsafe"), "--no-access-log")
    try:
        client = Client(process)
        run_id, run_root = client.new_run()
        model_id, model_root = client.new_model()
        name, version = client.new_version(run_id)
        for path in (f"{run_root}/model/inside.txt", f"{model_root}/inside.txt", "inside.txt"):
            assert client.ask("PUT", f"{PROXY}/{path}", b"inside").status == 200
        outside = process.folder / "x"  # what `../x` names, seen from the destination
        outside.write_bytes(SECRET)
        artifacts = process.folder / "artifacts"
        yield Server(client, artifacts, outside, run_id, run_root, model_id, model_root, name, version)
        client.close()
        assert process.stop() == 0
        assert "Traceback" not in process.output
    finally:
        process.end()


def record(path: str) -> bytes:
    """A bundle of one file under any name."""
    header = msgspec.json.encode(StoredFile(path, 1, hashlib.sha256(b"x").hexdigest()))
    return len(header).to_bytes(4, "big") + header + b"x" + END


def of_the_proxy(path: str) -> Iterator[Asked]:
    """Requests with the path in the address, each segment of it encoded, and as it is."""
    encoded = quote(path, safe="")
    yield Asked("proxy", "HEAD", f"{PROXY}/{encoded}")
    yield Asked("presigned", "GET", f"/api/2.0/mlflow-artifacts/presigned/{encoded}")
    yield Asked("mpu create", "POST", f"{MPU}/create/{encoded}", {"path": "/home/new", "num_parts": 1})
    ended = {"path": "/home/new", "upload_id": "0" * 32}
    parts = [{"part_number": 1, "etag": "e", "url": "u"}]
    yield Asked("mpu complete", "POST", f"{MPU}/complete/{encoded}", {**ended, "parts": parts})
    yield Asked("mpu abort", "POST", f"{MPU}/abort/{encoded}", ended)
    for text in (encoded, path) if re.fullmatch(r"[!-~]+", path) and not set(path) & {"#", "?"} else (encoded,):
        yield Asked("proxy", "GET", f"{PROXY}/{text}")
        yield Asked("proxy", "PUT", f"{PROXY}/{text}", b"overwritten")
        yield Asked("proxy", "DELETE", f"{PROXY}/{text}")


def of_our_protocol(path: str) -> Iterator[Asked]:
    query, one = quote(path, safe=""), {"size": 1, "fingerprint": "f", "part_bytes": 1}
    yield Asked("list", "GET", f"{PROXY}?path={query}")
    yield Asked("tree", "GET", f"{OWN}/tree?path={query}")
    yield Asked("uploads", "POST", f"{OWN}/uploads", {"path": path, **one})
    yield Asked("bundle folder", "POST", f"{OWN}/bundle?path={query}", record("new"))
    yield Asked("bundle name", "POST", f"{OWN}/bundle?path=a", record(path))
    yield Asked("bundle read folder", "POST", f"{OWN}/bundle/read?path={query}", {"paths": ["inside.txt"]})
    yield Asked("bundle read name", "POST", f"{OWN}/bundle/read?path=", {"paths": [path]})
    if "/" not in path:
        yield Asked("part of an upload", "PUT", f"{OWN}/uploads/{query}/1", b"x")
        yield Asked("end of an upload", "POST", f"{OWN}/uploads/{query}/complete", {"sha256": "0" * 64})
        yield Asked("part of an mpu", "PUT", f"{OWN}/mpu/{query}/1", b"x")
    if not set(path) & {"/", "\\"}:
        yield Asked("mpu name", "POST", f"{MPU}/create/a", {"path": f"/home/{path}", "num_parts": 1})


def of_runs(server: Server, path: str) -> Iterator[Asked]:
    query, run = quote(path, safe=""), server.run_id
    version = f"name={server.name}&version={server.version}"
    yield Asked("get-artifact", "GET", f"/get-artifact?run_id={run}&path={query}")
    yield Asked("version's get-artifact", "GET", f"/model-versions/get-artifact?{version}&path={query}")
    files = f"/ajax-api/2.0/mlflow/logged-models/{server.model_id}/artifacts/files"
    yield Asked("model's files", "GET", f"{files}?artifact_file_path={query}")
    upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path={query}"
    yield Asked("upload-artifact", "POST", upload, b"overwritten")
    for owner in (f"run_id={run}", f"model_id={server.model_id}", version):
        yield Asked("archive", "GET", f"{OWN}/archive?{owner}&path={query}")
    yield Asked("artifacts/list", "GET", f"{API}/artifacts/list?run_id={run}&path={query}")
    folders = f"{API}/logged-models/{server.model_id}/artifacts/directories"
    yield Asked("directories", "GET", f"{folders}?artifact_directory_path={query}")
    for verb in ("upload", "download"):
        yield Asked(f"presigned {verb}", "POST", f"{API}/artifacts/presigned-{verb}-url", {"run_id": run, "path": path})


def ask_all(server: Server, wanted: Iterator[Asked]) -> dict[Asked, Answer]:
    answers = {}
    for asked in wanted:
        key = asked._replace(body=None)
        answers[key] = server.client.ask(asked.method, asked.url, asked.body)
    return answers


def test_the_table_is_long_enough() -> None:
    assert len(set(UNSAFE_PATHS)) >= 60


def test_no_route_follows_an_unsafe_path(served: Server) -> None:
    before = files_below(served.artifacts.parent)

    answers: dict[Asked, Answer] = {}
    for path in UNSAFE_PATHS:
        for wanted in (of_the_proxy(path), of_our_protocol(path), of_runs(served, path)):
            answers |= ask_all(served, wanted)

    assert {asked: answer for asked, answer in answers.items() if answer.status not in {400, 404}} == {}
    assert {a.json["error_code"] for asked, a in answers.items() if asked.method != "HEAD"} <= {
        "INVALID_PARAMETER_VALUE",
        "RESOURCE_DOES_NOT_EXIST",
        "ENDPOINT_NOT_FOUND",
    }
    assert not any(SECRET in answer.body for answer in answers.values())
    after = files_below(served.artifacts.parent)
    assert {name: data for name, data in after.items() if before.get(name) != data and "mlkeep.db" not in name} == {}
    assert before.keys() - after.keys() == set()


def test_no_route_follows_a_link_that_leads_out(served: Server, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.txt").write_bytes(SECRET)
    for root in (served.run_root, f"{served.run_root}/model", served.model_root):
        (served.artifacts / root / "out").symlink_to(elsewhere, target_is_directory=True)
        (served.artifacts / root / "out.txt").symlink_to(elsewhere / "secret.txt")
    client, root = served.client, served.run_root

    answers: dict[Asked, Answer] = {}
    for path in ("out/secret.txt", "out/new.txt", "out.txt"):
        answers |= ask_all(served, (asked for asked in of_runs(served, path) if asked.route != "upload-artifact"))
        inside = f"{root}/{path}"
        requests = [*of_the_proxy(inside), *of_our_protocol(inside)]
        follow = {"GET", "HEAD"} if path == "out.txt" else {"GET", "HEAD", "PUT", "DELETE"}
        answers |= ask_all(served, (a for a in requests if a.route == "proxy" and a.method in follow))
        answers |= ask_all(served, (a for a in requests if a.route in {"list", "tree", "bundle read name"}))
    for wanted in (
        Asked("bundle", "POST", f"{OWN}/bundle?path={root}", record("out/new.txt")),
        Asked("bundle", "POST", f"{OWN}/bundle?path={root}/out", record("new.txt")),
        Asked("uploads", "POST", f"{OWN}/uploads", {"path": f"{root}/out/new.txt", "size": 1, "fingerprint": "f", "part_bytes": 1}),
        Asked("upload-artifact", "POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={served.run_id}&path=out/new", b"x"),
    ):  # fmt: skip
        answers |= ask_all(served, iter([wanted]))
    whole = client.ask("GET", f"{OWN}/archive?run_id={served.run_id}")
    listed = client.ask("GET", f"{PROXY}?path={root}")

    told = {(asked.route, asked.method): answer.status for asked, answer in answers.items()}
    assert {key: status for key, status in told.items() if status not in {400, 404}} == {}
    assert not any(SECRET in answer.body for answer in (*answers.values(), whole, listed))
    assert listed.json == {"files": [{"path": "model", "is_dir": True}]}
    assert files_below(elsewhere) == {"secret.txt": SECRET}
