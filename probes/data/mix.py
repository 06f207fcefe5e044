"""The data mix: which rows are trained on, and how often."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from probes.data.draws import draw, row_draws
from probes.data.rows import Row
from probes.data.tags import tag_values
from probes.errors import DataError
from probes.recipe import DataMix, MixRule

_ROUNDING = 1e-9
"""Products of weights miss whole numbers by less than this."""


class RuleCount(NamedTuple):
    """What one rule asked for and what the mix holds."""

    rule: str
    matched: int
    """Rows of the plain data that match."""
    asked: float
    """Copies of them that all rules together ask for."""
    achieved: int
    """Copies of them in the mix."""


class MixCounts(NamedTuple):
    """A mix reconciled with what its rules asked for."""

    rows: int
    """Rows of the plain data."""
    asked: float
    achieved: int
    rules: tuple[RuleCount, ...]

    @property
    def gap(self) -> float:
        """Rows in the mix beyond those asked for; less than one per set of rows that match the same rules."""
        return self.achieved - self.asked


def apply_mix(rows: Sequence[Row], mix: DataMix, seed: int) -> tuple[Row, ...]:
    """Return the rows in their order, copies of a row (the same object) side by side.

    A fraction of a copy is met by a draw among the rows that match the same rules: n rows at a fraction f give one
    more copy to n × f of them, rounded up or down by the seed. Which rows depends on the seed and their content only,
    and a larger fraction keeps the rows of a smaller one.

    Raises:
        DataError: a rule matches no row, or the mix is empty.
    """
    matched = _matched(rows, mix)
    copies = [0] * len(rows)
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, rules in enumerate(matched):
        groups.setdefault(rules, []).append(index)
    draws = row_draws(rows, seed, "mix")
    for rules, members in groups.items():
        whole, fraction = _split(_copies([mix.rules[rule] for rule in rules], mix.global_repeat))
        rounding = draw(seed, "mix rounding", "\n".join(mix.rules[rule].name for rule in rules).encode())
        extra = math.floor(len(members) * fraction + rounding + _ROUNDING) if fraction else 0
        lucky = set(sorted(members, key=lambda index: draws[index])[:extra])
        for index in members:
            copies[index] = whole + (index in lucky)
    mixed = tuple(row for row, count in zip(rows, copies, strict=True) for _ in range(count))
    if not mixed:
        raise DataError("the data mix leaves no training rows; raise a `weight` or narrow a rule in `[recipe.mix]`")
    return mixed


def rule_matches(row: Row, rule: MixRule) -> bool:
    """Return whether `row` meets any condition of `rule`, or all of them, as `rule.match` says.

    Each tag is one condition, met when any of the row's values is accepted; the word list is one, met when any word is
    a part of the prompt's text (as in "bank" of "bankers"). Case does not matter.
    """
    meets = (_has_value(row, name, accepted) for name, accepted in rule.tags.items())
    if rule.match == "any":
        return any(meets) or _has_word(row, rule.prompt_words)
    return all(meets) and (not rule.prompt_words or _has_word(row, rule.prompt_words))


def asked_copies(row: Row, mix: DataMix) -> float:
    """Return how often `mix` asks for `row`: (1 + Σ (repeat - 1)) × Π weight × global repeat over matching rules."""
    return _copies([rule for rule in mix.rules if rule_matches(row, rule)], mix.global_repeat)


def reconcile(rows: Sequence[Row], mix: DataMix, mixed: Sequence[Row]) -> MixCounts:
    """Return what each rule asked for beside what `mixed`, made from `rows`, holds."""
    found = Counter(id(row) for row in mixed)
    asked = [asked_copies(row, mix) for row in rows]
    counts: list[RuleCount] = []
    for rule in mix.rules:
        members = [index for index, row in enumerate(rows) if rule_matches(row, rule)]
        achieved = sum(found[id(rows[index])] for index in members)
        counts.append(RuleCount(rule.name, len(members), math.fsum(asked[index] for index in members), achieved))
    return MixCounts(len(rows), math.fsum(asked), len(mixed), tuple(counts))


def _copies(rules: Sequence[MixRule], global_repeat: int) -> float:
    repeats = 1 + sum(rule.repeat - 1 for rule in rules)
    return repeats * math.prod(rule.weight for rule in rules) * global_repeat


def _split(copies: float) -> tuple[int, float]:
    """Return the whole copies and the fraction, free of rounding dust."""
    whole = math.floor(copies + _ROUNDING)
    fraction = copies - whole
    return whole, fraction if fraction > _ROUNDING else 0.0


def _matched(rows: Sequence[Row], mix: DataMix) -> list[tuple[int, ...]]:
    matched = [tuple(i for i, rule in enumerate(mix.rules) if rule_matches(row, rule)) for row in rows]
    used = {rule for rules in matched for rule in rules}
    for index, rule in enumerate(mix.rules):
        if index not in used:
            raise DataError(f"mix rule `{rule.name}` matches no training row: {_why_unmatched(rows, rule)}")
    return matched


def _has_value(row: Row, name: str, accepted: Sequence[str]) -> bool:
    values = tag_values(row.tags, name)
    return bool(values) and not {value.casefold() for value in values}.isdisjoint(v.casefold() for v in accepted)


def _has_word(row: Row, words: Sequence[str]) -> bool:
    if not words:
        return False
    text = row.prompt_text.casefold()
    return any(word.casefold() in text for word in words)


def _why_unmatched(rows: Sequence[Row], rule: MixRule) -> str:
    reasons: list[str] = []
    for name, accepted in rule.tags.items():
        if not any(_has_value(row, name, accepted) for row in rows):
            reasons.append(_why_no_value(rows, name, accepted))
    if rule.prompt_words and not any(_has_word(row, rule.prompt_words) for row in rows):
        reasons.append(f"no prompt contains {_quoted(rule.prompt_words)}")
    return "; ".join(reasons or ['no row meets all its conditions at once; use `match = "any"` or drop a condition'])


def _why_no_value(rows: Sequence[Row], name: str, accepted: Sequence[str]) -> str:
    known: Mapping[str, int] = Counter(value for row in rows for value in tag_values(row.tags, name))
    if not known:
        names = sorted({tag for row in rows for tag in row.tags})
        nearest = get_close_matches(name, names, 3, 0.5) or names[:8]
        return f"no row has the tag `{name}`" + (f" (nearest: {_quoted(nearest)})" if names else " or any other")
    nearest = [near for value in accepted for near in get_close_matches(value, list(known), 3, 0.5)]
    common = sorted(known, key=lambda value: (-known[value], value))[:8]
    return f"no row has {_quoted(accepted)} in `{name}` (nearest: {_quoted(list(dict.fromkeys(nearest)) or common)})"


def _quoted(values: Sequence[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)
