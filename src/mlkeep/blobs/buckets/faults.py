"""What stores answer when they refuse, in our words. Their own texts are not passed on."""

from __future__ import annotations

import re

import msgspec

from mlkeep.core.errors import (
    Damaged,
    Forbidden,
    InvalidInput,
    MlkeepException,
    NotFound,
    StorageFull,
    Unavailable,
)


class CredentialsRefused(Forbidden):
    """The store does not take the caller for whom they say they are; nothing that they ask for can work."""


PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""


class Spot(msgspec.Struct, frozen=True):
    """Who asked whom: what messages tell of a bucket and of the one that asks it.

    `origin` is the variable that the endpoint comes from; `checks` what to look at when the credentials are refused.
    """

    bucket: str
    endpoint: str
    who: str = "this client"
    origin: str = ""
    region: str = ""
    checks: str = "the credentials"

    @property
    def where(self) -> str:
        """The bucket and its endpoint."""
        return f"the bucket '{self.bucket}' at {self.endpoint}"

    @property
    def endpoint_checks(self) -> str:
        """What to look at when it may be the wrong endpoint."""
        return f" and {self.origin}" if self.origin else ""


class Fault(msgspec.Struct, frozen=True):
    """A refusal: its HTTP status and code. Without a status, nothing answered, and `reason` says how that showed.

    `region` is where the store says the bucket is, `skew_s` how far its clock is ahead of ours, if it tells.
    """

    status: int = 0
    code: str = ""
    reason: str = ""
    region: str = ""
    skew_s: float | None = None

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed in a while."""
        return not self.status or self.status in PASSING or self.code in _PASSING_CODES


_PASSING_CODES = frozenset({"SlowDown", "InternalError", "RequestTimeout", "ServiceUnavailable", "ServerBusy"})

_TABLE: tuple[tuple[tuple[str, ...], type[MlkeepException], str], ...] = (
    (
        ("NoSuchBucket", "ContainerNotFound", "InvalidBucketName"),
        NotFound,
        "There is no bucket '{bucket}' at {endpoint}: check the artifact URI{endpoint_checks}.",
    ),
    (("NoSuchKey", "BlobNotFound", "NoSuchVersion"), NotFound, "No such artifact: '{path}'"),
    (("NoSuchUpload",), NotFound, "The upload of '{path}' is not known to the store any more: begin it again."),
    (("NoCredentials",), CredentialsRefused, "There are no credentials for {where}: set {checks}."),
    (
        ("InvalidAccessKeyId", "InvalidClientTokenId"),
        CredentialsRefused,
        "The store of {where} does not know {who}: check {checks}{endpoint_checks}.",
    ),
    (
        ("SignatureDoesNotMatch", "AuthenticationFailed", "InvalidAuthenticationInfo"),
        CredentialsRefused,
        "The store of {where} refuses the secret that belongs to {who}: check {checks}.",
    ),
    (
        ("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"),
        CredentialsRefused,
        "The session token of {who} is no longer valid for {where}: get new keys.",
    ),
    (
        ("RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"),
        CredentialsRefused,
        "The clock of this machine and that of {where} differ{skew}, so the store refuses requests: set the clock.",
    ),
    (
        (
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "TemporaryRedirect",
            "IllegalLocationConstraintException",
        ),
        CredentialsRefused,
        "{Where} is in another region than '{asked}'{region_said}: set AWS_DEFAULT_REGION to the right one.",
    ),
    (
        (
            *("AccessDenied", "AllAccessDisabled", "AuthorizationFailure", "AuthorizationPermissionMismatch"),
            *("MissingSecurityHeader", "MissingAuthenticationToken", "UnsupportedAlgorithm"),
        ),
        Forbidden,
        "{Where} does not let {who} {action}: check {checks} and what the bucket allows.",
    ),
    (
        ("StorageFull", "XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded"),
        StorageFull,
        "{Where} has no room left: could not {action}.",
    ),
    (
        ("BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest"),
        Damaged,
        "{Where} received other bytes than were sent: could not {action}; try again.",
    ),
    (("EntityTooLarge",), InvalidInput, "{Where} does not take files of this size: could not {action}."),
)

_BY_STATUS = {
    301: "PermanentRedirect",
    307: "TemporaryRedirect",
    401: "AccessDenied",
    403: "AccessDenied",
    404: "NoSuchKey",
    507: "StorageFull",
}

_BY_CODE = {code: (kind, form) for codes, kind, form in _TABLE for code in codes}


def error_of(fault: Fault, spot: Spot, action: str, path: str = "") -> MlkeepException:
    """The error to raise when `action` (such as "read 'a.txt'") was refused; `path` is what it was about."""
    if not fault.status:
        origin = f" (from {spot.origin})" if spot.origin else ""
        return Unavailable(
            f"{spot.endpoint}{origin} does not answer: {fault.reason}. Is the store running, and is the address right?"
        )
    known = _BY_CODE.get(fault.code) or _BY_CODE.get(_BY_STATUS.get(fault.status, ""))
    if known is None:
        told = f"{fault.status} {fault.code}".strip()
        return Unavailable(
            f"Could not {action}: {spot.where} answered {told}. Try again later, or look into the log of the store."
        )
    kind, form = known
    return kind(
        form.format(
            bucket=spot.bucket,
            endpoint=spot.endpoint,
            endpoint_checks=spot.endpoint_checks,
            where=spot.where,
            Where=f"T{spot.where[1:]}",
            who=spot.who,
            checks=spot.checks,
            asked=spot.region,
            region_said=f", it says '{fault.region}'" if fault.region else "",
            skew="" if fault.skew_s is None else f" by {abs(fault.skew_s):.0f} s",
            action=action,
            path=path,
        )
    )


_STATUS = re.compile(r"(?:status code: |status client error \(|status server error \()(\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_REGION = re.compile(r"<Region>([a-z0-9-]+)</Region>")


def fault_in(text: str, status: int = 0) -> Fault:
    """What a text with an error answer of a store in it tells: a body in XML, or the message of a library."""
    found, code, region = _STATUS.search(text), _CODE.search(text), _REGION.search(text)
    return Fault(status or (int(found[1]) if found else 0), code[1] if code else "", "", region[1] if region else "")
