"""Names of what is logged: which characters and shapes are taken, alike for metrics, params and tags."""

from __future__ import annotations

from tests.interop.tour.recorder import Tour

NAMES = (
    "plain",
    "with space",
    " leading",
    "trailing ",
    ".",
    "..",
    "...",
    "..a",
    "a..",
    "a/..b",
    "..a/b",
    "a/...",
    ".a",
    "./a",
    "a/.",
    "a/./b",
    "a/",
    "a:b",
    "a\\b",
    "a,b",
    "a=b",
    "a%b",
    "a'b",
    "a\nb",
    "été",
    "日本",
    "🌱",
    "a_b-c.d",
    "-",
    "_",
    "0",
    "٣",
)


def names(tour: Tour) -> None:
    client = tour.client
    run = client.create_run("0", start_time=7, run_name="of names").info.run_id
    for name in NAMES:
        client.log_metric(run, name, 1.0, timestamp=1)
        client.log_param(run, name, "1")
        client.set_tag(run, name, "1")
    client.get_run(run)
