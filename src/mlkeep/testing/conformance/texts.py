"""What is promised of texts: any length and any character is kept or refused, whatever the database can take."""

from __future__ import annotations

from contextlib import suppress

import pytest

from mlkeep.core.errors import BadRequest, InvalidInput, NotFound
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite, unique
from mlkeep.wire import experiments, logged_models, registry, runs
from mlkeep.wire.message import KeyValueInput, Request
from mlkeep.wire.metrics import LogMetric

LONG = "".join(chr(0x4E00 + (i * 7919) % 20_000) for i in range(9_000))
"""More than any index takes, and not to be compressed."""


def requests_with(text: str, run_id: str, experiment_id: str) -> list[Request]:
    """Requests that put a text into every place where one is searched for or sorted by."""
    tag = [KeyValueInput(key=text, value="1")]
    dataset = runs.DatasetFields(name="d", digest="1", source_type=text, source="{}")
    name = unique("model")
    return [
        experiments.CreateExperiment(name=text),
        experiments.CreateExperiment(name=unique("e"), tags=tag),
        experiments.SetExperimentTag(experiment_id=experiment_id, key=text, value="1"),
        experiments.SetExperimentTag(experiment_id=experiment_id, key="k", value=text),
        runs.CreateRun(experiment_id=experiment_id, run_id=text),
        runs.CreateRun(experiment_id=experiment_id, run_name=text),
        runs.CreateRun(experiment_id=experiment_id, user_id=text),
        runs.CreateRun(experiment_id=experiment_id, tags=tag),
        runs.UpdateRun(run_id=run_id, run_name=text),
        LogMetric(run_id=run_id, key=text, value=1.0, timestamp=1),
        runs.LogParam(run_id=run_id, key=text, value="1"),
        runs.LogParam(run_id=run_id, key=unique("p"), value=text),
        runs.SetTag(run_id=run_id, key=text, value="1"),
        runs.SetTag(run_id=run_id, key="k", value=text),
        runs.DeleteTag(run_id=run_id, key=text),
        runs.LogInputs(run_id=run_id, models=[runs.ModelUse(model_id=text)]),
        runs.LogInputs(run_id=run_id, datasets=[runs.DatasetUse(dataset=dataset)]),
        runs.LogOutputs(run_id=run_id, models=[runs.ModelMade(model_id=text)]),
        runs.GetRun(run_id=text),
        runs.SearchRuns(experiment_ids=[experiment_id], filter=f"tags.k = '{text}'"),
        runs.SearchRuns(experiment_ids=[experiment_id], filter=f"run_id IN ('{text}')"),
        runs.SearchRuns(experiment_ids=[experiment_id], page_token=text),
        logged_models.CreateLoggedModel(experiment_id=experiment_id, name=text),
        logged_models.CreateLoggedModel(experiment_id=experiment_id, source_run_id=text),
        logged_models.CreateLoggedModel(experiment_id=experiment_id, tags=tag),
        logged_models.CreateLoggedModel(experiment_id=experiment_id, params=tag),
        registry.CreateRegisteredModel(name=text),
        registry.CreateRegisteredModel(name=name, description=text, tags=tag),
        registry.CreateRegisteredModel(name=name),
        registry.CreateModelVersion(name=name, source="s3://b", run_id=text),
        registry.CreateModelVersion(name=name, source="s3://b", model_id=text),
        registry.CreateModelVersion(name=name, source=f"s3://{text}"),
        registry.CreateModelVersion(name=name, source="s3://b", tags=tag),
        registry.SetAlias(name=name, alias=text, version="1"),
        registry.SetRegisteredModelTag(name=name, key="k", value=text),
        registry.GetVersionByAlias(name=name, alias=text),
    ]


class TextPromises(Suite):
    """Texts that are hard to keep."""

    def test_a_long_text_is_kept_or_refused(self, door: Door, run_id: str, experiment_id: str) -> None:
        # BadRequest is what the HTTP server says to a URL that is too long.
        for request in requests_with(LONG, run_id, experiment_id):
            with suppress(InvalidInput, NotFound, BadRequest):
                door.call(request)

    def test_the_character_nul_is_refused_everywhere(self, door: Door, run_id: str, experiment_id: str) -> None:
        accepted = []
        for request in requests_with("a\0b", run_id, experiment_id):
            try:
                door.call(request)
            except InvalidInput:
                continue
            accepted.append(request)
        assert [type(request) for request in accepted] == [registry.CreateRegisteredModel]  # the one without a text

    def test_nul_is_refused_by_the_name_of_the_field(self, client: MlkeepClient, run_id: str) -> None:
        with pytest.raises(InvalidInput, match=r'Invalid value "a\\u0000b" for parameter \'value\' supplied: .*NUL'):
            client.log_param(run_id, "p", "a\0b")
        client.log_param(run_id, "p", "a\\u0000b")  # a backslash and five characters
        assert client.get_run(run_id).data.params == {"p": "a\\u0000b"}

    @pytest.mark.parametrize("text", ["a\\b", "a%b", "a_b", "A\\B", "\\", "%", "ÀÉ", "straße", "\u0130"])
    def test_a_pattern_without_wildcards_of_its_own_finds_its_text(
        self, client: MlkeepClient, experiment_id: str, run_id: str, text: str
    ) -> None:
        client.set_tag(run_id, "t", text)
        for operator, pattern in (("LIKE", text), ("ILIKE", text), ("LIKE", f"%{text}"), ("ILIKE", f"{text}%")):
            found = client.search_runs([experiment_id], f"tags.t {operator} '{pattern}'")
            assert [run.info.run_id for run in found] == [run_id], (operator, pattern)
