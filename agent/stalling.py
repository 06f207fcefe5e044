"""Alarms about nights that run without getting anywhere: many probes, or many nights, and nothing accepted.

They change nothing that is decided; each is a warning in the ledger, recorded once.
"""

from __future__ import annotations

from agent.context import NightContext
from tracking import events as ev
from tracking.night import NightRecord

SUBJECT = "progress"


def watch_progress(context: NightContext) -> None:
    """Warn after every so many probes in a row during which no change entered the working recipe."""
    night, limit = context.night, context.plan.probes_without_progress
    if limit is None:
        return
    since = night.moves[-1][0] if night.moves else _before_search(night)
    probes = (len(night.probes) - since) // limit * limit
    if probes:
        where = f"since the working recipe moved at probe {since}" if night.moves else "since the search began"
        _warn(context, f"{probes} probes without an accepted change {where}")


def watch_promotions(context: NightContext) -> None:
    """Warn when tonight is one more of many nights in a row that confirmed nothing."""
    night, limit = context.night, context.plan.nights_without_promotion
    if limit is None or night.earlier is None or night.claim is None or night.claim.confirmed:
        return
    nights = night.earlier.unconfirmed_in_a_row + 1
    if nights >= limit:
        _warn(
            context,
            f"{nights} nights of this project in a row confirmed nothing; look at the report's fragile and resolvable "
            "effects, widen the lanes or give the night more probes",
        )


def _before_search(night: NightRecord) -> int:
    """Return how many probes ended before the first one of the search."""
    first = (i for i, probe in enumerate(night.probes) if probe.plan.phase in ("smoke", "search"))
    return next(first, len(night.probes))


def _warn(context: NightContext, message: str) -> None:
    known = {(warning.subject, warning.message) for warning in context.night.warnings}
    if (SUBJECT, message) not in known:
        context.record(ev.Warned(at=context.clock.now(), subject=SUBJECT, message=message))
