"""How busy the machine is, as it is logged to runs."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import psutil  # type: ignore[import-untyped]  # no stubs in the development environment
import pytest

import mlkeep
from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.system_metrics.host import Network, Processors
from mlkeep.sdk.system_metrics.monitor import SystemMonitor
from mlkeep.sdk.system_metrics.settings import Sampling, sampling
from mlkeep.sdk.system_metrics.source import Sample, Source

NAMES = {
    "cpu_utilization_percentage",
    "disk_available_megabytes",
    "disk_usage_megabytes",
    "disk_usage_percentage",
    "network_receive_megabytes",
    "network_transmit_megabytes",
    "system_memory_usage_megabytes",
    "system_memory_usage_percentage",
}
LIMIT_S = 20


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline


def steps(client: MlkeepClient, run_id: str, name: str = "system/disk_usage_megabytes") -> list[int]:
    return [point.step for point in client.get_metric_history(run_id, name)]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "mlkeep-system-metrics"]


class Sink:
    """Takes what a monitor logs, and can wait for it."""

    def __init__(self) -> None:
        self.points: list[tuple[int, dict[str, float]]] = []
        self._changed = threading.Condition()

    def log(self, at_ms: int, step: int, values: dict[str, float]) -> bool:
        assert at_ms > 0
        with self._changed:
            self.points.append((step, values))
            self._changed.notify_all()
        return True

    def wait(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.points) >= count, LIMIT_S)


def counter() -> Source:
    """Tells 0, 1, 2 …, the first of which is what a monitor compares with."""
    values = iter(range(1_000_000))
    return Source("the counter", lambda: {"count": float(next(values))})


def test_a_run_is_told_how_busy_the_machine_is(client: MlkeepClient) -> None:
    mlkeep.set_system_metrics_sampling_interval(0.1)
    with mlkeep.start_run(log_system_metrics=True) as run:
        until(lambda: len(steps(client, run.info.run_id)) >= 2)

    values = client.get_run(run.info.run_id).data.metrics
    assert set(values) == {f"system/{name}" for name in NAMES}
    assert 0 <= values["system/cpu_utilization_percentage"] <= 100
    megabytes = psutil.virtual_memory().total / 1e6
    assert 0 < values["system/system_memory_usage_megabytes"] < megabytes
    assert 0 < values["system/system_memory_usage_percentage"] < 100
    assert 0 < values["system/disk_usage_megabytes"] < psutil.disk_usage("/").total / 1e6
    logged = steps(client, run.info.run_id)
    assert logged == list(range(len(logged)))
    assert threads() == []


@pytest.mark.parametrize("mode", ["online", "direct"])
def test_steps_go_on_where_a_run_goes_on(mode: str, client: MlkeepClient, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLKEEP_MODE", mode)
    mlkeep.set_system_metrics_sampling_interval(0.1)
    with mlkeep.start_run(log_system_metrics=True) as run:
        until(lambda: len(steps(client, run.info.run_id)) >= 2)
    before = len(steps(client, run.info.run_id))
    with mlkeep.start_run(run.info.run_id, log_system_metrics=True):
        until(lambda: len(steps(client, run.info.run_id)) > before)

    logged = steps(client, run.info.run_id)
    assert logged == list(range(len(logged)))


def test_steps_of_each_node_are_its_own(embedded: str) -> None:
    client = MlkeepClient(embedded)
    mlkeep.set_system_metrics_sampling_interval(0.1)
    with mlkeep.start_run(log_system_metrics=True) as run:
        until(lambda: len(steps(client, run.info.run_id)) >= 2)
    mlkeep.set_system_metrics_node_id("n1")
    with mlkeep.start_run(run.info.run_id, log_system_metrics=True):
        until(lambda: len(steps(client, run.info.run_id, "system/n1/disk_usage_megabytes")) >= 1)

    assert steps(client, run.info.run_id, "system/n1/disk_usage_megabytes")[0] == 0


def test_two_runs_at_once_are_both_told(embedded: str) -> None:
    client = MlkeepClient(embedded)
    mlkeep.enable_system_metrics_logging()
    mlkeep.set_system_metrics_sampling_interval(0.1)
    with mlkeep.start_run() as outer, mlkeep.start_run(nested=True) as inner:
        until(lambda: all(len(steps(client, run.info.run_id)) >= 2 for run in (outer, inner)))
        assert len(threads()) == 2
    mlkeep.disable_system_metrics_logging()
    with mlkeep.start_run() as third:
        assert threads() == []

    assert client.get_run(third.info.run_id).data.metrics == {}


def test_a_run_that_is_ended_by_its_id_is_told_no_more(embedded: str) -> None:
    client = MlkeepClient(embedded)
    mlkeep.set_system_metrics_sampling_interval(0.1)
    with mlkeep.start_run(log_system_metrics=True) as run:
        until(lambda: len(steps(client, run.info.run_id)) >= 1)
        client.set_terminated(run.info.run_id)
        logged = steps(client, run.info.run_id)
        until(lambda: threads() == [])

    assert steps(client, run.info.run_id) == logged


def test_a_point_is_the_mean_of_samples_and_the_end_tells_the_rest() -> None:
    sink = Sink()
    monitor = SystemMonitor(sink.log, Sampling(interval_s=0.01, samples=3), lambda: [counter()], lambda: 7)
    monitor.start()
    sink.wait(2)
    monitor.stop()

    assert sink.points[:2] == [(7, {"system/count": 2.0}), (8, {"system/count": 5.0})]
    logged = list(sink.points)
    monitor.stop()
    assert sink.points == logged


def test_a_run_that_is_shorter_than_the_interval_has_a_point(embedded: str) -> None:
    with mlkeep.start_run(log_system_metrics=True) as run:
        pass

    assert steps(MlkeepClient(embedded), run.info.run_id) == [0]


def test_what_cannot_be_sampled_is_said_once_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Sample:
        raise OSError("it has come off")

    sink = Sink()
    sources = [Source("the fan", broken), counter()]
    monitor = SystemMonitor(sink.log, Sampling(interval_s=0.01), lambda: sources)
    with caplog.at_level(logging.WARNING, "mlkeep"):
        monitor.start()
        sink.wait(3)
        monitor.stop()

    assert sink.points[:2] == [(0, {"system/count": 1.0}), (1, {"system/count": 2.0})]
    assert caplog.messages == ["System metrics: the fan failed (OSError: it has come off)."]


def test_what_cannot_be_logged_is_said_once_and_sampling_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    sink = Sink()

    def refusing(at_ms: int, step: int, values: dict[str, float]) -> bool:
        sink.log(at_ms, step, values)
        raise InvalidInput("no")

    monitor = SystemMonitor(refusing, Sampling(interval_s=0.01), lambda: [counter()])
    with caplog.at_level(logging.WARNING, "mlkeep"):
        monitor.start()
        sink.wait(3)
        monitor.stop()

    assert caplog.messages == ["System metrics: what was sampled failed (InvalidInput: no)."]


def test_processors_are_busy_between_none_and_all_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(
        [
            SimpleTimes(user=10, idle=80, iowait=10, guest=5),
            SimpleTimes(user=13, idle=86, iowait=11, guest=6),
            SimpleTimes(user=13, idle=86, iowait=11, guest=6),
        ]
    )
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(times))
    processors = Processors()

    assert processors.sample() == {"cpu_utilization_percentage": 10}
    assert processors.sample() == {"cpu_utilization_percentage": 30}
    assert processors.sample() == {}


class SimpleTimes(tuple[float, ...]):
    """As psutil tells times: guests are counted as users, too."""

    guest_nice = 0

    def __new__(cls, *, user: float, idle: float, iowait: float, guest: float) -> SimpleTimes:
        made = super().__new__(cls, (user, idle, iowait, guest))
        made.idle, made.iowait, made.guest = idle, iowait, guest
        return made

    idle: float
    iowait: float
    guest: float


def test_the_network_is_counted_from_the_first_sample_on(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = iter(
        [
            SimpleNamespace(bytes_recv=5_000_000, bytes_sent=7_000_000),
            SimpleNamespace(bytes_recv=6_500_000, bytes_sent=7_000_000),
            None,
        ]
    )
    monkeypatch.setattr(psutil, "net_io_counters", lambda: next(counted))
    network = Network()

    assert network.sample() == {"network_receive_megabytes": 0, "network_transmit_megabytes": 0}
    assert network.sample() == {"network_receive_megabytes": 1.5, "network_transmit_megabytes": 0}
    assert network.sample() == {}


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """NVIDIA's library on a machine with two GPUs, the second of which does not tell of its power."""
    library = ModuleType("pynvml")

    class NVMLError(Exception):
        pass

    class NVMLError_NotSupported(NVMLError):  # noqa: N801, N818 - its name there
        pass

    def power(handle: int) -> int:
        if handle == 1:
            raise NVMLError_NotSupported
        return 150_000

    library.__dict__.update(
        NVMLError=NVMLError,
        NVMLError_NotSupported=NVMLError_NotSupported,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=(handle + 1) * 4_000_000_000, total=16_000_000_000),
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=90 - handle, memory=1),
        nvmlDeviceGetPowerUsage=power,
        nvmlDeviceGetEnforcedPowerLimit=lambda handle: 300_000 + handle,
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    return library


