"""Which modules a model's code imports: read from its source, and seen while it predicts."""

from __future__ import annotations

import ast
import functools
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import TracebackType

_MAX_SOURCE_BYTES = 1_000_000  # a larger file is data that looks like code
_INSTALLED_IN = {"site-packages", "dist-packages"}


class ImportWatch:
    """Inside a `with`: which modules are imported for the first time by what runs there.

    What other threads import meanwhile does not count, unless they were started inside. Afterwards `modules` has them.
    """

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self._sought: set[str] = set()
        self._others: set[threading.Thread] = set()

    def __enter__(self) -> ImportWatch:
        self._others = {*threading.enumerate()} - {
            threading.current_thread()
        }  # not their numbers, which others get later
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        sys.meta_path.remove(self)
        self.modules = {name for name in self._sought if name in sys.modules}

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002 - as the import system calls it
        """Note the module; finding it is left to the next in `sys.meta_path`."""
        if threading.current_thread() not in self._others:
            self._sought.add(name)
        return None


def followed(modules: Iterable[str], code: Path | None = None) -> set[str]:
    """`modules`, and the modules of others that the user's own code imports, without running any.

    The user's own are modules among these that are not installed, whatever they import that is not installed either, and
    all of the folder `code`. Imports inside functions count, those for type checkers do not.
    """
    found = set(modules)
    own: set[str] = set()
    if code is not None and code.is_dir():
        own = {path.stem for path in code.iterdir()}
        for file in sorted(code.rglob("*.py")):
            found |= {name for name, level in _imports(file) if level == 0}
    waiting = sorted(found)
    seen = set(waiting)
    while waiting:
        spec = _spec(waiting.pop())
        if spec is None or not is_own(spec):
            continue
        for name in _absolute(spec):
            found.add(name)
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return {name for name in found if name.partition(".")[0] not in own}


def is_own(spec: ModuleSpec) -> bool:
    """Whether a module is the user's: a source file that is neither installed nor of Python or mlkeep."""
    if not spec.has_location or not (spec.origin or "").endswith(".py"):
        return False
    file = Path(str(spec.origin))
    return (
        _INSTALLED_IN.isdisjoint(file.parts)
        and not file.is_relative_to(sysconfig.get_path("stdlib"))
        and spec.name.partition(".")[0] not in {"mlkeep", "mlflow"}
    )


def _spec(name: str) -> ModuleSpec | None:
    """How a module was found, or would be; nothing is imported."""
    loaded = sys.modules.get(name)
    if loaded is not None and name != "__main__":
        return getattr(loaded, "__spec__", None)
    spec: ModuleSpec | None = None
    path: Sequence[str] | None = None
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        full = ".".join(parts[:length])
        spec = getattr(sys.modules.get(full), "__spec__", None) or PathFinder.find_spec(full, path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
        if path is None and length < len(parts):
            return None
    return spec


def _absolute(spec: ModuleSpec) -> Iterator[str]:
    """The full names of what the source of a module imports; of `from a import b` both `a` and `a.b`."""
    package = spec.name if spec.submodule_search_locations is not None else spec.name.rpartition(".")[0]
    for name, level in _imports(Path(str(spec.origin))):
        if level == 0:
            yield name
        elif base := ".".join(package.split(".")[: package.count(".") + 2 - level]):
            yield f"{base}.{name}".rstrip(".")


def _imports(file: Path) -> tuple[tuple[str, int], ...]:
    """What a source file imports: names, and how many dots stand before them."""
    try:
        state = file.stat()
    except OSError:
        return ()
    return _imports_of(file, state.st_mtime_ns) if state.st_size <= _MAX_SOURCE_BYTES else ()


@functools.lru_cache(maxsize=1024)
def _imports_of(file: Path, _: int) -> tuple[tuple[str, int], ...]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()
    return tuple(dict.fromkeys(_imported(tree)))


def _imported(node: ast.AST) -> Iterator[tuple[str, int]]:
    match node:
        case ast.Import(names=names):
            yield from ((alias.name, 0) for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            yield module or "", level
            yield from ((f"{module or ''}.{alias.name}".lstrip("."), level) for alias in names if alias.name != "*")
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), orelse=orelse):
            for statement in orelse:
                yield from _imported(statement)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _imported(child)
