"""YAML as models have it: read and written by libyaml where PyYAML has it, which is some ten times as fast.

Both write the same, but that they break long texts with escaped characters at different places. What is read may come
from anybody.
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

_MOST_REPEATED = 100_000
"""How many values aliases may stand for. Ten lines of them can stand for more than any memory holds."""
_ENDLESS = 1 << 60  # beyond that, numbers would themselves grow with every line


def read_yaml(text: str) -> Any:
    """What `text` says.

    Raises:
        yaml.YAMLError: it is no YAML, refers to itself, or repeats too much by aliases.
        ValueError: there is no such date or number as it names.
        RecursionError: it is nested too deep.
    """
    is_flat = len(text) < _LARGEST and sum(map(text.count, ("[", "{", "- ", "? "))) < _DEEPEST
    loader = (_LOADER if is_flat else yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if "*" in text:
            _check_aliases(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def write_yaml(content: Mapping[str, Any], stream: IO[str] | None = None, *, sort_keys: bool) -> str | None:
    """`content` in block style; written to `stream` if one is given, else returned. Raises yaml.YAMLError."""
    text: str | None = yaml.dump(dict(content), stream, Dumper=_DUMPER, default_flow_style=False, sort_keys=sort_keys)
    return text


def _check_aliases(root: yaml.Node) -> None:
    """Before anything is made of the nodes: merging mappings (`<<`) copies what an alias stands for."""
    sizes: dict[yaml.Node, int] = {}  # with all that is below, as often as it is named
    above: set[yaml.Node] = set()
    waiting = [root]
    while waiting:
        node = waiting[-1]
        below = _below(node)
        if node in sizes:
            waiting.pop()
        elif node in above:
            sizes[node] = min(1 + sum(sizes[each] for each in below), _ENDLESS)
            above.remove(waiting.pop())
        elif any(each in above for each in below) or node in below:
            raise yaml.YAMLError("an alias stands for what it is part of.")
        else:
            above.add(node)
            waiting += below
    if sizes[root] - len(sizes) > _MOST_REPEATED:
        raise yaml.YAMLError(
            f"its aliases stand for more than {_MOST_REPEATED} values; write these out, or leave them out."
        )


def _below(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []
