"""What the night found: the claim and its guards, the candidates and their trade-offs."""

from __future__ import annotations

from probes.candidate import Forecast
from probes.recipe import Recipe
from probes.statistics.verdicts import CandidateReading, Interval
from runner.report.blocks import (
    Block,
    Cell,
    Column,
    Forest,
    ForestRow,
    Paragraph,
    Section,
    Table,
    Tone,
)
from runner.report.heat import heat_map
from runner.report.texts import foreign_cell, number_columns, one_line, text_columns
from tracking.figures import MISSING, show, show_count, show_effect, show_interval, show_p
from tracking.headline import change_in_words, stopping_check
from tracking.mlflow_params import recipe_params
from tracking.night import NightRecord

DECISIONS = {"accept": "accepted", "reject": "rejected", "more": "undecided", "park": "parked"}
DECISION_TONES: dict[str, Tone] = {"accept": "good", "reject": "bad", "more": "open", "park": "open"}
REASONS = "Reasons"
"""Caption of the table with the proposers' own words."""
LIKELY = 0.8
"""P(better) from which on a change that breaks a guard is told as a trade-off and not as noise."""
ORDER = ("accept", "park", "more", "reject")


def claim_section(night: NightRecord) -> Section:
    """Return the claim, its guards and what changed between baseline and final recipe."""
    blocks: list[Block] = []
    claim = night.claim
    if claim is None:
        blocks.append(Paragraph(_how_to_go_on(night)))
    if claim is not None and claim.effect is not None:
        blocks.append(
            Paragraph(
                f"One test, fixed before its first run: the final recipe against the baseline, "
                f"{show_count(claim.runs_per_arm, 'run')} each on seeds and items that the search never saw. "
                f"{night.target}: {show_effect(claim.effect, claim.interval)}, {show_p(claim.p_value)}, "
                f"level {show(claim.level, 'probability')}."
            )
        )
    elif claim is not None and claim.reason:
        blocks.append(Paragraph(f"The referee: {one_line(claim.reason)}."))
    if claim is not None and claim.guards:
        blocks.append(_guard_table(night))
    if night.working_recipe is not None and night.started is not None:
        rows = _recipe_changes(night.started.baseline, night.working_recipe)
        if rows:
            columns = text_columns("Setting", "Baseline", "Working recipe")
            blocks.append(Table("What changed in the recipe", columns, tuple(rows)))
    return Section("claim", "The claim" if claim is not None else "Where it stands", tuple(blocks))


def _how_to_go_on(night: NightRecord) -> str:
    if night.is_set_back:
        taken = "Its claim is withdrawn: it rested on probes that were marked. " if night.withdrawn else ""
        return f"{taken}“nightlab resume” with this folder measures anew what was marked and goes on from there."
    flag = stopping_check(night)
    if flag is not None:
        return (
            f"By the check “{flag.check}” what was measured means nothing, so the night stopped there. “nightlab "
            "resume” would stop at the same check: mend what it found, then start a new night."
        )
    message = one_line(night.stopped.message).rstrip(".") if night.stopped else ""
    why = f"It stopped because: {message}. " if message else ""
    return f"{why}Everything finished so far is kept; “nightlab resume” with this folder goes on from here."


def _guard_table(night: NightRecord) -> Table:
    claim = night.claim
    assert claim is not None
    rows = tuple(
        (
            Cell(name),
            Cell("held", "good") if test.passed else Cell("not shown to hold", "bad"),
            Cell(show(test.effect, "effect")),
            Cell(show_interval(test.interval)),
            Cell(show(-test.margin, "margin")),
            Cell(show(test.p_value, "p_value")),
        )
        for name, test in claim.guards.items()
    )
    numbers = number_columns("Change", "Interval", "May not fall below", "p")
    columns = (*text_columns("Guard", "Verdict"), *numbers)
    note = "A guard holds when its fall is shown to be smaller than its margin (non-inferiority)."
    return Table("Guards in the confirmation", columns, rows, note)


def _recipe_changes(before: Recipe, after: Recipe) -> list[tuple[Cell, ...]]:
    old, new = recipe_params(before), recipe_params(after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name) and name != "recipe.fingerprint"]
    return [(Cell(name), foreign_cell(old.get(name, "")), foreign_cell(new.get(name, ""))) for name in names]


def candidates_section(night: NightRecord) -> Section | None:
    """Return all candidates with effect, interval, decision and reason; their guards; the trade-offs."""
    if not night.candidates:
        return None
    read = [(name, night.reading(name)) for name in night.candidates]
    ranked = sorted(read, key=lambda pair: _rank(pair[1]))
    blocks: list[Block] = [
        Paragraph(
            "Effects are estimates from the search and lean towards zero; they rank candidates and are not claims. "
            "Only the confirmation is."
        )
    ]
    rows = tuple(
        _forest_row(night, name, reading) for name, reading in ranked if reading and reading.effect is not None
    )
    bounded = tuple(row for row in rows if row is not None)
    if bounded:
        blocks.append(Forest(f"Effect on {night.target}, in points, with its interval", bounded))
    blocks += [_lanes(night), _candidate_table(night, ranked), _reasons(night, ranked)]
    blocks += _trade_offs(night, ranked)
    blocks += heat_map(night)
    return Section("candidates", "Candidates", tuple(blocks))


def _rank(reading: CandidateReading | None) -> tuple[int, float]:
    if reading is None:
        return (len(ORDER), 0.0)
    return (ORDER.index(reading.decision), -(reading.effect if reading.effect is not None else -99.0))


