"""What the artifact routes of a running server answer, with the manifest behind them."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from bench.processes import MlkeepServer
from mlkeep.blobs import bundles
from mlkeep.core.manifest import StoredFile
from tests.e2e.artifact_server import API, MPU, OWN, PROXY, Client, files_below

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlkeepServer]:
    """A server of the module's own; each test has runs of its own."""
    process = MlkeepServer(tmp_path_factory.mktemp("routes"))
    try:
        yield process
        assert process.stop() == 0
        assert "Traceback" not in process.output
    finally:
        process.end()


@pytest.fixture
def client(server: MlkeepServer) -> Iterator[Client]:
    client = Client(server)
    yield client
    client.close()


def kept(server: MlkeepServer, root: str) -> dict[str, bytes]:
    """The files that lie below a path of the destination."""
    return files_below(server.folder / "artifacts" / root)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest(data: bytes) -> dict[str, str]:
    return {"Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"}


def stored(data: bytes) -> tuple[int, str]:
    return len(data), sha256(data)


def test_a_download_can_be_gone_on_with(client: Client) -> None:
    _, root = client.new_run()
    data = bytes(range(256)) * 4096
    file = f"{PROXY}/{root}/model/weights.bin"
    assert client.ask("PUT", file, data).json == {}

    whole, head = client.ask("GET", file), client.ask("HEAD", file)
    ranges = [client.ask("GET", file, headers={"Range": f"bytes={text}"}) for text in ("0-9", "1000000-", "-3")]
    again = {"Range": "bytes=5-6", "If-Range": whole.headers["etag"]}
    held = client.ask("GET", file, headers=again)
    known = client.ask("GET", file, headers={"If-None-Match": whole.headers["etag"]})
    beyond = client.ask("GET", file, headers={"Range": f"bytes={len(data)}-"})
    assert client.ask("PUT", file, data[::-1]).status == 200
    changed = client.ask("GET", file, headers=again)

    assert (whole.status, whole.body) == (200, data)
    assert parsedate_to_datetime(whole.headers["last-modified"]) is not None
    assert {name: whole.headers[name] for name in whole.headers if name not in {"date", "x-request-id", "etag", "last-modified"}} == {
        "content-length": str(len(data)),
        "content-type": "application/octet-stream",
        "content-disposition": "attachment; filename=weights.bin",
        "accept-ranges": "bytes",
        "cache-control": "no-cache",
        "x-content-type-options": "nosniff",
        "repr-digest": digest(data)["Content-Digest"],
    }  # fmt: skip
    unlike = {"date", "x-request-id"}
    assert (head.status, head.body) == (200, b"")
    assert {k: v for k, v in head.headers.items() if k not in unlike} == {
        k: v for k, v in whole.headers.items() if k not in unlike
    }
    assert [(answer.status, answer.headers["content-range"], answer.body) for answer in ranges] == [
        (206, f"bytes 0-9/{len(data)}", data[:10]),
        (206, f"bytes 1000000-{len(data) - 1}/{len(data)}", data[1000000:]),
        (206, f"bytes {len(data) - 3}-{len(data) - 1}/{len(data)}", data[-3:]),
    ]
    assert (held.status, held.body) == (206, data[5:7])
    assert (known.status, known.body) == (304, b"")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    assert (changed.status, changed.body) == (200, data[::-1])


