"""`mlkeep.Image`, and images of runs."""

from __future__ import annotations

import io
import logging
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

import mlkeep
from mlkeep import MlkeepClient
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.sdk.images import names_at, preview_of

GREY = np.array([[0, 20, 40], [60, 80, 255]], np.uint8)
COLOURS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10


def kept(run_id: str, path: str) -> Pillow.Image:
    """An image of the run, read from its artifacts."""
    return mlkeep.artifacts.load_image(f"runs:/{run_id}/{path}")


@pytest.mark.parametrize(
    ("given", "pixels"),
    [
        (GREY, GREY),
        (GREY[:, :, None], GREY),
        (GREY.astype(np.int64), GREY),
        (GREY.astype(np.uint16), GREY),
        (GREY > 30, np.where(GREY > 30, 255, 0)),
        (COLOURS, COLOURS),
        (np.dstack([COLOURS, COLOURS[:, :, 0]]), np.dstack([COLOURS, COLOURS[:, :, 0]])),
        (np.array([[0.0, 0.5], [0.999, 1.0]]), [[0, 127], [254, 255]]),
        (np.array([[0.0, 0.5], [0.999, 1.0]], np.float16), [[0, 127], [254, 255]]),
        (np.array([[np.nan, 0.5]], np.float32), [[0, 127]]),
        (Pillow.fromarray(COLOURS), COLOURS),
        (mlkeep.Image(COLOURS), COLOURS),
        (mlkeep.Image([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    ],
    ids=lambda value: None if isinstance(value, list) else f"{type(value).__name__} {getattr(value, 'dtype', '')}",
)
def test_what_is_an_image_is_kept_pixel_by_pixel(client: MlkeepClient, given: Any, pixels: Any) -> None:
    with mlkeep.start_run() as run:
        mlkeep.log_image(given, "folder/one.png")

    assert np.array_equal(np.asarray(kept(run.info.run_id, "folder/one.png")), pixels)


@pytest.mark.parametrize(
    ("given", "low", "high", "pixels"),
    [
        (np.array([[0.0, 255.0], [100.0, 20.0]]), "0.0", "255.0", [[0, 255], [100, 20]]),
        (np.array([[-1.0, 0.0, 1.0]]), "-1.0", "1.0", [[0, 127, 255]]),
        (np.array([[7.0, 7.0]]), "7.0", "7.0", [[0, 0]]),
        (np.array([[0.0, 0.5, np.inf, -np.inf, np.nan]]), "-inf", "inf", [[0, 255, 255, 0, 0]]),
    ],
    ids=["bytes as floats", "signed", "all the same", "not finite"],
)
def test_floats_outside_the_range_are_stretched_to_it_with_a_warning(
    given: NDArray[Any], low: str, high: str, pixels: Any
) -> None:
    warning = re.escape(
        f"Float pixel values out of acceptable range [0.0, 1.0]. Found minimum value {low} and maximum value {high}. "
        "Rescaling values to [0.0, 1.0] with min/max scaler."
    )
    with pytest.warns(UserWarning, match=warning):
        image = mlkeep.Image(given)

    assert image.to_array().tolist() == pixels


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (np.zeros((2, 2, 2), np.uint8), ValueError, "Invalid channel length: 2. Must be one of [1, 3, 4]"),
        (np.zeros(3, np.uint8), ValueError, "`image` must be a 2D or 3D array but got image shape: (3,)"),
        (np.zeros((0, 4), np.uint8), ValueError, "`image` has no pixels: its shape is (0, 4)"),
        (np.array([[-1, 255]]), ValueError, "Found minimum value -1 and maximum value 255."),
        (np.array([[0, 256]]), ValueError, "Integer pixel values out of acceptable range [0, 255]."),
        (np.zeros((2, 2), complex), TypeError, "Invalid array data type: 'complex128'."),
        ([[1, 2]], TypeError, "Unsupported image object type: <class 'list'>."),
        (None, TypeError, "Unsupported image object type: <class 'NoneType'>."),
    ],
    ids=["two channels", "one dimension", "no pixels", "negative", "too great", "complex", "a list", "nothing"],
)
@pytest.mark.parametrize("where", [{"artifact_file": "a.png"}, {"key": "a"}], ids=["file", "key"])
def test_what_is_no_image_is_refused_at_once(
    embedded: str, given: Any, error: type[Exception], message: str, where: dict[str, Any]
) -> None:
    with mlkeep.start_run() as run:
        with pytest.raises(error, match=re.escape(message)):
            mlkeep.log_image(given, **where)
        mlkeep.flush_artifact_async_logging()
        assert mlkeep.artifacts.list_artifacts(run_id=run.info.run_id) == []


def test_an_image_of_a_series_is_kept_whole_and_small_and_marks_the_run(client: MlkeepClient) -> None:
    with mlkeep.start_run() as run:
        mlkeep.log_image(COLOURS, key="layers/first one", step=3, timestamp=1_700_000_000_000)

    run_id = run.info.run_id
    small, full = (info.path for info in client.list_artifacts(run_id, "images"))
    stem = r"images/layers~first one\+step\+3\+timestamp\+1700000000000\+[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(rf"{stem}\.png", full)
    assert small == f"{full.removesuffix('.png')}+compressed.webp"
    assert np.array_equal(np.asarray(kept(run_id, full)), COLOURS)
    assert (kept(run_id, small).format, kept(run_id, small).size) == ("WEBP", (256, 128))
    assert client.get_run(run_id).data.tags["mlflow.loggedImages"] == "True"


def test_steps_and_times_have_defaults_and_names_never_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlkeep.sdk.images.now_ms", lambda: 5)
    names = [names_at("k", None, None), names_at("k", 0, 0), names_at("k", -1, 7)]

    assert [re.split(r"\+(?=[^+]+$)", name.full)[0] for name in names] == [
        "images/k+step+0+timestamp+5",
        "images/k+step+0+timestamp+5",
        "images/k+step+-1+timestamp+7",
    ]
    assert names[0].full != names[1].full


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((300, 100), (256, 85)),
        ((640, 479), (256, 191)),
        ((20, 500), (10, 256)),
        ((257, 255), (256, 254)),
        ((1, 900), (1, 256)),
    ],
)
def test_the_small_copy_has_256_pixels_on_its_longer_side(size: tuple[int, int], small: tuple[int, int]) -> None:
    assert preview_of(Pillow.new("RGB", size)).size == small


