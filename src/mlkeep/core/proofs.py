"""The proof that a model was verified: a tag on its version, its logged model or its run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

TAG = "mlkeep.verified"
"""On a version or a logged model; on a run it is followed by a slash and the path of the model."""

LEFT_BY_DOWNLOADS = "registered_model_meta"
"""A file that is put beside a model when it is downloaded."""


class Proof(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of verifying a model.

    `at` is a time in UTC as ISO 8601, `model` the digest of the model's files (`digest_of_files`), `packages` that of the
    sorted lines `name==version` of the environment, each with the prefix `sha256:`. `reason` says why it failed.
    """

    outcome: str
    """`passed` or `failed`."""

    at: str
    model: str
    python: str = ""
    platform: str = ""
    packages: str = ""
    manager: str = ""
    mlkeep: str = ""
    predicted: bool = False
    """Whether there was an example to predict."""

    seconds: dict[str, float] = {}
    """How long it took to `build` the environment (almost nothing if it was there), to `load` and to `predict`."""

    memory_mb: float = 0
    reason: str = ""

    @property
    def has_passed(self) -> bool:
        """Whether the model loads, and predicts what its signature says."""
        return self.outcome == "passed"

    def text(self) -> str:
        """As it stands in the tag."""
        return msgspec.json.encode(self).decode()


def read_proof(text: str) -> Proof | None:
    """What a tag says; None if it is no proof."""
    try:
        return msgspec.json.decode(text, type=Proof)
    except msgspec.DecodeError:  # also what is valid JSON, but of another shape
        return None


def tag_on_run(path: str) -> str:
    """The tag of a run that tells of the model at `path` of its artifacts."""
    return f"{TAG}/{path.strip('/')}" if path.strip("/") else TAG


def is_of_model(path: str) -> bool:
    """Whether a file below the folder of a model is part of it, not what downloading or importing left there."""
    return path != LEFT_BY_DOWNLOADS and "__pycache__" not in path.split("/")


def digest_of_files(files: Iterable[tuple[str, str]]) -> str:
    """The digest of a model: of the paths of its files, and their SHA-256 as hexadecimal digits."""
    digest = hashlib.sha256()
    for path, sha256 in sorted(files):
        if is_of_model(path):
            digest.update(f"{path}\0{sha256}\n".encode())
    return f"sha256:{digest.hexdigest()}"