def test_what_passes_through_is_recorded_and_what_is_deleted_forgotten(client: Client) -> None:
    run_id, root = client.new_run()
    _, model_root = client.new_model()
    for path in ("a.txt", "d/b.txt", "d/e/c.txt"):
        assert client.ask("PUT", f"{PROXY}/{root}/{path}", path.encode()).status == 200
    assert client.ask("PUT", f"{PROXY}/{model_root}/MLmodel", b"{}").status == 200
    assert client.ask("PUT", f"{PROXY}/nobody's/file", b"x").status == 200
    uploaded = client.ask("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=u/v.txt", b"by name")
    assert (uploaded.status, uploaded.json) == (200, {})

    all_of_run = {path: stored(path.encode()) for path in ("a.txt", "d/b.txt", "d/e/c.txt")}
    all_of_run["u/v.txt"] = stored(b"by name")
    assert client.manifest(root) == all_of_run
    assert client.manifest(model_root) == {"MLmodel": stored(b"{}")}
    tree = client.ask("GET", f"{OWN}/tree?path={root}/d").json
    assert tree == {
        "files": [
            {"path": "b.txt", "size": 7, "sha256": sha256(b"d/b.txt")},
            {"path": "e/c.txt", "size": 9, "sha256": sha256(b"d/e/c.txt")},
        ]
    }
    client.ask("PUT", f"{PROXY}/{root}/a.txt", b"another")
    client.ask("DELETE", f"{PROXY}/{root}/d/e")
    client.ask("DELETE", f"{PROXY}/{root}/u/v.txt")
    assert client.manifest(root) == {"a.txt": stored(b"another"), "d/b.txt": stored(b"d/b.txt")}
    client.ask("DELETE", f"{PROXY}/{root}/")
    assert client.manifest(root) == {}
    assert client.manifest(model_root) == {"MLmodel": stored(b"{}")}


def test_bytes_that_are_not_those_announced_are_not_kept(server: MlkeepServer, client: Client) -> None:
    _, root = client.new_run()
    file = f"{PROXY}/{root}/a.txt"
    right = client.ask("PUT", file, b"right", digest(b"right"))
    wrong = client.ask("PUT", file, b"wrong", digest(b"right"))
    odd = client.ask("PUT", file, b"wrong", {"Content-Digest": "sha-256=:what:"})
    unknown = client.ask("PUT", f"{PROXY}/{root}/b.txt", b"fine", {"Content-Digest": "md5=:what:"})
    assert (right.status, wrong.refusal, odd.refusal) == (200, (422, "DATA_LOSS"), (400, "INVALID_PARAMETER_VALUE"))
    assert unknown.status == 200
    assert kept(server, root) == {"a.txt": b"right", "b.txt": b"fine"}
    assert client.manifest(root) == {"a.txt": stored(b"right"), "b.txt": stored(b"fine")}


def test_what_cannot_be_put_or_deleted_is_refused(server: MlkeepServer, client: Client) -> None:
    client.ask("PUT", f"{PROXY}/d/a.txt", b"kept")
    before = kept(server, "")
    for path in ("d", "d/", "d/a.txt/below", "", ".", "./"):
        assert client.ask("PUT", f"{PROXY}/{path}", b"x").status in {400, 404, 405}, path
    for path in (".", "./", "././."):
        assert client.ask("DELETE", f"{PROXY}/{path}").refusal == (400, "INVALID_PARAMETER_VALUE")
    assert client.ask("DELETE", f"{PROXY}/").status == 404
    assert client.ask("DELETE", PROXY).status == 405
    assert client.ask("GET", f"{PROXY}/d").refusal == (400, "INVALID_PARAMETER_VALUE")
    assert client.ask("GET", f"{PROXY}/d/").status == 400
    assert kept(server, "") == before


def test_a_listing_gives_names_sorted_and_nothing_of_what_is_no_folder(client: Client) -> None:
    for path in ("z", "a/b", "m.txt", "é"):
        client.ask("PUT", f"{PROXY}/top/{quote(path)}", b"" if path == "z" else b"1")
    listed = client.ask("GET", f"{PROXY}?path=top").json
    assert listed == {
        "files": [
            {"path": "a", "is_dir": True},
            {"path": "m.txt", "is_dir": False, "file_size": 1},
            {"path": "z", "is_dir": False},
            {"path": "é", "is_dir": False, "file_size": 1},
        ]
    }
    assert [client.ask("GET", f"{PROXY}?path={path}").json for path in ("top/m.txt", "top/none", "none")] == [{}] * 3


