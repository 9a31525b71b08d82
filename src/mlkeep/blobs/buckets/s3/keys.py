"""The keys that requests to S3 are signed with: from the environment, the AWS profile files, or boto3."""

from __future__ import annotations

import configparser
import functools
import importlib.util
import os
from pathlib import Path
from typing import Any, Protocol

import msgspec

from mlkeep.core.errors import Forbidden, InvalidInput
from mlkeep.core.settings import truth

_ELSEWHERE = ("role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file")
"""Entries of a profile that say that its keys come from somewhere else."""


class Keys(msgspec.Struct, frozen=True):
    """A key id and its secret, with a session token if they are temporary. `origin` is where they were found."""

    key_id: str
    secret: str
    token: str = ""
    origin: str = "AWS_ACCESS_KEY_ID"

    def __repr__(self) -> str:
        return f"Keys({self.name})"

    @property
    def name(self) -> str:
        """What may be told of them."""
        return f"the access key id that ends in '{self.key_id[-4:]}' (from {self.origin})"

    def now(self) -> Keys:
        """Themselves."""
        return self


class KeySource(Protocol):
    """Where keys come from that may change while a process runs. Hashable, and equal to others that give the same."""

    def now(self) -> Keys:
        """The keys to sign with. Raises Forbidden: there are none any more."""
        ...


class ProfileKeys(msgspec.Struct, frozen=True):
    """Keys of a profile in the AWS files, read again when a file changes."""

    profile: str

    def now(self) -> Keys:
        """The keys as the files have them now."""
        section, file = profile_section(self.profile)
        if not section.get("aws_access_key_id") or not section.get("aws_secret_access_key"):
            raise Forbidden(f"The profile '{self.profile}' has no keys in {file} any more: put them there again.")
        return Keys(
            section["aws_access_key_id"],
            section["aws_secret_access_key"],
            section.get("aws_session_token", ""),
            f"the profile '{self.profile}' in {file}",
        )


class BotoKeys(msgspec.Struct, frozen=True):
    """Keys that boto3 finds: of roles, single sign-on, other programs. It renews them."""

    profile: str | None

    def now(self) -> Keys:
        """The keys as boto3 has them now."""
        found = boto_keys(self.profile)
        if found is None:
            raise Forbidden("boto3 finds no AWS keys any more: log in again, or set AWS_ACCESS_KEY_ID.")
        return found


class Anonymous(msgspec.Struct, frozen=True):
    """No keys: requests are not signed (`AWS_NO_SIGN_REQUEST`)."""


def find_keys() -> KeySource | Anonymous | None:
    """How requests are to be signed; None if no keys are found, which leaves the roles of the machine.

    Raises:
        InvalidInput: half a pair of keys, or a profile that is not there or cannot be used without boto3.
    """
    if truth(os.environ.get("AWS_NO_SIGN_REQUEST") or "false", "AWS_NO_SIGN_REQUEST"):
        return Anonymous()
    key_id, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if key_id and secret:
        return Keys(key_id, secret, os.environ.get("AWS_SESSION_TOKEN") or "")
    if key_id or secret:
        one, other = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")[:: 1 if key_id else -1]
        raise InvalidInput(f"The environment variable {one} is set, but {other} is not: set both.")
    return _of_profile(os.environ.get("AWS_PROFILE"))


def _of_profile(chosen: str | None) -> KeySource | None:
    profile = chosen or "default"
    section, file = profile_section(profile)
    if chosen and not section:
        raise InvalidInput(f"There is no profile '{chosen}' (AWS_PROFILE) in {file}: choose one that is there.")
    if section.get("aws_access_key_id") and section.get("aws_secret_access_key") and "role_arn" not in section:
        return ProfileKeys(profile)
    if importlib.util.find_spec("boto3") is not None:
        return BotoKeys(chosen) if boto_keys(chosen) is not None else None
    if elsewhere := [name for name in _ELSEWHERE if name in section]:
        raise InvalidInput(
            f"The profile '{profile}' in {file} takes its keys from elsewhere ({elsewhere[0]}): install boto3 for that, "
            "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    return None


def boto_keys(profile: str | None) -> Keys | None:
    """What boto3 finds. Raises InvalidInput: it cannot use the profile."""
    from botocore.exceptions import BotoCoreError  # type: ignore[import-not-found,import-untyped,unused-ignore]

    try:
        found = _boto_session(profile).get_credentials()
        frozen = found.get_frozen_credentials() if found is not None else None
    except BotoCoreError as err:
        raise InvalidInput(f"boto3 cannot get AWS keys: {err}. Log in again, or choose another AWS_PROFILE.") from err
    if frozen is None:
        return None
    return Keys(frozen.access_key, frozen.secret_key, frozen.token or "", "boto3")


@functools.lru_cache(maxsize=16)
def _boto_session(profile: str | None) -> Any:
    import boto3  # type: ignore[import-not-found,import-untyped,unused-ignore]  # not among our dependencies

    return boto3.Session(profile_name=profile)


def profile_section(profile: str) -> tuple[dict[str, str], Path]:
    """What the AWS files say of a profile, and the file that its keys are in, or would be."""
    home = Path.home() / ".aws"
    credentials = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials").expanduser()
    config = Path(os.environ.get("AWS_CONFIG_FILE") or home / "config").expanduser()
    general = _sections(config).get("default" if profile == "default" else f"profile {profile}", {})
    secret = _sections(credentials).get(profile, {})
    has_keys_in_config = "aws_access_key_id" in general and "aws_access_key_id" not in secret
    return {**general, **secret}, config if has_keys_in_config else credentials


def _sections(file: Path) -> dict[str, dict[str, str]]:
    try:
        changed = file.stat().st_mtime_ns
    except OSError:
        return {}
    return _parsed(file, changed)


@functools.lru_cache(maxsize=16)
def _parsed(file: Path, changed: int) -> dict[str, dict[str, str]]:  # noqa: ARG001 - part of the key of the cache
    parser = configparser.RawConfigParser(default_section="\0none")
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError) as err:
        raise InvalidInput(f"The AWS file '{file}' cannot be read: {str(err).splitlines()[0]}. Correct it.") from err
    return {name: dict(parser[name]) for name in parser.sections()}
