"""What the environment says of S3: endpoint, region, keys, headers."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from mlkeep.blobs.buckets.s3.extra_args import ExtraHeaders, extra_headers
from mlkeep.blobs.buckets.s3.keys import Anonymous, BotoKeys, Keys, ProfileKeys, _boto_session, find_keys
from mlkeep.blobs.buckets.s3.place import S3Place, s3_place
from mlkeep.core.errors import InvalidInput

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def bare(environment: Patch, tmp_path: Path) -> Patch:
    """An environment that says nothing of AWS; its files would lie in an empty folder."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        environment.delenv(name)
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    environment.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return environment


def place(uri: str = "s3://bucket/path") -> S3Place:
    return s3_place(uri)[0]


def test_amazon_is_asked_in_its_region_with_the_bucket_in_the_name_of_the_host(bare: Patch) -> None:
    assert s3_place("s3://bucket/a/b c%20?#/") == (S3Place("bucket", "https://s3.us-east-1.amazonaws.com", "us-east-1", virtual=True), "a/b c%20?#")  # fmt: skip
    bare.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert place().base == "https://bucket.s3.eu-central-1.amazonaws.com"
    bare.setenv("AWS_REGION", "cn-north-1")
    assert place().base == "https://bucket.s3.cn-north-1.amazonaws.com.cn"
    assert place("s3a://a.b").base == "https://s3.cn-north-1.amazonaws.com.cn/a.b"


def test_of_several_endpoints_the_one_meant_most_is_taken(bare: Patch) -> None:
    for name, host in (
        ("AWS_ENDPOINT_URL", "a"),
        ("AWS_ENDPOINT_URL_S3", "b"),
        ("MLFLOW_S3_ENDPOINT_URL", "c"),
        ("MLKEEP_S3_ENDPOINT_URL", "d"),
    ):
        bare.setenv(name, f"http://{host}:9000/")
        assert (place().base, place().endpoint_origin) == (f"http://{host}:9000/bucket", name)


def test_the_style_of_addresses_can_be_chosen(bare: Patch) -> None:
    bare.setenv("MLFLOW_S3_ENDPOINT_URL", "https://store.example")
    bare.setenv("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "virtual")
    assert place().base == "https://bucket.store.example"
    bare.setenv("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "path")
    assert place().base == "https://store.example/bucket"
    bare.setenv("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "other")
    with pytest.raises(InvalidInput, match=r"'other' .*MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE"):
        place()


def test_cloudflare_is_named_in_the_uri() -> None:
    assert place("r2://bucket@account.r2.cloudflarestorage.com/x") == S3Place(
        "bucket", "https://account.r2.cloudflarestorage.com", "auto"
    )


@pytest.mark.parametrize("uri", ["s3://", "s3:///path", "s3://user@bucket/x", "r2://bucket/x", "s3://arn:aws:s3:x/y"])
def test_a_uri_that_names_no_bucket_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput, match="must look like"):
        place(uri)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_S3_ENDPOINT_URL", "localhost:9000"),
        ("MLFLOW_S3_IGNORE_TLS", "perhaps"),
        ("AWS_CA_BUNDLE", "/there/is/no/file"),
        ("AWS_NO_SIGN_REQUEST", "perhaps"),
    ],
)
def test_a_variable_that_says_nonsense_is_named(bare: Patch, name: str, value: str) -> None:
    bare.setenv(name, value)
    with pytest.raises(InvalidInput, match=rf"'{value}' of .*{name}"):
        place()