def _forest_row(night: NightRecord, name: str, reading: CandidateReading | None) -> ForestRow | None:
    if reading is None or reading.effect is None:
        return None
    low, high = reading.interval.low, reading.interval.high
    if low is None or high is None:
        return None
    label = one_line(change_in_words(night.candidates[name].change), 80)
    tone = DECISION_TONES[reading.decision]
    return ForestRow(label, reading.effect, low, high, show_effect(reading.effect, reading.interval), tone)


def _candidate_table(night: NightRecord, ranked: list[tuple[str, CandidateReading | None]]) -> Table:
    is_foretold = any(candidate.forecast for candidate in night.candidates.values())
    foretold = number_columns("Forecast") if is_foretold else ()
    columns = (
        *text_columns("", "Lane", "Change"),
        *number_columns("Runs", "Effect and interval", "P(better)"),
        *foretold,
        *text_columns("Decision", "Verdict"),
    )
    rows: list[tuple[Cell, ...]] = []
    for name, reading in sorted(ranked, key=lambda pair: night.candidates[pair[0]].change.lane, reverse=True):
        candidate = night.candidates[name]
        what = (Cell(name, "muted"), Cell(candidate.change.lane.replace("_", " ")), foreign_cell(str(candidate.change)))
        read = _reading_cells(reading)
        forecast = (Cell(_forecast(candidate.forecast)),) if is_foretold else ()
        rows.append((*what, *read[:3], *forecast, *read[3:]))
    return Table("Every candidate of the night, by lane", columns, tuple(rows))


def _forecast(forecast: Forecast | None) -> str:
    """Return what its proposer expected: the effect with its 90 % interval."""
    if forecast is None:
        return MISSING
    return show_effect(forecast.effect, Interval(low=forecast.low, high=forecast.high))


def _reading_cells(reading: CandidateReading | None) -> tuple[Cell, ...]:
    if reading is None:
        missing = Cell(MISSING, "muted")
        return (Cell(show(0, "count")), missing, missing, Cell("not read", "muted"), missing)
    return (
        Cell(show(reading.replicates, "count")),
        Cell(show_effect(reading.effect, reading.interval)),
        Cell(show(reading.better_probability, "probability")),
        Cell(DECISIONS[reading.decision], DECISION_TONES[reading.decision]),
        Cell(_verdict(reading)),
    )


def _reasons(night: NightRecord, ranked: list[tuple[str, CandidateReading | None]]) -> Table:
    has_words = any(candidate.rationale for candidate in night.candidates.values())
    rows: list[tuple[Cell, ...]] = []
    for name, reading in ranked:
        candidate = night.candidates[name]
        words = (foreign_cell(candidate.rationale),) if has_words else ()
        reason = foreign_cell(reading.reason if reading else "")
        rows.append((Cell(name, "muted"), reason, foreign_cell(candidate.proposer), *words))
    titles = ("", "The referee's", "Proposed by", *(("The proposer's",) if has_words else ()))
    return Table(REASONS, text_columns(*titles), tuple(rows))


def _verdict(reading: CandidateReading) -> str:
    low, high = reading.interval.low, reading.interval.high
    if reading.verdict == "inconclusive" and low is not None and high is not None and low < 0 < high:
        return "within noise"
    return reading.verdict


def _lanes(night: NightRecord) -> Table:
    """Return what each lane's changes came to."""
    lanes = dict.fromkeys((*(night.started.space if night.started else ()), *_lane_names(night)))
    rows = tuple(_lane_row(night, lane) for lane in lanes)
    note = "Best: the highest estimate, too high on average for being the highest; no claim."
    columns = (Column("Lane"), *number_columns("Tried", "Accepted", "Rejected", "Undecided", "Harmed a guard", "Best"))
    return Table("By lane", columns, rows, note)


def _lane_names(night: NightRecord) -> list[str]:
    return [candidate.change.lane for candidate in night.candidates.values()]


def _lane_row(night: NightRecord, lane: str) -> tuple[Cell, ...]:
    names = [name for name, candidate in night.candidates.items() if candidate.change.lane == lane]
    read = [reading for name in names if (reading := night.reading(name)) is not None]
    accepted = sum(name in night.accepted for name in names)
    rejected = sum(reading.decision == "reject" for reading in read)
    harmed = sum(any(guard.state == "harmful" for guard in reading.guards.values()) for reading in read)
    counts = (len(names), accepted, rejected, len(names) - accepted - rejected, harmed)
    best = max((reading for reading in read if reading.effect is not None), key=_effect, default=None)
    shown = show_effect(best.effect, best.interval) if best else MISSING
    return (Cell(lane.replace("_", " ")), *(Cell(show(count, "count")) for count in counts), Cell(shown))


def _effect(reading: CandidateReading) -> float:
    return reading.effect if reading.effect is not None else float("-inf")


def _trade_offs(night: NightRecord, ranked: list[tuple[str, CandidateReading | None]]) -> list[Block]:
    blocks: list[Block] = []
    for name, reading in ranked:
        if reading is None or reading.effect is None or (reading.better_probability or 0.0) < LIKELY:
            continue
        broken = [
            f"{guard} ({show_effect(found.effect, found.interval)})"
            for guard, found in reading.guards.items()
            if found.state == "harmful"
        ]
        if broken:
            change = one_line(change_in_words(night.candidates[name].change), 80)
            gain = f"{night.target} ({show(reading.effect, 'effect')})"
            blocks.append(Paragraph(f"Trade-off: {change} helps {gain} but breaks {', '.join(broken)}."))
    return blocks
