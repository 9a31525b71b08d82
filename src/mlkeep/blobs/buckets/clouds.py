"""Google Cloud Storage, Azure, and S3 with the roles of this machine: stores of obstore, from a URI and the environment."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from mlkeep.blobs.buckets.bucket import split_uri
from mlkeep.blobs.buckets.cloud_bucket import CloudBucket
from mlkeep.blobs.buckets.faults import Spot
from mlkeep.blobs.buckets.s3.client import CONNECT_S, MAX_PAUSE_S, timeout_s
from mlkeep.blobs.buckets.s3.extra_args import ExtraHeaders
from mlkeep.blobs.buckets.s3.place import S3Place
from mlkeep.blobs.buckets.store import ObjectStore
from mlkeep.core.errors import InvalidInput
from mlkeep.core.settings import backoff_factor_s, request_retries

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, RetryConfig

_FOREVER = timedelta(days=1)
"""How long a request may take that moves bytes all the time."""


def gcs_store(uri: str) -> ObjectStore:
    """The store at `gs://bucket/path`. Raises InvalidInput."""
    _, bucket, path = split_uri(uri)
    if not bucket or "@" in bucket or ":" in bucket:
        raise InvalidInput(f"Invalid artifact URI '{uri}': it must look like gs://bucket/path.")
    file = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if file and not Path(file).is_file():
        raise InvalidInput(f"Invalid value '{file}' of GOOGLE_APPLICATION_CREDENTIALS: there is no such file.")
    try:
        store = GCSStore(bucket, client_options=client_options(), retry_config=retry_config())
    except BaseError as err:
        raise InvalidInput(
            "The credentials of Google Cloud cannot be read: check the file of GOOGLE_APPLICATION_CREDENTIALS and the "
            "other variables GOOGLE_*."
        ) from err
    endpoint = os.environ.get("GOOGLE_BASE_URL") or "https://storage.googleapis.com"
    return ObjectStore(
        CloudBucket(store, Spot(bucket, endpoint, "these credentials", checks="GOOGLE_APPLICATION_CREDENTIALS")), path
    )


def azure_store(uri: str) -> ObjectStore:
    """The store at `abfss://container@account.dfs.core.windows.net/path`, or `wasbs` with `blob`. Raises InvalidInput."""
    scheme, authority, path = split_uri(uri)
    kind = "dfs" if scheme.startswith("abfs") else "blob"
    container, _, host = authority.partition("@")
    account, _, domain = host.partition(f".{kind}.")
    if not container or not account or not domain:
        raise InvalidInput(
            f"Invalid artifact URI '{uri}': it must look like {scheme}://container@account.{kind}.core.windows.net/path."
        )
    protocol = "https" if scheme.endswith("s") else "http"
    endpoint = f"{protocol}://{account}.blob.{domain}"
    options: AzureConfig = {"account_name": account, "endpoint": endpoint, **_connection_options(account)}
    try:
        store = AzureStore(
            container,
            config=options,
            client_options=client_options(),
            retry_config=retry_config(),
        )
    except BaseError as err:
        raise InvalidInput(
            "The credentials of Azure cannot be read: check AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCESS_KEY "
            "and the other variables AZURE_*."
        ) from err
    checks = "AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCESS_KEY"
    return ObjectStore(
        CloudBucket(store, Spot(container, options["endpoint"], "these credentials", checks=checks)), path
    )


def _connection_options(account: str) -> AzureConfig:
    """What `AZURE_STORAGE_CONNECTION_STRING` says, as obstore names it."""
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    if not text:
        return {}
    found = dict(item.split("=", 1) for item in text.strip().split(";") if "=" in item)
    named = found.get("AccountName", account)
    if named != account:
        raise InvalidInput(
            f"AZURE_STORAGE_CONNECTION_STRING is for the account '{named}', but the artifact URI names '{account}'."
        )
    if not found.get("AccountKey") and not found.get("SharedAccessSignature"):
        raise InvalidInput("AZURE_STORAGE_CONNECTION_STRING has neither an AccountKey nor a SharedAccessSignature.")
    options: AzureConfig = {}
    if "AccountKey" in found:
        options["account_key"] = found["AccountKey"]
    if "SharedAccessSignature" in found:
        options["sas_key"] = found["SharedAccessSignature"].removeprefix("?")
    if "BlobEndpoint" in found:
        options["endpoint"] = found["BlobEndpoint"].rstrip("/")
    return options


def role_store(place: S3Place, prefix: str) -> ObjectStore:
    """The store in a bucket of S3 for which there are no keys, but perhaps roles of this machine. Raises InvalidInput."""
    if place.extra != ExtraHeaders():
        raise InvalidInput(
            "MLFLOW_S3_UPLOAD_EXTRA_ARGS and MLFLOW_S3_EXPECTED_BUCKET_OWNER need keys: install boto3, which gets them "
            "from the role of this machine, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    options = client_options()
    if place.ignore_tls:
        options["allow_invalid_certificates"] = True
    elif place.ca_bundle:
        options["root_certificate"] = Path(place.ca_bundle).read_bytes()
    store = S3Store(
        place.bucket,
        region=place.region,
        endpoint=place.base if place.virtual else place.endpoint,
        virtual_hosted_style_request=place.virtual,
        client_options=options,
        retry_config=retry_config(),
    )
    spot = Spot(
        place.bucket,
        place.endpoint,
        "the role of this machine",
        place.endpoint_origin,
        place.region,
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    )
    return ObjectStore(CloudBucket(store, spot), prefix)


def client_options() -> ClientConfig:
    """How obstore is to wait, by the settings for requests."""
    wait = timedelta(seconds=timeout_s())
    return {
        "timeout": _FOREVER,
        "read_timeout": wait,
        "connect_timeout": min(wait, timedelta(seconds=CONNECT_S)),
        "allow_http": True,
    }


def retry_config() -> RetryConfig:
    """How obstore is to repeat requests, by the settings for requests."""
    factor = max(backoff_factor_s(), 0.001)
    return {
        "max_retries": request_retries(),
        "retry_timeout": timedelta(seconds=2 * timeout_s()),
        "backoff": {
            "init_backoff": timedelta(seconds=factor / 2),
            "max_backoff": timedelta(seconds=max(MAX_PAUSE_S, factor)),
            "base": 2,
        },
    }
