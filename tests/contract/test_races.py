"""Two clients that do the same thing at the same moment: one outcome, the documented one, and never a fault."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bench.processes import MlkeepServer
from mlkeep import MlkeepClient
from mlkeep.testing.conformance.suite import unique

API = "/api/2.0/mlflow"
TWICE = 12
"""How often each race is run."""

RACERS = 4


class Course:
    """A server with several processes, and a connection of its own for every racer."""

    def __init__(self, server: MlkeepServer) -> None:
        self.client = MlkeepClient(tracking_uri=server.url)
        self._connections = [server.connect(timeout_s=30) for _ in range(RACERS)]

    def race(self, path: str, *bodies: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
        """What each racer is answered; racer i sends body i, or the last one. All start together."""
        answers: list[tuple[int, dict[str, Any]]] = [(0, {})] * RACERS
        start = threading.Barrier(RACERS)

        def run(number: int) -> None:
            connection = self._connections[number]
            body = json.dumps(bodies[min(number, len(bodies) - 1)])
            start.wait()
            connection.request("POST", API + path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answers[number] = answer.status, json.loads(answer.read())

        threads = [threading.Thread(target=run, args=[number]) for number in range(RACERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


@pytest.fixture(scope="module", params=["1", "2"], ids=["one process", "two processes"])
def course(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    server = MlkeepServer(tmp_path_factory.mktemp("races"), "--no-access-log", "--workers", request.param)
    course = Course(server)
    try:
        yield course
        assert "Traceback" not in server.output
    finally:
        course.close()
        server.end()


def outcomes(answers: list[tuple[int, dict[str, Any]]]) -> Counter[tuple[int, str]]:
    return Counter((status, body.get("error_code", "")) for status, body in answers)


ONE_WINS = Counter({(200, ""): 1, (400, "RESOURCE_ALREADY_EXISTS"): RACERS - 1})
ALL_WIN = Counter({(200, ""): RACERS})


def test_an_experiment_is_made_once(course: Course) -> None:
    for _ in range(TWICE):
        name = unique("race")
        answers = course.race("/experiments/create", {"name": name})
        assert outcomes(answers) == ONE_WINS
        (made,) = [body["experiment_id"] for status, body in answers if status == 200]
        found = course.client.get_experiment_by_name(name)
        assert found is not None
        assert found.experiment_id == made


def test_a_run_of_a_chosen_id_is_made_once_and_everybody_is_told_of_it(course: Course) -> None:
    for _ in range(TWICE):
        run_id = unique("run")
        bodies = [{"experiment_id": "0", "run_id": run_id, "run_name": f"n{i}"} for i in range(RACERS)]
        answers = course.race("/runs/create", *bodies)
        assert outcomes(answers) == ALL_WIN
        assert {body["run"]["info"]["run_name"] for _, body in answers} == {course.client.get_run(run_id).info.run_name}


def test_a_run_cannot_be_in_two_experiments(course: Course) -> None:
    other = course.client.create_experiment(unique("other"))
    for _ in range(TWICE):
        run_id = unique("run")
        bodies = [{"experiment_id": one, "run_id": run_id} for one in ("0", other, "0", other)]
        answers = course.race("/runs/create", *bodies)
        made_in = course.client.get_run(run_id).info.experiment_id
        for body, (status, told) in zip(bodies, answers, strict=True):
            wanted = (200, "") if body["experiment_id"] == made_in else (400, "RESOURCE_ALREADY_EXISTS")
            assert (status, told.get("error_code", "")) == wanted


def test_a_registered_model_is_made_once(course: Course) -> None:
    for _ in range(TWICE):
        name = unique("race")
        assert outcomes(course.race("/registered-models/create", {"name": name})) == ONE_WINS
        assert course.client.get_registered_model(name).name == name


def test_two_models_cannot_be_renamed_to_one(course: Course) -> None:
    for _ in range(TWICE):
        names = [unique("race") for _ in range(RACERS)]
        for name in names:
            course.client.create_registered_model(name)
        new_name = unique("renamed")
        answers = course.race("/registered-models/rename", *({"name": one, "new_name": new_name} for one in names))
        assert outcomes(answers) == ONE_WINS


def test_every_version_gets_a_number_of_its_own(course: Course) -> None:
    name = unique("race")
    course.client.create_registered_model(name)
    numbers: list[int] = []
    for _ in range(TWICE):
        answers = course.race("/model-versions/create", {"name": name, "source": "s3://b/m"})
        assert outcomes(answers) == ALL_WIN
        numbers += [int(body["model_version"]["version"]) for _, body in answers]
    assert sorted(numbers) == list(range(1, RACERS * TWICE + 1))


def test_an_alias_points_to_one_of_those_it_was_set_to(course: Course) -> None:
    name = unique("race")
    course.client.create_registered_model(name)
    versions = [course.client.create_model_version(name, "s3://b/m").version for _ in range(RACERS)]
    for _ in range(TWICE):
        bodies = [{"name": name, "alias": "champion", "version": version} for version in versions]
        assert outcomes(course.race("/registered-models/alias", *bodies)) == ALL_WIN
        model = course.client.get_registered_model(name)
        assert list(model.aliases) == ["champion"]
        holders = [v for v in versions if course.client.get_model_version(name, v).aliases == ["champion"]]
        assert holders == [model.aliases["champion"]]


def test_only_one_version_reaches_a_stage_that_archives_the_others(course: Course) -> None:
    name = unique("race")
    course.client.create_registered_model(name)
    versions = [course.client.create_model_version(name, "s3://b/m").version for _ in range(RACERS)]
    for _ in range(TWICE):
        bodies = [
            {"name": name, "version": version, "stage": "Production", "archive_existing_versions": True}
            for version in versions
        ]
        assert outcomes(course.race("/model-versions/transition-stage", *bodies)) == ALL_WIN
        stages = Counter(course.client.get_model_version(name, version).current_stage for version in versions)
        assert stages == {"Production": 1, "Archived": RACERS - 1}


def test_a_param_gets_one_value(course: Course) -> None:
    run_id = course.client.create_run("0").info.run_id
    for i in range(TWICE):
        answers = course.race("/runs/log-parameter", *({"run_id": run_id, "key": f"p{i}", "value": v} for v in "abcd"))
        assert outcomes(answers) == Counter({(200, ""): 1, (400, "INVALID_PARAMETER_VALUE"): RACERS - 1})
        won = "abcd"[[status for status, _ in answers].index(200)]
        assert course.client.get_run(run_id).data.params[f"p{i}"] == won


@pytest.mark.parametrize(
    ("path", "made", "body"),
    [
        ("/experiments/delete", lambda client: client.create_experiment(unique("race")), "experiment_id"),
        ("/runs/delete", lambda client: client.create_run("0").info.run_id, "run_id"),
    ],
)
def test_what_is_deleted_by_several_is_deleted(
    course: Course, path: str, made: Callable[[MlkeepClient], str], body: str
) -> None:
    for _ in range(TWICE):
        answers = course.race(path, {body: made(course.client)})
        told = outcomes(answers)
        assert told[200, ""] >= 1
        assert set(told) <= {(200, ""), (404, "RESOURCE_DOES_NOT_EXIST")}


def test_logging_while_the_run_is_deleted_is_taken_or_refused(course: Course) -> None:
    for _ in range(TWICE):
        run_id = course.client.create_run("0").info.run_id
        remover = threading.Thread(target=course.client.delete_run, args=[run_id])
        remover.start()
        answers = course.race("/runs/log-metric", {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1})
        remover.join()
        assert set(outcomes(answers)) <= {(200, ""), (400, "INVALID_PARAMETER_VALUE")}
