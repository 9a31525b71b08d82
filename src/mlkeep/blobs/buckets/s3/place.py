"""Which bucket, where, and how it is to be asked: from a URI and the environment."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import msgspec

from mlkeep.blobs.buckets.bucket import split_uri
from mlkeep.blobs.buckets.s3.extra_args import ExtraHeaders, extra_headers
from mlkeep.blobs.buckets.s3.keys import Anonymous, KeySource, find_keys, profile_section
from mlkeep.core.errors import InvalidInput
from mlkeep.core.settings import flag, setting, variable


class S3Place(msgspec.Struct, frozen=True):
    """A bucket of a store that speaks S3. Equal places can share connections.

    `endpoint` has scheme and host (and port, and path if there is one), without the bucket. `endpoint_origin` names
    the variable it comes from, "" if from none. `virtual` puts the bucket into the host's name, else it is in the path.
    `keys` is None if only the roles of this machine are left.
    """

    bucket: str
    endpoint: str
    region: str
    keys: KeySource | Anonymous | None = None
    virtual: bool = False
    endpoint_origin: str = ""
    ignore_tls: bool = False
    ca_bundle: str = ""
    extra: ExtraHeaders = ExtraHeaders()

    @property
    def base(self) -> str:
        """The URL of the bucket."""
        if not self.virtual:
            return f"{self.endpoint}/{self.bucket}"
        scheme, _, rest = self.endpoint.partition("://")
        return f"{scheme}://{self.bucket}.{rest}"


def s3_place(uri: str) -> tuple[S3Place, str]:
    """The bucket of `s3://bucket/prefix` or `r2://bucket@account.r2.cloudflarestorage.com/prefix`, and the prefix.

    Raises:
        InvalidInput: the URI names no bucket, or a variable of the environment says what cannot be.
    """
    scheme, authority, path = split_uri(uri)
    bucket, _, host = authority.partition("@")
    if not bucket or ":" in bucket or (scheme == "r2") != bool(host):
        form = "r2://bucket@account.r2.cloudflarestorage.com/path" if scheme == "r2" else "s3://bucket/path"
        raise InvalidInput(f"Invalid artifact URI '{uri}': it must look like {form}.")
    profile, _ = profile_section(os.environ.get("AWS_PROFILE") or "default")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or profile.get("region") or ""
    if host:
        endpoint, origin, region = f"https://{host}", "", region or "auto"
    else:
        region = region or "us-east-1"
        endpoint, origin = _endpoint(region, profile)
    place = S3Place(
        bucket,
        endpoint,
        region,
        find_keys(),
        _is_virtual(bucket, is_custom=bool(host or origin)),
        origin,
        flag("S3_IGNORE_TLS"),
        _ca_bundle(),
        extra_headers(),
    )
    return place, path


def _endpoint(region: str, profile: dict[str, str]) -> tuple[str, str]:
    """The endpoint, and the variable that says so ("" for Amazon's own)."""
    url, origin = setting("S3_ENDPOINT_URL"), variable("S3_ENDPOINT_URL")
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if not url:
            url, origin = os.environ.get(name), name
    if not url:
        url, origin = profile.get("endpoint_url"), "the AWS profile"
    if not url:
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://s3.{region}.{suffix}", ""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise InvalidInput(f"Invalid value '{url}' of {origin}: it must look like http://host:9000 or https://host.")
    return url.rstrip("/"), origin


def _is_virtual(bucket: str, *, is_custom: bool) -> bool:
    """Whether the bucket goes into the host's name, as Amazon wants it; most others have it in the path."""
    style = setting("BOTO_CLIENT_ADDRESSING_STYLE") or "auto"
    if style not in {"auto", "path", "virtual"}:
        raise InvalidInput(
            f"Invalid value '{style}' of the environment variable {variable('BOTO_CLIENT_ADDRESSING_STYLE')}: "
            "it must be auto, path or virtual."
        )
    if style == "auto":
        return not is_custom and "." not in bucket  # no certificate is for a name with more dots
    return style == "virtual"


def _ca_bundle() -> str:
    file = os.environ.get("AWS_CA_BUNDLE") or ""
    if file and not os.path.isfile(file):  # noqa: PTH113 - a text that need not be a path
        raise InvalidInput(f"Invalid value '{file}' of the environment variable AWS_CA_BUNDLE: there is no such file.")
    return file
