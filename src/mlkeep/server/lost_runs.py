"""What the server does beside answering: it finds the runs whose trainers have vanished."""

from __future__ import annotations

import asyncio
import logging
import random

from mlkeep.core.errors import MlkeepException
from mlkeep.services.dispatch import Dispatcher
from mlkeep.services.heartbeats import Watch

_log = logging.getLogger("mlkeep.server")

SHORTEST_S, LONGEST_S = 0.1, 15.0
"""Between two looks."""


async def find_lost_runs(dispatcher: Dispatcher) -> None:
    """Look every so often, until cancelled. Each process of each server on one database may do so."""
    period_s = min(max(dispatcher.settings.lost_after_s / 8, SHORTEST_S), LONGEST_S)
    watch = Watch()
    while True:
        await asyncio.sleep(period_s * random.uniform(0.8, 1.2))  # noqa: S311 - so that not all look at once
        try:
            await dispatcher.find_lost_async(watch.look(round(3_000 * period_s) + 2_000))
        except MlkeepException as error:
            _log.warning("could not look for lost runs: %s", error.message)
        except Exception:  # noqa: BLE001 - the edge of a task: the next look may well succeed
            _log.exception("could not look for lost runs")
