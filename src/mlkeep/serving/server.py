"""A model behind a port: the socket, the model, and the processes that serve it."""

from __future__ import annotations

from collections.abc import Callable

from mlkeep.serving.app import DEFAULT_TIMEOUT_S
from mlkeep.serving.listen import bind, url_of
from mlkeep.serving.process import load, run
from mlkeep.serving.workers import run_workers


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
    with bind(host, port) as listening:
        url = url_of(listening)
        if workers > 1:
            run_workers(model_uri, listening, workers, timeout_s=timeout_s, on_ready=lambda: on_ready(url))
        else:
            run(load(model_uri), listening, timeout_s=timeout_s, on_ready=lambda: on_ready(url))
