"""The night's journal: every candidate as a hypothesis with likelihood, evidence, next step and fate.

A fold of the record and nothing else: it decides nothing, and no word of a proposer is interpreted.
"""

from __future__ import annotations

from typing import Literal

from probes.candidate import Change, KnobValue, show_value
from probes.frozen import Frozen
from probes.statistics.verdicts import CandidateReading, Interval
from tracking.memory.moves import EarlierMove
from tracking.night import NightRecord

Fate = Literal["open", "holds", "claimed together", "not claimed", "given up", "harmful", "parked", "cancelled"]
"""`open`: more probes are wanted. `holds`: in the working recipe, before the confirmation. `claimed together`: in the
final recipe, which was confirmed as a whole; no change is confirmed by itself. `given up`: unlikely to be worth having,
so the referee rejects it, which is no proof that it does nothing. `harmful`: it rejects it for a guard that it harms,
whatever it does for the target. `cancelled`: what it started from has left the working recipe."""
ORDER_WORDS = {
    "source_first": "showing the sources' rows first",
    "source_last": "showing the sources' rows last",
    "easy_first": "showing easy rows first",
    "hard_first": "showing hard rows first",
    "interleave": "taking the categories in turn",
    "shuffle": "shuffling the rows",
}


class Evidence(Frozen):
    """What was measured of a hypothesis."""

    probes: tuple[int, ...]
    """Numbers of the scored probes of the search with its change."""
    effect: float | None
    """Posterior mean of its effect on the target."""
    interval: Interval | None
    guards_harmed: tuple[str, ...] = ()


class Hypothesis(Frozen):
    """One candidate as a statement about the model."""

    candidate: str
    statement: str
    is_generated: bool
    """Written from the change; False: its proposer's own words."""
    proposer: str
    likelihood: float | None
    """P(effect > 0) by the latest reading; None before one."""
    evidence: Evidence
    fate: Fate
    reason: str
    """The referee's; empty before a reading."""
    next_step: str
    premise: str | None = None
    """The candidate whose change it starts from; None: the baseline."""
    taken_up: tuple[str, ...] = ()
    """Why it was taken up again, once for every time."""
    refuted_by: str = ""
    """What its proposer said would refute it."""
    before: tuple[EarlierMove, ...] = ()
    """The same move in earlier nights."""


def journal(night: NightRecord) -> tuple[Hypothesis, ...]:
    """Return the hypotheses of a night in the order in which they were stated."""
    probes: dict[str, list[int]] = {}
    for probe in night.probes:
        if probe.plan.phase == "search" and probe.plan.arm != "final" and probe.is_scored:
            for name in probe.plan.changes:
                probes.setdefault(name, []).append(probe.plan.number)
    earlier: dict[str, list[EarlierMove]] = {}
    for move in night.earlier.moves if night.earlier else ():
        earlier.setdefault(move.change.key, []).append(move)
    again: dict[str, list[str]] = {}
    for event in night.taken_up:
        again.setdefault(event.candidate, []).append(event.reason)
    starts = premises(night)
    return tuple(
        _hypothesis(night, name, starts.get(name), probes.get(name, []), earlier, again.get(name, []))
        for name in night.candidates
    )


def premises(night: NightRecord) -> dict[str, str]:
    """Return candidate → the candidate whose accepted change set the knob to where it starts.

    Those that start from the baseline's own value are not in it.
    """
    accepted = {name for _, names in night.moves for name in names}
    set_to: dict[tuple[str, str, object], str] = {}
    first: dict[tuple[str, str], object] = {}
    found: dict[str, str] = {}
    for name, candidate in night.candidates.items():
        change = candidate.change
        knob = (change.lane, change.knob)
        own = first.setdefault(knob, change.before)
        start = set_to.get((*knob, change.before))
        if start is not None and change.before != own:
            found[name] = start
        if name in accepted:
            set_to[(*knob, change.after)] = name
    return found


def in_words(change: Change, target: str) -> str:
    """Return a change as a plain sentence about the target: `more private_voice rows (1 → 3) raise …`."""
    before, after = change.before, change.after
    end = f"raises {target}"
    if change.lane == "curriculum":
        return f"{ORDER_WORDS.get(str(after), f'the order {after}')} {end}"
    values = f"({show_value(before)} → {show_value(after)})"
    if isinstance(before, bool) or isinstance(after, str | bool) or not isinstance(before, int | float):
        return f"{_plain(change.knob)} {_value(after)} instead of {_value(before)} {end}"
    if change.lane == "data_mix":
        return f"{'more' if after > before else 'fewer'} {change.knob} rows {values} raise {target}"
    return f"{'a higher' if after > before else 'a lower'} {_plain(change.knob)} {values} {end}"


def _hypothesis(
    night: NightRecord,
    name: str,
    start: str | None,
    probes: list[int],
    earlier: dict[str, list[EarlierMove]],
    again: list[str],
) -> Hypothesis:
    candidate, reading = night.candidates[name], night.reading(name)
    own_words = candidate.hypothesis or candidate.rationale
    fate = _fate(night, name, reading, start)
    return Hypothesis(
        candidate=name,
        statement=own_words or in_words(candidate.change, night.target),
        is_generated=not own_words,
        proposer=candidate.proposer,
        likelihood=reading.better_probability if reading else None,
        evidence=Evidence(
            probes=tuple(probes),
            effect=reading.effect if reading else None,
            interval=reading.interval if reading else None,
            guards_harmed=_harmed(reading),
        ),
        fate=fate,
        reason=reading.reason if reading else "",
        next_step=_next_step(night, fate, reading, start),
        premise=start,
        taken_up=tuple(again),
        refuted_by=candidate.forecast.refuted_by if candidate.forecast else "",
        before=tuple(earlier.get(candidate.change.key, ())),
    )


def _fate(night: NightRecord, name: str, reading: CandidateReading | None, start: str | None) -> Fate:
    if name in night.accepted:
        claim = night.claim
        if claim is None:
            return "holds"
        return "claimed together" if claim.confirmed else "not claimed"
    if reading is not None and reading.decision == "reject" and not night.is_live(name):
        return "harmful" if _harmed(reading) else "given up"
    if start is not None and start not in night.accepted:
        return "cancelled"
    return "open" if night.is_live(name) and night.claim is None else "parked"


def _next_step(night: NightRecord, fate: Fate, reading: CandidateReading | None, start: str | None) -> str:
    is_over = night.claim is not None
    match fate:
        case "claimed together":
            return "none: it is part of the claim"
        case "not claimed":
            return "another night"
        case "holds":
            return "the confirmation"
        case "open":
            done = reading.replicates if reading else 0
            return f"replicate {done + 1}" if done else "its first probe"
        case "cancelled":
            return f"none: its premise {start} has left"
        case "harmful":
            return f"none: it harms {', '.join(_harmed(reading))}"
        case "given up":
            return "none" if is_over else "none, unless a knob it acts with moves"
        case "parked":
            return "another night" if is_over else "probes that nothing new wants"


def _harmed(reading: CandidateReading | None) -> tuple[str, ...]:
    guards = reading.guards.items() if reading else ()
    return tuple(name for name, guard in guards if guard.state == "harmful")


def _value(value: KnobValue | None) -> str:
    return "none" if value == "" else show_value(value)


def _plain(knob: str) -> str:
    return knob.replace("_", " ")
