"""What a mark leaves to do in a session's folder; done once more, it finds nothing to do.

Folders of invalidated probes are moved, never deleted, so that measuring again overwrites nothing. What is removed is
derived: the graph's position, which the record tells, and the memory, which later nights must not learn from.
"""

from __future__ import annotations

from probes.errors import LaunchError
from runner.folder import SessionFolder
from tracking.commands import command
from tracking.night import NightRecord


def set_aside(folder: SessionFolder, night: NightRecord) -> None:
    """Bring the folder of a night that was set back in line with its ledger.

    Raises:
        LaunchError: something in it cannot be moved or removed.
        LedgerError: the report cannot be written.
    """
    from runner.report.build import write_report

    try:
        folder.memory.unlink(missing_ok=True)
        for suffix in ("", "-wal", "-shm", "-journal"):
            folder.checkpoint.with_name(folder.checkpoint.name + suffix).unlink(missing_ok=True)
        _move_probes(folder, night)
    except OSError as error:
        raise LaunchError(
            f"`{error.filename}` cannot be set aside: {error.strerror}; mend the folder's rights, then run "
            f"`{command('resume', folder.path)}`"
        ) from error
    write_report(folder.path)


def _move_probes(folder: SessionFolder, night: NightRecord) -> None:
    counted = {probe.outcome.key for probe in night.probes}
    for number, mark in enumerate(night.invalidations, start=1):
        if mark.resumes < len(night.resumes):
            continue  # what lies there now was measured after it
        marked = {p.outcome.key for p in night.invalidated if night.marked[p.plan.number] is mark}
        for key in sorted(marked - counted):  # a measurement that was looked up again still counts
            there, aside = folder.probes / key, folder.probes / f"{key}.invalidated-{number}"
            if there.is_dir() and not aside.exists():
                there.rename(aside)
