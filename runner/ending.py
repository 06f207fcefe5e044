"""When a night will have ended, as a person reads a clock: local time, with the day where it is not today."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo


def ends_at(now: str, seconds: float, zone: tzinfo | None = None) -> str:
    """Return the time of day in `seconds` from `now`: `06:40`, `tomorrow 06:40`, `Mon 16 Mar 06:40`.

    Args:
        now: ISO 8601 with its offset.
        seconds: From now on; a time gone by counts as now.
        zone: Of the reader; None: this machine's.
    """
    here = datetime.fromisoformat(now).astimezone(zone)
    end = (datetime.fromisoformat(now) + timedelta(seconds=max(0.0, seconds))).astimezone(zone)
    days = (end.date() - here.date()).days
    day = "" if days == 0 else "tomorrow " if days == 1 else f"{end:%a} {end.day} {end:%b} "
    return f"{day}{end:%H:%M}"
