"""From a request to its use-case: the one way in, for the server and for the SDK alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from mlkeep.core import limits
from mlkeep.core.clock import now_ms
from mlkeep.core.errors import NotFound, NotOffered
from mlkeep.core.ids import DEFAULT_EXPERIMENT_ID, DEFAULT_EXPERIMENT_NAME
from mlkeep.services import (
    artifacts,
    charts,
    evaluation_datasets,
    experiments,
    heartbeats,
    logged_models,
    metrics,
    new_versions,
    registered_models,
    runs,
    versions,
)
from mlkeep.services.artifacts import OpenStore
from mlkeep.services.call import Call, Caller, Settings
from mlkeep.services.listings import listing
from mlkeep.services.locks import experiment_name, names_of_run, touched
from mlkeep.services.logged import LOGS
from mlkeep.storage.contract import Storage, Transaction
from mlkeep.wire.artifacts import ListArtifacts, ListLoggedModelArtifacts
from mlkeep.wire.check import checked
from mlkeep.wire.columns import LogColumns
from mlkeep.wire.heartbeats import Heartbeat, HeartbeatResponse
from mlkeep.wire.message import Empty, Message, Request
from mlkeep.wire.registry import CreateModelVersion
from mlkeep.wire.runs import LogBatch

UseCase = Callable[[Call, Any], Message]

_MODULES = (
    experiments,
    runs,
    metrics,
    charts,
    logged_models,
    registered_models,
    versions,
    evaluation_datasets,
    artifacts,
    heartbeats,
)

READS: dict[type[Request], UseCase] = {kind: case for module in _MODULES for kind, case in module.READS.items()}
WRITES: dict[type[Request], UseCase] = {kind: case for module in _MODULES for kind, case in module.WRITES.items()}

READERS = 4
"""Threads that run reads for an event loop, unless told otherwise."""

LISTERS = 8
"""Threads that list artifacts for an event loop: a store that does not answer must not keep reads waiting."""

NOBODY = Caller()
EMPTY = Empty()


def _has_default_experiment(tx: Transaction) -> bool:
    try:
        tx.experiments.get(DEFAULT_EXPERIMENT_ID)
    except NotFound:
        return False
    return True


class Dispatcher:
    """Runs requests on a storage and on the artifacts it points to."""

    def __init__(self, storage: Storage, settings: Settings, open_store: OpenStore, *, readers: int = READERS) -> None:
        self.storage = storage
        self.settings = settings
        self._open_store = open_store
        self._watch = heartbeats.Watch()
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="mlkeep-reader")
        self._listers = ThreadPoolExecutor(LISTERS, thread_name_prefix="mlkeep-lister")
        if not storage.read(_has_default_experiment):
            storage.write(
                lambda tx: experiments.add_default(Call(tx, NOBODY, settings, now_ms())),
                [experiment_name(DEFAULT_EXPERIMENT_NAME)],
            ).result()

    def call(self, request: Request, caller: Caller = NOBODY) -> Message:
        """The answer to a request. Raises MlkeepException."""
        checked(request)
        if (log := LOGS.get(type(request))) is not None:
            logged = log(self.settings, request)
            self.storage.log(logged, names_of_run(logged.run_id)).result()
            return EMPTY
        if (case := WRITES.get(type(request))) is not None:
            if self._is_looked_at(request):
                self._look_at(request, caller)
            return self.storage.write(self._operation(case, request, caller), touched(request)).result()
        return self._read(request, caller)

    def points_at_once(self, _: int) -> int:
        """How many points `log_many` takes."""
        return limits.MAX_METRICS_PER_BATCH

    def log_many(self, batch: LogBatch) -> None:
        """Log a batch. Raises MlkeepException."""
        self.call(batch)

    def log_columns(self, request: LogColumns) -> None:
        """Log points in columns. Raises MlkeepException."""
        self.call(request)

    def takes_run_ids(self) -> bool:
        """Whether a run gets the id that it is created with."""
        return True

    async def call_async(self, request: Request, caller: Caller = NOBODY) -> Message:
        """The answer to a request that was decoded, for an event loop. Raises MlkeepException."""
        if (log := LOGS.get(type(request))) is not None:
            if isinstance(request, LogColumns):
                logged = await asyncio.get_running_loop().run_in_executor(self._readers, log, self.settings, request)
                await self.storage.log_from_loop(logged, names_of_run(logged.run_id))
            else:
                await self.log(request)
            return EMPTY
        if (case := WRITES.get(type(request))) is not None:
            if self._is_looked_at(request):
                await asyncio.get_running_loop().run_in_executor(self._listers, self._look_at, request, caller)
            return await self.storage.write_async(self._operation(case, request, caller), touched(request))
        threads = self._readers if type(request) in READS else self._listers
        return await asyncio.get_running_loop().run_in_executor(threads, self._read, request, caller)

    def log(self, request: Request) -> asyncio.Future[None]:
        """Do what a small request of `LOGS` asks for, for the running event loop: done when it is kept.

        Raises MlkeepException, now or through the future.
        """
        logged = LOGS[type(request)](self.settings, request)
        return self.storage.log_from_loop(logged, names_of_run(logged.run_id))

    def beat(self, heartbeat: Heartbeat) -> HeartbeatResponse:
        """Note that runs are alive, and find those that are not. Raises MlkeepException."""
        told = self.call(heartbeat)
        self.find_lost(self._watch.look(2 * (heartbeat.interval_ms or 0) + 2_000))
        return cast("HeartbeatResponse", told)

    def find_lost(self, watched_ms: int = limits.MAX_INT64) -> int:
        """Give runs up that nothing is heard of any more; how many.

        Those count that are to be heard of more often than every `watched_ms`, for which time somebody was there to hear.

        Raises:
            Unavailable: the storage cannot be used.
        """
        return heartbeats.find_lost(self.storage, self.settings, now_ms(), watched_ms)

    async def find_lost_async(self, watched_ms: int) -> int:
        """`find_lost` for an event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.find_lost, watched_ms)

    def find_twin(self, uri: str, size: int, sha256: str = "") -> str | None:
        """The URI of a recorded file with these bytes in the same experiment, but not the one at `uri`; None if there is none.

        Without a digest it is a file of this size: whether it has the same bytes is to be found out. Whether the file is
        still there is not looked at.

        Raises:
            InvalidInput: the path in `uri` is not safe, or `sha256` is no digest.
            Unavailable: the storage cannot be read.
        """
        return self.storage.read(lambda tx: artifacts.find_twin(tx, uri, size, sha256))

    async def check(self) -> None:
        """Raises Unavailable: the storage cannot be read."""
        await asyncio.get_running_loop().run_in_executor(self._readers, self.storage.check)

    def close(self) -> None:
        """Finish what is under way, then close the storage."""
        self._readers.shutdown(wait=True)
        self._listers.shutdown(wait=True)
        self.storage.close()

    def _is_looked_at(self, request: Request) -> bool:
        return isinstance(request, CreateModelVersion) and bool(self.settings.rules.required_of_versions)

    def _look_at(self, request: Any, caller: Caller) -> None:
        """Look at the files of a version that is to be made, outside of transactions. Raises MlkeepException."""
        known = self.storage.read(
            lambda tx: new_versions.known_of_source(Call(tx, caller, self.settings, now_ms()), request)
        )
        if known is not None:
            new_versions.check(self.settings.rules, request, known, self._open_store)

    def _operation(self, case: UseCase, request: Request, caller: Caller) -> Callable[[Transaction], Message]:
        def operation(tx: Transaction) -> Message:
            return case(Call(tx, caller, self.settings, now_ms()), request)

        return operation

    def _read(self, request: Request, caller: Caller) -> Message:
        if (case := READS.get(type(request))) is not None:
            return self.storage.read(self._operation(case, request, caller))
        return self._list_artifacts(request)

    def _list_artifacts(self, request: Request) -> Message:
        """Listings look the place up in a transaction and read it outside: storage must not wait for artifacts."""
        match request:
            case ListArtifacts(run_id=run_id, path=path, page_token=token):
                root = self.storage.read(lambda tx: tx.runs.get_info(run_id).artifact_uri)
            case ListLoggedModelArtifacts(model_id=model_id, artifact_directory_path=path, page_token=token):
                root = self.storage.read(lambda tx: tx.logged_models.get(model_id).artifact_location)
            case _:
                raise NotOffered(f"No use-case answers a {type(request).__name__}.")
        return listing(root, path, token, self._open_store)
