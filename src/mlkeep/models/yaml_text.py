"""YAML as models have it: read and written by libyaml where PyYAML has it, which is some ten times as fast.

Both write the same, but that they break long texts with escaped characters at different places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_DEEPEST = 5_000
"""How deep a text may be nested that libyaml is to read: it brings the process down somewhere beyond 10,000."""
_LARGEST = _DEEPEST * _DEEPEST // 2  # characters that it takes to nest so deep by indentation


def read_yaml(text: str) -> Any:
    """What `text` says. Raises yaml.YAMLError; RecursionError: it is nested too deep."""
    is_flat = len(text) < _LARGEST and sum(map(text.count, ("[", "{", "- ", "? "))) < _DEEPEST
    return yaml.load(text, Loader=_LOADER if is_flat else yaml.SafeLoader)  # noqa: S506 - both are safe loaders


def write_yaml(content: Mapping[str, Any], stream: IO[str] | None = None, *, sort_keys: bool) -> str | None:
    """`content` in block style; written to `stream` if one is given, else returned. Raises yaml.YAMLError."""
    text: str | None = yaml.dump(dict(content), stream, Dumper=_DUMPER, default_flow_style=False, sort_keys=sort_keys)
    return text
