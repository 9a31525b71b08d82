"""Artifacts of runs: uploaded, listed and downloaded through the server."""

from __future__ import annotations

import io

from tests.interop.tour import official
from tests.interop.tour.recorder import Tour


def artifacts(tour: Tour) -> None:
    client = tour.client
    experiment = client.create_experiment("of artifacts")
    run = client.create_run(experiment, start_time=1, run_name="with files").info.run_id
    client.list_artifacts(run)
    one = tour.file("up/one.txt", "one")
    tour.file("up/größe 100%.csv", "a,b\n1,2\n")
    tour.file("up/empty.txt", "")
    tour.file("up/sub/two.bin", bytes(range(256)))
    client.log_artifact(run, str(one))
    client.log_artifact(run, str(one), "deep/er")
    client.log_artifact(run, str(tour.folder / "up"), "as a folder")
    client.log_artifacts(run, str(tour.folder / "up"))
    client.log_artifacts(run, str(tour.folder / "up"), "all")
    client.log_text(run, "naïve 🌱", "texts/note.txt")
    client.log_text(run, "<p>", "texts/page.html")
    client.log_dict(run, {"b": 1, "a": [1, None]}, "dicts/d.json")
    client.log_dict(run, {"b": 1, "a": "é"}, "dicts/d.yaml")
    if official.MAJOR >= 3:
        client.log_stream(run, io.BytesIO(b"streamed"), "stream.bin")
    for path in (
        None,
        "",
        "all",
        "all/",
        "all/sub",
        "as a folder",
        "texts",
        "one.txt",
        "missing",
        "..",
        "/etc",
        "a/../b",
        "a#b",
    ):
        client.list_artifacts(run, path)
    for path in (
        "one.txt",
        "all",
        "all/größe 100%.csv",
        "all/empty.txt",
        "all/sub/two.bin",
        "missing.txt",
        "missing/x.txt",
        "../x",
    ):
        target = tour.folder / f"down {len(tour.calls)}"
        target.mkdir()
        client.download_artifacts(run, path, str(target))
        tour.note(
            "downloaded",
            {str(file.relative_to(target)): file.read_bytes() for file in sorted(target.rglob("*")) if file.is_file()},
        )
    client.download_artifacts(run, "", str(tour.folder))
    client.log_text(run, "overwritten", "texts/note.txt")
    client.log_text(run, "x", "../x.txt")
    client.log_text(run, "x", "/x.txt")
    client.log_artifact(run, str(tour.folder / "missing.txt"))
    for missing in ("0" * 32, "abc"):
        client.list_artifacts(missing)
        client.log_text(missing, "x", "x.txt")
        client.download_artifacts(missing, "x.txt")


def functions(tour: Tour) -> None:
    experiment = tour.client.create_experiment("of artifact functions")
    run = tour.client.create_run(experiment, start_time=1, run_name="with files").info.run_id
    tour.mlflow.log_text("one", "texts/one.txt", run_id=run)
    tour.mlflow.log_dict({"a": 1}, "dicts/d.json", run_id=run)
    tour.mlflow.log_artifact(str(tour.file("up/one.txt", "one")), run_id=run)
    tour.mlflow.log_artifacts(str(tour.folder / "up"), "all", run_id=run)
    picture = official.mlflow.Image([[[255, 0, 0], [0, 0, 255]]])
    tour.client.log_image(run, picture, "pictures/p.png")
    at = f"mlflow-artifacts:/{experiment}/{run}/artifacts"
    functions = tour.artifacts
    for uri in (
        f"runs:/{run}",
        f"runs:/{run}/texts",
        at,
        f"{at}/texts",
        f"runs:/{'0' * 32}/texts",
        f"{at}/missing",
        "runs:/",
    ):
        functions.list_artifacts(artifact_uri=uri)
    functions.list_artifacts(run_id=run)
    functions.list_artifacts(run_id=run, artifact_path="texts")
    functions.list_artifacts(run_id=run, artifact_uri=at)
    functions.list_artifacts()
    for uri in (f"runs:/{run}/texts/one.txt", f"{at}/texts/one.txt", f"{at}/missing.txt", f"runs:/{run}/missing.txt"):
        functions.load_text(uri)
        functions.download_artifacts(artifact_uri=uri, dst_path=str(tour.folder / "fetched"))
    functions.load_dict(f"runs:/{run}/dicts/d.json")
    functions.load_dict(f"runs:/{run}/texts/one.txt")
    functions.load_image(f"runs:/{run}/pictures/p.png")
    functions.download_artifacts(run_id=run, artifact_path="texts", dst_path=str(tour.folder / "fetched"))
    functions.download_artifacts(run_id=run)
    functions.download_artifacts()
    tour.client.log_artifacts(run, str(tour.folder / "not there"))
    tour.mlflow.end_run()  # which log_text began, though it was given a run
