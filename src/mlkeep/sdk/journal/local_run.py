"""A run that no server knows yet, as this process knows it."""

from __future__ import annotations

from collections.abc import Mapping

from mlkeep.core.entities import Run, RunData, RunInfo, RunInputs, RunOutputs, RunStatus
from mlkeep.core.names import made_up_name
from mlkeep.wire import runs
from mlkeep.wire.message import Request

RUN_NAME_TAG = "mlflow.runName"


class LocalRun:
    """Keeps what the run would be if the server had everything."""

    def __init__(self, created: runs.CreateRun, artifact_uri: str) -> None:
        """`created` says the id and the name of the run."""
        self._info = RunInfo(
            run_id=created.run_id,
            experiment_id=created.experiment_id,
            run_name=created.run_name,
            user_id=created.user_id,
            status=RunStatus.RUNNING.name,
            start_time=created.start_time or 0,
            artifact_uri=artifact_uri,
        )
        self._tags = {tag.key: tag.value for tag in created.tags} | {RUN_NAME_TAG: created.run_name}
        self._params: dict[str, str] = {}
        self._latest: dict[str, tuple[int, int, float]] = {}

    def run(self) -> Run:
        """The run as it is now."""
        metrics = {key: value for key, (_, _, value) in self._latest.items()}
        return Run(self._info, RunData(metrics, dict(self._params), dict(self._tags)), RunInputs(), RunOutputs())

    def logged(self, at_ms: int, step: int, values: Mapping[str, float]) -> None:
        """Points were logged."""
        for key, value in values.items():
            point = (step, at_ms, value)
            self._latest[key] = max(self._latest.get(key, point), point)

    def asked(self, request: Request) -> None:
        """Something else was asked for."""
        match request:
            case runs.LogParam(key=key, value=value):
                self._params[key] = value
            case runs.SetTag(key=key, value=value):
                self._tags[key] = value
            case runs.DeleteTag(key=key):
                self._tags.pop(key, None)
            case runs.LogBatch(params=params, tags=tags):
                self._params |= {param.key: param.value for param in params}
                self._tags |= {tag.key: tag.value for tag in tags}
            case runs.UpdateRun(status=status, end_time=end_time, run_name=name):
                self._info = RunInfo(
                    **{
                        **{field: getattr(self._info, field) for field in self._info.__struct_fields__},
                        "status": self._info.status if status is None else RunStatus(status).name,
                        "end_time": self._info.end_time if end_time is None else end_time,
                        "run_name": name or self._info.run_name,
                    }
                )
            case _:
                pass


def named(created: runs.CreateRun) -> str:
    """The name of a run that is to be made: the given one, else one made up."""
    tagged = next((tag.value for tag in created.tags if tag.key == RUN_NAME_TAG), "")
    return created.run_name or tagged or made_up_name()
