"""Knobs with a narrow safe band: what collapsed, what did not, and the step limit that followed."""

from __future__ import annotations

from typing import Any

from agent.tried import tried_moves
from lanes.fragility import KnobHistory, knob_histories
from runner.report.blocks import Paragraph, Section
from runner.report.texts import one_line
from tracking.collapses import LOSS
from tracking.figures import show
from tracking.night import NightRecord

RULE = (
    "A value collapsed when its probe failed because of the recipe, its smoke run was ruined, the target surely fell "
    f"by more than {show(-LOSS, 'margin')} points, or a guard surely fell beyond its margin. Later steps in that "
    "direction went at most half as far, and never more than halfway to what had collapsed."
)


def fragile_section(night: NightRecord) -> Section | None:
    """Return every knob whose step collapsed, the most fragile first; None when none did."""
    histories = fragile_knobs(night)
    if not histories:
        return None
    words = [f"{history.sentence.replace('`', '')}." for history in histories]
    return Section("fragile", "Narrow safe bands", tuple(Paragraph(one_line(text, 1000)) for text in (*words, RULE)))


def fragile_knobs(night: NightRecord) -> list[KnobHistory]:
    """Return the history of each knob whose step collapsed, the most fragile first."""
    return [history for history in knob_histories(tried_moves(night)) if history.is_fragile]


def fragile_summary(night: NightRecord) -> list[dict[str, Any]]:
    """Return the same for `summary.json`."""
    return [
        {
            "lane": history.lane,
            "knob": history.knob,
            "collapsed": [
                {"from": c.change.before, "to": c.change.after, "reason": c.reason} for c in history.collapses
            ],
            "safe": list(history.safe),
            "limit": history.limit,
            "sentence": history.sentence,
        }
        for history in fragile_knobs(night)
    ]
