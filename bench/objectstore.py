"""A real S3 server out of a wheel, a process of its own: `rclone serve s3` over a folder."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench.processes import ServerProcess, accepts, environment, free_port
from mlkeep.blobs.buckets.s3.client import S3Client
from mlkeep.blobs.buckets.s3.keys import Keys
from mlkeep.blobs.buckets.s3.place import S3Place

KEY_ID = "AKIAMLKEEPTEST"
SECRET = "a/secret+with=odd:characters"


class S3Server(ServerProcess):
    """An S3 server on a free port of this machine, which wants signed requests; its data are gone when it ends."""

    def __init__(self) -> None:
        """Start it and wait until it accepts connections. Raises AssertionError: it does not."""
        self.folder = Path(tempfile.mkdtemp(prefix="mlkeep-s3-"))
        self.data = self.folder / "buckets"
        self.data.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._buckets = itertools.count(1)
        self._start()

    def _start(self) -> None:
        options = ["--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{KEY_ID},{SECRET}"]
        options += ["--config", os.devnull, "--cache-dir", str(self.folder / "cache")]
        rclone = Path(sys.executable).parent / "rclone"
        super().__init__([str(rclone), "serve", "s3", *options, str(self.data)], self.folder / "log")
        try:
            self.until(lambda: accepts(self.port))
        except AssertionError:
            self.end()
            raise

    @property
    def variables(self) -> dict[str, str]:
        """What the environment of a client must say to reach it."""
        return {"MLFLOW_S3_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}

    def client_environment(self) -> dict[str, str]:
        """The environment for a process that reaches it: this process's, without settings that steer mlkeep."""
        return {**environment(), **self.variables}

    def new_bucket(self) -> str:
        """The name of an empty bucket that nobody else has."""
        name = f"bucket{next(self._buckets)}"
        keys = Keys(KEY_ID, SECRET)
        # Asked for, because the server would not look for a folder that was made behind its back for some minutes.
        S3Client(S3Place(name, self.url, "us-east-1", keys)).send("PUT", "", f"make the bucket '{name}'")
        return name

    def restart(self) -> None:
        """Kill it and start it again on the same port; uploads that were not complete are lost."""
        self.end()
        self._start()

    def remove(self) -> None:
        """End it and remove its data."""
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)
