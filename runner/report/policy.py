"""What the baseline's own scores decided before the search: the target, how strong the base is, which lanes open."""

from __future__ import annotations

from typing import Any

from runner.report.blocks import Block, Cell, Paragraph, Section, Table, Tone
from runner.report.texts import foreign_cell, one_line, text_columns
from tracking.night import NightRecord
from tracking.policy import BaseStrength, LaneState

STATES: dict[LaneState, tuple[str, Tone]] = {
    "open": ("open", "good"),
    "advised": ("open, against advice", "open"),
    "closed": ("closed", "muted"),
}
ADVICE = {
    "weak": "A weak base is worth training in full.",
    "moderate": "A moderate base is worth training on balanced rows: what it can do already can only be lost.",
    "strong": "A strong base may be better off untrained, with a better system prompt.",
}


def policy_section(night: NightRecord) -> Section | None:
    """Return the decisions with their reasons; None before they were made."""
    policy = night.policy
    if policy is None:
        return None
    target = policy.target
    who = "the baseline's scores" if target.chosen_by == "baseline" else "the session"
    blocks: list[Block] = [Paragraph(f"Target {target.category}, chosen by {who}: {one_line(target.reason)}.")]
    if target.passed_over:
        rows = tuple((foreign_cell(name), foreign_cell(why)) for name, why in target.passed_over.items())
        blocks.append(Table("Weaker categories that were passed over", text_columns("Category", "Because"), rows))
    blocks.append(Paragraph(_base(policy.base)))
    rows = tuple(
        (Cell(lane.lane.replace("_", " ")), Cell(*STATES[lane.state]), foreign_cell(lane.reason))
        for lane in policy.lanes
    )
    note = (
        "A lane is closed where the scores are clear and its knobs are the default ones; what is doubtful is advice, "
        "and a lane whose knobs the session names is never closed."
    )
    blocks.append(Table("Lanes", text_columns("Lane", "Tonight", "Because"), rows, note))
    return Section("policy", "What was decided before the search", tuple(blocks))


def policy_summary(night: NightRecord) -> dict[str, Any] | None:
    """Return the same for `summary.json`; None before the policy was set."""
    return night.policy.model_dump(mode="json") if night.policy is not None else None


def _base(base: BaseStrength) -> str:
    if base.strength == "unknown":
        return f"How strong the base model is was not judged: {base.reason}."
    parts = [f"The base model counts as {base.strength}{'' if base.is_sure else ', though not surely'}: {base.reason}."]
    if base.lost:
        parts.append(f"Training clearly lowers {one_line(', '.join(base.lost))}.")
    return " ".join([*parts, ADVICE[base.strength]])