@pytest.mark.parametrize("key", ["a$b", "a#b", "", "ü", "a\n"])
def test_a_key_has_plain_characters(embedded: str, key: str) -> None:
    with mlkeep.start_run(), pytest.raises(ValueError, match="The `key` parameter may only contain alphanumerics"):
        mlkeep.log_image(GREY, key=key)


@pytest.mark.parametrize("where", [{}, {"artifact_file": "a.png", "key": "a"}, {"artifact_file": "a.png", "step": 0}])
def test_an_image_is_a_file_or_one_of_a_series_and_not_both(embedded: str, where: dict[str, Any]) -> None:
    with mlkeep.start_run(), pytest.raises(TypeError, match="`artifact_file`"):
        mlkeep.log_image(GREY, **where)


def test_the_ending_says_in_which_format_a_file_is_written(embedded: str) -> None:
    with mlkeep.start_run() as run:
        mlkeep.log_image(COLOURS, "a.jpg")
        mlkeep.log_image(COLOURS, "a.WEBP")
        for name, error in (("a.foo", "unknown file extension: .foo"), ("a", "unknown file extension: ")):
            with pytest.raises(ValueError, match=error):
                mlkeep.log_image(COLOURS, name)
        with pytest.raises(InvalidInput, match=re.escape("Invalid artifact path: '../a.png'")):
            mlkeep.log_image(COLOURS, "../a.png")

    assert [kept(run.info.run_id, name).format for name in ("a.jpg", "a.WEBP")] == ["JPEG", "WEBP"]


def test_what_a_program_draws_after_logging_is_not_in_the_image(embedded: str) -> None:
    array, drawing = GREY.copy(), Pillow.fromarray(COLOURS.copy())
    with mlkeep.start_run() as run:
        mlkeep.log_image(array, key="array")
        mlkeep.log_image(drawing, key="drawing")
        array[:] = 1
        drawing.paste((9, 9, 9), (0, 0, 4, 2))

    paths = [info.path for info in mlkeep.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="images")]
    _, first, _, second = paths
    assert np.array_equal(np.asarray(kept(run.info.run_id, first)), GREY)
    assert np.array_equal(np.asarray(kept(run.info.run_id, second)), COLOURS)


