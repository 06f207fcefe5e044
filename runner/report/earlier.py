"""What the night knew of earlier nights: which, what it took over, how its claim stands among theirs, what moved."""

from __future__ import annotations

from typing import Any

from probes.statistics.earlier import DRIFT_ERROR
from runner.report.blocks import (
    Block,
    Cell,
    Column,
    Paragraph,
    Section,
    Table,
)
from runner.report.texts import foreign_cell, number_columns, text_cell, text_columns
from tracking.figures import show, show_count, show_interval
from tracking.memory.known import EarlierNights, Use
from tracking.memory.words import level_in_words
from tracking.night import NightRecord

USES: dict[Use, str] = {
    "noise": "noise",
    "baseline": "drift check",
    "priors": "priors",
    "claims": "row of claims",
    "moves": "known moves",
}


def earlier_section(night: NightRecord) -> Section | None:
    """Return what earlier nights taught and what was checked against them; None in a night without such a record."""
    if night.earlier is None:
        return _without_memory(night)
    blocks: list[Block] = [Paragraph(level_in_words(night.earlier.claim)), *_nights(night.earlier)]
    blocks += _taught(night.earlier)
    blocks += _drift(night)
    return Section("earlier", "What it knew of earlier nights", tuple(blocks))


def _without_memory(night: NightRecord) -> Section | None:
    referee: Any = night.started.config.get("referee", {}) if night.started else {}
    if referee.get("earlier_nights", True):
        return None
    text = (
        "It was told to know nothing of them (referee.earlier_nights = false): noise and priors are its own, and its "
        "claim was tested at its own level, not as one of a row."
    )
    return Section("earlier", "What it knew of earlier nights", (Paragraph(text),))


def _nights(earlier: EarlierNights) -> list[Block]:
    if not earlier.nights:
        return [Paragraph("No other session was found beside this one.")]
    told = [each for each in earlier.nights if each.used or not each.reason.startswith("another project")]
    blocks: list[Block] = []
    if told:
        rows = tuple(
            (
                foreign_cell(each.session),
                text_cell(each.started[:10]),
                text_cell(", ".join(USES[use] for use in each.used)),
                foreign_cell(each.reason),
            )
            for each in told
        )
        columns = text_columns("Session", "Began", "Used for", "Left out because")
        note = (
            "One project is one results folder with one base model and one set of items. Noise and priors come only "
            "from nights measured under the same conditions."
        )
        blocks.append(Table("Earlier nights of this project", columns, rows, note))
    strangers = len(earlier.nights) - len(told)
    if strangers:
        others = show_count(strangers, "session")
        blocks.append(
            Paragraph(f"{others} of other projects beside it {'was' if strangers == 1 else 'were'} not read.")
        )
    if earlier.series:
        blocks.append(
            Paragraph(
                f"Its seeds are series {earlier.series + 1}: earlier nights had the same session seed, and every probe "
                "of this one is fresh. Where those nights are missing, the session file runs another night."
            )
        )
    return blocks


def _taught(earlier: EarlierNights) -> list[Block]:
    blocks: list[Block] = []
    known = {
        "Replicates, search items": earlier.noise,
        "Replicates, held-out items": earlier.confirm_noise,
        "With effects that do not add up": earlier.fit_noise,
    }
    told = {title: noise for title, noise in known.items() if noise is not None}
    if told:
        names = dict.fromkeys(name for noise in told.values() for name in noise.metric_sd)
        rows = [
            (Cell(name), *(Cell(show(noise.metric_sd.get(name), "score")) for noise in told.values())) for name in names
        ]
        freedom = (Cell(show(noise.degrees_of_freedom, "count")) for noise in told.values())
        rows.append((Cell("degrees of freedom", "muted"), *freedom))
        caption = "Run-to-run noise in earlier nights, sd in points"
        blocks.append(Table(caption, (Column("Metric"), *number_columns(*told)), tuple(rows)))
    if earlier.priors:
        rows = tuple(
            (
                Cell(prior.lane.replace("_", " ")),
                foreign_cell(prior.target),
                Cell(show(prior.candidates, "count")),
                Cell(show(prior.mean, "effect")),
                Cell(show(prior.sd, "score")),
                Cell(show(prior.weight, "share")),
            )
            for prior in earlier.priors
        )
        columns = (*text_columns("Lane", "Target"), *number_columns("Changes", "Mean", "sd", "Weight of the nights"))
        note = "From unshrunk estimates of all probed changes; the rest of the weight is the session's own prior."
        blocks.append(Table("Priors of a change's effect, learned by lane", columns, rows, note))
    if earlier.claim.past:
        rows = tuple(
            (
                foreign_cell(each.session),
                foreign_cell(each.target),
                Cell(show(each.p_value, "p_value")),
                Cell(show(each.level, "p_value")),
                Cell("claimed", "good") if each.confirmed else Cell("not claimed", "muted"),
            )
            for each in earlier.claim.past
        )
        columns = (*text_columns("Session", "Target"), *number_columns("p", "Level"), Column("Outcome"))
        blocks.append(Table("Tests of the project so far", columns, rows))
    return blocks


def _drift(night: NightRecord) -> list[Block]:
    drift = night.drift
    if drift is None or not (drift.levels or drift.noise):
        return []
    blocks: list[Block] = []
    if drift.levels:
        rows = tuple(
            (
                Cell(level.metric),
                Cell(show(level.tonight, "score")),
                Cell(show(level.earlier, "score")),
                Cell(show_interval(level.interval, "score")),
                Cell(show(level.within_sd, "score")),
                Cell(show(level.between_sd, "score")),
                Cell("moved", "bad") if level.drifted else Cell("as before", "good"),
            )
            for level in drift.levels
        )
        numbers = number_columns("Tonight", "Earlier", "Chance leaves it in", "sd within a night", "sd between nights")
        nights = show_count(drift.levels[0].nights, "earlier night")
        note = f"Levels of {nights} are checked and never carried over; {show(DRIFT_ERROR, 'share')} of nights err."
        columns = (Column("Baseline"), *numbers, Column("Verdict"))
        blocks.append(Table("Session drift: the baseline's level", columns, rows, note))
    if drift.noise_dropped:
        blocks.append(Paragraph("Tonight's noise does not agree with earlier nights', so theirs was left out."))
    elif drift.noise:
        blocks.append(Paragraph("Tonight's noise agrees with earlier nights' (F test), so theirs counts with it."))
    return blocks
