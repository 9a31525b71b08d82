"""Which of the processes of a distributed job this one is, and which of them log."""

from __future__ import annotations

import enum
import logging
import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import msgspec

from mlkeep.core.settings import choice, setting

_log = logging.getLogger("mlkeep")

RANK_TAG = "mlkeep.rank"
WORLD_SIZE_TAG = "mlkeep.world_size"
JOB_TAG = "mlkeep.job"
"""What the runs of the ranks of one job have in common."""

_TASKS = ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")
_LAUNCHERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("RANK", ("WORLD_SIZE",)),  # torchrun, and most that start PyTorch
    ("OMPI_COMM_WORLD_RANK", ("OMPI_COMM_WORLD_SIZE",)),
    ("MV2_COMM_WORLD_RANK", ("MV2_COMM_WORLD_SIZE",)),
    ("HOROVOD_RANK", ("HOROVOD_SIZE",)),
    ("PMI_RANK", ("PMI_SIZE",)),  # MPICH, Intel MPI
    ("PMIX_RANK", _TASKS),
    ("SLURM_PROCID", _TASKS),
)
"""Where launchers say the rank, and the number of ranks. What comes first is nearer to the program."""

_JOBS: tuple[tuple[str, ...], ...] = (
    ("TORCHELASTIC_RUN_ID",),
    ("SLURM_CLUSTER_NAME", "SLURM_JOB_ID", "SLURM_STEP_ID"),
    ("SLURM_JOB_ID", "SLURM_STEP_ID"),
    ("PMIX_NAMESPACE",),
    ("OMPI_MCA_ess_base_jobid",),
)
"""Where launchers say what names the job for all of its processes, and for no others."""


class Policy(enum.Enum):
    """What `MLKEEP_RANKS` says: who logs."""

    ZERO = "zero"
    ALL = "all"
    EACH = "each"


class Place(msgspec.Struct, frozen=True):
    """The place of this process among the `world_size` processes of a job; 0 if it cannot be known how many there are."""

    rank: int
    world_size: int

    @property
    def tags(self) -> dict[str, str]:
        """What the run of a rank says of it."""
        return {RANK_TAG: str(self.rank)} | ({WORLD_SIZE_TAG: str(self.world_size)} if self.world_size else {})


def place() -> Place | None:
    """The place of this process; None if it is alone.

    An initialized `torch.distributed` knows best, if the program has imported it; then the environment.
    """
    found = _in_torch() or _in_environment()
    if found is None or (found.world_size or found.rank + 1) < 2:
        return None
    return found


def policy() -> Policy:
    """Who logs. Raises InvalidInput: the environment says something else."""
    return choice("RANKS", Policy.ZERO)


def silent_place() -> Place | None:
    """The place of this process if it is to log nothing, as another one does. Raises InvalidInput, as `policy`."""
    here = place()
    return here if here is not None and here.rank > 0 and policy() is Policy.ZERO else None


def say_silent(here: Place) -> None:
    """Say once that this process logs nothing."""
    global _is_said  # noqa: PLW0603 - once for the process
    if not _is_said:
        _is_said = True
        of = f" of {here.world_size}" if here.world_size else ""
        _log.info("Rank %d%s logs nothing: rank 0 does. MLKEEP_RANKS=each or all has every rank log.", here.rank, of)


_is_said = False


def job_run_id(experiment_id: str) -> str:
    """The id of the run that the ranks of this job have in common in an experiment: each rank finds the same.

    Each call means another run, so all ranks have to start their runs in the same order.
    """
    _started[experiment_id] = _started.get(experiment_id, 0) + 1
    return uuid.uuid5(uuid.NAMESPACE_OID, f"mlkeep job {_job()} {experiment_id} {_started[experiment_id]}").hex


_started: dict[str, int] = {}


def _job() -> str:
    if own := setting("JOB_ID"):
        return own
    for names in _JOBS:
        values = [os.environ.get(name, "") for name in names]
        if all(value and value != "none" for value in values):
            return " ".join([names[0], *values])
    launcher = os.getppid()
    return f"{socket.gethostname()} {launcher} {_start_of(launcher)} {os.environ.get('MASTER_PORT', '')}"


def _start_of(pid: int) -> str:
    """When a process started, in whatever unit: process ids are used again."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        found = subprocess.run(  # noqa: S603 - a fixed command on a number
            ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()


def _in_torch() -> Place | None:
    distributed = sys.modules.get("torch.distributed")
    if distributed is None:
        return None
    try:
        if distributed.is_available() and distributed.is_initialized():
            return Place(int(distributed.get_rank()), int(distributed.get_world_size()))
    except (AttributeError, RuntimeError, ValueError):  # it is being imported, or taken down
        pass
    return None


def _in_environment() -> Place | None:
    for rank_name, size_names in _LAUNCHERS:
        rank = _count(rank_name)
        if rank is None:
            continue
        size = next((size for name in size_names if (size := _count(name)) is not None), None)
        if size is not None and rank < size:
            return Place(rank, size)
        if size is None and rank_name == "PMIX_RANK":  # PMIx tells no program how many there are
            return Place(rank, 0)
    return None


def _count(name: str) -> int | None:
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None
