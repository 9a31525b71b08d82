"""Models of the Hugging Face hub, as far as this machine knows of them: nothing here waits for the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlkeep.flavors.frameworks import needed
from mlkeep.flavors.transformers.parts import base_of

with needed("transformers"):
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id


def is_repository(name: str) -> bool:
    """Whether `name` can be that of a repository on the hub, and is no local folder."""
    if not name or Path(name).exists():
        return False
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def revision_of(name: str, part: Any) -> str | None:
    """The commit of the repository `name` that `part` (a model or a component) was loaded from, else the newest one in
    the cache; None if neither is known."""
    config = getattr(base_of(part), "config", None)
    commit = getattr(config, "_commit_hash", None) or (getattr(part, "init_kwargs", None) or {}).get("_commit_hash")
    if commit:
        return str(commit)
    reference = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}" / "refs" / "main"
    return reference.read_text(encoding="utf-8").strip() if reference.is_file() else None


def cached(name: str, file: str) -> Path | None:
    """A file of the repository `name`, if it is in the cache."""
    if not is_repository(name):
        return None
    found = huggingface_hub.try_to_load_from_cache(name, file)
    return Path(found) if isinstance(found, str) else None
