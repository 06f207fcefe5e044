"""`nightlab compare`: nights side by side. What differs between them, and whether their scores may be compared at all.

Levels (mean scores) of a night that measured otherwise than the first one are left out: a number beside another invites
the comparison. What a night found against its own baseline stays, since that was measured under its own conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probes.comparability import Difference
from probes.errors import ConfigError
from probes.statistics.verdicts import Claim
from runner.nights.reading import Mean, ReadNight, differences_of, flat, mean_of, read_night, value_in_words
from tracking.figures import MISSING, show, show_count, show_effect, show_p
from tracking.headline import changes_in_words, cost_in_words, headline
from tracking.spending import device_hour_usd
from tracking.summary import claim_summary, spend

_NO_SETTINGS = ("name", "recipe", "launcher", "tracking", "alarm")
"""Sections that cannot change what a night measures, and the recipe, which has rows of its own."""
NOT_COMPARABLE = "not comparable"
MOST_CHANGES = 20
"""Accepted changes that are listed; more are only counted."""
Row = tuple[str, tuple[str, ...]]
"""Label, and a text for each night."""


@dataclass(frozen=True)
class Comparison:
    """Nights side by side."""

    nights: tuple[ReadNight, ...]
    differences: tuple[tuple[Difference, ...], ...]
    """For each night, in what it measured otherwise than the first."""

    def is_comparable(self, index: int) -> bool:
        """Whether a night's scores may be held against the first one's."""
        return not self.differences[index]

    def level(self, index: int, arm: str) -> Mean | None:
        """Return a night's mean target score in the confirmation; None where it is not comparable with the first."""
        night = self.nights[index]
        return mean_of(night.runs(arm, "confirm"), night.night.target) if self.is_comparable(index) else None


def compare_nights(paths: Sequence[Path]) -> Comparison:
    """Read nights and hold them against the first one.

    Raises:
        ConfigError: fewer than two are named, one twice, or one holds no session.
        LedgerError: a ledger cannot be read.
    """
    if len(paths) < 2:
        raise ConfigError("`compare` needs at least two session folders; `nightlab status DIR` shows one")
    nights = tuple(read_night(path) for path in paths)
    places = [night.folder.path for night in nights]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise ConfigError(f"`{twice}` is named twice; a night compared with itself shows nothing")
    return Comparison(nights, tuple(differences_of(nights[0], night) for night in nights))


def result_rows(comparison: Comparison) -> list[Row]:
    """Return what each night came to."""
    facts: list[tuple[str, Callable[[ReadNight], str]]] = [
        ("began (UTC)", lambda one: one.night.first_at[:16].replace("T", " ")),
        ("state", lambda one: one.state),
        ("target", lambda one: one.night.target),
        ("claim", lambda one: claim_in_words(one)),
        ("effect", lambda one: _effect(one.night.claim)),
        ("p value", lambda one: _p(one.night.claim)),
        ("guards", lambda one: guards_in_words(one.night.claim)),
        ("accepted", lambda one: changes_in_words(one.night, MOST_CHANGES) if one.night.accepted else "nothing"),
        ("tried", lambda one: show_count(len(one.night.candidates), "candidate")),
        ("noise sd", lambda one: show(one.night.noise.target_sd if one.night.noise else None, "score")),
        ("resolvable", lambda one: show(one.night.power.target_resolvable if one.night.power else None, "margin")),
        ("probes", lambda one: show(len(one.night.ended), "count")),
        ("time", lambda one: show(one.night.active_s, "duration")),
        ("cost", lambda one: cost_in_words(one.night).partition(":")[0]),
    ]
    rows: list[Row] = [(label, tuple(fact(one) for one in comparison.nights)) for label, fact in facts]
    places = range(len(comparison.nights))
    levels: list[Row] = [
        (f"{arm} level", tuple(_level(comparison.level(index, arm)) for index in places))
        for arm in ("baseline", "final")
    ]
    return [*rows[:5], *levels, *rows[5:]]


def guard_rows(comparison: Comparison) -> list[Row]:
    """Return what the confirmation found of each guard."""
    claims = [one.night.claim for one in comparison.nights]
    names = sorted({name for claim in claims if claim is not None for name in claim.guards})
    return [(name, tuple(_guard(claim, name) for claim in claims)) for name in names]


