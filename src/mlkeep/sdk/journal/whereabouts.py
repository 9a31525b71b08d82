"""Where journals are, and what waits beside them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mlkeep.core.settings import setting
from mlkeep.sdk.config import DEFAULT_FOLDER
from mlkeep.sdk.journal.file import ARTIFACTS_SUFFIX


def journal_folder() -> Path:
    """The folder of journals, which is made: `MLKEEP_JOURNAL_DIR`, else `.mlkeep/journal` in the working folder.

    Where nothing can be written there it is in the folder for temporary files.
    """
    wanted = Path(setting("JOURNAL_DIR") or Path(DEFAULT_FOLDER) / "journal").absolute()
    for folder in (wanted, Path(tempfile.gettempdir()) / f"mlkeep-journal-{os.getuid()}"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return wanted


def staging_folder(run_id: str) -> Path:
    """Where artifacts of a run wait whose server is not there, beside its journal."""
    return journal_folder() / f"{run_id}{ARTIFACTS_SUFFIX}"


def is_staging_folder(uri: str) -> bool:
    """Whether artifacts wait at a place."""
    return uri.endswith(ARTIFACTS_SUFFIX) and Path(uri).parent == journal_folder()
