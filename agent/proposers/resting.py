"""When a language model is not asked: its provider is down, or its money is spent. Read off the ledger alone.

After some questions in a row without a reply the model rests for some turns; then one question tries it, and its fate
decides whether it is back or rests again. Nothing is kept besides the recorded turns, so a resumed night goes on as the
uninterrupted one would have.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracking.events import ModelTurn

RESTING = "the provider is down"
SPENT = "the money is spent"


def rest_reason(turns: Sequence[ModelTurn], rest_after: int, rest_turns: int) -> str | None:
    """Return why the model is left alone now, None when it may be asked.

    Args:
        turns: The model's turns so far.
        rest_after: Questions in a row without a reply that make it rest.
        rest_turns: Turns that it rests for.
    """
    failed = rested = 0
    for turn in reversed(turns):
        if turn.outcome == "skipped":
            rested += failed == 0 and turn.reason.startswith(RESTING)
        elif turn.outcome == "failed":
            failed += 1
        else:
            break
    if failed < rest_after or rested >= rest_turns:
        return None
    return (
        f"{RESTING}: {rest_after} or more questions in a row got no reply; it is tried again after {rest_turns} turns"
    )
