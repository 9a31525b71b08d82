"""`mlkeep demo`: the whole loop on this machine, each step also as a command to do by hand."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

HOST = "127.0.0.1"
MODEL_URI = "models:/iris-classifier@champion"
START_S = 60
"""Seconds a server may take to answer for the first time."""

FLOWER = {
    "dataframe_split": {
        "columns": ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"],
        "data": [[5.1, 3.5, 1.4, 0.2]],
    }
}
SPECIES = ("setosa", "versicolor", "virginica")


@click.command()
@click.option("--folder", default=".demo", show_default=True, help="Where everything is kept.", metavar="DIR")
@click.option("--port", default=5000, show_default=True, help="Port of the tracking server, or the first to try.")
@click.option("--serving-port", default=8080, show_default=True, help="Port of the model server, or the first to try.")
def demo(folder: str, port: int, serving_port: int) -> None:
    """Track, register, serve and predict, on this machine.

    Starts a tracking server, trains a classifier on the iris data against it, registers the model, serves it by its
    alias and asks it for a prediction. Both servers stay up until Ctrl-C; without a terminal the demo ends by itself.
    """
    script = _script()
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        tracking = _tracking_server(running, place, _free_port(port))
        _train(script, tracking)
        serving = _model_server(running, place, tracking, _free_port(serving_port))
        _predict(serving)
        _say_what_next(place, tracking, serving)
        if sys.stdin.isatty():
            click.echo("\nBoth servers are up. Ctrl-C stops them.")
            _wait_for_the_end()
    click.echo("The demo is over; what it kept is in " + click.style(str(place), bold=True) + ".")


def _step(number: int, text: str) -> None:
    click.echo(click.style(f"\n{number}. {text}", bold=True))


def _program(name: str) -> str:
    """How to call `mlkeep` or `python` from this folder: by its name alone if that finds this installation."""
    here = Path(sys.executable).parent / name
    found = shutil.which(name)
    return name if found is not None and Path(found).samefile(here) else os.path.relpath(here)


def _by_hand(command: str) -> None:
    click.echo(click.style(f"   by hand: {command}", dim=True))


def _tracking_server(running: ExitStack, place: Path, port: int) -> str:
    _step(1, "A tracking server, on SQLite and a folder")
    options = [
        "--backend-store-uri",
        f"sqlite:///{place}/mlkeep.db",
        "--artifacts-destination",
        f"{place}/artifacts",
        "--port",
        str(port),
    ]
    url = f"http://{HOST}:{port}"
    running.enter_context(_server(["server", *options], place / "server.log", f"{url}/health"))
    click.echo(f"   {url}")
    _by_hand(f"{_program('mlkeep')} server " + " ".join(options))
    return url


def _train(script: Path, tracking: str) -> None:
    _step(2, "A training that is tracked, and its model registered")
    done = subprocess.run(  # noqa: S603 - our own example
        [sys.executable, str(script)], env=_environment(tracking), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise click.ClickException(f"The training failed:\n{done.stdout}{done.stderr}")
    click.echo("".join(f"   {line}\n" for line in done.stdout.splitlines()), nl=False)
    _by_hand(f"MLKEEP_TRACKING_URI={tracking} {_program('python')} {os.path.relpath(script)}")


def _model_server(running: ExitStack, place: Path, tracking: str, port: int) -> str:
    _step(3, "The model, served by its alias")
    options = ["-m", MODEL_URI, "-p", str(port)]
    url = f"http://{HOST}:{port}"
    running.enter_context(
        _server(["models", "serve", *options], place / "serving.log", f"{url}/ping", _environment(tracking))
    )
    click.echo(f"   {url}")
    _by_hand(f"MLKEEP_TRACKING_URI={tracking} {_program('mlkeep')} models serve " + " ".join(options))
    return url


def _predict(serving: str) -> None:
    _step(4, "A prediction over HTTP")
    body = json.dumps(FLOWER)
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{serving}/invocations", body.encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=START_S) as response:  # noqa: S310 - our own server
        answer: dict[str, Any] = json.load(response)
    flower = answer["predictions"][0]
    click.echo(f"   {json.dumps(answer)}: a flower with these sepals and petals is iris {SPECIES[flower]}")
    _by_hand(f"curl {serving}/invocations -H 'Content-Type: application/json' -d '{body}'")


def _say_what_next(place: Path, tracking: str, serving: str) -> None:
    experiment = _ask(f"{tracking}/api/2.0/mlflow/experiments/get-by-name?experiment_name=iris-classification")
    experiment_id = experiment["experiment"]["experiment_id"]
    click.echo(click.style("\nOpen", bold=True))
    for url, text in (
        (tracking, "the tracking server"),
        (f"{tracking}/api/2.0/mlflow/registered-models/get?name=iris-classifier", "the registered model"),
        (f"{tracking}/api/2.0/mlflow-artifacts/artifacts?path={experiment_id}", "the artifacts of its runs"),
        (f"{serving}/health", "the model server's health"),
    ):
        click.echo(f"   {url}  ({text})")
    click.echo(click.style("\nLook closer", bold=True))
    for command in (
        f"MLKEEP_TRACKING_URI={tracking} {_program('mlkeep')} runs list --experiment-id {experiment_id}",
        f"MLKEEP_TRACKING_URI={tracking} {_program('mlkeep')} doctor",
        f"tail {place}/server.log {place}/serving.log",
    ):
        click.echo(f"   {command}")


def _ask(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=START_S) as response:  # noqa: S310 - our own server
        answer: dict[str, Any] = json.load(response)
    return answer


def _environment(tracking: str) -> dict[str, str]:
    return {**os.environ, "MLKEEP_TRACKING_URI": tracking, "MLFLOW_TRACKING_URI": tracking}


def _script() -> Path:
    """The example, which is in a checkout and not in what is installed from a package."""
    script = Path(__file__).parents[3] / "examples" / "iris.py"
    if not script.exists():
        raise click.ClickException("The demo runs examples/iris.py of a checkout of mlkeep: call `make demo` in one.")
    return script


def _free_port(first: int) -> int:
    """`first`, or the next port nobody listens on; says so if it is another one."""
    for port in range(first, min(first + 100, 65_536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
                probe.listen(1)
            except OSError:
                continue
        if port != first:
            click.echo(f"Port {first} is busy; port {port} is taken instead.")
        return port
    raise click.ClickException(f"The ports from {first} to {first + 99} are all busy: name another with --port.")


@contextmanager
def _server(command: list[str], log: Path, probe: str, environment: dict[str, str] | None = None) -> Iterator[None]:
    """A server process, up when the body starts and gone when it ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "mlkeep.cli.main", *command], stdout=output, stderr=output, env=environment
        )
    try:
        _await_answer(process, probe, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_answer(process: subprocess.Popen[bytes], probe: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise click.ClickException(f"The server did not start:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(probe, timeout=5):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise click.ClickException(f"The server did not answer at {probe} within {START_S} seconds; see {log}.")


def _wait_for_the_end() -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        click.echo()
