"""The plan of a night as it is printed before the first probe: phases, time, money, and what could be seen at all."""

from __future__ import annotations

from collections.abc import Iterable

from probes.statistics.assurance import largest_confirmation
from runner.config import CONTROL_PROBES, SessionConfig
from runner.ending import ends_at
from runner.outlook import Outlook
from runner.tables import View, plain_table
from tracking.figures import show, show_count

_HOUR_S = 3600.0


def plan_view(outlook: Outlook) -> View:
    """Return how the night would spend its budget, when it would end, what it would cost and what it could see."""
    config = outlook.config
    is_timed, is_priced = outlook.seconds_for(1) is not None, outlook.usd_for(1) is not None
    table = plain_table(
        ("phase", "probes", *(["time"] if is_timed else []), *(["cost"] if is_priced else []), "what it asks")
    )
    phases = [
        ("controls", CONTROL_PROBES if config.referee.controls else 0, "is the instrument sound?"),
        ("calibrate", config.referee.calibration_runs, "how far do equal trainings differ?"),
        ("search", outlook.search_probes, f"what helps? {_listed(outlook.lanes)}"),
        ("confirm", config.budget.confirm_probes, f"does it hold on fresh seeds and held-out items?{_growth(config)}"),
        ("all", config.budget.probes, "at most; a short smoke run counts as a part of one"),
    ]
    for name, probes, asks in phases:
        time = [show(outlook.seconds_for(probes), "duration")] if is_timed else []
        cost = [show(outlook.usd_for(probes), "usd")] if is_priced else []
        if probes:
            table.add_row(name, str(probes), *time, *cost, asks)
    return [
        f"{config.name}: {_aim(outlook)}",
        "",
        table,
        "",
        outlook.power.sentence,
        _pace_in_words(outlook),
        _end_in_words(outlook),
        _dollars_in_words(outlook),
        "",
    ]


def _growth(config: SessionConfig) -> str:
    """Return how far the confirmation may grow at the search's cost."""
    most = largest_confirmation(config.budget.confirm_probes, config.budget.probes)
    return f" up to {most} if a guard is near" if most > config.budget.confirm_probes else ""


def _aim(outlook: Outlook) -> str:
    target = outlook.config.target.category
    rows = outlook.power.categories
    aim = "raise the baseline's weakest category" if target == "auto" else f"raise {target}"
    guards = [row.category for row in rows if row.role == "guard"]
    return f"{aim} without harm to {_listed(guards)}" if guards else aim


def _pace_in_words(outlook: Outlook) -> str:
    words = f"{show_count(outlook.workers, 'worker')}, {outlook.config.probe.steps} steps per probe."
    if outlook.known is None:
        return f"{words} No earlier session of this name tells how long a probe takes; `nightlab probe` does."
    return f"{words} A probe took {show(outlook.known.seconds, 'duration')} in {outlook.known.session}."


def _end_in_words(outlook: Outlook) -> str:
    """Return when the night will have ended: by its probes, its hours or its dollars, whichever is first."""
    budget = outlook.config.budget
    hours_s = None if budget.hours is None else budget.hours * _HOUR_S
    probes = budget.probes
    each = outlook.usd_for(1)
    if budget.usd is not None and each:
        probes = min(probes, int(budget.usd / each))
    expected = outlook.seconds_for(probes)
    if expected is None:
        latest = "" if hours_s is None else f"; at the latest {ends_at(outlook.now, hours_s)} ({budget.hours:g} h)"
        return f"Expected end: not known before the first probes{latest}."
    if hours_s is not None and hours_s < expected:
        words = f"Expected end: {ends_at(outlook.now, hours_s)}, when its {budget.hours:g} h are over."
        least_s = outlook.seconds_for(outlook.least_probes)
        return words + _does_not_pay(outlook, "hours", hours_s, least_s, show(least_s, "duration"))
    latest = "" if hours_s is None else f", at the latest {ends_at(outlook.now, hours_s)}"
    return f"Expected end: {ends_at(outlook.now, expected)}, in about {show(expected, 'duration')}{latest}."


def _dollars_in_words(outlook: Outlook) -> str:
    budget, each = outlook.config.budget, outlook.usd_for(1)
    if budget.rates.device_hour is None:
        return "Expected cost: not counted, `budget.rates.device_hour` names no rate."
    rate = f"an hour of a device costs {show(budget.rates.device_hour, 'usd')}"
    limit = "counted and not limited (`budget.usd`)"
    if budget.usd is not None:
        limit = f"it ends at {show(budget.usd, 'usd')}, the confirmation's share kept back"
    total = outlook.usd_for(budget.probes)
    if each is None or total is None:
        unknown = "not known before the first one, so nothing is kept back until then"
        return f"Expected cost: {limit}; {rate}, and what a probe costs is {unknown}."
    total = total if budget.usd is None else min(total, budget.usd)
    words = f"Expected cost: {show(total, 'usd')}, {limit}; {rate}, a probe about {show(each, 'usd')}."
    least = each * outlook.least_probes
    return words + _does_not_pay(outlook, "usd", budget.usd, least, show(least, "usd"))


def _does_not_pay(outlook: Outlook, key: str, limit: float | None, least: float | None, in_words: str) -> str:
    """Return what a limit is too low for; nothing where it is high enough, or one of the two is not known."""
    if limit is None or least is None or least <= limit:
        return ""
    return (
        f" That does not pay for calibration, one candidate and confirmation: {outlook.least_probes} probes are about "
        f"{in_words}; raise `budget.{key}`."
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name.replace("_", " ") if name == "data_mix" else name for name in names)