def gpu_values(run_id: str) -> dict[str, float]:
    return {key: value for key, value in mlkeep.get_run(run_id).data.metrics.items() if key.startswith("system/gpu")}


def test_gpus_of_nvidia_are_told_of(embedded: str, gpus: ModuleType) -> None:
    mlkeep.set_system_metrics_sampling_interval(0.1)
    with mlkeep.start_run(log_system_metrics=True) as run:
        until(lambda: len(steps(MlkeepClient(embedded), run.info.run_id)) >= 1)

    assert gpu_values(run.info.run_id) == {
        "system/gpu_0_memory_usage_megabytes": 4000,
        "system/gpu_0_memory_usage_percentage": 25,
        "system/gpu_0_utilization_percentage": 90,
        "system/gpu_0_power_usage_watts": 150,
        "system/gpu_0_power_usage_percentage": 50,
        "system/gpu_1_memory_usage_megabytes": 8000,
        "system/gpu_1_memory_usage_percentage": 50,
        "system/gpu_1_utilization_percentage": 89,
    }


@pytest.mark.parametrize("what", ["no driver", "no bindings"])
def test_a_machine_without_gpus_is_no_reason_to_warn(
    what: str, embedded: str, gpus: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_driver() -> None:
        raise gpus.NVMLError("NVML Shared Library Not Found")

    if what == "no driver":
        monkeypatch.setattr(gpus, "nvmlInit", no_driver)
    else:
        monkeypatch.setitem(sys.modules, "pynvml", None)
    mlkeep.set_system_metrics_sampling_interval(0.1)
    with caplog.at_level(logging.INFO, "mlkeep"), mlkeep.start_run(log_system_metrics=True) as run:
        until(lambda: len(steps(MlkeepClient(embedded), run.info.run_id)) >= 1)

    assert gpu_values(run.info.run_id) == {}
    assert [message for message in caplog.messages if "ystem metrics" in message] == []


def test_without_psutil_no_run_is_started(embedded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(MlkeepException, match="System metrics need psutil, which is not installed: pip install psutil"):
        mlkeep.start_run(log_system_metrics=True)

    assert mlkeep.active_run() is None
    assert mlkeep.search_runs(output_format="list") == []
    with mlkeep.start_run():
        pass


def test_settings_are_for_this_program_and_those_it_starts(environment: pytest.MonkeyPatch) -> None:
    assert sampling() == Sampling(interval_s=10, samples=1, prefix="system/")
    mlkeep.enable_system_metrics_logging()
    mlkeep.set_system_metrics_sampling_interval(0.5)
    mlkeep.set_system_metrics_samples_before_logging(4)
    mlkeep.set_system_metrics_node_id("n1")
    assert sampling() == Sampling(interval_s=0.5, samples=4, prefix="system/n1/")
    assert {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")} == {
        "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "true",
        "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "0.5",
        "MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING": "4",
        "MLFLOW_SYSTEM_METRICS_NODE_ID": "n1",
    }
    mlkeep.set_system_metrics_sampling_interval(None)
    mlkeep.set_system_metrics_samples_before_logging(None)
    mlkeep.set_system_metrics_node_id(None)
    assert sampling() == Sampling()
    assert mlkeep.system_metrics.enable_system_metrics_logging is mlkeep.config.enable_system_metrics_logging


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SYSTEM_METRICS_SAMPLING_INTERVAL", "0"),
        ("SYSTEM_METRICS_SAMPLING_INTERVAL", "soon"),
        ("SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", "0"),
        ("SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", "nan"),
        ("SYSTEM_METRICS_NODE_ID", "n$1"),
        ("ENABLE_SYSTEM_METRICS_LOGGING", "perhaps"),
    ],
)
def test_a_setting_that_cannot_be_starts_no_run(
    name: str, value: str, embedded: str, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv(f"MLKEEP_{name}", value)
    with pytest.raises(InvalidInput, match=r"n\$1|perhaps|MLKEEP_SYSTEM_METRICS"):
        mlkeep.start_run(log_system_metrics=None if "ENABLE" in name else True)

    assert mlkeep.active_run() is None
    assert mlkeep.search_runs(output_format="list") == []


FORKING = """
import os, threading, mlkeep
from mlkeep.sdk.system_metrics import watching

mlkeep.set_system_metrics_sampling_interval(0.1)
with mlkeep.start_run(log_system_metrics=True) as run:
    watched = list(watching._monitors)
    child = os.fork()
    if child == 0:
        os._exit(len(watching._monitors) + threading.active_count() - 1)
    _, status = os.waitpid(child, 0)
    print(watched == [run.info.run_id], os.waitstatus_to_exitcode(status), list(watching._monitors) == watched)
"""


def test_a_forked_child_watches_nothing_and_its_parent_goes_on(embedded: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING],
        env={**os.environ, "MLKEEP_TRACKING_URI": embedded},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.returncode) == ("True 0 True\n", 0), done.stderr
