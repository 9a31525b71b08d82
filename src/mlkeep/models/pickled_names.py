"""Which modules a pickle imports when it is read, told without reading it as one."""

from __future__ import annotations

import pickletools
from pathlib import Path

_STRINGS = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_PUTS = {"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}


def modules_in_pickle(path: Path) -> set[str]:
    """The modules that the pickle at `path` names; none if it is no pickle."""
    found: set[str] = set()
    kept: dict[int, str] = {}
    strings: list[str] = []  # the last ones that were pushed, as two of them are what STACK_GLOBAL takes
    try:
        for step, argument, _ in pickletools.genops(path.read_bytes()):
            if step.name in _STRINGS:
                strings.append(str(argument))
            elif step.name in _PUTS:
                kept[len(kept) if argument is None else int(argument)] = strings[-1] if strings else ""
            elif step.name in _GETS:
                strings.append(kept.get(int(argument or 0), ""))
            elif step.name == "STACK_GLOBAL" and len(strings) >= 2:
                found.add(strings[-2])
            elif step.name in {"GLOBAL", "INST"}:
                found.add(str(argument).partition(" ")[0])
    except ValueError:  # what follows is something else
        pass
    return found - {"", "builtins", "__builtin__", "__main__"}
