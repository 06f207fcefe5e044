"""Which changes are known or presumed to act on one another, and which can never be in one recipe.

Knowledge of fine-tuning written down, nothing that a night has measured. It says when a parked or rejected change is
worth another look (the working recipe moved in a knob that it acts together with) and which changes of a block are
easily mistaken for one another. The effects of a pair that is not listed here are taken to add up.
"""

from __future__ import annotations

from typing import NamedTuple

from lanes.knobs import is_number
from probes.candidate import Change, show_value

MIX, ORDER = "the data mix", "the order"
"""Names under which all knobs of a lane stand in the table; hyperparameters stand under their field."""
BATCH = frozenset({"batch_size", "gradient_accumulation"})


class Pair(NamedTuple):
    """Two groups of knobs of which each of the one acts together with each of the other."""

    one: frozenset[str]
    other: frozenset[str]
    reason: str


def _pair(one: str | frozenset[str], other: str | frozenset[str], reason: str) -> Pair:
    first, second = (frozenset({side}) if isinstance(side, str) else side for side in (one, other))
    return Pair(first, second, reason)


PAIRS = (
    _pair("alpha", "rank", "the adapter's delta is scaled by alpha / rank"),
    _pair("learning_rate", frozenset({"alpha", "rank"}), "learning rate and alpha / rank both scale every update"),
    _pair("learning_rate", BATCH, "a larger batch has less noise in its gradient and carries a larger learning rate"),
    _pair("batch_size", "gradient_accumulation", "the effective batch is their product"),
    _pair("learning_rate", "warmup_ratio", "a longer warm-up carries a larger learning rate"),
    _pair("warmup_ratio", BATCH, "how long the gradient must settle depends on the size of the batch"),
    _pair("learning_rate", "scheduler", "the schedule decides for how long the learning rate stays at its peak"),
    _pair("warmup_ratio", "scheduler", "warm-up is a part of the schedule"),
    _pair("learning_rate", "max_grad_norm", "the clipped norm caps what the learning rate multiplies"),
    _pair("learning_rate", "weight_decay", "decay per step is learning rate × weight decay"),
    _pair("learning_rate", "precision", "small updates are rounded away in lower precision"),
    _pair(
        "optimizer",
        frozenset({"learning_rate", "max_grad_norm", "weight_decay", "warmup_ratio"}),
        "each optimizer has a step size of its own",
    ),
    _pair("beta", "learning_rate", "beta weighs the preference term, the learning rate how far each step follows it"),
    _pair("dropout", "rank", "both set how much the adapter can memorise"),
    _pair(MIX, MIX, "probes have a fixed number of steps, so that more rows of one kind are fewer of every other"),
    _pair(MIX, ORDER, "the order decides which of the mixed rows come first, and which a short probe never reaches"),
    _pair(MIX, BATCH, "steps × batch decides how many of the mixed rows are seen"),
    _pair(ORDER, BATCH, "steps × batch decides how far into the order a probe comes"),
    _pair(
        ORDER,
        frozenset({"learning_rate", "scheduler", "warmup_ratio"}),
        "the order decides which rows meet the high learning rates",
    ),
)
"""Pairs that act together; symmetric."""


def interacts(one: Change, other: Change) -> str | None:
    """Return why the effect of one change depends on the other; None when nothing is presumed. Symmetric."""
    if _is_same_knob(one, other):
        return f"both set `{one.knob}`"
    first, second = _name(one), _name(other)
    if "objective" in {first, second}:
        return "another objective is another loss, under which every knob may act otherwise"
    for known in PAIRS:
        if (first in known.one and second in known.other) or (second in known.one and first in known.other):
            return known.reason
    return None


def clashes(one: Change, other: Change) -> str | None:
    """Return why two changes can never be in one recipe or block; None when they can. Symmetric."""
    if _is_same_knob(one, other):
        return f"both set `{one.knob}`, which has one value"
    return _switches_off(one, other) or _switches_off(other, one) or _may_leave_no_rows(one, other)


def _switches_off(one: Change, other: Change) -> str | None:
    """Return why `other` would do nothing in a recipe with `one`."""
    name, value = _name(one), one.after
    if name == "objective" and value == "sft" and _name(other) == "beta":
        return "`sft` has no preference term for `beta` to weigh"
    if name == "scheduler" and value == "constant" and _name(other) == "warmup_ratio":
        return "the schedule `constant` has no warm-up"
    return None


def _may_leave_no_rows(one: Change, other: Change) -> str | None:
    """Return why the rows that `one` drops may be the ones that `other` needs."""
    for dropping, needing in ((one, other), (other, one)):
        if _name(dropping) != MIX or not is_number(dropping.after) or dropping.after > 0:
            continue
        if _name(needing) == ORDER and needing.after != "shuffle":
            return f"without the rows of `{dropping.knob}`, `{show_value(needing.after)}` may have nothing to order by"
        if _name(needing) == MIX:
            return f"without the rows of `{dropping.knob}`, `{needing.knob}` may be without rows too"
    return None


def _is_same_knob(one: Change, other: Change) -> bool:
    return (one.lane, one.knob) == (other.lane, other.knob)


def _name(change: Change) -> str:
    """Return under which name the table knows the change's knob."""
    return {"data_mix": MIX, "curriculum": ORDER}.get(change.lane, change.knob)
