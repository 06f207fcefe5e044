"""What to do next, derived from the night by fixed rules: the first that applies is the recommendation.

The rules read the record and nothing else, so that a rebuilt report recommends the same; none of them is an opinion of
a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from pathlib import PurePath
from statistics import NormalDist
from typing import Any

from probes.candidate import Change
from probes.frozen import Frozen
from probes.statistics.bottleneck import Bottleneck
from probes.statistics.power import POWER, blind_guards
from runner.folder import RESULTS
from runner.report.blocks import Paragraph, Section, Table
from runner.report.texts import foreign_cell, listed, one_line, text_columns
from tracking.commands import command
from tracking.figures import show, show_count, show_effect
from tracking.headline import change_in_words, stopping_check
from tracking.night import NightRecord

Rule = Callable[[NightRecord], "Iterator[Advice]"]
LIKELY = 0.8
"""P(effect > 0) from which on a parked change is worth more probes."""
WORTH_SAVING = 0.1
"""Share of the time from which on another number of answers per item is advised."""
LARGEST_REPEAT = 200
"""Probes of a confirmation beyond which its gain is not worth repeating."""


EXAMPLE_ROLE = "production"


class Advice(Frozen):
    """One thing to do, and why."""

    rule: str
    """Name of the rule it comes from; stays, so that machines can count it."""
    do: str
    because: str


def advice(night: NightRecord, stuck: Sequence[Bottleneck]) -> tuple[Advice, ...]:
    """Return what to do, the most urgent first; never empty.

    Args:
        night: the replayed ledger.
        stuck: the categories that no lane moved.
    """
    unfinished = tuple(_unfinished(night))
    if unfinished:
        return unfinished
    found = (*_each(BEFORE_DATA, night), *_bottlenecks(stuck), *_each(AFTER_DATA, night))
    return found or (_nothing_left(night),)


def recommendation(given: Sequence[Advice]) -> str:
    """Return the first advice in one sentence."""
    return f"{given[0].do.rstrip('.')}."


def tomorrow_section(given: Sequence[Advice]) -> Section:
    """Return everything that the rules advise."""
    rows = tuple((foreign_cell(each.do), foreign_cell(each.because)) for each in given)
    table = Table("Recommended, the most urgent first", text_columns("Do", "Because"), rows)
    return Section("tomorrow", "Tomorrow night", (Paragraph(RULE), table))


RULE = "Fixed rules read this from the night's record; nobody's opinion is in it."


def _each(rules: Sequence[Rule], night: NightRecord) -> Iterator[Advice]:
    return (each for rule in rules for each in rule(night))


def _unfinished(night: NightRecord) -> Iterator[Advice]:
    if night.claim is not None and not night.is_set_back:
        return
    if night.is_set_back:
        because = "probes were invalidated, and nothing has been measured since"
        yield Advice(rule="measure anew", do="Go on with “nightlab resume”", because=because)
        return
    flag, stopped = stopping_check(night), night.stopped
    if flag is not None:
        do = f"Mend the measurement before another night: the check “{flag.check}” stopped this one on {flag.subject}"
        yield Advice(rule="mend the instrument", do=do, because=flag.message)
    elif stopped is not None and stopped.stop_reason == "failed":
        do = "Remove the cause of the failure, then go on with “nightlab resume”: no finished probe is run twice"
        yield Advice(rule="remove the cause", do=do, because=stopped.message or "the night stopped by a failure")
    else:
        why = stopped.message if stopped is not None and stopped.message else "the night has not ended"
        yield Advice(rule="go on", do="Go on with “nightlab resume”: no finished probe is run twice", because=why)


def _promote(night: NightRecord) -> Iterator[Advice]:
    claim = night.claim
    if claim is None or not claim.confirmed:
        return
    held = "and every guard held" if claim.guards else "without a guard"
    found = f"{night.target} {show_effect(claim.effect, claim.interval)}"
    typed = command("champion", "promote", _folder(night), "--role", EXAMPLE_ROLE, "--reason", found)
    do = f"Promote the final recipe (“{typed}”, role and reason are yours) and start tomorrow's night from it"
    because = f"{found} on fresh seeds and held-out items, {held}"
    yield Advice(rule="promote", do=do, because=because)


def _folder(night: NightRecord) -> PurePath:
    """Return where the night was measured, from `results` on where it lies there: the folder of its probes' folder."""
    place = PurePath(night.probes[-1].plan.request.folder).parent.parent
    return place.relative_to(place.parent.parent) if place.parent.name == RESULTS.name else place


def _guards(night: NightRecord) -> Iterator[Advice]:
    claim = night.claim
    failed = {name: test for name, test in claim.guards.items() if not test.passed} if claim is not None else {}
    for name, test in failed.items():
        fell = test.interval.high is not None and test.interval.high < 0
        found = f"{name} {show_effect(test.effect, test.interval)}, margin {show(test.margin, 'margin')}"
        if fell:
            do = f"Add training rows for {name}, or take out the change that costs it most"
            yield Advice(rule="repair a guard", do=do, because=f"the gain was paid for with it: {found}")
        else:
            do = f"Give {name} more held-out items or the confirmation more probes"
            yield Advice(rule="resolve a guard", do=do, because=f"its fall could not be shown to stay small: {found}")


