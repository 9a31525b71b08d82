"""The modules of a project that a model is made of: found by following imports, as `infer_code_paths` asks for."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

_OURS = {"mlkeep", "mlflow", "__main__", "__mp_main__"}


def imported_by(source: Path, module: str = "", *, is_package: bool = False) -> set[str]:
    """The modules that the Python file `source` imports anywhere in it, under their full names.

    `module` is the name of the module it is, without which relative imports lead nowhere. What comes from a module may
    be a module itself or not: both are given.
    """
    package = module if is_package else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_bytes(), str(source))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            if base is not None:
                found.add(base)
                found.update(f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
    return found


def _absolute(node: ast.ImportFrom, package: str) -> str | None:
    if node.level == 0:
        return node.module
    parts = package.split(".")
    if not package or node.level > len(parts):
        return None
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base


def local_modules(roots: Iterable[str]) -> dict[str, Path]:
    """The files of the modules among `roots` that are not installed, and of those that they import, by name.

    Installed are the standard library and what lies in a `site-packages`: requirements name these. Packages that hold a
    module come along; what is no Python file does not.
    """
    waiting = [name for root in roots for name in _with_packages(root)]
    files: dict[str, Path] = {}
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _local_file(name)
        if file is None:
            continue
        files[name] = file
        imported = imported_by(file, name, is_package=file.name == "__init__.py")
        waiting += [one for found in imported for one in _with_packages(found)]
    return files


def copy_modules(files: dict[str, Path], folder: Path) -> list[Path]:
    """Copy modules into `folder`, each where imports look for it; gives what lies in `folder` itself then."""
    for name, file in files.items():
        parts = name.split(".")
        target = (
            folder.joinpath(*parts, file.name)
            if file.name == "__init__.py"
            else folder.joinpath(*parts[:-1], file.name)
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    return sorted(folder.iterdir())


def _with_packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _local_file(name: str) -> Path | None:
    top = name.partition(".")[0]
    if top in _OURS or top in sys.stdlib_module_names or not _is_local(_origin(top) or _folder(top)):
        return None
    origin = _origin(name) if _is_local(_origin(top) or _folder(top)) else None
    return Path(origin) if origin is not None and origin.endswith(".py") and _is_local(origin) else None


def _origin(name: str) -> str | None:
    """The file of a module; None for none, and for a package that is only a folder."""
    if (module := sys.modules.get(name)) is not None:
        return getattr(module, "__file__", None)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return None
    return spec.origin if spec is not None and spec.has_location else None


def _folder(name: str) -> str | None:
    """The folder of a package that is only that."""
    module = sys.modules.get(name)
    if module is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        paths = list(spec.submodule_search_locations or ()) if spec is not None else []
    else:
        paths = list(getattr(module, "__path__", ()))
    return f"{paths[0]}/" if paths else None


def _is_local(file: str | None) -> bool:
    if file is None:
        return False
    path = Path(file).resolve()
    return not any(path.is_relative_to(place) for place in _installed_places())


def _installed_places() -> list[Path]:
    paths = sysconfig.get_paths()
    named = [paths[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    return [Path(place).resolve() for place in [*named, *site.getsitepackages(), site.getusersitepackages()]]
