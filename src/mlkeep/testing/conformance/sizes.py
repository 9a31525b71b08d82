"""What is promised of the sums of files: bytes of runs, experiments, logged models and versions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mlkeep.core import limits
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.manifest import ManifestSuite, file, forget, record
from mlkeep.testing.conformance.suite import unique


class SizePromises(ManifestSuite):
    """Bytes of runs, experiments, logged models and versions, up to date and searchable."""

    def test_what_has_no_files_has_no_bytes(self, client: MlkeepClient, experiment_id: str, run_id: str) -> None:
        assert client.get_run(run_id).info.artifact_bytes == 0
        assert client.get_experiment(experiment_id).artifact_bytes == 0
        assert client.create_logged_model(experiment_id).artifact_bytes == 0

    def test_an_experiment_has_the_bytes_of_its_runs_and_models(
        self, client: MlkeepClient, door: Door, experiment_id: str
    ) -> None:
        runs = [client.create_run(experiment_id).info for _ in range(2)]
        model = client.create_logged_model(experiment_id)
        for i, uri in enumerate([*(run.artifact_uri for run in runs), model.artifact_location]):
            record(door, uri, file("a", 10**i), file("b", 3 * 10**i))
        assert [client.get_run(run.run_id).info.artifact_bytes for run in runs] == [4, 40]
        assert client.get_logged_model(model.model_id).artifact_bytes == 400
        assert client.get_experiment(experiment_id).artifact_bytes == 444
        forget(door, runs[1].artifact_uri, "b")
        client.delete_run(runs[0].run_id)
        client.delete_logged_model(model.model_id)
        found = client.get_experiment_by_name(client.get_experiment(experiment_id).name)
        assert found is not None
        assert found.artifact_bytes == 414

    def test_runs_that_log_at_once_are_all_counted(self, client: MlkeepClient, door: Door, experiment_id: str) -> None:
        roots = [client.create_run(experiment_id).info.artifact_uri for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            recorded = [threads.submit(record, door, root, file(f"{i}", 5)) for i in range(10) for root in roots]
            assert all(each.result() for each in recorded)
            forgotten = [threads.submit(forget, door, root, f"{i}") for i in range(5) for root in roots]
            assert [each.result() for each in forgotten] == [None] * 20
        assert client.get_experiment(experiment_id).artifact_bytes == 100

    def test_a_refused_record_counts_for_nothing(
        self, client: MlkeepClient, door: Door, experiment_id: str, root: str
    ) -> None:
        record(door, root, file("a", limits.MAX_ARTIFACT_BYTES - 5))
        with ThreadPoolExecutor(4) as threads:
            sent = [threads.submit(record, door, root, file(f"{i}", 4)) for i in range(4)]
        assert sorted(each.exception() is None for each in sent) == [False, False, False, True]
        assert client.get_experiment(experiment_id).artifact_bytes == limits.MAX_ARTIFACT_BYTES - 1

    def test_a_version_has_the_bytes_at_its_source(
        self, client: MlkeepClient, door: Door, run_id: str, root: str
    ) -> None:
        name = client.create_registered_model(unique("sized")).name
        record(door, root, *(file(path, 10**i) for i, path in enumerate(["m/MLmodel", "m/data/w", "m.txt", "other"])))

        def sizes() -> list[int | None]:
            found = client.search_model_versions(f"name = '{name}'", order_by=["version_number ASC"])
            return [version.artifact_bytes for version in found]

        for source in (f"runs:/{run_id}/m", f"{root}/m/data", f"runs:/{run_id}", f"runs:/{run_id}/none", "s3://b/m"):
            client.create_model_version(name, source, run_id=run_id)
        assert sizes() == [11, 10, 1111, None, None]
        client.create_model_version(name, f"models:/{name}/1")
        record(door, root, file("m/data/w", 20), file("m/data/v", 5), file("none", 7))
        assert sizes() == [26, 25, 1133, 7, None, 26]
        record(door, root, file("m/data/v", 6))
        forget(door, root, "m/MLmodel", "m.txt")
        assert sizes() == [26, 26, 1033, 7, None, 26]
        client.rename_registered_model(name, name := unique("renamed"))
        assert client.get_model_version(name, "1").artifact_bytes == 26
        assert client.get_latest_versions(name)[0].artifact_bytes == 26
        forget(door, root, "")
        assert sizes() == [None] * 6

    def test_a_version_of_a_logged_model_has_its_bytes(
        self, client: MlkeepClient, door: Door, experiment_id: str
    ) -> None:
        model = client.create_logged_model(experiment_id)
        name = client.create_registered_model(unique("sized")).name
        version = client.create_model_version(name, f"models:/{model.model_id}", model_id=model.model_id)
        assert version.artifact_bytes is None
        record(door, f"{model.artifact_location}/data", file("w", 12))
        copied = client.copy_model_version(f"models:/{name}/1", unique("copy"))
        assert [client.get_model_version(name, "1").artifact_bytes, copied.artifact_bytes] == [12, 12]
        client.delete_model_version(name, "1")
        forget(door, model.artifact_location, "data")
        assert client.get_model_version(copied.name, copied.version).artifact_bytes is None

    def test_runs_are_found_and_sorted_by_bytes(self, client: MlkeepClient, door: Door, experiment_id: str) -> None:
        for size in (5, 0, 2_000_000, 70):
            run = client.create_run(experiment_id, run_name=f"{size}", start_time=size).info
            record(door, run.artifact_uri, file("a", size))

        def found(text: str, *order_by: str) -> str:
            return " ".join(
                run.info.run_name for run in client.search_runs([experiment_id], text, order_by=[*order_by])
            )

        assert found("attributes.artifact_bytes > 1000000") == "2000000"
        assert found("artifact_bytes >= 5 AND NOT artifact_bytes = 70", "artifact_bytes") == "5 2000000"
        assert found("artifact_bytes < 5.5") == "5 0"
        assert found("", "attributes.artifact_bytes DESC") == "2000000 70 5 0"
        first = client.search_runs([experiment_id], order_by=["artifact_bytes"], max_results=3)
        (last,) = client.search_runs([experiment_id], order_by=["artifact_bytes"], page_token=first.token)
        assert ([run.info.artifact_bytes for run in first], last.info.artifact_bytes) == ([0, 5, 70], 2_000_000)

    def test_experiments_are_found_and_sorted_by_bytes(self, client: MlkeepClient, door: Door) -> None:
        group = unique("sized")
        for size in (5, 0, 2_000_000):
            made = client.create_experiment(f"{group}-{size}")
            record(door, client.create_run(made).info.artifact_uri, file("a", size), file("b", size))

        def found(text: str, *order_by: str) -> list[int]:
            asked = f"name LIKE '{group}%'{text}"
            return [
                each.artifact_bytes for each in client.search_experiments(filter_string=asked, order_by=[*order_by])
            ]

        assert found(" AND attribute.artifact_bytes > 9", "artifact_bytes DESC") == [4_000_000, 10]
        assert found("", "artifact_bytes") == [0, 10, 4_000_000]
        first = client.search_experiments(
            filter_string=f"name LIKE '{group}%'", order_by=["artifact_bytes"], max_results=2
        )
        rest = client.search_experiments(
            filter_string=f"name LIKE '{group}%'", order_by=["artifact_bytes"], page_token=first.token
        )
        assert [each.artifact_bytes for each in rest] == [4_000_000]

    def test_logged_models_are_found_and_sorted_by_bytes(
        self, client: MlkeepClient, door: Door, experiment_id: str
    ) -> None:
        for size in (5, 0, 70):
            record(door, client.create_logged_model(experiment_id, f"n{size}").artifact_location, file("a", size))

        def found(text: str, *, ascending: bool) -> list[str]:
            by = [{"field_name": "artifact_bytes", "ascending": ascending}]
            return [model.name for model in client.search_logged_models([experiment_id], text, order_by=by)]

        assert found("attributes.artifact_bytes > 0", ascending=True) == ["n5", "n70"]
        assert found("", ascending=False) == ["n70", "n5", "n0"]

    def test_versions_are_found_and_sorted_by_bytes(self, client: MlkeepClient, door: Door, experiment_id: str) -> None:
        name = client.create_registered_model(unique("sized")).name
        client.create_model_version(name, "s3://bucket/unknown")
        for size in (5, 0, 70):
            run = client.create_run(experiment_id).info
            record(door, run.artifact_uri, file("m/a", size))
            client.create_model_version(name, f"runs:/{run.run_id}/m")

        def found(text: str, *order_by: str) -> str:
            asked = f"name = '{name}'{text}"
            return " ".join(each.version for each in client.search_model_versions(asked, order_by=[*order_by]))

        assert found(" AND attribute.artifact_bytes > 4", "artifact_bytes") == "2 4"
        assert found(" AND artifact_bytes != 5", "version_number ASC") == "3 4"
        assert found("", "artifact_bytes DESC") == "4 2 3 1"
        assert found("", "artifact_bytes") == "3 2 4 1"
