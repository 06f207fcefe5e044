"""An audit in one sentence, and its noise in another."""

from __future__ import annotations

from collections.abc import Sequence

from probes.statistics.audit import RepeatNoise, Win
from runner.audit.faults import Fault
from runner.audit.words import number
from tracking.figures import show_count

SEED_RUNS = 6
"""Runs of one recipe on fresh seeds that a night of ours spends on its own noise."""


def audit_sentence(
    source: str,
    noise: RepeatNoise,
    wins: Sequence[Win],
    in_all: Win | None,
    tries: int,
    faults: Sequence[Fault],
) -> str:
    """Return what the audit comes to.

    Args:
        source: Whose results.
        noise: Its noise.
        wins: Its kept wins, judged.
        in_all: First against last.
        tries: How many changes were compared.
        faults: The faults of a rule that could not have accepted anything; empty otherwise.
    """
    if faults:
        why = "; ".join(fault.short for fault in faults if fault.explains)
        besides = " and ".join(fault.short for fault in faults if not fault.explains)
        also = f" Besides, {besides}." if besides else ""
        return f"{source}: its own rule could not have accepted anything, because {why}.{also} {_noise_state(noise)}"
    if not wins:
        return f"{source}: nothing was kept that can be held against another of its runs. {_noise_state(noise)}"
    kept = show_count(len(wins), "kept win")
    if noise.sd is None:
        none = "its one kept win cannot" if len(wins) == 1 else f"none of its {kept} can"
        return (
            f"{source}: {none} be told from noise, because its noise is unknown: {noise.reason}; "
            f"{SEED_RUNS} runs of one recipe on fresh seeds would tell."
        )
    count = {name: sum(win.verdict == name for win in wins) for name in ("survives", "within noise", "not comparable")}
    words = f"{source}: of {kept}, {count['survives']} survive{'s' if count['survives'] == 1 else ''} its own noise"
    words += f" ({noise_figures(noise)}) and {count['within noise']} {_are(count['within noise'])} within it"
    if count["not comparable"]:
        words += f", {count['not comparable']} {_are(count['not comparable'])} not comparable"
    unknown = sum(win.verdict == "unknown" for win in wins)
    if unknown:
        words += f", {unknown} {_are(unknown)} held against nothing that was run"
    seeds = sum(win.verdict == "same recipe" for win in wins)
    if seeds:
        words += f", {seeds} changed only the seed"
    if tries > 1:
        holding = sum(win.survives_selection for win in wins)
        words += f"; {holding or 'none'} {'holds' if holding == 1 else 'hold'} once all {tries:,} tries are allowed for"
    words += _runs_words(wins)
    if in_all is not None and in_all.verdict in ("survives", "within noise"):
        words += f"; first to last kept, all together, {'' if in_all.verdict == 'survives' else 'is '}{in_all.verdict}"
    return words + "."


def noise_words(noise: RepeatNoise) -> str:
    """Return what is known about the noise as a sentence of its own."""
    if noise.sd is None:
        return f"Noise: unknown, {noise.reason}. Without it no win can be told from luck."
    text = f"Noise: {noise_figures(noise)}, from {show_count(noise.repeated_configs, 'repeated recipe')}."
    if noise.degrees_of_freedom == 1:
        text += " One difference alone (|d| / √2): the interval is very wide, and every verdict with it."
    return text


def noise_figures(noise: RepeatNoise) -> str:
    """Return `sd 0.0005, 90 % interval 0.0003 to 0.008, 1 degree of freedom`."""
    low, high = number(noise.interval.low), number(noise.interval.high)
    df = noise.degrees_of_freedom
    return f"sd {number(noise.sd)}, 90 % interval {low} to {high}, {df} degree{'' if df == 1 else 's'} of freedom"


def _noise_state(noise: RepeatNoise) -> str:
    if noise.sd is None:
        return f"Its noise is unknown: {noise.reason}."
    return f"Its noise: {noise_figures(noise)}."


def _runs_words(wins: Sequence[Win]) -> str:
    needed = sorted(win.runs_a_side for win in wins if win.runs_a_side is not None)
    if not needed:
        return ""
    span = f"{needed[0]:,}" if needed[0] == needed[-1] else f"{needed[0]:,} to {needed[-1]:,}"
    return f"; to know each would take {span} runs a side (power .8, one-sided 5 %)"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
