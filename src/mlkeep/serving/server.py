"""A model behind a port: the socket, the model, and the processes that serve it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from litestar import Litestar

from mlkeep.flavors.pyfunc import load_model
from mlkeep.serving.app import DEFAULT_TIMEOUT_S, build_app
from mlkeep.serving.scoring import ScoredModel
from mlkeep.web.listen import bind, url_of
from mlkeep.web.process import run
from mlkeep.web.workers import run_workers

DRAIN_S: Final = 5
"""Seconds that a stop waits beyond the time limit of a request."""


def load(model_uri: str) -> ScoredModel:
    """The model at `model_uri`, ready to score."""
    return ScoredModel(load_model(model_uri))


def make_app(model_uri: str, timeout_s: float) -> Litestar:
    """The application that serves the model at `model_uri`. Raises as `serve`."""
    return build_app(load(model_uri), timeout_s=timeout_s)


def serve(
    model_uri: str,
    *,
    host: str,
    port: int,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    workers: int = 1,
    on_ready: Callable[[str], None],
) -> None:
    """Serve the model until SIGTERM or SIGINT; requests that are being answered then are finished first.

    `port` 0 takes a free one. `on_ready` is called once with the address (`http://127.0.0.1:5000`) when requests are
    accepted; before that, connections are refused. With several `workers`, each is a process with the model in it.

    Raises:
        InvalidInput: the address cannot be listened on, or the model's URI makes no sense.
        NotFound: there is no such model.
    """
    prepare = partial(make_app, model_uri, timeout_s)
    drain_s = int(timeout_s) + DRAIN_S
    with bind(host, port) as listening:
        url = url_of(listening)
        if workers > 1:
            run_workers(prepare, listening, workers, drain_s=drain_s, access_log=True, on_ready=lambda: on_ready(url))
        else:
            run(prepare(), listening, drain_s=drain_s, access_log=True, on_ready=lambda: on_ready(url))
