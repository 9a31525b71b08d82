"""A process of clients that all work on the same things at once, and write down what they were answered.

Run with the ports of the servers, the number of this process, and how often each client goes round.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
from typing import Any

CLIENTS = 16
RUNS = [f"shared{i}" for i in range(3)]
KEYS = ["loss", "accuracy"]
PARAMS = 4
EXPERIMENTS = 4
MODEL = "shared"
PULSE_RUN = "pulse"
STARTED_MS = 1_700_000_000_000

Answer = tuple[str, dict[str, Any], int, dict[str, Any]]
"""Which request, its body, and the status and body of the answer."""


class Client:
    """One connection to one of the servers."""

    def __init__(self, port: int, name: str) -> None:
        self.name = name
        self.answers: list[Answer] = []
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Send a request, write the answer down and give its body."""
        method = "PATCH" if path in {"registered-models/rename"} else "POST"
        self._connection.request(
            method, f"/api/2.0/mlflow/{path}", json.dumps(body), {"Content-Type": "application/json"}
        )
        response = self._connection.getresponse()
        told: dict[str, Any] = json.loads(response.read())
        self.answers.append((path, body, response.status, told))
        return told

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def go_round(self, number: int, turn: int, process: int) -> None:
        """One of each kind of request. Steps are this client's own; everything else is everybody's."""
        run_id = RUNS[(number + turn) % len(RUNS)]
        step = turn * 1_000 + process * 100 + number
        points = [
            {"key": key, "value": step / 7, "timestamp": STARTED_MS + step, "step": step}
            for key in (KEYS if number % 2 else reversed(KEYS))
        ]
        self.post("runs/log-batch", run_id=run_id, metrics=points, tags=[{"key": f"t{step % 5}", "value": self.name}])
        self.post("runs/log-metric", run_id=PULSE_RUN, key="beat", value=1.0, timestamp=STARTED_MS, step=step)
        self.post("runs/log-parameter", run_id=run_id, key=f"p{turn % PARAMS}", value=self.name)
        self.post("runs/set-tag", run_id=run_id, key="last", value=self.name)
        # Names that all make at the same time, and keys that nobody has used before.
        self.post("experiments/create", name=f"e{turn % EXPERIMENTS}")
        self.post("runs/create", experiment_id="0", run_id=f"made{turn}", start_time=STARTED_MS)
        new = [{"key": f"new{turn}.{i if number % 2 else 9 - i}", "value": "1"} for i in range(10)]
        self.post("runs/log-batch", run_id=run_id, params=new)
        dataset = {"name": "d", "digest": str(turn % 3), "source_type": "local", "source": "{}"}
        self.post("runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset, "tags": []}])
        source = "models:/shared/1" if turn % 4 == 3 else "s3://b/m"
        made = self.post("model-versions/create", name=MODEL, source=source)
        version = made["model_version"]["version"]
        self.post("registered-models/alias", name=MODEL, alias="champion", version=version)
        self.post(
            "model-versions/transition-stage",
            name=MODEL,
            version=version,
            stage="Production",
            archive_existing_versions=True,
        )

    def beat(self, experiment_id: str, beats: int) -> None:
        """Delete and restore an experiment while others log to its run."""
        for _ in range(beats):
            self.post("experiments/delete", experiment_id=experiment_id)
            self.post("experiments/restore", experiment_id=experiment_id)


def main(ports: list[int], process: int, turns: int, pulse: str) -> None:
    """Let all clients go round, and print what they were answered."""
    clients = [Client(ports[number % len(ports)], f"{process}.{number}") for number in range(CLIENTS)]
    ready = threading.Barrier(CLIENTS)

    def work(number: int) -> None:
        ready.wait()
        if number == 0:
            clients[number].beat(pulse, turns)
        for turn in range(turns):
            clients[number].go_round(number, turn, process)

    threads = [threading.Thread(target=work, args=[number]) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps([answer for client in clients for answer in client.answers]))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
