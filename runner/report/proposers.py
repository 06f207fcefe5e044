"""Who proposed, and how well it was foreseen: proposals, earnings, forecasts, the hybrid's share, model turns."""

from __future__ import annotations

from collections import Counter
from typing import Any

from agent.proposers.earnings import Share, measured_forecasts, share_now
from probes.frozen import Frozen
from probes.statistics.forecasts import ForecastScore, score_forecasts
from runner.report.blocks import (
    Block,
    Cell,
    Column,
    Paragraph,
    Section,
    Table,
)
from runner.report.texts import foreign_cell, number_columns, one_line
from tracking.events import ModelTurn
from tracking.figures import MISSING, show, show_count, show_interval
from tracking.night import NightRecord

TURN_OUTCOMES = ("accepted", "repaired", "refused", "failed", "skipped")


class ProposerRecord(Frozen):
    """What one proposer's changes came to."""

    proposer: str
    proposed: int
    """Legal proposals, which became candidates."""
    refused: int
    """Proposals that broke a rule."""
    accepted: int
    """Of its candidates, in the working recipe at the end."""
    gain: float
    """Sum of the posterior means of what is accepted: a measure of merit, too high on average, never a claim."""
    forecasts: int
    """Candidates with a stated forecast."""


def proposers_section(night: NightRecord) -> Section | None:
    """Return who proposed what; one line where a single proposer foretold nothing and no model was asked."""
    records = proposer_records(night)
    if not records:
        return None
    title = "Who proposed, and how well it was foreseen"
    if len(records) == 1 and not records[0].forecasts and not night.model_turns:
        return Section("proposers", title, (Paragraph(_line(records[0])),))
    blocks: list[Block] = [_records(night, records)]
    scores = score_forecasts(measured_forecasts(night))
    if scores:
        blocks.append(_forecasts(scores))
    elif any(record.forecasts for record in records):
        blocks.append(Paragraph("No change with a forecast was measured, so no forecast is scored."))
    share = hybrid_share(night)
    if share is not None:
        blocks.append(Paragraph(_share(share, _start(night))))
    if night.model_turns:
        blocks.append(_turns(night))
    return Section("proposers", title, tuple(blocks))


def proposers_summary(night: NightRecord) -> dict[str, Any]:
    """Return the same for `summary.json`."""
    share = hybrid_share(night)
    outcomes = Counter(turn.outcome for turn in night.model_turns)
    return {
        "proposers": [record.model_dump(mode="json") for record in proposer_records(night)],
        "forecasts": [score.model_dump(mode="json") for score in score_forecasts(measured_forecasts(night))],
        "hybrid": None
        if share is None
        else {
            "share": share.share,
            "share_at_start": _start(night),
            "model": share.model._asdict(),
            "statistical": share.statistical._asdict(),
            "turns": share.turns,
            "legal": share.legal,
            "coverage": share.coverage,
        },
        "model_turns": {outcome: outcomes[outcome] for outcome in TURN_OUTCOMES} if night.model_turns else None,
        "model_spend_usd": round(night.model_spend_usd, 6) if night.model_turns else None,
    }


def proposer_records(night: NightRecord) -> list[ProposerRecord]:
    """Return what each proposer's changes came to, in order of their first proposals."""
    candidates = list(night.candidates.values())
    names = dict.fromkeys([c.proposer for c in candidates] + [refusal.proposer for refusal in night.refusals])
    refused = Counter(refusal.proposer for refusal in night.refusals)
    refused.update(turn.proposer for turn in night.model_turns if turn.outcome == "refused")
    names.update(dict.fromkeys(refused))
    records: list[ProposerRecord] = []
    for name in names:
        own = [candidate for candidate in candidates if candidate.proposer == name]
        accepted = [candidate.id for candidate in own if candidate.id in night.accepted]
        effects = [reading.effect or 0.0 for each in accepted if (reading := night.reading(each)) is not None]
        records.append(
            ProposerRecord(
                proposer=name,
                proposed=len(own),
                refused=refused[name],
                accepted=len(accepted),
                gain=sum(effects),
                forecasts=sum(candidate.forecast is not None for candidate in own),
            )
        )
    return records


def hybrid_share(night: NightRecord) -> Share | None:
    """Return the model's share of the turns as it stands; None in a night that is no hybrid's."""
    return share_now(night, _start(night)) if _agent(night).get("proposer") == "hybrid" else None


