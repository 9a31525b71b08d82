"""Dictionaries as JSON and YAML files."""

from __future__ import annotations

import json
from typing import Any


def as_text(value: Any, name: str) -> str:
    """What a file of this name says of `value`: YAML (`.yml`, `.yaml`), keys sorted, or else JSON.

    Values that neither knows are kept as text: an array of numpy, say, or a tensor.
    """
    if name.endswith((".yml", ".yaml")):
        return _yaml(value)
    return json.dumps(value, indent=2, default=str)


def _yaml(value: Any) -> str:
    import yaml  # only some programs log YAML

    class Dumper(yaml.SafeDumper):
        """Writes nothing that only Python could read back."""

    safe = yaml.representer.SafeRepresenter
    # The kinds themselves are known; these are for what is derived from them, such as numpy.float64.
    kinds: dict[type, Any] = {
        object: lambda dumper, thing: dumper.represent_str(str(thing)),
        str: lambda dumper, text: dumper.represent_str(str(text)),
        int: lambda dumper, number: dumper.represent_int(int(number)),
        float: lambda dumper, number: dumper.represent_float(float(number)),
        dict: safe.represent_dict,
        list: safe.represent_list,
        tuple: safe.represent_list,
        set: safe.represent_set,
    }
    for kind, represent in kinds.items():
        Dumper.add_multi_representer(kind, represent)
    return yaml.dump(value, Dumper=Dumper, allow_unicode=True, default_flow_style=False)
