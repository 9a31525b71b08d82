"""What MLflow writes as artifacts by itself: tables, images, figures; and the tags it leaves."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tests.interop.tour import official
from tests.interop.tour.recorder import Tour


def tables_and_images(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("of tables")
    run = client.create_run(experiment, start_time=1, run_name="tabled").info.run_id
    client.log_table(run, {"a": [1, 2], "b": ["x", None]}, "tables/t.json")
    client.log_table(run, pd.DataFrame({"a": [3], "c": [0.5]}), "tables/t.json")
    client.log_table(run, {"a": 1}, "tables/t.parquet")
    client.log_table(run, {"a": 1}, "tables/t.txt")
    client.load_table(experiment, "tables/t.json")
    client.load_table(experiment, "tables/t.json", [run], ["run_id", "start_time"])
    client.load_table(experiment, "tables/t.json", extra_columns=["nothing"])
    client.load_table(experiment, "tables/missing.json")
    client.load_table("99999999", "tables/t.json")
    tour.mlflow.set_experiment("of tables")
    tour.mlflow.load_table("tables/t.json", run_ids=[run])
    tour.mlflow.end_run()  # load_table began one
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    client.log_image(run, pixels, "images/i.png")
    client.log_image(run, pixels, key="shown", step=1, timestamp=5, synchronous=True)
    client.log_image(run, pixels, key="shown", step=2, timestamp=6)
    client.log_image(run, official.mlflow.Image(pixels), key="a/b", step=1, timestamp=5)
    client.log_image(run, pixels, "i.png", key="both")
    client.log_image(run, pixels)
    client.log_image(run, np.zeros((4, 4, 2)), "bad.png")
    tour.mlflow.flush_artifact_async_logging()
    figure = Figure()
    figure.add_subplot().plot([1, 2])
    client.log_figure(run, figure, "figures/f.png")
    client.log_figure(run, figure, "figures/f.svg", save_kwargs={"dpi": 20})
    client.log_figure(run, figure, "figures/f.html")
    client.get_run(run)
    client.list_artifacts(run)
    client.list_artifacts(run, "figures")
    names = sorted(file.path.split("+")[0] for file in client.list_artifacts(run, "images") or [])
    tour.note("images by key", names)
