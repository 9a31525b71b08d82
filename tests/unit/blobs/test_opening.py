"""Which store a URI means, and what the environment says of Google's and Azure's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.scriptedserver import Answer, ScriptedServer
from mlkeep.blobs.buckets.store import ObjectStore
from mlkeep.blobs.folder.store import FolderStore
from mlkeep.blobs.opening import open_store
from mlkeep.core.errors import Forbidden, InvalidInput, NotFound, NotOffered

KEY = "a2V5a2V5a2V5a2V5"
CONNECTION = f"DefaultEndpointsProtocol=https;AccountName=account;AccountKey={KEY};EndpointSuffix=core.windows.net"


@pytest.fixture(autouse=True)
def bare(environment: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment that says nothing of clouds; requests are made once."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
        environment.delenv(name)
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    environment.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    environment.setenv("MLKEEP_HTTP_REQUEST_MAX_RETRIES", "0")
    return environment


def signed(uri: str, path: str = "a b.txt") -> str:
    signed = open_store(uri).sign("PUT", path, 60)
    assert signed is not None
    return signed.url


def test_a_path_is_a_folder(tmp_path: Path) -> None:
    for uri in (str(tmp_path), tmp_path.as_uri(), "relative/path"):
        assert isinstance(open_store(uri), FolderStore)


@pytest.mark.parametrize("uri", ["ftp://host/x", "hdfs://host/x", "mlflow-artifacts:/1", "dbfs:/x", "runs:/1/x"])
def test_a_scheme_that_is_not_known_is_refused(uri: str) -> None:
    with pytest.raises(NotOffered, match="mlkeep knows the schemes file, s3, gs, abfss, wasbs, http, https"):
        open_store(uri)


def test_a_store_is_made_anew_when_the_environment_changes(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AWS_ACCESS_KEY_ID", "AKIA1")
    bare.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    first = open_store("s3://bucket/a")
    assert open_store("s3://bucket/a") is first
    bare.setenv("AWS_SECRET_ACCESS_KEY", "other")
    assert open_store("s3://bucket/a") is not first


def test_a_bucket_without_keys_is_reached_by_the_roles_of_the_machine(bare: pytest.MonkeyPatch) -> None:
    bare.setattr("importlib.util.find_spec", lambda _: None)
    store = open_store("s3://bucket/a")
    assert isinstance(store, ObjectStore)
    assert (store.parts, store.multipart) == (None, None)
    bare.setenv("MLFLOW_S3_UPLOAD_EXTRA_ARGS", '{"ACL": "private"}')
    with pytest.raises(InvalidInput, match=r"MLFLOW_S3_UPLOAD_EXTRA_ARGS .*need keys: install boto3"):
        open_store("s3://bucket/a")


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("abfss://c@account.dfs.core.windows.net/a", "https://account.blob.core.windows.net/c/a/a%20b.txt?"),
        ("wasbs://c@account.blob.core.windows.net/", "https://account.blob.core.windows.net/c/a%20b.txt?"),
        ("abfss://c@account.dfs.core.chinacloudapi.cn/x/y", "https://account.blob.core.chinacloudapi.cn/c/x/y/a%20b.txt?"),
    ],
)  # fmt: skip
def test_azure_is_asked_where_the_uri_says(bare: pytest.MonkeyPatch, uri: str, url: str) -> None:
    bare.setenv("AZURE_STORAGE_ACCESS_KEY", KEY)
    assert signed(uri).startswith(url)
    put = open_store(uri).sign("PUT", "a", 60)
    assert put is not None
    assert put.headers == {"x-ms-blob-type": "BlockBlob"}


def test_azure_takes_a_connection_string(bare: pytest.MonkeyPatch) -> None:
    uri = "wasbs://c@account.blob.core.windows.net/a"
    bare.setenv("AZURE_STORAGE_CONNECTION_STRING", CONNECTION)
    assert signed(uri).startswith("https://account.blob.core.windows.net/c/a/a%20b.txt?")
    bare.setenv("AZURE_STORAGE_CONNECTION_STRING", f"{CONNECTION};BlobEndpoint=http://127.0.0.1:10000/account/")
    assert signed(uri).startswith("http://127.0.0.1:10000/account/c/a/a%20b.txt?")
    bare.setenv("AZURE_STORAGE_CONNECTION_STRING", CONNECTION.replace("=account", "=other"))
    with pytest.raises(InvalidInput, match="is for the account 'other', but the artifact URI names 'account'"):
        open_store(uri)
    bare.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=account")
    with pytest.raises(InvalidInput, match="neither an AccountKey nor a SharedAccessSignature"):
        open_store(uri)


@pytest.mark.parametrize(
    "uri",
    ["abfss://container/x", "abfss://c@account.blob.core.windows.net/x", "wasbs://@account.blob.core.windows.net/x", "gs://", "gs:///x"],
)  # fmt: skip
def test_a_uri_that_names_no_bucket_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput, match="must look like"):
        open_store(uri)


def test_a_file_of_credentials_that_is_not_there_is_named(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(InvalidInput, match=r"none\.json' of GOOGLE_APPLICATION_CREDENTIALS: there is no such file"):
        open_store("gs://bucket/x")
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(InvalidInput, match="check the file of GOOGLE_APPLICATION_CREDENTIALS"):
        open_store("gs://bucket/x")


@pytest.fixture
def google(bare: pytest.MonkeyPatch) -> ScriptedServer:
    """A server that `gs://` URIs mean, with a token."""
    server = ScriptedServer()
    bare.setenv("GOOGLE_BASE_URL", server.url)
    bare.setenv("GOOGLE_BEARER_TOKEN", "token")
    return server


def test_google_is_asked_for_the_object_and_sent_it(google: ScriptedServer) -> None:
    store = open_store("gs://bucket/a")
    google.answers = [Answer(headers={"ETag": '"e"'})]
    assert store.put_bytes("b c", b"123").size == 3
    (asked,) = google.asked
    assert (asked.method, asked.target, asked.body, asked.headers["authorization"]) == ("PUT", "/bucket/a%2Fb%20c", b"123", "Bearer token")  # fmt: skip
    google.answers = [Answer(404, b"<Error><Code>NoSuchKey</Code></Error>")]
    with pytest.raises(NotFound, match="No such artifact: 'b c'"):
        store.read("b c")
    google.answers = [Answer(403, b"<Error><Code>AccessDenied</Code></Error>")]
    with pytest.raises(
        Forbidden,
        match=r"The bucket 'bucket' at http://\S+ does not let these credentials read 'x': check GOOGLE_APPLICATION_CREDENTIALS",
    ):
        store.read("x")
    google.end()