def test_an_upload_goes_on_where_it_was_when_the_server_is_started_again(
    start_server: Callable[..., MlkeepServer],
) -> None:
    server = start_server()
    client = Client(server)
    _, root = client.new_run()
    data = bytes(range(251)) * 40_000
    wanted = {"path": f"{root}/big.bin", "size": len(data), "fingerprint": "1", "part_bytes": MIB}
    begun = client.ask("POST", f"{OWN}/uploads", wanted).json
    part_bytes, url = begun["part_bytes"], f"{OWN}/uploads/{begun['upload_id']}"
    parts = {i + 1: data[i * part_bytes : (i + 1) * part_bytes] for i in range(-(-len(data) // part_bytes))}
    for number in (3, 1):
        assert client.ask("PUT", f"{url}/{number}", parts[number], digest(parts[number])).json == {}
    damaged = client.ask("PUT", f"{url}/2", parts[3], digest(parts[2]))
    short = client.ask("PUT", f"{url}/2", parts[2][:-1])
    missing = client.ask("POST", f"{url}/complete", {"sha256": sha256(data)})
    invisible = client.ask("GET", f"{PROXY}?path={root}").json
    client.close()
    server.stop()
    client = Client(start_server())
    again = client.ask("POST", f"{OWN}/uploads", wanted).json
    for number in set(parts) - set(again["have"]):
        assert client.ask("PUT", f"{url}/{number}", parts[number]).status == 200
    done = client.ask("POST", f"{url}/complete", {"sha256": sha256(data)})
    gone = client.ask("PUT", f"{url}/1", parts[1])

    assert begun | {"upload_id": ""} == {"upload_id": "", "part_bytes": MIB}
    assert [answer.refusal for answer in (damaged, short, missing)] == [
        (422, "DATA_LOSS"),
        (400, "INVALID_PARAMETER_VALUE"),
        (400, "INVALID_PARAMETER_VALUE"),
    ]
    assert invisible == {}
    assert (again["upload_id"], again["have"]) == (begun["upload_id"], [1, 3])
    assert (done.status, done.json) == (200, {"path": f"{root}/big.bin", "size": len(data), "sha256": sha256(data)})
    assert gone.refusal == (404, "RESOURCE_DOES_NOT_EXIST")
    assert client.ask("GET", f"{PROXY}/{root}/big.bin").body == data
    assert client.manifest(root) == {"big.bin": stored(data)}
    client.close()


def test_an_upload_of_other_bytes_than_told_is_given_up(server: MlkeepServer, client: Client) -> None:
    _, root = client.new_run()
    begun = client.ask(
        "POST", f"{OWN}/uploads", {"path": f"{root}/a", "size": 3, "fingerprint": "1", "part_bytes": MIB}
    )
    url = f"{OWN}/uploads/{begun.json['upload_id']}"
    client.ask("PUT", f"{url}/1", b"abc")
    damaged = client.ask("POST", f"{url}/complete", {"sha256": sha256(b"xyz")})
    other = client.ask(
        "POST", f"{OWN}/uploads", {"path": f"{root}/b", "size": 3, "fingerprint": "1", "part_bytes": MIB}
    )
    aborted = [client.ask("DELETE", f"{OWN}/uploads/{other.json['upload_id']}") for _ in range(2)]
    assert damaged.refusal == (422, "DATA_LOSS")
    assert [answer.status for answer in aborted] == [200, 200]
    assert kept(server, root) == kept(server, ".mlkeep-uploads") == {}


@pytest.mark.parametrize(
    "change", [{"size": -1}, {"part_bytes": 0}, {"part_bytes": -1}, {"path": ""}, {"path": "d/"}, {"fingerprint": ""}]
)
def test_an_upload_that_cannot_be_is_not_begun(client: Client, change: dict[str, object]) -> None:
    wanted = {"path": "a", "size": 1, "fingerprint": "1", "part_bytes": MIB} | change
    assert client.ask("POST", f"{OWN}/uploads", wanted).refusal == (400, "INVALID_PARAMETER_VALUE")


def test_what_the_server_has_already_need_not_be_sent(server: MlkeepServer, client: Client) -> None:
    (_, one), (_, other) = client.new_run(), client.new_run()
    data = bytes(range(256)) * 4096
    client.ask("PUT", f"{PROXY}/{one}/a.bin", data)
    wanted = {"path": f"{other}/b.bin", "size": len(data), "fingerprint": "1", "part_bytes": MIB}
    asked = client.ask("POST", f"{OWN}/uploads", wanted).json
    unlike = client.ask("POST", f"{OWN}/uploads", {**wanted, "sha256": "0" * 64}).json
    known = client.ask("POST", f"{OWN}/uploads", {**wanted, "sha256": sha256(data)}).json
    again = client.ask("POST", f"{OWN}/uploads", {**wanted, "sha256": sha256(data)}).json
    client.ask("PUT", f"{PROXY}/{other}/c.bin", data)

    assert (asked["ask_again"], "stored" in asked, "stored" in unlike) == (True, False, False)
    assert known["stored"] == {"path": f"{other}/b.bin", "size": len(data), "sha256": sha256(data)}
    assert again["stored"] == known["stored"]
    places = [server.folder / "artifacts" / place for place in (f"{one}/a.bin", f"{other}/b.bin", f"{other}/c.bin")]
    assert len({place.stat().st_ino for place in places}) == 1
    assert client.manifest(other) == {"b.bin": stored(data), "c.bin": stored(data)}
    assert sorted(kept(server, other)) == ["b.bin", "c.bin"]


def test_a_bundle_goes_in_and_comes_out(server: MlkeepServer, client: Client) -> None:
    _, root = client.new_run()
    files = {f"d{i % 3}/file {i}.txt": b"%d" % i * (i * 50) for i in range(200)}
    body = b"".join(bundles.write((StoredFile(path, *stored(data)), data) for path, data in files.items()))
    kept = client.ask("POST", f"{OWN}/bundle?path={root}/all", iter([body[:1000], body[1000:]]))
    asked = ["d2/file 5.txt", "d0/file 0.txt", "d1/file 199.txt"]
    read = client.ask("POST", f"{OWN}/bundle/read?path={root}/all", {"paths": asked})
    damaged_at_rest = server.folder / "artifacts" / root / "all" / "d2" / "file 5.txt"
    damaged_at_rest.write_bytes(b"5" * 249 + b"!")
    reader = bundles.Reader()
    after = client.ask("POST", f"{OWN}/bundle/read?path={root}/all", {"paths": asked})
    missing = client.ask("POST", f"{OWN}/bundle/read?path={root}/all", {"paths": ["d0/file 0.txt", "none"]})

    assert [file["path"] for file in kept.json["files"]] == list(files)
    assert client.manifest(f"{root}/all") == {path: stored(data) for path, data in files.items()}
    assert read.headers["content-type"] == "application/x-mlkeep-bundle"
    assert [(file.path, data) for file, data in reader.feed(read.body)] == [(path, files[path]) for path in asked]
    assert missing.refusal == (404, "RESOURCE_DOES_NOT_EXIST")
    with pytest.raises(Exception, match=r"d2/file 5\.txt"):
        list(bundles.Reader().feed(after.body))


def test_of_a_bundle_that_breaks_off_what_is_whole_is_kept_and_recorded(server: MlkeepServer, client: Client) -> None:
    _, root = client.new_run()
    files = {"a": b"one", "b": b"two"}
    whole = b"".join(bundles.write((StoredFile(path, *stored(data)), data) for path, data in files.items()))
    broken = client.ask("POST", f"{OWN}/bundle?path={root}", whole[:-6])
    damaged = client.ask("POST", f"{OWN}/bundle?path={root}/c", whole.replace(b"two", b"tow"))
    assert (broken.refusal, damaged.refusal) == ((400, "INVALID_PARAMETER_VALUE"), (422, "DATA_LOSS"))
    assert kept(server, root) == {"a": b"one"}
    assert client.manifest(root) == {"a": stored(b"one")}


def test_files_are_found_by_their_run_model_or_version(client: Client) -> None:
    run_id, root = client.new_run()
    model_id, model_root = client.new_model()
    name, version = client.new_version(run_id)
    client.ask("PUT", f"{PROXY}/{root}/model/MLmodel", b"of the run")
    client.ask("PUT", f"{PROXY}/{model_root}/MLmodel", b"of the model")
    files = f"/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files"
    found = [
        client.ask("GET", f"/get-artifact?run_id={run_id}&path=model/MLmodel"),
        client.ask("GET", f"/get-artifact?run_uuid={run_id}&path=model%2FMLmodel"),
        client.ask("GET", f"/model-versions/get-artifact?name={name}&version={version}&path=MLmodel"),
        client.ask("GET", f"{files}?artifact_file_path=MLmodel"),
        client.ask("GET", f"{files}?artifact_file_path=MLmodel", headers={"Range": "bytes=7-"}),
    ]
    assert [answer.body for answer in found] == [b"of the run"] * 3 + [b"of the model", b"model"]
    assert {answer.headers["content-disposition"] for answer in found} == {"attachment; filename=MLmodel"}
    assert found[0].headers["repr-digest"] == digest(b"of the run")["Content-Digest"]
    refused = {
        f"/get-artifact?run_id={run_id}": (400, "INVALID_PARAMETER_VALUE"),
        f"/get-artifact?run_id={run_id}&path=model": (400, "INVALID_PARAMETER_VALUE"),
        f"/get-artifact?run_id={run_id}&path=none": (404, "RESOURCE_DOES_NOT_EXIST"),
        "/get-artifact?path=model/MLmodel": (400, "INVALID_PARAMETER_VALUE"),
        "/get-artifact?run_id=nobody&path=a": (404, "RESOURCE_DOES_NOT_EXIST"),
        f"/model-versions/get-artifact?name={name}&version=9&path=a": (404, "RESOURCE_DOES_NOT_EXIST"),
        f"/model-versions/get-artifact?name={name}&path=a": (400, "INVALID_PARAMETER_VALUE"),
        files: (400, "BAD_REQUEST"),
        f"{files}?artifact_file_path=none": (404, "RESOURCE_DOES_NOT_EXIST"),
    }
    assert {path: client.ask("GET", path).refusal for path in refused} == refused


def test_a_file_uploaded_by_the_name_of_its_run_is_small_and_not_empty(server: MlkeepServer, client: Client) -> None:
    run_id, root = client.new_run()
    upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=d/a.bin"
    most = 10 * MIB
    fits = client.ask("POST", upload, bytes(most))
    refused = [
        client.ask("POST", upload, bytes(most + 1)),
        client.ask("POST", upload, iter([bytes(most), b"1"])),
        client.ask("POST", upload, b""),
        client.ask("POST", "/ajax-api/2.0/mlflow/upload-artifact?path=a", b"x"),
        client.ask("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}", b"x"),
    ]
    assert fits.status == 200
    assert {answer.refusal for answer in refused} == {(400, "INVALID_PARAMETER_VALUE")}
    assert client.ask("POST", upload.replace(run_id, "nobody"), b"x").status == 404
    assert {path: len(data) for path, data in kept(server, root).items()} == {"d/a.bin": most}


def test_a_folder_comes_down_as_a_zip_file(client: Client) -> None:
    run_id, root = client.new_run()
    model_id, model_root = client.new_model()
    name, version = client.new_version(run_id)
    client.ask("PUT", f"{PROXY}/{root}/model/MLmodel", b"one")
    client.ask("PUT", f"{PROXY}/{root}/model/data/gr%C3%B6%C3%9Fe.bin", bytes(3 * MIB))
    client.ask("PUT", f"{PROXY}/{model_root}/MLmodel", b"two")
    found = {
        query: client.ask("GET", f"{OWN}/archive?{query}")
        for query in (
            f"run_id={run_id}",
            f"run_id={run_id}&path=model/data",
            f"run_id={run_id}&path=model/MLmodel",
            f"model_id={model_id}",
            f"name={name}&version={version}",
        )
    }
    names = [zipfile.ZipFile(io.BytesIO(answer.body)).namelist() for answer in found.values()]
    assert [answer.headers["content-disposition"].partition("filename=")[2] for answer in found.values()] == [
        f"{run_id}.zip",
        "data.zip",
        "MLmodel.zip",
        f"{model_id}.zip",
        f"{name}-{version}.zip",
    ]
    assert names == [
        ["model/MLmodel", "model/data/größe.bin"],
        ["größe.bin"],
        ["MLmodel"],
        ["MLmodel"],
        ["MLmodel", "data/größe.bin"],
    ]
    assert {answer.headers["content-type"] for answer in found.values()} == {"application/zip"}
    assert all(zipfile.ZipFile(io.BytesIO(answer.body)).testzip() is None for answer in found.values())
    assert client.ask("GET", f"{OWN}/archive?run_id={run_id}&path=none").status == 404
    for query in ("", f"run_id={run_id}&model_id={model_id}", f"name={name}", f"run_id={run_id}&version=1"):
        assert client.ask("GET", f"{OWN}/archive?{query}").refusal == (400, "INVALID_PARAMETER_VALUE")


def test_parts_of_unknown_size_become_a_file(server: MlkeepServer, client: Client) -> None:
    _, root = client.new_run()
    begun = client.ask("POST", f"{MPU}/create/{root}/d", {"path": "C:\\data\\big.bin", "num_parts": 3}).json
    urls = {part["part_number"]: part["url"] for part in begun["credentials"]}
    data = {1: b"a" * 700, 2: b"b" * 700, 3: b"c"}
    ended = {"path": "/elsewhere/big.bin", "upload_id": begun["upload_id"]}
    etags = {}
    for number in (2, 1):
        answer = client.ask("PUT", urls[number].removeprefix(server.url), data[number])
        etags[number] = answer.headers["etag"]
    parts = [{"part_number": number, "etag": etags[number], "url": urls[number]} for number in (1, 2)]
    missing = client.ask("POST", f"{MPU}/complete/{root}/d", {**ended, "parts": parts})
    etag = client.ask("PUT", urls[3].removeprefix(server.url), data[3]).headers["etag"]
    parts.append({"part_number": 3, "etag": etag, "url": urls[3]})
    elsewhere = client.ask("POST", f"{MPU}/complete/{root}/e", {**ended, "parts": parts})
    done = client.ask("POST", f"{MPU}/complete/{root}/d", {**ended, "parts": parts})
    twice = client.ask("POST", f"{MPU}/complete/{root}/d", {**ended, "parts": parts})

    assert all(url.startswith(server.url) and len(url) > 60 for url in urls.values())
    assert missing.refusal == (400, "INVALID_PARAMETER_VALUE")
    assert (elsewhere.refusal, twice.refusal) == ((404, "RESOURCE_DOES_NOT_EXIST"),) * 2
    assert (done.status, done.json) == (200, {})
    whole = b"".join(data.values())
    assert kept(server, root) == {"d/big.bin": whole}
    assert kept(server, ".mlkeep-uploads") == {}
    assert client.manifest(root) == {"d/big.bin": stored(whole)}


def test_an_upload_in_parts_that_is_given_up_leaves_nothing(server: MlkeepServer, client: Client) -> None:
    begun = client.ask("POST", f"{MPU}/create/d", {"path": "big.bin", "num_parts": 1}).json
    client.ask("PUT", begun["credentials"][0]["url"].removeprefix(server.url), b"x")
    aborted = [client.ask("POST", f"{MPU}/abort/d", {"path": "big.bin", "upload_id": begun["upload_id"]}) for _ in "12"]
    assert [answer.json for answer in aborted] == [{}, {}]
    assert kept(server, ".mlkeep-uploads") == {}
    for count in (0, 10_001):
        refused = client.ask("POST", f"{MPU}/create/d", {"path": "big.bin", "num_parts": count})
        assert refused.refusal == (400, "INVALID_PARAMETER_VALUE")


def test_the_addresses_of_parts_are_those_the_client_can_reach(start_server: Callable[..., MlkeepServer]) -> None:
    client = Client(start_server("--static-prefix", "/kept"))
    wanted = {"path": "a", "num_parts": 1}

    def address(**headers: str) -> str:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = client.ask("POST", f"/kept{MPU}/create/d", wanted, sent)
        url: str = answer.json["credentials"][0]["url"] if answer.status == 200 else answer.json["error_code"]
        return url.partition("/api/")[0]

    assert address(Host="tracking:8080") == "http://tracking:8080/kept"
    forwarded = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "ml.example.com, inner:80"}
    assert address(**forwarded) == "https://ml.example.com/kept"
    assert address(**forwarded, X_Forwarded_Prefix="/team/") == "https://ml.example.com/team/kept"
    assert address(**forwarded, X_Forwarded_Prefix="/team/kept") == "https://ml.example.com/team/kept"
    assert address(Host="[::1]:5000") == "http://[::1]:5000/kept"
    for host in ("a b", "x/y", "user@host"):
        assert address(X_Forwarded_Host=host) == "INVALID_PARAMETER_VALUE"
    assert address(X_Forwarded_Proto="javascript") == "INVALID_PARAMETER_VALUE"
    client.close()


def test_a_folder_has_no_signed_urls(client: Client) -> None:
    run_id, root = client.new_run()
    client.ask("PUT", f"{PROXY}/{root}/a.txt", b"x")
    presigned = client.ask("GET", f"/api/2.0/mlflow-artifacts/presigned/{root}/a.txt")
    assert presigned.refusal == (501, "NOT_IMPLEMENTED")
    for verb in ("upload", "download"):
        of_run = client.ask("POST", f"{API}/artifacts/presigned-{verb}-url", {"run_id": run_id, "path": "a.txt"})
        assert of_run.refusal == (400, "INVALID_PARAMETER_VALUE")
        assert "is not supported for" in of_run.json["message"]
    both = {"run_id": run_id, "model_id": "m", "path": "a"}
    assert "Exactly one" in client.ask("POST", f"{API}/artifacts/presigned-upload-url", both).json["message"]
    late = {"run_id": run_id, "path": "a", "expiration": 604_801}
    assert "expiration" in client.ask("POST", f"{API}/artifacts/presigned-download-url", late).json["message"]


def test_files_of_the_servers_own_machine_are_not_handed_out(
    server: MlkeepServer, client: Client, tmp_path: Path
) -> None:
    """Anybody may say where the artifacts of an experiment are."""
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "secret.txt").write_text("private")
    made = client.ask("POST", f"{API}/experiments/create", {"name": "e", "artifact_location": str(tmp_path)}).json
    run_id = client.ask("POST", f"{API}/runs/create", {"experiment_id": made["experiment_id"]}).json["run"]["info"][
        "run_id"
    ]
    (tmp_path / run_id).mkdir()
    (tmp_path / run_id / "artifacts").symlink_to(folder)
    answers = [
        client.ask("GET", f"/get-artifact?run_id={run_id}&path=secret.txt"),
        client.ask("GET", f"{API}/artifacts/list?run_id={run_id}"),
        client.ask("GET", f"{OWN}/archive?run_id={run_id}"),
        client.ask("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=new.txt", b"x"),
    ]
    assert {answer.refusal for answer in answers} == {(403, "PERMISSION_DENIED")}
    assert "--artifact-folder" in answers[0].json["message"]
    assert files_below(folder) == {"secret.txt": b"private"}


def test_a_folder_the_operator_names_is_read_and_written(
    start_server: Callable[..., MlkeepServer], tmp_path: Path
) -> None:
    share = tmp_path / "share"
    client = Client(start_server("--artifact-folder", str(share)))
    made = client.ask("POST", f"{API}/experiments/create", {"name": "e", "artifact_location": str(share / "e")}).json
    run = client.ask("POST", f"{API}/runs/create", {"experiment_id": made["experiment_id"]}).json["run"]["info"]
    assert (
        client.ask("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run['run_id']}&path=a.txt", b"x").json == {}
    )
    assert client.ask("GET", f"/get-artifact?run_id={run['run_id']}&path=a.txt").body == b"x"
    assert files_below(share) == {f"e/{run['run_id']}/artifacts/a.txt": b"x"}
    client.close()
