"""The states and kinds things can be in, under MLflow's names and numbers."""

from __future__ import annotations

import enum


class RunStatus(enum.IntEnum):
    """Where a run stands; the numbers are those of the wire."""

    RUNNING = 1
    SCHEDULED = 2
    FINISHED = 3
    FAILED = 4
    KILLED = 5

    @staticmethod
    def from_string(name: str) -> RunStatus:
        """The status called `name`.

        Raises:
            ValueError: no status has this name.
        """
        try:
            return RunStatus[name]
        except KeyError:
            raise ValueError(
                f"No run status is called {name!r}; there are {', '.join(RunStatus.all_names())}."
            ) from None

    @staticmethod
    def to_string(status: int) -> str:
        """The name of a status given by number."""
        return RunStatus(status).name

    @staticmethod
    def all_status() -> list[int]:
        """The numbers of all statuses, in their order."""
        return [int(status) for status in RunStatus]

    @staticmethod
    def all_names() -> list[str]:
        """The names of all statuses, in the order of their numbers."""
        return [status.name for status in RunStatus]

    @staticmethod
    def is_terminated(status: int | str) -> bool:
        """Whether a run of this status has ended."""
        known = RunStatus[status] if isinstance(status, str) else RunStatus(status)
        return known in {RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED}


class ViewType(enum.IntEnum):
    """Which lifecycle stages a search looks at; the numbers are those of the wire."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3

    @staticmethod
    def from_string(name: str) -> ViewType:
        """The view called `active_only`, `deleted_only` or `all`.

        Raises:
            ValueError: no view has this name.
        """
        try:
            return ViewType[name.upper()]
        except KeyError:
            raise ValueError(f"No view is called {name!r}; there are active_only, deleted_only and all.") from None

    @staticmethod
    def to_string(view: int) -> str:
        """The lower-case name of a view."""
        return ViewType(view).name.lower()


class LifecycleStage:
    """Whether a thing is there or in the bin."""

    ACTIVE = "active"
    DELETED = "deleted"

    @classmethod
    def view_type_to_stages(cls, view_type: int = ViewType.ALL) -> list[str]:
        """The stages a search with `view_type` looks at."""
        shown = {ViewType.ACTIVE_ONLY: [cls.ACTIVE], ViewType.DELETED_ONLY: [cls.DELETED]}
        return shown.get(ViewType(view_type), [cls.ACTIVE, cls.DELETED])

    @classmethod
    def is_valid(cls, lifecycle_stage: str) -> bool:
        """Whether there is such a stage."""
        return lifecycle_stage in {cls.ACTIVE, cls.DELETED}

    @classmethod
    def matches_view_type(cls, view_type: int, lifecycle_stage: str) -> bool:
        """Whether a search with `view_type` looks at things in this stage."""
        return lifecycle_stage in cls.view_type_to_stages(view_type)


class SourceType(enum.IntEnum):
    """What kind of program made a run."""

    NOTEBOOK = 1
    JOB = 2
    PROJECT = 3
    LOCAL = 4
    UNKNOWN = 5

    @staticmethod
    def from_string(name: str) -> SourceType:
        """The type called `name`.

        Raises:
            ValueError: no type has this name.
        """
        try:
            return SourceType[name]
        except KeyError:
            raise ValueError(
                f"No source type is called {name!r}; there are {', '.join(kind.name for kind in SourceType)}."
            ) from None

    @staticmethod
    def to_string(source_type: int) -> str:
        """The name of a type given by number."""
        return SourceType(source_type).name


class LoggedModelStatus(enum.StrEnum):
    """Whether the files of a logged model have arrived. A member equals its name; `number` is that of the wire."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"

    @property
    def number(self) -> int:
        """The number of the status."""
        return list(LoggedModelStatus).index(self)

    @staticmethod
    def from_number(number: int) -> LoggedModelStatus:
        """The status with a number. Raises IndexError: there is none."""
        if number < 0:
            raise IndexError(number)
        return list(LoggedModelStatus)[number]