def _repeat(night: NightRecord) -> Iterator[Advice]:
    claim = night.claim
    if claim is None or claim.confirmed or claim.effect is None or claim.effect <= 0:
        return
    if claim.p_value is not None and claim.p_value <= claim.level:
        return
    probes = _probes_for(night, claim.effect, claim.level)
    because = f"{night.target} {show_effect(claim.effect, claim.interval)} is within noise"
    if probes is not None and probes <= LARGEST_REPEAT:
        do = f"Confirm the final recipe again with {show_count(probes, 'probe')}, both sides together"
        because += f"; a true gain of that size is seen four times in five by {show_count(probes, 'probe')}"
        yield Advice(rule="confirm again", do=do, because=because)


def _probes_for(night: NightRecord, effect: float, level: float) -> int | None:
    """Return the probes of a confirmation that sees `effect` with the usual power; normal approximation."""
    rows = {row.category: row for row in night.power.categories} if night.power else {}
    row = rows.get(night.target)
    sd = row.sd_held_out if row is not None and row.sd_held_out is not None else None
    if sd is None and night.noise is not None:
        sd = night.noise.target_sd
    if sd is None or effect <= 0:
        return None
    z = NormalDist().inv_cdf(1 - level) + NormalDist().inv_cdf(POWER)
    return 2 * max(3, ceil(2 * (z * sd / effect) ** 2))


def _blind(night: NightRecord) -> Iterator[Advice]:
    named = [row.category for row in blind_guards(night.power)] if night.power else []
    if named:
        do = f"Give {listed(named)} more items, or a wider margin"
        because = "at this noise the guard fails more often than not though nothing changed"
        yield Advice(rule="mend a blind guard", do=do, because=because)


def _edges(night: NightRecord) -> Iterator[Advice]:
    for name in night.accepted:
        candidate = night.candidates.get(name)
        if candidate is not None and _is_at_edge(night, candidate.change):
            change = change_in_words(candidate.change)
            do = f"Widen the range of {candidate.change.knob}"
            yield Advice(rule="widen a range", do=do, because=f"{one_line(change, 80)} was accepted at the range's end")


def _is_at_edge(night: NightRecord, change: Change) -> bool:
    """Whether a change went as far as the session lets its knob go, and there is something beyond: not below 0."""
    config: dict[str, Any] = night.started.config if night.started else {}
    knob: dict[str, Any] = config.get("lanes", {}).get(change.lane, {}).get(change.knob, {})
    after, before = change.after, change.before
    if isinstance(after, bool | str) or not isinstance(before, int | float):
        return False
    steps: list[Any] = knob.get("values") or knob.get("repeats") or knob.get("weights") or []
    numbers = [step for step in steps if isinstance(step, int | float)]
    low, high = (min(numbers), max(numbers)) if numbers else (knob.get("low"), knob.get("high"))
    if low is None or high is None or after == 0:
        return False
    return after >= high if after > before else after <= low


def _likely(night: NightRecord) -> Iterator[Advice]:
    for name, candidate in night.candidates.items():
        reading = night.reading(name)
        if reading is None or name in night.accepted or reading.decision == "reject":
            continue
        if (reading.better_probability or 0.0) >= LIKELY and all(g.state != "harmful" for g in reading.guards.values()):
            do = f"Give {one_line(change_in_words(candidate.change), 80)} more probes"
            because = f"it ended undecided at {show_effect(reading.effect, reading.interval)}: {reading.reason}"
            yield Advice(rule="decide what is open", do=do, because=because)


def _bottlenecks(stuck: Sequence[Bottleneck]) -> Iterator[Advice]:
    for each in stuck:
        because = f"{show_count(each.still, 'change')} left it at {show(each.level, 'score')}: recipes do not move it"
        yield Advice(rule="collect data", do=f"Collect or mend training rows for {each.category}", because=because)


def _untried(night: NightRecord) -> Iterator[Advice]:
    space = night.started.space if night.started else {}
    tried = {(each.change.lane, each.change.knob) for each in night.candidates.values()}
    left = [knob for lane, knobs in space.items() for knob in knobs if (lane, knob) not in tried]
    if left:
        few = listed(left) if len(left) <= 6 else f"{listed(left[:6])} and {show(len(left) - 6, 'count')} more"
        because = "nothing was tried there, so nothing is known of it"
        yield Advice(rule="try what is untried", do=f"Search {few}", because=because)


def _samples(night: NightRecord) -> Iterator[Advice]:
    told = night.noise.advice if night.noise else None
    if told is not None and told.best_samples is not None and (told.time_saved or 0.0) >= WORTH_SAVING:
        answers = show_count(round(told.best_samples), "answer")
        do = f"Ask for {answers} per item instead of {show(told.samples, 'count')}"
        because = f"the same precision in {show(told.time_saved, 'share')} less time"
        yield Advice(rule="spend on answers", do=do, because=because)


def _nothing_left(night: NightRecord) -> Advice:
    floor = f"no gain above {show(night.power.target_resolvable, 'margin')} points" if night.power else "no gain"
    because = f"the searched space holds {floor} that this night could see"
    return Advice(rule="look elsewhere", do="Spend on data or another base model, not on this space", because=because)


BEFORE_DATA: tuple[Rule, ...] = (_promote, _guards, _repeat, _blind, _edges, _likely)
AFTER_DATA: tuple[Rule, ...] = (_untried, _samples)
"""In the order of urgency; what asks for data stands between them."""
