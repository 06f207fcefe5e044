"""Watches what is measured: flags become events, and a flag that makes every decision meaningless stops the night."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from agent.context import NightContext
from agent.controls import control_flags, hold_controls
from probes.errors import MeasurementError
from probes.figures import show
from probes.validity import INFRASTRUCTURE, Flag
from tracking import events as ev
from tracking.finished import FinishedProbe
from tracking.night import NightRecord

SPEAKING = 3
"""Adapters that answer with fewer different texts than this have collapsed: such answers agree by themselves."""
MOST_ALIKE = 3
"""Different adapters with word for word the same answers: two may do so by greedy decoding, three are one model."""
RECENT = 64
"""Probes looked at again for what their judge lacked."""
NOTABLE_SHARE = 0.02
"""Unscored answers of a category from which on they are flagged."""
MOST_UNSCORED = 0.5
"""Unscored answers of a category beyond which what is left says nothing of the whole."""


def check_instrument(context: NightContext) -> None:
    """Hold the control probes against the noise, once, when they have ended.

    Raises:
        MeasurementError: the instrument cannot tell a broken model from a whole one, or a model from itself.
    """
    night, plan = context.night, context.plan
    if not plan.referee.controls or night.controls is not None:
        return
    watch_measurements(context)
    readings = hold_controls(night, plan)
    _flag(context, control_flags(night, readings, plan))
    context.record(ev.ControlsChecked(at=context.clock.now(), controls=readings))


def watch_measurements(context: NightContext) -> None:
    """Look at the probes that have ended and flag what is wrong with them.

    Raises:
        MeasurementError: what was measured makes every decision meaningless.
    """
    _flag(context, [flag for check in CHECKS for flag in check(context.night)])


def _flag(context: NightContext, flags: Iterable[Flag]) -> None:
    """Record the flags that are new and stop at the worst of them.

    Raises:
        MeasurementError: one of them, told before or not, makes every decision meaningless.
    """
    flags = list(flags)
    known = {(flag.check, flag.subject) for flag in context.night.flags}
    for flag in flags:
        if (flag.check, flag.subject) not in known:
            context.record(ev.MeasurementFlagged(at=context.clock.now(), flag=flag))
    for flag in flags:
        if flag.stops:
            raise MeasurementError(flag.message)


def _answered_by_others(night: NightRecord) -> list[Flag]:
    """Return a flag for each probe that another model answered, which has no scores; two in a row stop the night."""
    flags: list[Flag] = []
    numbers = {probe.plan.number for probe in night.answers.mismeasured}
    for probe in _by_number(night.answers.mismeasured):
        in_a_row = probe.plan.number - 1 in numbers
        message = probe.outcome.message.removeprefix("MeasurementError: ")
        flags.append(Flag(check="canary", subject=f"probe {probe.plan.number}", message=message, stops=in_a_row))
    return flags


def _unclear(night: NightRecord) -> list[Flag]:
    """Return a flag when the effect of some adapters was too small for the canary to see."""
    if not night.answers.unclear:
        return []
    text = (
        f"the adapters of probes {_numbers(night.answers.unclear)} differ from the base by too little for the server's "
        "numerics: that they answered could not be shown"
    )
    return [Flag(check="canary", subject="adapters of little effect", message=text)]


def _unscored(night: NightRecord) -> list[Flag]:
    """Return a flag per category that lost answers, in all probes together; losing all of them stops the night."""
    flags: list[Flag] = []
    for category, tally in night.answers.tallies.items():
        share = tally.lost / tally.asked
        if share < NOTABLE_SHARE:
            continue
        commonest = sorted(tally.causes.items(), key=lambda pair: (-pair[1], pair[0]))[:2]
        why = "; ".join(f"{count} × {cause}" for cause, count in commonest)
        text = f"{show(share, 'share')} of the answers to {category} have no score and count for nothing: {why}"
        is_served = any(cause.startswith(INFRASTRUCTURE) for cause in tally.causes)
        check = "infrastructure" if is_served else "unscored"
        flags.append(Flag(check=check, subject=category, message=text, stops=share > MOST_UNSCORED))
    return flags


def _judged(night: NightRecord) -> list[Flag]:
    """Return a flag for each thing the judge was heard to lack, told once a night."""
    heard = (
        warning
        for probe in _by_number(night.probes[-RECENT:])
        if probe.outcome.judge
        for warning in probe.outcome.judge.warnings
    )
    return [Flag(check="judge", subject=warning[:60], message=warning) for warning in dict.fromkeys(heard)]


def _alike(night: NightRecord) -> list[Flag]:
    """Return a flag for every set of probes whose different adapters answered word for word alike."""
    flags: list[Flag] = []
    for probes in sorted(map(_by_number, night.answers.alike.values()), key=lambda probes: probes[0].plan.number):
        measured = [probe.outcome.measured for probe in probes if probe.outcome.measured]
        adapters = {one.adapter for one in measured}
        if len(adapters) < 2 or measured[0].distinct_answers < SPEAKING:
            continue
        names = _numbers(probes)
        text = (
            f"probes {names} have {len(adapters)} different adapters and gave the same answers word for word: one "
            "model seems to have answered for all of them; check that the server serves the adapter it is asked for"
        )
        stops = len(adapters) >= MOST_ALIKE
        subject = f"probes of {len(adapters)} adapters from {_numbers(probes[:1])}"
        flags.append(Flag(check="identical answers", subject=subject, message=text, stops=stops))
    return flags


def _numbers(probes: Sequence[FinishedProbe]) -> str:
    first = (f"#{probe.plan.number}" for probe in _by_number(probes)[:6])
    return ", ".join(first) + (" …" if len(probes) > 6 else "")


def _by_number(probes: Sequence[FinishedProbe]) -> list[FinishedProbe]:
    """Return probes in the order in which they were asked for: that in which they end may be another one each time."""
    return sorted(probes, key=lambda probe: probe.plan.number)


CHECKS: tuple[Callable[[NightRecord], list[Flag]], ...] = (_answered_by_others, _unclear, _unscored, _alike, _judged)
"""What is looked at after every batch of probes."""
