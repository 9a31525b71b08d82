"""Which artifact places a server opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlkeep.blobs.folder.store import FolderStore
from mlkeep.core.errors import Forbidden, MlkeepException, NotOffered
from mlkeep.server.places import opener


def test_the_proxy_and_the_folders_that_were_named_are_opened(tmp_path: Path) -> None:
    proxied = FolderStore(tmp_path / "proxied")
    proxied.put_bytes("1/a.txt", b"proxied")
    (tmp_path / "named" / "in").mkdir(parents=True)
    (tmp_path / "named" / "in" / "a.txt").write_bytes(b"named")
    opened = opener(proxied, [str(tmp_path / "named")])
    for uri in ("mlflow-artifacts:/1", str(tmp_path / "named/in"), (tmp_path / "named/in").as_uri()):
        assert [info.path for info in opened(uri).list()] == ["a.txt"]


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("/etc", Forbidden),
        ("file:///etc", Forbidden),
        ("named/../../etc", Forbidden),
        ("mlflow-artifacts://another.example:5000/1", NotOffered),
        ("http://169.254.169.254/latest", NotOffered),
        ("HTTPS://intranet.example/", NotOffered),
        ("dbfs:/a", NotOffered),
    ],
)
def test_other_places_are_not_opened(tmp_path: Path, uri: str, error: type[MlkeepException]) -> None:
    opened = opener(FolderStore(tmp_path / "proxied"), [str(tmp_path / "named")])
    with pytest.raises(error):
        opened(uri)
