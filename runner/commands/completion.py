"""What the shell completes: session files and session folders. Looks at names on disk only, so that Tab is quick.

Where nothing is offered, the shell completes file names as it always does, so that a way to a file can be typed.
"""

from __future__ import annotations

from pathlib import Path

LEDGER, RESULTS = "ledger.jsonl", "results"
MOST = 200
"""Names that are offered at most."""


def complete_session(incomplete: str) -> list[str]:
    """Return the session files that may be meant; none while a folder may be meant as well."""
    found = _beginning_with(incomplete)
    if any(path.is_dir() for path in found):
        return []
    return [str(path) for path in found if path.suffix == ".toml"][:MOST]


def complete_folder(incomplete: str) -> list[str]:
    """Return the session folders that may be meant, those in `results` also before that is typed."""
    found = _beginning_with(incomplete)
    if RESULTS.startswith(incomplete.rstrip("/")):
        found = [*found, *_beginning_with(f"{RESULTS}/")]
    return [str(path) for path in dict.fromkeys(found) if (path / LEDGER).is_file()][:MOST]


def _beginning_with(incomplete: str) -> list[Path]:
    """Return what lies in the folder that was typed and begins with the name that was typed, by name."""
    folder, _, name = incomplete.rpartition("/")
    place = Path(f"{folder}/" if folder or incomplete.startswith("/") else ".").expanduser()
    try:
        entries = sorted(place.iterdir())
    except OSError:
        return []
    return [path for path in entries if path.name.startswith(name) and (name or not path.name.startswith("."))]