def recipe_rows(comparison: Comparison) -> list[Row]:
    """Return the recipe fields in which nights differ, or that a night changed: `16 → 32`."""
    sides = [_recipes(one) for one in comparison.nights]
    names = dict.fromkeys(name for before, after in sides for name in (*before, *after))
    rows: list[Row] = []
    for name in names:
        cells = [(before.get(name), after.get(name)) for before, after in sides]
        if len({str(value) for pair in cells for value in pair}) > 1:
            rows.append((name, tuple(_moved(before, after) for before, after in cells)))
    return rows


def setting_rows(comparison: Comparison) -> list[Row]:
    """Return the settings and inputs in which nights differ; the recipe has rows of its own."""
    settings = [_settings(one) for one in comparison.nights]
    names = dict.fromkeys(name for own in settings for name in own)
    rows: list[Row] = []
    for name in names:
        values = [own.get(name) for own in settings]
        if any(value != values[0] for value in values):
            rows.append((name, tuple(value_in_words(value) for value in values)))
    return rows


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return everything for machines."""
    rows = {"recipe": recipe_rows(comparison), "settings": setting_rows(comparison)}
    return {
        "comparable": not any(comparison.differences),
        "nights": [_night_json(comparison, index) for index in range(len(comparison.nights))],
        **{name: {label: list(cells) for label, cells in found} for name, found in rows.items()},
    }


def claim_in_words(one: ReadNight) -> str:
    """Return what became of a night's claim in two words."""
    night = one.night
    if night.claim is None:
        return "withdrawn" if night.withdrawn else "none yet" if night.stopped is None else "none"
    if night.claim.effect is None:
        return "nothing to confirm"
    return "confirmed" if night.claim.confirmed else "not confirmed"


def guards_in_words(claim: Claim | None) -> str:
    """Return how many guards held, and which did not."""
    if claim is None or not claim.guards:
        return MISSING
    failed = [name for name, test in claim.guards.items() if not test.passed]
    held = f"{len(claim.guards) - len(failed)} of {len(claim.guards)} held"
    return f"{held}; not {', '.join(failed)}" if failed else held


def _night_json(comparison: Comparison, index: int) -> dict[str, Any]:
    one = comparison.nights[index]
    levels = {arm: comparison.level(index, arm) for arm in ("baseline", "final")}
    return {
        "session": one.name,
        "folder": str(one.folder.path),
        "state": one.state,
        "target": one.night.target,
        "headline": headline(one.night),
        "claim": claim_summary(one.night.claim),
        "levels": {arm: mean._asdict() if mean is not None else None for arm, mean in levels.items()},
        "noise_sd": one.night.noise.target_sd if one.night.noise else None,
        "accepted": [str(one.night.candidates[name].change) for name in one.night.accepted],
        "device_hour": device_hour_usd(one.config),
        "spend": spend(one.night),
        "differences": [found._asdict() for found in comparison.differences[index]],
    }


def _effect(claim: Claim | None) -> str:
    return show_effect(claim.effect, claim.interval) if claim is not None else MISSING


def _p(claim: Claim | None) -> str:
    return (
        f"{show_p(claim.p_value)[2:].lstrip('= ')} at {claim.level:g}"
        if claim and claim.p_value is not None
        else MISSING
    )


def _level(mean: Mean | None) -> str:
    return NOT_COMPARABLE if mean is None else mean.words


def _guard(claim: Claim | None, name: str) -> str:
    test = claim.guards.get(name) if claim is not None else None
    if test is None:
        return MISSING
    return f"{show_effect(test.effect, test.interval)} {'held' if test.passed else 'NOT held'}"


def _recipes(one: ReadNight) -> tuple[dict[str, Any], dict[str, Any]]:
    started = one.night.started
    before = flat(started.baseline.model_dump(mode="json")) if started is not None else {}
    working = one.night.working_recipe
    after = flat(working.model_dump(mode="json")) if working is not None else before
    return before, after


def _moved(before: Any, after: Any) -> str:
    if str(before) == str(after):
        return value_in_words(before)
    return f"{value_in_words(before)} → {value_in_words(after)}"


def _settings(one: ReadNight) -> dict[str, Any]:
    own = flat({name: value for name, value in one.config.items() if name not in _NO_SETTINGS})
    digests: dict[str, Any] = one.night.started.provenance.get("digests", {}) if one.night.started else {}
    return {**own, **{f"digest of {name}": digest for name, digest in digests.items()}}