def test_keys_come_from_the_environment_first(bare: Patch, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = FILE\naws_secret_access_key = x\n")
    bare.setenv("AWS_ACCESS_KEY_ID", "AKIA1234")
    with pytest.raises(InvalidInput, match=r"AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not"):
        find_keys()
    bare.setenv("AWS_SECRET_ACCESS_KEY", "very secret")
    assert find_keys() == Keys("AKIA1234", "very secret")
    bare.setenv("AWS_SESSION_TOKEN", "token")
    assert find_keys() == Keys("AKIA1234", "very secret", "token")
    assert repr(find_keys()) == "Keys(the access key id that ends in '1234' (from AWS_ACCESS_KEY_ID))"
    bare.setenv("AWS_NO_SIGN_REQUEST", "true")
    assert find_keys() == Anonymous()


def test_keys_of_a_profile_are_read_again_when_the_file_changes(bare: Patch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text(
        "[default]\naws_access_key_id = DEFAULT\naws_secret_access_key = x%y\n"
        "[team]\naws_access_key_id = TEAM\naws_secret_access_key = z\naws_session_token = t\n"
    )
    (tmp_path / "config").write_text(
        "[profile team]\nregion = eu-west-1\nendpoint_url = http://team:9000\ns3 =\n  addressing_style = path\n"
    )
    source = find_keys()
    assert isinstance(source, ProfileKeys)
    assert source.now() == Keys("DEFAULT", "x%y", "", f"the profile 'default' in {file}")
    file.write_text(
        "[default]\naws_access_key_id = NEW\naws_secret_access_key = y\n[team]\naws_access_key_id = TEAM\naws_secret_access_key = z\n"
    )
    os.utime(file, ns=(1, 1))
    assert source.now().key_id == "NEW"
    bare.setenv("AWS_PROFILE", "team")
    assert (place().region, place().endpoint, place().endpoint_origin) == (
        "eu-west-1",
        "http://team:9000",
        "the AWS profile",
    )


def test_a_profile_that_is_not_there_is_named(bare: Patch, tmp_path: Path) -> None:
    bare.setenv("AWS_PROFILE", "team")
    with pytest.raises(InvalidInput, match=r"no profile 'team' \(AWS_PROFILE\)"):
        find_keys()
    (tmp_path / "config").write_text("no section\n")
    with pytest.raises(InvalidInput, match="config' cannot be read"):
        find_keys()


def test_a_profile_with_keys_from_elsewhere_wants_boto3(bare: Patch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile team]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n")
    bare.setenv("AWS_PROFILE", "team")
    bare.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InvalidInput, match=r"'team' .*\(role_arn\): install boto3"):
        find_keys()


def test_boto3_is_asked_for_keys_if_it_is_there(bare: Patch) -> None:
    """A module that answers as boto3 does stands for it: it is not among our dependencies."""
    found = types.SimpleNamespace(access_key="ROLE1", secret_key="s", token="t")
    credentials = types.SimpleNamespace(get_frozen_credentials=lambda: found)
    asked: list[str | None] = []

    def session(profile_name: str | None) -> object:
        asked.append(profile_name)
        return types.SimpleNamespace(get_credentials=lambda: credentials)

    errors = types.SimpleNamespace(BotoCoreError=RuntimeError)
    for name, module in {"boto3": types.SimpleNamespace(Session=session), "botocore": None, "botocore.exceptions": errors}.items():  # fmt: skip
        bare.setitem(sys.modules, name, module)
    bare.setattr("importlib.util.find_spec", lambda _: object())
    _boto_session.cache_clear()
    source = find_keys()
    assert isinstance(source, BotoKeys)
    assert (source.now(), asked) == (Keys("ROLE1", "s", "t", "boto3"), [None])
    found.access_key = "ROLE2"
    assert source.now().key_id == "ROLE2"
    _boto_session.cache_clear()


def test_without_keys_the_roles_of_the_machine_are_left(bare: Patch) -> None:
    bare.setattr("importlib.util.find_spec", lambda _: None)
    assert find_keys() is None


def test_extra_arguments_become_headers_of_the_requests_they_belong_to(bare: Patch) -> None:
    bare.setenv(
        "MLFLOW_S3_UPLOAD_EXTRA_ARGS",
        """{"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key", "BucketKeyEnabled": true, "StorageClass": "GLACIER",
            "ACL": "private", "Metadata": {"Team": "a"}, "Tagging": "a=b&c=d", "ContentType": "x/y",
            "RequestPayer": "requester", "SSECustomerKey": "01234567890123456789012345678901"}""",
    )
    bare.setenv("MLFLOW_S3_EXPECTED_BUCKET_OWNER", "123456789012")
    assert extra_headers() == ExtraHeaders(
        created=(
            ("content-type", "x/y"),
            ("x-amz-acl", "private"),
            ("x-amz-meta-team", "a"),
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "key"),
            ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
            ("x-amz-storage-class", "GLACIER"),
            ("x-amz-tagging", "a=b&c=d"),
        ),
        bytes_of=(
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            ("x-amz-server-side-encryption-customer-key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
            ("x-amz-server-side-encryption-customer-key-md5", "KYvwGXoFFJ42a2u2GDWhwQ=="),
        ),
        always=(("x-amz-expected-bucket-owner", "123456789012"), ("x-amz-request-payer", "requester")),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "it is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"Sse": "x"}', "'Sse' is not known; known are ACL, BucketKeyEnabled, "),
        ('{"ACL": ["x"]}', "'ACL' must be a text"),
        ('{"Metadata": "x"}', "'Metadata' must be an object"),
        ('{"CacheControl": "a\\nb"}', "'CacheControl' must be a text of ASCII"),
        ('{"SSECustomerKey": "short"}', "must be a key of 32 bytes"),
    ],
)
def test_extra_arguments_that_mean_nothing_are_refused(bare: Patch, text: str, told: str) -> None:
    bare.setenv("MLFLOW_S3_UPLOAD_EXTRA_ARGS", text)
    with pytest.raises(InvalidInput, match="MLFLOW_S3_UPLOAD_EXTRA_ARGS") as caught:
        extra_headers()
    assert told in caught.value.message
