"""The parent run's description: what the night found, against what, at what cost, in Markdown and a screen's length.

Numbers come from the ledger through `tracking.figures`; words of models and files are escaped.
"""

from __future__ import annotations

import re
from collections import Counter

from probes.statistics.verdicts import Claim
from tracking.figures import show, show_count, show_effect, show_p
from tracking.headline import change_in_words, changes_in_words, cost_in_words, design_in_words, headline
from tracking.night import NightRecord

_GAP = "\N{EM SPACE}"
"""Between columns: MLflow's tables have no margins of their own."""
_VERBS = {"accept": "accepted", "reject": "rejected", "park": "parked", "more": "undecided"}


def story(night: NightRecord) -> str:
    """Return the description of a night as it stands."""
    claim = night.claim
    parts = [f"**{plain(headline(night))}**"]
    if claim is not None and claim.effect is None:
        parts.append(f"The referee: {plain(claim.reason)}.")
    if claim is not None and claim.effect is not None:
        parts.append(_guards(night.target, claim))
    facts = [_tried(night), _noise(night), _cost(night), *_marks(night)]
    parts.append("\n".join(f"- {fact}" for fact in facts if fact))
    parts.append(
        "Read on in the artifacts `report.html` and `report.md`; figures are in `summary.json`, one row per probe in "
        "`results.tsv`. The nested runs are the probes: chart `target` or `score/…`, group by `phase` or `lane`."
    )
    return "\n\n".join(parts)


def judged_note(night: NightRecord, candidate: str) -> str:
    """Return the description of a candidate's probes: what was changed, what came of it, and what was hoped for."""
    known, reading = night.candidates.get(candidate), night.reading(candidate)
    if known is None or reading is None:
        return ""
    words = f"**{plain(change_in_words(known.change))}** is {_VERBS[reading.decision]}: {plain(reading.reason)}"
    return f"{words}\n\nProposed by {plain(known.proposer)}: {plain(known.rationale)}"


def plain(text: str) -> str:
    """Return words of others so that Markdown shows them as they are, on one line."""
    return re.sub(r"([\\`*_\[\]<>|#!~&])", r"\\\1", " ".join(text.split()))


def _guards(target: str, claim: Claim) -> str:
    """Return the confirmation as a table: the target, then every guard."""
    said = "confirmed" if claim.confirmed else "not confirmed"
    tested = "" if claim.p_value is None else f", {show_p(claim.p_value)}"
    rows = [
        f"| **{plain(target)}** (target){_GAP} | {show_effect(claim.effect, claim.interval)}{_GAP} | {said}{tested} |"
    ]
    for name, guard in claim.guards.items():
        held = "held" if guard.passed else "**not shown to hold**"
        words = f"{held}, margin {show(guard.margin, 'margin')}"
        change = show_effect(guard.effect, guard.interval)
        rows.append(f"| {plain(name)} (guard){_GAP} | {change}{_GAP} | {words} |")
    head = f"| final recipe against baseline{_GAP} | change [90 % interval]{_GAP} | |"
    return "\n".join([head, "|:---|:---|:---|", *rows])


def _tried(night: NightRecord) -> str:
    if not night.candidates:
        return ""
    verdicts = Counter(reading.decision if (reading := night.reading(name)) else "more" for name in night.candidates)
    counted = ", ".join(f"{count} {_VERBS[name]}" for name, count in verdicts.most_common())
    probes = show_count(len(night.probes), "probe")
    design = f" ({plain(design_in_words(night))})" if design_in_words(night) else ""
    recipe = f"; in the recipe: {plain(changes_in_words(night))}" if night.accepted else ""
    return f"Tried: {show_count(len(night.candidates), 'candidate')} in {probes}{design}: {counted}{recipe}"


def _noise(night: NightRecord) -> str:
    sd = night.noise.target_sd if night.noise else None
    floor = night.power.target_resolvable if night.power else None
    words = [f"one probe of {plain(night.target)} varies by {show(sd, 'score')} points from seed to seed"] if sd else []
    words += [f"gains under {show(floor, 'margin')} could not have been seen reliably"] if floor else []
    return f"Power: {'; '.join(words)}" if words else ""


def _cost(night: NightRecord) -> str:
    money = "" if night.bill.usd is None else f", {plain(cost_in_words(night))}"
    return f"Cost: {show(night.active_s, 'duration')} for {show_count(len(night.ended), 'probe')}{money}"


def _marks(night: NightRecord) -> list[str]:
    marks = [f"Invalidated: {show_count(len(m.numbers), 'probe')} {plain(m.words)}" for m in night.invalidations]
    flags = sorted({plain(flag.message) for flag in night.flags})
    return [*marks, *(f"Flag: {words}" for words in flags[:4])]
