"""The card of a model and its licence, beside its weights."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.transformers import hub
from mlkeep.flavors.transformers.parts import Parts

with needed("transformers"):
    from huggingface_hub import ModelCard

CARD_FILE = "model_card.md"
CARD_DATA_FILE = "model_card_data.yaml"
LICENSE_FILE = "LICENSE.txt"
_LICENSES = ("LICENSE.txt", "LICENSE", "LICENSE.md")
_UNKNOWN = (
    "The licence of this model is not known: it names none, and there was no file with one beside it. Find out what you "
    "may use it for before you do."
)


def write(folder: Path, parts: Parts, model_card: Any) -> None:
    """Write the card (`model_card`, or the one that came with the model) and the licence into `folder`.

    Raises:
        InvalidInput: `model_card` is no card.
    """
    card = _card(parts, model_card)
    data: dict[str, Any] = {}
    if card is not None:
        (folder / CARD_FILE).write_text(card.content, encoding="utf-8")
        data = card.data.to_dict()
        (folder / CARD_DATA_FILE).write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    target = folder / LICENSE_FILE
    if (file := next(_beside(parts, _LICENSES), None)) is not None:
        shutil.copyfile(file, target)
        return
    named = [str(item) for item in (data.get("license"), data.get("license_link")) if item]
    text = f"The model's card names the licence {', '.join(named)}." if named else _UNKNOWN
    target.write_text(f"{text}\n", encoding="utf-8")


def _card(parts: Parts, model_card: Any) -> Any:
    if model_card is not None:
        if not isinstance(model_card, ModelCard):
            raise InvalidInput(f"model_card: expected a huggingface_hub.ModelCard, found {type(model_card).__name__}.")
        return model_card
    file = next(_beside(parts, ("README.md",)), None)
    return None if file is None else ModelCard(file.read_text(encoding="utf-8"), ignore_metadata_errors=True)


def _beside(parts: Parts, names: tuple[str, ...]) -> Iterator[Path]:
    """Files of these names that came with the model: in its folder, or in the cache of the hub."""
    source = Path(parts.source_name) if parts.source_name else None
    for name in names:
        if source is not None and (source / name).is_file():
            yield source / name
        elif (found := hub.cached(parts.source_name, name)) is not None:
            yield found
