"""Moves that earlier nights measured as harmful: they are asked last, when a night has nothing else left. Pure.

Tonight's own collapses are a harder limit (`lanes.fragility`); an earlier night's harm was measured on its own working
recipe, so it says what to try last and forbids nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lanes.knobs import TOLERANCE, is_number
from lanes.moves import OpenKnob
from probes.candidate import Change, KnobValue


def without_harm(knobs: Sequence[OpenKnob], harmful: Sequence[Change]) -> list[OpenKnob]:
    """Return the knobs without the moves that go where a harmful one went; knobs that lose every move are left out."""
    if not harmful:
        return list(knobs)
    kept: list[OpenKnob] = []
    for knob in knobs:
        own = [harm for harm in harmful if harm.knob == knob.name]
        left = {
            same: value
            for same, value in knob.open.items()
            if not any(repeats_harm(knob.working, value, harm) for harm in own)
        }
        kept += [replace(knob, open=left)] if left else []
    return kept


def repeats_harm(working: KnobValue, value: KnobValue, harm: Change) -> bool:
    """Whether a move of the same knob goes where `harm` went: to its value, or for numbers beyond it in its direction.

    Assumes that what harms does so further out too. From a working value beyond the harm, which tonight accepted, it
    says nothing more.
    """
    before, after = harm.before, harm.after
    if not (is_number(working) and is_number(value) and is_number(before) and is_number(after)):
        return value == after
    way = 1 if after > before else -1
    slack = TOLERANCE * max(abs(after), abs(value))
    is_beyond = way * (value - after) >= -slack
    return is_beyond and way * (value - working) > 0 and way * (after - working) > 0
