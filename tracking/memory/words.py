"""What a night knows of earlier nights, in sentences: for the progress log, the report and the terminal."""

from __future__ import annotations

from probes.statistics.earlier import ClaimLevel
from tracking.figures import show, show_count
from tracking.memory.known import EarlierNights


def knowledge_in_words(earlier: EarlierNights) -> str:
    """Return what tonight takes over, in one line."""
    level = f"claim {earlier.claim.number} of the project at level {show(earlier.claim.level, 'p_value')}"
    used = [night for night in earlier.nights if night.used]
    if not used:
        found = f"{show_count(len(earlier.nights), 'session')} found, none of use" if earlier.nights else "none found"
        return f"{found}; {level}"
    parts: list[str] = []
    if earlier.noise is not None:
        freedom = show_count(earlier.noise.degrees_of_freedom, "degree", "degrees")
        parts.append(f"noise from {show_count(earlier.noise.nights, 'night')} ({freedom} of freedom)")
    if earlier.priors:
        parts.append(f"priors of {show_count(len(earlier.priors), 'lane')}")
    if earlier.baselines:
        parts.append(f"the baseline's level in {show_count(len(earlier.baselines), 'night')}")
    return f"{', '.join((*parts, level))}; from {', '.join(night.session for night in used)}"


def level_in_words(claim: ClaimLevel) -> str:
    """Return why tonight's claim is tested at its level, in plain sentences."""
    share = f"at most {show(claim.fdr, 'share')} of all claims of the project are expected to be false"
    level, own = show(claim.level, "p_value"), show(claim.session_level, "p_value")
    if claim.number == 1:
        why = "the session's own" if claim.level >= claim.session_level else f"below the session's {own}"
        return f"This would be the first claim of the project. Its level is {level}, {why}: {share}."
    tests = f"{show_count(len(claim.past), 'earlier night')} ended in a test and {claim.confirmed} of them in a claim"
    running = ""
    if claim.running:
        were = "was" if claim.running == 1 else "were"
        running = f" {show_count(claim.running, 'other night')} {were} running and may claim something too."
    if claim.level >= claim.session_level:
        why = f"Tonight's level is the session's own, {level}, because what was claimed pays for what was not"
    else:
        why = (
            f"Tonight's level is {level} instead of the session's {own}, because tests that found nothing lower it and "
            "claims raise it again"
        )
    return (
        f"This is test {claim.number} of the project: {tests}.{running} {why} ({claim.procedure}): {share}. A night "
        "that accepts no change tests nothing and costs nothing."
    )