def _records(night: NightRecord, records: list[ProposerRecord]) -> Table:
    rows = tuple(
        (
            foreign_cell(record.proposer),
            Cell(show(record.proposed, "count")),
            Cell(show(record.refused, "count")),
            Cell(show(record.accepted, "count")),
            Cell(show(record.gain if record.accepted else None, "effect")),
            Cell(show(record.forecasts, "count")),
        )
        for record in records
    )
    columns = (Column("Proposer"), *number_columns("Proposed", "Refused", "Accepted", "Gain earned", "Forecasts"))
    note = (
        f"Gain earned: sum of the search's estimates on {night.target} of what is in the working recipe; estimates of "
        "what was chosen are too high on average, and only the confirmation claims."
    )
    return Table("Proposers", columns, rows, note)


def _forecasts(scores: list[ForecastScore]) -> Table:
    rows = tuple(
        (
            foreign_cell(score.proposer),
            Cell(show(score.forecasts, "count")),
            Cell(f"{show(score.coverage, 'share')} {show_interval(score.coverage_interval, 'share')}"),
            Cell(show(score.sharpness, "score")),
            Cell(_with_interval(score)),
            Cell(show(score.rank_correlation, "score")),
            Cell(show(score.brier, "probability")),
        )
        for score in scores
    )
    titles = ("Measured", "90 % intervals that held", "Mean width", "Forecast − measured", "Rank correlation", "Brier")
    note = (
        "Calibrated is 90 %. Width is worth something only where the intervals hold. Measured are the search's "
        "estimates, noisy themselves. Brier is of the stated P(effect > 0); .25 is what a constant .5 gets."
    )
    return Table("Forecasts against what was measured", (Column("Proposer"), *number_columns(*titles)), rows, note)


def _with_interval(score: ForecastScore) -> str:
    bounds = show_interval(score.error_interval)
    return show(score.error, "effect") + ("" if bounds == MISSING else f" {bounds}")


def _share(share: Share, start: float) -> str:
    sides = [
        f"{name} {show_count(side.proposed, 'change')}, {show(side.accepted, 'count')} accepted, "
        f"{show(side.gain, 'effect')} points over {show_count(side.probes, 'probe')}"
        for name, side in (("the model's", share.model), ("the others'", share.statistical))
    ]
    covered = f"; {show(share.coverage, 'share')} of its intervals held" if share.coverage is not None else ""
    return (
        f"The language model's share of the turns began at {show(start, 'share')} and ended at "
        f"{show(share.share, 'share')}: {'; '.join(sides)}; {show(share.legal, 'count')} of "
        f"{show_count(share.turns, 'answered turn')} legal{covered}."
    )


def _turns(night: NightRecord) -> Table:
    by_name: dict[str, list[ModelTurn]] = {}
    for turn in night.model_turns:
        by_name.setdefault(turn.proposer, []).append(turn)
    rows: list[tuple[Cell, ...]] = []
    for name, turns in by_name.items():
        counts = Counter(turn.outcome for turn in turns)
        known = [turn.cost_usd for turn in turns if turn.cost_usd is not None]
        seconds = sum(turn.seconds for turn in turns)
        why = Counter(turn.reason for turn in turns if turn.reason and turn.outcome != "accepted").most_common(1)
        rows.append(
            (
                foreign_cell(name),
                *(Cell(show(counts[outcome], "count")) for outcome in TURN_OUTCOMES),
                Cell(show(sum(known) if known else None, "usd")),
                Cell(show(seconds, "duration")),
                foreign_cell(one_line(why[0][0], 160) if why else ""),
            )
        )
    titles = [outcome.capitalize() for outcome in TURN_OUTCOMES]
    columns = (Column("Model"), *number_columns(*titles, "Cost", "Time"), Column("Commonest trouble"))
    note = (
        "Repaired: legal at the second go. After a refused, failed or skipped turn the statistical proposer took over. "
        "A cost that no reply reported, or without a price, is not counted."
    )
    return Table("Turns of language models", columns, tuple(rows), note)


def _line(record: ProposerRecord) -> str:
    refused = f", {show(record.refused, 'count')} refused" if record.refused else ""
    proposed = f"{show_count(record.proposed, 'change')}{refused}"
    return one_line(f"{record.proposer} proposed {proposed}; {show(record.accepted, 'count')} accepted; no forecasts.")


def _agent(night: NightRecord) -> dict[str, Any]:
    section: dict[str, Any] = night.started.config.get("agent", {}) if night.started else {}
    return section


def _start(night: NightRecord) -> float:
    return float(_agent(night).get("share", 0.3))
