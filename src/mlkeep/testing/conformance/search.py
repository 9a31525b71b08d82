"""What is promised of the search for runs."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence

import pytest

from mlkeep.core.entities import LoggedModelInput, LoggedModelOutput, Param, Run, RunStatus
from mlkeep.core.errors import InvalidInput
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door, door_to
from mlkeep.testing.conformance.runs import dataset
from mlkeep.testing.conformance.suite import Suite, names_both, unique
from mlkeep.testing.filter_examples import (
    EVERYTHING,
    FOUND,
    FOUND_BY_OUR_EXTENSION,
    PAGES,
    REFUSED,
    REFUSED_ORDERS,
    SIX_RUNS,
    SORTED,
)
from mlkeep.wire import runs as wire
from mlkeep.wire.message import KeyValueInput, key_value_inputs
from mlkeep.wire.metrics import MetricInput


def copy_run(door: Door, run: Run, experiment_id: str, run_id: str) -> Run:
    """Make a run like `run` in an experiment, under an id, and give it as it is there. All metrics are of step 0."""
    info, data = run.info, run.data
    door.call(
        wire.CreateRun(
            experiment_id=experiment_id,
            run_id=run_id,
            run_name=info.run_name,
            user_id=info.user_id,
            start_time=info.start_time,
            tags=key_value_inputs(data.tags),
        )
    )
    door.call(wire.UpdateRun(run_id=run_id, status=RunStatus[info.status], end_time=info.end_time))
    door.call(
        wire.LogBatch(
            run_id=run_id,
            metrics=[MetricInput(key=key, value=value, timestamp=1) for key, value in data.metrics.items()],
            params=key_value_inputs(data.params),
        )
    )
    uses = [
        wire.DatasetUse(
            tags=[KeyValueInput(key=tag.key, value=tag.value) for tag in used.tags],
            dataset=wire.DatasetFields(
                name=used.dataset.name, digest=used.dataset.digest, source_type="local", source=used.dataset.source
            ),
        )
        for used in run.inputs.dataset_inputs
    ]
    if uses:
        door.call(wire.LogInputs(run_id=run_id, datasets=uses))
    copied: Run = door.call(wire.GetRun(run_id=run_id)).run.entity()
    return copied


class _Six:
    """The six runs of the worked examples, in an experiment of their own, under ids that are free."""

    def __init__(self, client: MlkeepClient, door: Door) -> None:
        self._client = client
        self.prefix = unique("six")
        self.experiment_id = client.create_experiment(self.prefix)
        for run in SIX_RUNS:
            copy_run(door, run, self.experiment_id, self.prefix + run.info.run_id)

    def names(self, text: str | None = None, order_by: Sequence[str] = ()) -> list[str]:
        """The names of the runs a search finds, in its order."""
        text = None if text is None else text.replace("'id", f"'{self.prefix}id")
        return [run.info.run_name for run in self._client.search_runs([self.experiment_id], text, order_by=order_by)]


class RunSearchPromises(Suite):
    """Filters, orders, pages."""

    @pytest.fixture(scope="class")
    @classmethod
    def six(cls, client: MlkeepClient) -> _Six:
        """Shared by the tests of this class, which do not change them."""
        return _Six(client, door_to(client.tracking_uri))

    @pytest.mark.parametrize(("example", "text", "names"), FOUND + FOUND_BY_OUR_EXTENSION)
    def test_a_filter_finds(self, six: _Six, example: str, text: str | None, names: str) -> None:  # noqa: ARG002
        assert six.names(text) == names.split()

    @pytest.mark.parametrize(("example", "text", "reason"), REFUSED)
    def test_a_filter_is_refused_with_the_reason(
        self,
        six: _Six,
        example: str,  # noqa: ARG002
        text: str,
        reason: str,
    ) -> None:
        with pytest.raises(InvalidInput) as refused:
            six.names(text)
        if not {"\ud800", "\0"} & set(text):  # what no database can keep is refused before it is read
            assert reason in refused.value.message

    @pytest.mark.parametrize(("example", "order_by", "names"), SORTED)
    def test_runs_are_sorted(self, six: _Six, example: str, order_by: list[str], names: str) -> None:  # noqa: ARG002
        assert six.names(order_by=order_by) == names.split()

    def test_a_search_takes_any_number_of_experiments(self, client: MlkeepClient, six: _Six) -> None:
        many = [six.experiment_id, *(str(1_000_000 + i) for i in range(40_000))]
        assert len(client.search_runs(many)) == len(SIX_RUNS)

    @pytest.mark.parametrize(("example", "order_by"), REFUSED_ORDERS)
    def test_an_order_that_makes_no_sense_is_refused(self, six: _Six, example: str, order_by: list[str]) -> None:  # noqa: ARG002
        with pytest.raises(InvalidInput, match=r"order_by|attribute key"):
            six.names(order_by=order_by)

    @pytest.mark.parametrize(("example", "size", "pages"), PAGES)
    def test_pages_are_full_and_the_last_one_has_no_token(
        self, client: MlkeepClient, six: _Six, example: str, size: int, pages: list[str]
    ) -> None:
        token = None
        for names in pages:
            page = client.search_runs([six.experiment_id], max_results=size, page_token=token)
            assert " ".join(run.info.run_name for run in page) == names, example
            assert (page.token is None) == (names == pages[-1])
            token = page.token

    @pytest.mark.parametrize(
        "order_by",
        [[], ["metrics.loss"], ["metrics.loss DESC"], ["params.lr DESC"], ["tags.team"], ["end_time", "run_name"]],
    )
    @pytest.mark.parametrize("size", [1, 2, 4])
    def test_pages_put_together_are_the_whole(
        self, client: MlkeepClient, six: _Six, order_by: list[str], size: int
    ) -> None:
        names: list[str] = []
        token = None
        while True:
            page = client.search_runs([six.experiment_id], order_by=order_by, max_results=size, page_token=token)
            assert len(page) <= size
            names += [run.info.run_name for run in page]
            if (token := page.token) is None:
                break
        assert names == six.names(order_by=order_by)

    def test_a_page_that_takes_all_has_no_token(self, client: MlkeepClient, six: _Six) -> None:
        assert client.search_runs([six.experiment_id], max_results=6).token is None
        assert client.search_runs([six.experiment_id], max_results=5).token is not None

    def test_runs_that_come_or_go_neither_repeat_nor_hide_others(self, client: MlkeepClient, door: Door) -> None:
        six = _Six(client, door)
        first = client.search_runs([six.experiment_id], max_results=2)
        client.create_run(six.experiment_id, start_time=9_000, run_name="newest")
        client.delete_run(six.prefix + "id5")  # delta%, of the first page
        second = client.search_runs([six.experiment_id], max_results=10, page_token=first.token)
        assert [[run.info.run_name for run in page] for page in (first, second)] == [
            ["delta%", "gamma_1"],
            ["Beta", "alpha", "nan", "zed"],
        ]

    @pytest.mark.parametrize(
        "rest",
        [
            [],
            [{}, "x"],
            [[1], "x"],
            [2**70, "x"],
            [True, "x"],
            [math.nan, "x"],
            [1, "\ud800"],
            [1],
            [1, "x", "y"],
            ["1", "x"],
            [1, 2],
            [1, "\0"],
        ],
    )
    def test_a_forged_token_is_refused(self, client: MlkeepClient, six: _Six, rest: list[object]) -> None:
        token = client.search_runs([six.experiment_id], max_results=1).token or ""
        try:
            place = json.loads(base64.urlsafe_b64decode(token))
        except ValueError:  # another implementation may write tokens as it likes
            place = ["", 1, "x"]
        forgeries: list[object] = [[place[0], *rest], ["another order", *place[1:]], rest, {}]
        for value in forgeries:
            forged = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
            with pytest.raises(InvalidInput, match="token"):
                client.search_runs([six.experiment_id], page_token=forged)

    @pytest.mark.parametrize("token", ["x", "!!!", "é", "eyJvZmZzZXQiOiAyfQ=="])
    def test_what_is_no_token_is_refused(self, client: MlkeepClient, six: _Six, token: str) -> None:
        with pytest.raises(InvalidInput, match="token"):
            client.search_runs([six.experiment_id], page_token=token)

    def test_a_token_goes_with_its_order(self, client: MlkeepClient, six: _Six) -> None:
        token = client.search_runs([six.experiment_id], order_by=["metrics.loss"], max_results=1).token
        with pytest.raises(InvalidInput, match="order_by"):
            client.search_runs([six.experiment_id], order_by=["metrics.loss DESC"], page_token=token)

    @pytest.mark.parametrize("max_results", [0, -1, 50_001])
    def test_a_page_has_1_to_50000_runs(self, client: MlkeepClient, max_results: int) -> None:
        with pytest.raises(InvalidInput, match=names_both("max_results", str(max_results))):
            client.search_runs(["0"], max_results=max_results)

    def test_only_the_experiments_asked_for_are_searched(self, client: MlkeepClient, six: _Six) -> None:
        other = client.create_experiment(unique("other"))
        run = client.create_run(other, start_time=2_500, run_name="other")
        assert client.search_runs([]) == []
        assert client.search_runs(["999999999999"]) == []
        assert client.search_runs([other, "999999999999", other]) == [run]
        both = client.search_runs([six.experiment_id, other], "start_time >= 2000")
        assert [one.info.run_name for one in both] == ["delta%", "gamma_1", "other", "Beta"]
        with pytest.raises(InvalidInput, match=names_both("experiment_id", "'abc'")):
            client.search_runs(["abc"])

    def test_found_runs_are_whole(self, client: MlkeepClient, experiment_id: str, run_id: str) -> None:
        client.log_metric(run_id, "m", 1.0)
        client.log_param(run_id, "p", "1")
        client.log_inputs(run_id, [dataset("d", "g", context="train")], [LoggedModelInput("m-1")])
        client.log_outputs(run_id, [LoggedModelOutput("m-2", 1)])
        assert client.search_runs([experiment_id]) == [client.get_run(run_id)]

    def test_any_dataset_satisfies_a_clause_each_by_itself(
        self, client: MlkeepClient, experiment_id: str, run_id: str
    ) -> None:
        client.log_inputs(run_id, [dataset("D1", "1", context="train"), dataset("D2", "2", context="eval")])
        for text in (
            "dataset.name = 'D1' AND dataset.context = 'eval'",
            "dataset.name = 'D1' AND dataset.name = 'D2'",
            "dataset.name != 'D1'",
            "dataset.name NOT IN ('D1')",
        ):
            assert [run.info.run_id for run in client.search_runs([experiment_id], text)] == [run_id], text

    def test_the_latest_point_is_what_filters_see(self, client: MlkeepClient, experiment_id: str, run_id: str) -> None:
        for step, value in ((1, 5.0), (2, 3.0), (0, 9.0)):
            client.log_metric(run_id, "m", value, step=step)
        found = {value: len(client.search_runs([experiment_id], f"metrics.m = {value}")) for value in (5, 3, 9)}
        assert found == {5: 0, 3: 1, 9: 0}

    @pytest.mark.parametrize("length", [199, 200, 201, 300])
    def test_long_values_are_compared_to_their_ends(
        self, client: MlkeepClient, experiment_id: str, run_id: str, length: int
    ) -> None:
        value = "ü" * length
        client.log_param(run_id, "p", value)
        client.set_tag(run_id, "t", value)
        for field in ("params.p", "tags.t"):
            found = [
                wanted
                for wanted in (value, value[:-1], f"{value}x", f"{value[:-1]}x")
                if client.search_runs([experiment_id], f"{field} = '{wanted}'")
            ]
            assert found == [value]
            assert not client.search_runs([experiment_id], f"{field} != '{value}'")

    def test_what_is_large_is_answered_or_refused_but_never_too_much(
        self, client: MlkeepClient, experiment_id: str, run_id: str
    ) -> None:
        keys = [f"p{i}" for i in range(50)]
        client.log_batch(run_id, params=[Param(key, "x") for key in keys])
        is_x = [f"params.{key} = 'x'" for key in keys]
        alternating = "status = 'RUNNING'"
        for i in range(14):
            alternating = f"NOT (status = 'FAILED' {'AND' if i % 2 else 'OR'} {alternating})"
        for text in (
            " AND ".join(is_x * 10),
            " OR ".join(is_x * 10),
            "NOT " * 30 + is_x[0],
            "(" * 30 + is_x[0] + ")" * 30,
            alternating,
            f"params.p1 LIKE '{'%' * 9_999}x'",
            f"run_id IN ({', '.join([repr(run_id)] + [repr('x')] * 29_999)})",
        ):
            assert [run.info.run_id for run in client.search_runs([experiment_id], text)] == [run_id], text[:50]
        order = [f"params.{key} DESC" for key in keys]
        assert len(client.search_runs([experiment_id], order_by=order)) == 1
        with pytest.raises(InvalidInput, match="at most 50"):
            client.search_runs([experiment_id], order_by=[*order, "params.more"])
        with pytest.raises(InvalidInput, match="limit is 10000"):
            client.search_runs([experiment_id], f"params.p1 ILIKE '{'x' * 10_001}'")

    def test_everything_is_in_the_default_order(self, six: _Six) -> None:
        assert six.names() == EVERYTHING.split()
