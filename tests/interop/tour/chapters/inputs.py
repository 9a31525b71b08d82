"""What went into a run and what came out: datasets, logged models."""

from __future__ import annotations

from tests.interop.tour import official
from tests.interop.tour.recorder import Tour


def inputs(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("of datasets")
    run = client.create_run(experiment, start_time=1, run_name="fed").info.run_id
    other = client.create_run(experiment, start_time=2, run_name="fed too").info.run_id
    client.log_inputs(run, [dataset_input("train", "d1", context="training"), dataset_input("eval", "d2", a="1", b="")])
    client.log_inputs(run, [dataset_input("train", "d1", context="changed")])
    client.log_inputs(other, [dataset_input("train", "d1", source="elsewhere", context="validation")])
    client.log_inputs(other, [dataset_input("bare", "d3", schema=None, profile=None)])
    client.log_inputs(other, [])
    client.log_inputs(other)
    limits = {"name": 500, "digest": 36, "source": 65_535, "schema": 1_048_575, "profile": 16_777_215}
    for field, most in limits.items():
        if most <= 65_535:
            client.log_inputs(other, [dataset_input(**{"name": f"n-{field}", "digest": "d", field: "x" * most})])
        if most <= 1_048_575:
            client.log_inputs(other, [dataset_input(**{"name": f"m-{field}", "digest": "d", field: "x" * (most + 1)})])
    client.log_inputs(other, [dataset_input("tags", "d", **{"k" * 255: "v" * 500})])
    client.log_inputs(other, [dataset_input("tags", "e", **{"k" * 256: "v"})])
    client.log_inputs(other, [dataset_input("tags", "f", k="v" * 501)])
    client.get_run(run)
    client.get_run(other)
    client.search_runs([experiment], order_by=["start_time"])
    client.search_runs([experiment], "dataset.name = 'train'", order_by=["start_time"])
    client.log_inputs("0" * 32, [dataset_input("train", "d1")])
    client.delete_run(run)
    client.log_inputs(run, [dataset_input("train", "d9")])


def model_inputs(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("of models in and out")
    run = client.create_run(experiment, start_time=1, run_name="fed").info.run_id
    first = client.create_logged_model(experiment, name="first").model_id
    second = client.create_logged_model(experiment, name="second", source_run_id=run).model_id
    model_input, model_output = official.entities.LoggedModelInput, official.entities.LoggedModelOutput
    client.log_inputs(run, models=[model_input(first)])
    client.log_inputs(run, models=[model_input(first)])
    client.log_inputs(run, datasets=[dataset_input("train", "d1")], models=[model_input(second)])
    client.log_inputs(run, models=[model_input("m-" + "0" * 32)])
    client.log_outputs(run, [model_output(second, 3)])
    client.log_outputs(run, [model_output(second, 3)])
    client.log_outputs(run, [model_output(first, 0), model_output("m-" + "1" * 32, 1)])
    client.log_outputs(run, [])
    client.get_run(run)
    client.search_runs([experiment])
    client.log_outputs("0" * 32, [model_output(first, 0)])
    client.log_inputs("0" * 32, models=[model_input(first)])


def dataset_input(
    name: str,
    digest: str,
    *,
    source: str = '{"uri": "s3://bucket/data.csv"}',
    schema: str | None = '{"columns": 3}',
    profile: str | None = '{"rows": 100}',
    **tags: str,
) -> object:
    """A dataset as a run's input."""
    dataset = official.entities.Dataset(name, digest, "s3", source, schema=schema, profile=profile)
    return official.entities.DatasetInput(
        dataset,
        [
            official.entities.InputTag("mlflow.data." + key if key == "context" else key, value)
            for key, value in tags.items()
        ],
    )