def test_images_in_the_background_are_there_after_a_flush(tracking: str) -> None:
    with mlkeep.start_run() as run:
        for step in range(5):
            mlkeep.log_image(GREY, key="k", step=step)
        mlkeep.flush_artifact_async_logging()
        found = mlkeep.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="images")

    assert len(found) == 10


def test_an_image_in_the_background_goes_where_the_program_tracked_when_it_was_logged(tmp_path: Path) -> None:
    first, second = (f"sqlite:///{tmp_path / name}" for name in ("first.db", "second.db"))
    client = MlkeepClient(first)
    run_id = client.create_run("0").info.run_id
    mlkeep.set_tracking_uri(first)
    MlkeepClient().log_image(run_id, GREY, key="k", synchronous=False)
    mlkeep.set_tracking_uri(second)
    mlkeep.flush_artifact_async_logging()

    assert len(client.list_artifacts(run_id, "images")) == 2


def test_what_goes_wrong_in_the_background_is_in_the_log_and_stops_nothing(
    client: MlkeepClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "mlkeep"):
        client.log_image("f" * 32, GREY, key="k", synchronous=False)
        mlkeep.flush_artifact_async_logging()
    with pytest.raises(NotFound):
        client.log_image("f" * 32, GREY, key="k")

    (record,) = caplog.records
    assert record.getMessage().startswith("What was to be logged is lost: ")
    assert f"Run with id={'f' * 32} not found" in record.getMessage()


def test_images_of_a_program_that_just_ends_are_there(tmp_path: Path) -> None:
    script = """
        import numpy, mlkeep
        mlkeep.log_image(numpy.zeros((500, 500), numpy.uint8), key="k")
        print(mlkeep.active_run().info.run_id)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    client = MlkeepClient(f"sqlite:///{tmp_path / '.mlkeep' / 'mlkeep.db'}")
    run_id = done.stdout.split()[0]

    assert (len(client.list_artifacts(run_id, "images")), client.get_run(run_id).info.status) == (2, "FINISHED")


def test_without_pillow_the_error_names_the_extra(embedded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)

    with pytest.raises(mlkeep.MlkeepException, match=re.escape("pip install 'mlkeep[images]'")):
        mlkeep.Image(GREY)


def test_an_image_can_be_made_of_many_things_and_made_into_them(tmp_path: Path) -> None:
    image = mlkeep.Image(COLOURS)
    image.save(tmp_path / "one.png")
    grey = mlkeep.Image(GREY)

    assert np.array_equal(image.to_array(), COLOURS)
    assert image.to_list() == [tuple(pixel) for row in COLOURS.tolist() for pixel in row]
    assert (grey.to_list(), grey.size) == (GREY.ravel().tolist(), (3, 2))
    assert mlkeep.Image(Pillow.new("1", (2, 1), 1)).to_list() == [255, 255]
    assert (image.to_pil().mode, image.resize((8, 6)).size) == ("RGB", (8, 6))
    assert np.array_equal(mlkeep.Image(str(tmp_path / "one.png")).to_array(), COLOURS)
    assert np.array_equal(mlkeep.Image(tmp_path / "one.png").to_array(), COLOURS)
    drawing = Pillow.new("L", (2, 2))
    assert mlkeep.Image(drawing).to_pil() is drawing


@pytest.mark.parametrize("make", [lambda: mlkeep.Image(3), lambda: mlkeep.Image(None)])  # type: ignore[arg-type]  # as a careless program does
def test_an_image_of_something_else_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="Unsupported image object type"):
        make()


def test_an_artifact_that_is_no_image_is_refused_by_load_image(client: MlkeepClient) -> None:
    with mlkeep.start_run() as run:
        mlkeep.log_text("no image", "a.png")
        client.log_image(run.info.run_id, GREY, "b.png")
    with pytest.raises(mlkeep.MlkeepException, match="Unable to form a PIL Image object") as told:
        kept(run.info.run_id, "a.png")

    assert told.value.error_code == "BAD_REQUEST"
    file = io.BytesIO()
    kept(run.info.run_id, "b.png").save(file, "PNG")
    assert len(file.getvalue()) > 0
