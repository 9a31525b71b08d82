"""Figures of matplotlib and plotly as files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def save(figure: Any, file: Path, options: Mapping[str, Any]) -> None:
    """Write a figure; the ending says in which format. `options` go to the function of the library that writes it.

    Raises:
        ValueError: there is no ending, or matplotlib does not write such files.
        TypeError: it is no figure of matplotlib or plotly.
    """
    if _is_a(figure, "matplotlib.figure", "Figure"):
        if not file.suffix:
            raise ValueError(f"Invalid artifact file '{file.name}': its ending must say what it is, such as .png.")
        figure.savefig(file, **options)
    elif _is_a(figure, "plotly.basedatatypes", "BaseFigure"):
        if file.suffix == ".html":
            figure.write_html(file, **{"include_plotlyjs": "cdn", "auto_open": False, **options})
        else:
            figure.write_image(file, **options)
    else:
        raise TypeError(f"Unsupported figure object type: '{type(figure)}'. Give a figure of matplotlib or plotly.")


def _is_a(value: object, module: str, name: str) -> bool:
    """Whether it is an instance of a class of a library; if so, the library is loaded already."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)
