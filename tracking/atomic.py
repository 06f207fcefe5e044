"""Writing a file so that a reader, or a power cut, meets the old text or the new one and never half of either."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from probes.errors import LedgerError


def replace_text(path: Path, text: str) -> None:
    """Replace the content of `path` in one step.

    Raises:
        LedgerError: the folder cannot be written, for example because the disk is full.
    """
    draft: str | None = None
    try:
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except OSError as error:
        if draft is not None:
            Path(draft).unlink(missing_ok=True)
        raise LedgerError(
            f"`{path}` cannot be written: {error.strerror or error}; free some space or mend the folder's permissions, "
            "then run `nightlab resume` (the ledger has everything)"
        ) from error
