"""What an installation may decide for itself about the requests it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput
from mlkeep.core.names import check_length, invalid

HOST_ADDRESSED = frozenset({"abfss", "ftp", "hdfs", "http", "https", "mlflow-artifacts", "r2", "b2", "sftp", "viewfs"})
"""Schemes whose URIs name a host: whoever reads there on somebody's word connects to where that somebody says."""

NO_PICKLE, SIGNATURE, VERIFIED = "no-pickle", "signature", "verified"
REQUIREMENTS_OF_VERSIONS = (NO_PICKLE, SIGNATURE, VERIFIED)
"""What can be asked of the files behind a new model version: that none is a pickle, that there is a signature, and that
`mlkeep models verify` has proved that it runs."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The defaults are MLflow's. `source_pattern` is searched for in the sources of new model versions."""

    trusted_schemes: frozenset[str] = frozenset()
    source_pattern: str = ""
    max_location_length: int = limits.MAX_ARTIFACT_LOCATION_LENGTH
    truncates_long_values: bool = True
    required_of_versions: frozenset[str] = frozenset()
    """Some of `REQUIREMENTS_OF_VERSIONS`."""

    def check_host(self, uri: str, field: str) -> None:
        """Raises InvalidInput: `uri` names a host, and the installation does not trust its scheme."""
        scheme, colon, rest = uri.partition(":")
        scheme = scheme.lower()
        if not colon or scheme not in HOST_ADDRESSED or scheme in self.trusted_schemes:
            return
        if scheme == "mlflow-artifacts" and not rest.startswith("//"):
            return
        raise invalid(
            field,
            uri,
            f"the scheme '{scheme}' names a host that the server would connect to. If it is to be trusted, start the "
            f"server with MLKEEP_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES={scheme}.",
        )

    def cut(self, value: str, limit: int, field: str) -> str:
        """`value`, cut to `limit` characters. Raises InvalidInput: it is longer, and nothing is to be cut."""
        return value[:limit] if self.truncates_long_values else check_length(value, field, limit)


def rules_from(environment: Mapping[str, str]) -> Rules:
    """The rules set by variables `MLKEEP_...`, else by those MLflow has under the same name after `MLFLOW_`.

    Raises:
        InvalidInput: one of them has a value it cannot have.
    """

    def given(name: str) -> str:
        return environment.get(f"MLKEEP_{name}") or environment.get(f"MLFLOW_{name}") or ""

    length, truncates = given("ARTIFACT_LOCATION_MAX_LENGTH"), given("TRUNCATE_LONG_VALUES").lower()
    pattern = given("CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX")
    if length and not (length.isascii() and length.isdigit()):
        raise invalid("ARTIFACT_LOCATION_MAX_LENGTH", length, "it must be a number of characters.")
    if truncates not in {"", "true", "1", "false", "0"}:
        raise invalid("TRUNCATE_LONG_VALUES", truncates, "it must be true or false.")
    try:
        re.compile(pattern)
    except re.error as err:
        raise InvalidInput(
            f"Invalid value '{pattern}' for CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX: it is no regular expression: "
            f"{err}."
        ) from None
    required = {name.strip() for name in given("REQUIRE_OF_VERSIONS").lower().split(",") if name.strip()}
    if unknown := sorted(required.difference(REQUIREMENTS_OF_VERSIONS)):
        raise invalid("REQUIRE_OF_VERSIONS", unknown[0], f"it must list some of {', '.join(REQUIREMENTS_OF_VERSIONS)}.")
    schemes = given("ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES").lower().split(",")
    return Rules(
        trusted_schemes=frozenset(scheme.strip() for scheme in schemes if scheme.strip()),
        source_pattern=pattern,
        max_location_length=int(length) if length else limits.MAX_ARTIFACT_LOCATION_LENGTH,
        truncates_long_values=truncates in {"", "true", "1"},
        required_of_versions=frozenset(required),
    )
