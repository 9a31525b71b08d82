"""What mlkeep's searches do beyond MLflow's: fields, counts, all experiments at once; and pages while things change."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from mlkeep.core.entities import (
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunTag,
    ViewType,
)
from mlkeep.core.errors import InvalidInput
from mlkeep.core.pages import PagedList
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.runs import dataset
from mlkeep.testing.conformance.suite import Suite, names_both, unique
from mlkeep.wire import experiments as experiments_wire
from mlkeep.wire import logged_models as logged_models_wire
from mlkeep.wire import registry
from mlkeep.wire import runs as wire


class RunFieldPromises(Suite):
    """A search may ask for parts of runs."""

    @pytest.fixture(scope="class")
    @classmethod
    def whole(cls, client: MlkeepClient) -> Run:
        """A run with something in every part, alone in its experiment."""
        run_id = client.create_run(client.create_experiment(unique("fields")), run_name="whole").info.run_id
        client.log_batch(
            run_id,
            metrics=[Metric("loss", 0.5, 1), Metric("acc.val", math.nan, 1)],
            params=[Param("lr", "0.1"), Param("a b", "x")],
            tags=[RunTag("team", "red"), RunTag("k.dot", "1")],
        )
        client.log_inputs(run_id, [dataset("d", "g", context="train")], [LoggedModelInput("m-1")])
        client.log_outputs(run_id, [LoggedModelOutput("m-2", 1)])
        return client.get_run(run_id)

    @pytest.mark.parametrize(
        ("fields", "metrics", "params", "tags"),
        [
            (["metrics"], "loss acc.val", "", ""),
            (["metrics.loss"], "loss", "", ""),
            (["metrics.acc.val", "metrics.never"], "acc.val", "", ""),
            (["metrics.loss", "metrics"], "loss acc.val", "", ""),
            (["params.lr", "tags.team"], "", "lr", "team"),
            (["params.a b"], "", "a_b", ""),
            (["params.`a b`"], "", "a_b", ""),
            (["params", "tags.k.dot"], "", "lr a_b", "k.dot"),
            (["tags"], "", "", "mlflow.runName team k.dot"),
        ],
    )
    def test_only_the_keys_asked_for_are_told(
        self, client: MlkeepClient, whole: Run, fields: list[str], metrics: str, params: str, tags: str
    ) -> None:
        (run,) = client.search_runs([whole.info.experiment_id], fields=fields)

        def kept(values: dict[str, object], names: str) -> dict[str, object]:
            return {name: value for name, value in values.items() if name.replace(" ", "_") in names.split()}

        data = whole.data
        wanted = [kept(dict(data.metrics), metrics), kept(dict(data.params), params), kept(dict(data.tags), tags)]
        assert repr([run.data.metrics, run.data.params, run.data.tags]) == repr(wanted)
        assert (run.inputs, run.outputs) == (RunInputs(), RunOutputs())
        assert run.info == RunInfo(whole.info.run_id, "", "", "", "", 0, lifecycle_stage="")

    def test_parts_are_told_whole_or_not_at_all(self, door: Door, whole: Run) -> None:
        def told(*fields: str) -> wire.RunMessage:
            request = wire.SearchRuns(experiment_ids=[whole.info.experiment_id], fields=list(fields))
            run: wire.RunMessage = door.call(request).runs[0]
            return run

        everything, just_id = told(), wire.RunInfo(run_id=whole.info.run_id, run_uuid=whole.info.run_id)
        assert told("info") == wire.RunMessage(info=everything.info)
        assert told("inputs") == wire.RunMessage(info=just_id, inputs=everything.inputs)
        assert told("outputs") == wire.RunMessage(info=just_id, outputs=everything.outputs)
        assert told("metrics.never") == wire.RunMessage(info=just_id, data=wire.RunDataMessage())
        all_parts = told("info", "metrics", "params", "tags", "inputs", "outputs")
        assert repr(all_parts) == repr(everything)

    def test_what_is_sorted_and_filtered_by_need_not_be_told(self, client: MlkeepClient, whole: Run) -> None:
        found = client.search_runs(
            [whole.info.experiment_id], "metrics.loss < 1", order_by=["params.lr"], fields=["tags.team"]
        )
        assert [run.data for run in found] == [RunData(tags={"team": "red"})]

    @pytest.mark.parametrize(
        "name", ["", "data", "metric.loss", "metrics.", "info.run_id", "inputs.x", "Metrics", "loss", "x" * 300]
    )
    def test_a_field_that_runs_do_not_have_is_refused(self, client: MlkeepClient, whole: Run, name: str) -> None:
        with pytest.raises(InvalidInput, match=names_both("fields", f"'{name[:77]}")):
            client.search_runs([whole.info.experiment_id], fields=["info", name])

    def test_there_are_no_more_fields_than_1000(self, client: MlkeepClient, whole: Run) -> None:
        names = [f"metrics.m{i}" for i in range(1_000)]
        assert len(client.search_runs([whole.info.experiment_id], fields=names)) == 1
        with pytest.raises(InvalidInput, match="at most 1000"):
            client.search_runs([whole.info.experiment_id], fields=[*names, "info"])


class CountPromises(Suite):
    """A search may ask how many there are."""

    def test_runs_are_counted_whatever_the_page(self, client: MlkeepClient, experiment_id: str) -> None:
        for i in range(5):
            client.log_metric(client.create_run(experiment_id).info.run_id, "m", float(i))

        def count(text: str = "", size: int = 2, token: str | None = None) -> tuple[int, int | None]:
            page = client.search_runs([experiment_id], text, max_results=size, page_token=token, count=True)
            return len(page), page.total

        token = client.search_runs([experiment_id], max_results=3).token
        counts = [count(), count("metrics.m > 1"), count("metrics.m > 9"), count(token=token), count(size=0)]
        assert counts == [(2, 5), (2, 3), (0, 0), (2, 5), (0, 5)]
        assert client.search_runs([experiment_id], max_results=0, count=True).token is None
        assert client.search_runs([], count=True).total == 0
        assert client.search_runs([experiment_id]).total is None

    def test_experiments_models_and_versions_are_counted(self, client: MlkeepClient, door: Door) -> None:
        prefix = unique("count")
        experiment_id, *_ = (client.create_experiment(f"{prefix}{i}") for i in range(3))
        for i in range(3):
            client.create_registered_model(f"{prefix}{i}")
            client.create_model_version(f"{prefix}0", "s3://b/m")
            client.create_logged_model(experiment_id, f"m{i}")
        mine = f"name LIKE '{prefix}%'"
        for size in (0, 2):
            answers = [
                door.call(experiments_wire.SearchExperiments(filter=mine, max_results=size, count=True)),
                door.call(registry.SearchRegisteredModels(filter=mine, max_results=size, count=True)),
                door.call(registry.SearchModelVersions(filter=mine, max_results=size, count=True)),
                door.call(
                    logged_models_wire.SearchLoggedModels(experiment_ids=[experiment_id], max_results=size, count=True)
                ),
            ]
            assert [answer.total_count for answer in answers] == [3] * 4
            found = (answers[0].experiments, answers[1].registered_models, answers[2].model_versions, answers[3].models)
            assert [len(items) for items in found] == [size] * 4
        assert door.call(registry.SearchRegisteredModels(filter=mine)).total_count is None

    def test_a_page_of_none_is_only_for_counting(self, client: MlkeepClient, experiment_id: str) -> None:
        with pytest.raises(InvalidInput, match="at least 1 and at most 50000"):
            client.search_runs([experiment_id], max_results=0)
        with pytest.raises(InvalidInput, match="at least 0 and at most 50000"):
            client.search_runs([experiment_id], max_results=-1, count=True)


class AllExperimentsPromises(Suite):
    """A search may look at all experiments without naming them."""

    def test_runs_of_all_active_experiments_are_found(self, client: MlkeepClient) -> None:
        word = unique("everywhere")
        ids = [client.create_experiment(unique("one")) for _ in range(3)]
        runs = [client.create_run(one, start_time=i, tags={"w": word}) for i, one in enumerate([*ids, "0"])]
        client.delete_experiment(ids[1])
        client.delete_run(runs[2].info.run_id)

        def found(view: ViewType, **more: object) -> list[str]:
            page = client.search_runs([], f"tags.w = '{word}'", view, all_experiments=True, **more)  # type: ignore[arg-type]  # names of arguments
            assert page.total is None
            return [run.info.run_id for run in page]

        by_view = {view.name: found(view) for view in ViewType}
        ids_of = [run.info.run_id for run in runs]
        assert by_view == {
            "ACTIVE_ONLY": [ids_of[3], ids_of[0]],
            "DELETED_ONLY": [ids_of[2]],
            "ALL": [ids_of[3], ids_of[2], ids_of[0]],
        }
        assert client.search_runs([], f"tags.w = '{word}'") == []

    def test_pages_go_on_over_all_experiments(self, client: MlkeepClient) -> None:
        word = unique("everywhere")
        for i in range(5):
            client.create_run(client.create_experiment(unique("one")), start_time=i, run_name=f"r{i}", tags={"w": word})
        pages, token = [], None
        while True:
            page = client.search_runs(
                [], f"tags.w = '{word}'", max_results=2, page_token=token, all_experiments=True, fields=["info"]
            )
            pages.append([run.info.run_name for run in page])
            if (token := page.token) is None:
                break
        assert pages == [["r4", "r3"], ["r2", "r1"], ["r0"]]

    def test_all_experiments_and_some_contradict_each_other(self, client: MlkeepClient) -> None:
        with pytest.raises(InvalidInput, match="'experiment_ids' and 'all_experiments'"):
            client.search_runs(["0"], all_experiments=True)


ORDERS: list[list[str]] = [
    [],
    ["metrics.m"],
    ["metrics.m DESC"],
    ["params.p"],
    ["tags.t DESC", "metrics.m"],
    ["end_time"],
    ["run_name DESC"],
]

VALUES: list[float | None] = [1.0, math.nan, None, 2.0, 1.0, math.inf, None, math.nan, -math.inf, 1.0]
"""Metrics of the runs, with ties, NaN, and runs that have none."""


class PagePromises(Suite):
    """Pages put together hold each run that stayed exactly once, in order, whatever came and went between them."""

    def _add(self, client: MlkeepClient, experiment_id: str, i: int, value: float | None, start: int) -> str:
        run_id = client.create_run(experiment_id, start_time=start, run_name=f"n{i % 3}").info.run_id
        if value is not None:
            client.log_metric(run_id, "m", value)
            client.log_param(run_id, "p", f"{i % 2}")
            client.set_tag(run_id, "t", f"{i % 4}")
        if i % 3:
            client.set_terminated(run_id, end_time=1_000 + i % 2)
        return run_id

    @pytest.mark.parametrize("order_by", ORDERS, ids=" ".join)
    def test_what_stayed_is_seen_once(self, client: MlkeepClient, experiment_id: str, order_by: list[str]) -> None:
        for i, value in enumerate(VALUES):
            self._add(client, experiment_id, i, value, start=100 + i // 4)
        before = [run.info.run_id for run in client.search_runs([experiment_id], order_by=order_by)]
        gone = {before[1], before[4], before[8]}
        seen: list[str] = []
        token, turn = None, 0
        while True:
            page = client.search_runs([experiment_id], order_by=order_by, max_results=3, page_token=token)
            seen += [run.info.run_id for run in page]
            if (token := page.token) is None:
                break
            if turn < 3:  # between pages one run goes, and one comes that sorts somewhere
                client.delete_run(before[(1, 4, 8)[turn]])
                self._add(client, experiment_id, turn, VALUES[turn], start=(50, 101, 500)[turn])
            turn += 1
        after = [run.info.run_id for run in client.search_runs([experiment_id], order_by=order_by)]
        assert [one for one in seen if one in before and one not in gone] == [one for one in before if one not in gone]
        assert len(seen) == len(set(seen))
        assert [one for one in seen if one in after] == [one for one in after if one in seen]

    @pytest.mark.parametrize("what", ["experiments", "models", "versions", "logged models"])
    def test_other_searches_go_on_too(self, client: MlkeepClient, what: str) -> None:
        prefix = unique("pages")
        add, remove, search = _listing(client, prefix, what)
        for word in "abcdef":
            add(word)
        first = search(2, None)
        remove("a")
        add("aa")  # among those that were seen
        add("g")
        second = search(10, first.token)
        assert [list(first), list(second), second.token] == [["a", "b"], ["c", "d", "e", "f", "g"], None]


def _listing(
    client: MlkeepClient, prefix: str, what: str
) -> tuple[Callable[[str], object], Callable[[str], object], Callable[[int, str | None], PagedList[str]]]:
    """How to add, remove and list things by name, in the order of names."""
    mine, by_name = f"name LIKE '{prefix}%'", ["name"]
    if what == "experiments":

        def remove_experiment(word: str) -> None:
            found = client.get_experiment_by_name(prefix + word)
            assert found is not None
            client.delete_experiment(found.experiment_id)

        def experiments(size: int, token: str | None) -> PagedList[str]:
            page = client.search_experiments(filter_string=mine, order_by=by_name, max_results=size, page_token=token)
            return PagedList([one.name.removeprefix(prefix) for one in page], page.token)

        return lambda word: client.create_experiment(prefix + word), remove_experiment, experiments
    if what == "models":

        def models(size: int, token: str | None) -> PagedList[str]:
            found = client.search_registered_models(mine, max_results=size, order_by=by_name, page_token=token)
            return PagedList([one.name.removeprefix(prefix) for one in found], found.token)

        return (
            lambda word: client.create_registered_model(prefix + word),
            lambda word: client.delete_registered_model(prefix + word),
            models,
        )
    if what == "versions":

        def add_version(word: str) -> None:
            client.create_registered_model(prefix + word)
            client.create_model_version(prefix + word, "s3://b/m")

        def versions(size: int, token: str | None) -> PagedList[str]:
            found = client.search_model_versions(mine, max_results=size, order_by=by_name, page_token=token)
            return PagedList([one.name.removeprefix(prefix) for one in found], found.token)

        return add_version, lambda word: client.delete_model_version(prefix + word, 1), versions
    experiment_id = client.create_experiment(prefix)
    made: dict[str, str] = {}

    def add_logged(word: str) -> None:
        made[word] = client.create_logged_model(experiment_id, word).model_id

    def logged(size: int, token: str | None) -> PagedList[str]:
        order = [{"field_name": "name"}]
        page = client.search_logged_models([experiment_id], max_results=size, order_by=order, page_token=token)
        return PagedList([one.name for one in page], page.token)

    return add_logged, lambda word: client.delete_logged_model(made[word]), logged
