"""`nightlab invalidate`: mark what was measured since some time as worthless, without deleting any of it.

One line goes into the ledger; everything else follows from it and is done again by the next `resume` where a kill cut
it off. What other nights have already learned from this one stays in their ledgers: they are named.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from probes.errors import ConfigError, LaunchError, LedgerError
from runner.folder import SessionFolder, is_running
from runner.session import recorded_config
from runner.set_aside import set_aside
from runner.surroundings import Surroundings
from tracking.commands import command
from tracking.events import MeasurementsInvalidated
from tracking.finished import FinishedProbe
from tracking.invalidation import Invalidation, in_words
from tracking.ledger import Ledger, read_events
from tracking.memory.siblings import learners
from tracking.mlflow_store import store_uri
from tracking.night import NightRecord

LONGEST_REASON = 400
_PROBE = re.compile(r"#?(\d{1,6})")


class Marked(NamedTuple):
    """What a mark took out of a night, or would take."""

    folder: SessionFolder
    before: NightRecord
    after: NightRecord
    mark: Invalidation
    learners: tuple[str, ...] = ()
    """Sessions that learned from this night before."""
    problems: tuple[str, ...] = ()
    """What MLflow could not be told."""

    @property
    def probes(self) -> list[FinishedProbe]:
        """The marked probes."""
        return [probe for probe in self.after.invalidated if self.after.marked[probe.plan.number] is self.mark]


def invalidate_night(path: Path, when: str, reason: str, around: Surroundings, dry_run: bool = False) -> Marked:
    """Mark everything that was measured in a session since `when`; with `dry_run` only say what that would be.

    Marking again what is marked already adds nothing, and completes what a kill cut off.

    Raises:
        ConfigError: there is no session, it runs, or nothing can be marked in this way.
        LaunchError: the folder cannot be changed.
        LedgerError: the ledger cannot be read or written.
    """
    folder = SessionFolder(path)
    folder.require_session()
    why = " ".join(reason.split())
    if not 0 < len(why) <= LONGEST_REASON:
        raise ConfigError(
            f"`--reason` must say in 1 to {LONGEST_REASON} characters what was wrong with the measurements, got "
            f"{len(why)}; give a sentence"
        )
    if is_running(folder):
        raise ConfigError(
            f"`{folder.path}` is running, and only a session at rest can be marked; wait for its end or stop it with "
            f"Ctrl-C or `{command('stop', folder.path)}`, then run this again"
        )
    with folder.locked():
        events = read_events(folder.ledger)
        night, now = NightRecord.replay(events), around.clock.now()
        since = since_when(when, night, now)
        event = MeasurementsInvalidated(at=now, since=since, reason=why)
        after = NightRecord.replay([*events, event])
        if not after.invalidations[-1].numbers:
            if not _is_marked(night, since):
                raise ConfigError(_nothing_to_mark(night, since))
            after = night
        marked = Marked(folder, night, after, after.invalidations[-1], learners(folder.path))
        if dry_run:
            return marked
        if after is not night:
            _append(folder, event)
        set_aside(folder, after)
        return marked._replace(problems=tuple(_tell_mlflow(folder, after, around)))


def since_when(when: str, night: NightRecord, now: str) -> str:
    """Return the time that `--since` names, in UTC; a time without a zone is this machine's.

    A probe's number means the time at which the first probe from that number on ended.

    Raises:
        ConfigError: it is neither, lies in the future, or there is no such probe.
    """
    numbered = _PROBE.fullmatch(when.strip())
    if numbered is not None:
        return _since_probe(int(numbered[1]), night)
    try:
        moment = datetime.fromisoformat(when.strip()).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ConfigError(
            f"`--since` must be an ISO 8601 time such as 2026-03-14T22:30, or a probe such as '#12', got `{when}`"
        ) from error
    if moment > datetime.fromisoformat(now):
        raise ConfigError(
            f"`--since` must not lie in the future, got `{when}` ({in_words(moment.isoformat())}); it is now "
            f"{in_words(now)}"
        )
    return moment.isoformat(timespec="milliseconds")


def _since_probe(number: int, night: NightRecord) -> str:
    mark = night.marked.get(number)
    if mark is not None:
        if night.is_set_back:
            return mark.event.since
        raise ConfigError(
            f"probe #{number} is invalid already, {mark.words}; name a probe that was measured after "
            f"{in_words(mark.event.at)}, or a time"
        )
    if number not in (probe.plan.number for probe in night.probes):
        numbers = sorted(probe.plan.number for probe in night.probes)
        known = f"#{numbers[0]} … #{numbers[-1]}" if numbers else "none"
        raise ConfigError(f"`--since #{number}` must name a probe that has ended, those are {known}; or give a time")
    return next(probe.at for probe in night.probes if probe.plan.number >= number)


def _is_marked(night: NightRecord, since: str) -> bool:
    """Whether the latest mark covers `since` and nothing was measured after it."""
    if not night.is_set_back:
        return False
    return datetime.fromisoformat(since) >= datetime.fromisoformat(night.invalidations[-1].event.since)


def _nothing_to_mark(night: NightRecord, since: str) -> str:
    if not night.probes:
        return "there is nothing to mark: no probe of this session has ended and counts"
    last = night.probes[-1]
    return (
        f"there is nothing to mark since {in_words(since)}: the last probe that counts, #{last.plan.number}, ended at "
        f"{in_words(last.at)}; name an earlier time"
    )


def _append(folder: SessionFolder, event: MeasurementsInvalidated) -> None:
    from runner.progress import ProgressLog

    log = ProgressLog(folder.progress)
    with Ledger(folder.ledger) as ledger:
        for earlier in ledger.events():
            log.take(earlier)
        ledger.observe(log)
        ledger.append(event)


def _tell_mlflow(folder: SessionFolder, night: NightRecord, around: Surroundings) -> list[str]:
    """Let the mirror catch up; return what it could not write, which `resume` writes again."""
    from tracking.mlflow_mirror import start_mirror

    results = folder.path.parent
    try:
        tracking = recorded_config(night, folder).tracking
        if not tracking.mlflow:
            return []
        uri = store_uri(tracking, results, around.environ)
        mirror = start_mirror(uri, tracking.experiment, results, folder.path)
    except (LaunchError, LedgerError) as error:
        return [str(error)]
    for event in read_events(folder.ledger):
        mirror(event)
    problems = mirror.close()
    if night.withdrawn is None:
        return problems
    from tracking.mlflow_registry import withdraw

    try:
        withdraw(uri, tracking.experiment, night)
    except LaunchError as error:
        problems = [*problems, str(error)]
    return problems
