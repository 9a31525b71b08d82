"""Images, as programs hand them over and as runs keep them."""

from __future__ import annotations

import io
import re
import uuid
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlkeep.core.clock import now_ms
from mlkeep.core.errors import MlkeepException

if TYPE_CHECKING:
    from types import ModuleType

    import PIL.Image

IMAGES = "images"
"""The folder of a run's artifacts that images logged by key lie in."""

LOGGED_IMAGES_TAG = "mlflow.loggedImages"

PREVIEW_PIXELS = 256
"""The longer side of the small copy beside each image."""

_KEY = re.compile(r"[A-Za-z0-9_\-./ ]+")
_CHANNELS = (1, 3, 4)


def pillow() -> ModuleType:
    """The module `PIL.Image`. Raises MlkeepException: it is not installed."""
    try:
        import PIL.Image
    except ImportError as err:
        raise MlkeepException("Images need Pillow, which is not installed: pip install 'mlkeep[images]'.") from err
    return PIL.Image


class Image:
    """An image to be logged, also in a cell of a table.

    It is made from an array, see `picture_of`, nested lists of pixels, an image of Pillow or the path of a file.
    """

    def __init__(self, image: NDArray[Any] | PIL.Image.Image | str | Path | list[Any]) -> None:
        """Raises TypeError: it is none of these; FileNotFoundError; ValueError: as `picture_of`."""
        if isinstance(image, (str, Path)):
            with pillow().open(image) as file:
                file.load()
                self.image: PIL.Image.Image = file.copy()
        elif isinstance(image, list):
            self.image = _from_array(np.array(image))
        elif isinstance(image, np.ndarray):
            self.image = _from_array(image)
        elif _is_pillow(image):
            self.image = image
        else:
            raise TypeError(
                f"Unsupported image object type: {type(image)}. `image` must be one of numpy.ndarray, "
                "PIL.Image.Image, or a filepath to an image."
            )
        self.size: tuple[int, int] = self.image.size

    def to_array(self) -> NDArray[Any]:
        """Pixels as (height, width) or (height, width, channels)."""
        return np.array(self.image)

    def to_list(self) -> list[Any]:
        """Pixels row by row: numbers, or tuples where there are several channels."""
        pixels = np.array(self.image.convert("L") if self.image.mode == "1" else self.image)
        if pixels.ndim == 2:
            return pixels.ravel().tolist()
        return [tuple(pixel) for pixel in pixels.reshape(-1, pixels.shape[2]).tolist()]

    def to_pil(self) -> PIL.Image.Image:
        """The image of Pillow."""
        return self.image

    def save(self, path: str | Path) -> None:
        """Write a file; its ending says in which format."""
        self.image.save(path)

    def resize(self, size: tuple[int, int]) -> Image:
        """The image in another size (width, height)."""
        return Image(self.image.resize((size[0], size[1])))


def picture_of(image: object) -> PIL.Image.Image:
    """The image of Pillow that `image` is, or makes.

    Arrays are (height, width) or (height, width, 1, 3 or 4 channels), of bools, of integers from 0 to 255 or of floats
    from 0 to 1. Other floats are stretched to that range, with a warning; NaN becomes 0.

    Raises:
        TypeError: it is neither an array, nor an `Image`, nor an image of Pillow; or an array of something else.
        ValueError: an array of another shape, or of integers that are no pixels.
    """
    if isinstance(image, Image):
        return image.to_pil()
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if _is_pillow(image):
        return image  # type: ignore[return-value]  # just checked, by a module that may be missing
    raise TypeError(
        f"Unsupported image object type: {type(image)}. `image` must be one of numpy.ndarray, PIL.Image.Image, and "
        "mlkeep.Image."
    )


def is_image(value: object) -> bool:
    """Whether a cell of a table is an image."""
    return isinstance(value, Image) or _is_pillow(value)


def encoded(picture: PIL.Image.Image, name: str) -> bytes:
    """The file of this name with the picture in it. Raises ValueError: the ending is unknown; OSError: no such mode."""
    ending = Path(name).suffix.lower()
    kind = pillow().registered_extensions().get(ending)
    if kind is None:
        raise ValueError(f"unknown file extension: {ending}")
    file = io.BytesIO()
    picture.save(file, format=kind)
    return file.getvalue()


def preview_of(picture: PIL.Image.Image) -> PIL.Image.Image:
    """The picture with `PREVIEW_PIXELS` on its longer side, made smaller or larger."""
    width, height = picture.size
    longest = max(width, height)
    return picture.resize((max(1, width * PREVIEW_PIXELS // longest), max(1, height * PREVIEW_PIXELS // longest)))


class StepNames(msgspec.Struct, frozen=True):
    """Where an image logged by key is kept, and its small copy."""

    full: str
    preview: str


def names_at(key: str, step: int | None, timestamp_ms: int | None) -> StepNames:
    """Names for one more image of `key`: never the same twice. Raises ValueError: a key cannot be so."""
    if not _KEY.fullmatch(key):
        raise ValueError(
            "The `key` parameter may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
            f"and slashes (/). The provided key `{key}` contains invalid characters."
        )
    at_ms = int(timestamp_ms or now_ms())
    stem = f"{IMAGES}/{key.replace('/', '~')}+step+{int(step or 0)}+timestamp+{at_ms}+{uuid.uuid4()}"
    return StepNames(f"{stem}.png", f"{stem}+compressed.webp")


def _is_pillow(image: object) -> bool:
    return type(image).__module__.startswith("PIL.") and isinstance(image, pillow().Image)


def _from_array(array: NDArray[Any]) -> PIL.Image.Image:
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"Invalid array data type: '{array.dtype}'. Must be one of ['bool', 'signed integer', 'unsigned integer', "
            "'floating']"
        )
    if array.ndim not in {2, 3}:
        raise ValueError(f"`image` must be a 2D or 3D array but got image shape: {array.shape}")
    if array.ndim == 3 and array.shape[2] not in _CHANNELS:
        raise ValueError(f"Invalid channel length: {array.shape[2]}. Must be one of {list(_CHANNELS)}")
    if array.size == 0:
        raise ValueError(f"`image` has no pixels: its shape is {array.shape}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    picture: PIL.Image.Image = pillow().fromarray(np.ascontiguousarray(_as_bytes(array)))
    return picture


def _as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "f":
        return _scaled(array)
    low, high = array.min(), array.max()
    if low < 0 or high > 255:
        raise ValueError(
            f"Integer pixel values out of acceptable range [0, 255]. Found minimum value {low} and maximum value {high}. "
            "Ensure all pixel values are within the specified range."
        )
    return array.astype(np.uint8)


def _scaled(array: NDArray[Any]) -> NDArray[np.uint8]:
    numbers = array[~np.isnan(array)]
    low, high = (numbers.min(), numbers.max()) if numbers.size else (array.dtype.type(0), array.dtype.type(0))
    if low < 0 or high > 1:
        warnings.warn(
            f"Float pixel values out of acceptable range [0.0, 1.0]. Found minimum value {low} and maximum value {high}. "
            "Rescaling values to [0.0, 1.0] with min/max scaler.",
            stacklevel=2,
        )
        finite = numbers[np.isfinite(numbers)]
        low, high = (finite.min(), finite.max()) if finite.size else (array.dtype.type(0), array.dtype.type(1))
        array = np.clip(array, low, high)
        array = (array - low) / (high - low) if high > low else np.zeros_like(array)
    scaled: NDArray[np.uint8] = (np.nan_to_num(array) * 255).astype(np.uint8)
    return scaled
