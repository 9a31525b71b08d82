"""Artifacts when things break: who sends is killed, who receives is killed, a byte turns over, there is no room."""

from __future__ import annotations

import hashlib
import json
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.objectstore import S3Server
from bench.processes import MlkeepServer, environment, mlkeep_server
from mlkeep.core.errors import Damaged, Forbidden, StorageFull
from mlkeep.sdk.client import MlkeepClient

pytestmark = pytest.mark.faults

MIB = 1024 * 1024
PART_BYTES = 8 * MIB
PARTS = 16
AT_ONCE = 4
_SEND = "import sys, mlkeep; mlkeep.MlkeepClient(sys.argv[1]).log_artifact(sys.argv[2], sys.argv[3])"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlkeepServer]:
    running = MlkeepServer(tmp_path / "server")
    yield running
    running.end()
    print(running.output)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that goes up in `PARTS` parts."""
    file = tmp_path / "large.bin"
    block = random.Random(5).randbytes(MIB)
    with file.open("wb") as opened:
        for number in range(PARTS * PART_BYTES // MIB):
            opened.write(number.to_bytes(8, "big") + block[8:])
    return file


def begin_sending(server: MlkeepServer, run_id: str, file: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _SEND, server.url, run_id, str(file)], env=environment())


def parts_kept(server: MlkeepServer) -> int:
    """How many parts of an upload lie in the server's folder."""
    try:
        return len(list((server.folder / "artifacts" / ".mlkeep-uploads").glob("*/parts/*")))
    except FileNotFoundError:  # a folder has just got its name
        return 0


def parts_asked(output: str) -> list[str]:
    """The parts in an access log that were taken."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [
        line["path"].rpartition("/")[2]
        for line in lines
        if line["method"] == "PUT" and "/uploads/" in line["path"] and line["status"] == 200
    ]


def new_run(server: MlkeepServer) -> tuple[MlkeepClient, str]:
    client = MlkeepClient(server.url)
    return client, client.create_run("0").info.run_id


def wait_for_parts(server: MlkeepServer, sending: subprocess.Popen[bytes]) -> None:
    """Until a third of the parts have come. The sender must still be at it."""
    ends = time.monotonic() + 60
    while parts_kept(server) < PARTS / 3:
        assert sending.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.001)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_upload_goes_on_where_its_killed_client_was(server: MlkeepServer, large: Path, tmp_path: Path) -> None:
    client, run_id = new_run(server)
    sending = begin_sending(server, run_id, large)
    wait_for_parts(server, sending)
    sending.kill()
    sending.wait()
    assert client.list_artifacts(run_id) == []

    assert begin_sending(server, run_id, large).wait(60) == 0
    assert PARTS <= len(parts_asked(server.output)) <= PARTS + AT_ONCE  # a third more if it had begun anew
    assert sha256_of(Path(client.download_artifacts(run_id, large.name, str(tmp_path / "down")))) == sha256_of(large)
    assert parts_kept(server) == 0


def test_an_upload_goes_on_when_its_killed_server_is_back(server: MlkeepServer, large: Path, tmp_path: Path) -> None:
    client, run_id = new_run(server)
    sending = begin_sending(server, run_id, large)
    wait_for_parts(server, sending)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    kept, asked = parts_kept(server), parts_asked(server.output)
    assert kept < PARTS
    restarted = MlkeepServer(server.folder, "--port", str(server.port))
    try:
        assert sending.wait(60) == 0
        again = parts_asked(restarted.output)
        assert len(again) <= PARTS - kept + AT_ONCE  # those that were kept, but not answered for, are sent again
        assert len(asked) + len(again) >= PARTS
        down = Path(client.download_artifacts(run_id, large.name, str(tmp_path / "down")))
        assert sha256_of(down) == sha256_of(large)
    finally:
        restarted.end()


def test_a_byte_that_turned_over_is_reported_by_the_name_of_its_file(server: MlkeepServer, tmp_path: Path) -> None:
    client, run_id = new_run(server)
    client.log_text(run_id, "as it was logged", "notes/good.txt")
    client.log_text(run_id, "as it was logged", "notes/bad.txt")
    at_rest = server.folder / "artifacts" / "0" / run_id / "artifacts" / "notes" / "bad.txt"
    at_rest.unlink()  # the two are one file
    at_rest.write_text("as it was Logged")

    with pytest.raises(Damaged, match=r"notes/bad\.txt"):
        client.download_artifacts(run_id, "notes", str(tmp_path / "down"))
    assert not (tmp_path / "down" / "notes" / "bad.txt").exists()
    good = client.download_artifacts(run_id, "notes/good.txt", str(tmp_path / "down"))
    assert Path(good).read_text() == "as it was logged"


def test_a_server_without_room_says_so_and_keeps_nothing_of_the_file(tmp_path: Path) -> None:
    """The largest file that the process may write stands in for the disk."""
    folder = tmp_path / "server"
    limit = 20 * MIB
    running = MlkeepServer(folder)
    try:
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (limit, limit))
        client, run_id = new_run(running)
        for size in (limit + 1, 3 * limit):  # in one piece, and in parts
            large = tmp_path / f"{size}.bin"
            large.write_bytes(bytes(size))
            with pytest.raises(StorageFull, match=large.name):
                client.log_artifact(run_id, large)
        client.log_text(run_id, "small", "small.txt")
        assert [info.path for info in client.list_artifacts(run_id)] == ["small.txt"]
        left = [path for path in (folder / "artifacts").rglob("*") if path.is_file() and path.name != "small.txt"]
        assert sum(path.stat().st_blocks for path in left) == 0
    finally:
        running.end()
        print(running.output)


def test_wrong_credentials_are_one_clear_sentence(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {**s3.variables, "AWS_SECRET_ACCESS_KEY": "not-the-secret"}
    root = f"s3://{s3.new_bucket()}/artifacts"
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    sentence = (
        f"The store of the bucket '{root.split('/')[2]}' at {s3.url} refuses the secret that belongs to the access key id "
        "that ends in 'TEST' (from AWS_ACCESS_KEY_ID): check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    )

    behind = [*mlkeep_server(f"sqlite:///{tmp_path}/behind.db"), "--port", "0", "--artifacts-destination", root]
    refused = subprocess.run(behind, env={**environment(), **wrong}, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr.splitlines()[-1:]) == (
        1,
        [f"Error: The artifacts destination '{root}' cannot be used: {sentence}"],
    )
    assert "Traceback" not in refused.stderr

    running = MlkeepServer(tmp_path / "server", "--default-artifact-root", root)
    try:
        client, run_id = new_run(running)
        with pytest.raises(Forbidden) as err:
            client.log_text(run_id, "x", "x.txt")
        assert str(err.value) == sentence
    finally:
        running.end()
        print(running.output)
