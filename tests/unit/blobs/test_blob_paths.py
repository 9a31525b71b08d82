"""Which paths are taken for artifacts, and in which form."""

from __future__ import annotations

import posixpath
from pathlib import PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlkeep.blobs import paths
from mlkeep.core.errors import InvalidInput
from mlkeep.testing.conformance.artifacts import ODD_NAMES
from mlkeep.testing.conformance.unsafe_paths import UNSAFE_ON_WINDOWS, UNSAFE_PATHS

SPELLED = st.text(st.sampled_from("./\\:% aCc2eE5f#-_x~"), max_size=12)


@pytest.mark.parametrize("path", UNSAFE_PATHS, ids=ascii)
def test_what_is_not_safe_is_refused_everywhere(path: str) -> None:
    for check in (paths.checked, paths.checked_file, paths.checked_listing):
        with pytest.raises(InvalidInput, match="Invalid path"):
            check(path)


def test_the_table_of_unsafe_paths_says_nothing_twice() -> None:
    assert len(set(UNSAFE_PATHS)) == len(UNSAFE_PATHS) >= 60


@pytest.mark.parametrize(
    "path", ["a", "a/b.txt", "a-b_c=d/e f.g", "x..y", "a/..b", ".hidden", "a/.b/c", "NUL", "w:0.npy", "a\\b", "~", "$HOME", *ODD_NAMES], ids=ascii
)  # fmt: skip
def test_plain_and_odd_names_stay_as_they_are(path: str) -> None:
    assert paths.checked(path) == paths.checked_file(path) == path
    assert paths.checked_listing(path, nested=True, windows=False) == path


@pytest.mark.parametrize(
    ("path", "normal"), [("", ""), (".", ""), ("./", ""), ("a//b", "a/b"), ("./a/./b/", "a/b"), ("a/", "a")]
)
def test_slashes_too_many_and_dots_count_for_nothing(path: str, normal: str) -> None:
    assert paths.checked(path) == normal


@pytest.mark.parametrize("path", ["", ".", "a/", "a//"])
def test_a_file_is_not_named_by_a_folder(path: str) -> None:
    with pytest.raises(InvalidInput, match="must name a file"):
        paths.checked_file(path)


@pytest.mark.parametrize("name", ["a//b", "./a", "a/./b", "", "a/"])
def test_a_listing_names_files_in_normal_form(name: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid path"):
        paths.checked_listing(name, nested=True)


def test_a_listing_of_one_folder_has_no_name_with_a_slash() -> None:
    assert paths.checked_listing("a/b", nested=True) == "a/b"
    with pytest.raises(InvalidInput, match=r"'a/b'"):
        paths.checked_listing("a/b")


@pytest.mark.parametrize("name", UNSAFE_ON_WINDOWS, ids=ascii)
def test_windows_does_not_write_what_it_would_read_otherwise(name: str) -> None:
    assert paths.checked_listing(name, nested=True, windows=False) == name
    with pytest.raises(InvalidInput, match="Windows"):
        paths.checked_listing(name, nested=True, windows=True)


@given(SPELLED)
def test_what_is_taken_stays_below_the_root_on_every_system(path: str) -> None:
    try:
        name = paths.checked(path)
    except InvalidInput:
        return
    assert posixpath.normpath(posixpath.join("/root", name)).startswith("/root")
    assert paths.checked(name) == name
    assert ".." not in PureWindowsPath(name).parts
    try:
        paths.checked_listing(name, nested=True, windows=True)
    except InvalidInput:
        return
    assert PureWindowsPath("C:/root", name).is_relative_to("C:/root")
