"""What is in an artifact: a text, a dictionary, an image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlkeep.core.errors import BadRequest
from mlkeep.sdk.artifacts import download_artifacts

if TYPE_CHECKING:
    import PIL.Image


def load_text(artifact_uri: str) -> str:
    """The text of an artifact. Raises NotFound; BadRequest: it is not UTF-8."""
    file = Path(download_artifacts(artifact_uri))
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as err:
        raise BadRequest(
            f"The artifact '{artifact_uri}' is not valid UTF-8: get it with download_artifacts, and read it in the "
            "encoding it has."
        ) from err


def load_dict(artifact_uri: str) -> dict[str, Any]:
    """What the JSON of an artifact says. Raises NotFound; BadRequest: it is not JSON."""
    try:
        value: dict[str, Any] = json.loads(load_text(artifact_uri))
    except ValueError as err:
        raise BadRequest(
            f"Unable to form a JSON object from file content: the artifact '{artifact_uri}' is not JSON: {err}."
        ) from err
    return value


def load_image(artifact_uri: str) -> PIL.Image.Image:
    """The image in an artifact, as one of Pillow. Raises NotFound; BadRequest: it is none that Pillow reads."""
    from mlkeep.sdk.images import pillow

    file = download_artifacts(artifact_uri)
    try:
        image: PIL.Image.Image = pillow().open(file)
        image.load()  # else it would be read when it is used, and the file be open until then
    except (OSError, ValueError) as err:
        raise BadRequest(
            f"Unable to form a PIL Image object from file content: the artifact '{artifact_uri}' is no image that "
            f"Pillow reads: {err}."
        ) from err
    return image
