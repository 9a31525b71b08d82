"""Images and sounds as pipelines take them, from what a model is asked with: paths, bytes, base64, arrays."""

from __future__ import annotations

import base64
import binascii
import io
import wave
from pathlib import Path
from typing import Any

import numpy as np

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.frameworks import needed

_WIDTHS = {1: (np.uint8, 128.0), 2: (np.int16, 0.0), 4: (np.int32, 0.0)}


def image(given: Any) -> Any:
    """An image for a pipeline: a path, URL or base64 text as it is; bytes of a file and arrays (height, width[, 3]) of
    uint8 as a PIL image.

    Raises:
        InvalidInput: it is none of these.
    """
    if isinstance(given, str) or type(given).__module__.startswith("PIL."):
        return given
    with needed("images"):
        from PIL import Image, UnidentifiedImageError
    try:
        if isinstance(given, (bytes, bytearray)):
            return Image.open(io.BytesIO(given))
        if isinstance(given, np.ndarray):
            return Image.fromarray(given)
    except (UnidentifiedImageError, TypeError, ValueError) as error:
        raise InvalidInput(f"This is no image that PIL can read: {error}") from error
    raise InvalidInput(
        f"An image is a path, a URL, base64 text, the bytes of a file or an array of uint8, not {type(given).__name__}."
    )


def sound(given: Any) -> Any:
    """A sound for a pipeline: samples (an array, or a dict with `sampling_rate`) and URLs as they are; the bytes of a WAV
    file, its path or base64 text as samples. Files of other formats are left to ffmpeg.

    Raises:
        InvalidInput: it is none of these.
    """
    if isinstance(given, np.ndarray):
        return given
    if isinstance(given, dict):
        return dict(given)
    if isinstance(given, str):
        if given.startswith(("http://", "https://")):
            return given
        given = _bytes_of(given)
    if isinstance(given, (bytes, bytearray)):
        content = bytes(given)
        return _samples(content) if content[:4] == b"RIFF" else content
    raise InvalidInput(
        f"A sound is an array of samples, the bytes of a file, its path or base64 text, not {type(given).__name__}."
    )


def _bytes_of(text: str) -> bytes:
    try:
        if Path(text).is_file():
            return Path(text).read_bytes()
    except OSError:
        # Longer than a path may be.
        pass
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"A sound: {text[:80]!r} is neither the path of a file nor base64 text.") from error


def _samples(content: bytes) -> Any:
    """A WAV file as one channel of float32 between -1 and 1, with its sampling rate."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError):
        # Compressed, or with floating point samples: ffmpeg reads more than Python.
        return content
    if width not in _WIDTHS:
        return content
    dtype, middle = _WIDTHS[width]
    scaled = (np.frombuffer(frames, dtype=dtype).astype(np.float32) - middle) / float(2 ** (8 * width - 1))
    return {"raw": scaled.reshape(-1, channels).mean(axis=1), "sampling_rate": rate}
