"""What has proved fragile: how each knob's moves ended, for the report."""

from __future__ import annotations

from collections.abc import Sequence

from lanes.lane import Tried
from probes.candidate import Change, LaneName
from probes.frozen import Frozen


class KnobHistory(Frozen):
    """How a knob's moves ended so far."""

    lane: LaneName
    knob: str
    tried: int
    """Moves proposed."""
    accepted: int
    rejected: int
    failed: int
    """Moves decided without an effect: every probe of them failed."""
    best_effect: float | None
    """Highest posterior mean among its moves; not a claim, the highest of several is too high on average."""
    worst_effect: float | None
    worst_move: Change | None
    """The move with `worst_effect`."""

    @property
    def sentence(self) -> str:
        """The history in one sentence."""
        words = f"`{self.knob}`: {self.tried} tried, {self.accepted} accepted, {self.rejected} rejected"
        if self.failed:
            words += f", {self.failed} failed"
        if self.worst_move is not None and self.worst_effect is not None and self.worst_effect < 0:
            words += f"; worst {self.worst_move} at {self.worst_effect:+.2f}"
        return words


def knob_histories(tried: Sequence[Tried]) -> list[KnobHistory]:
    """Return the history of each knob that was tried, the most fragile first (by its worst effect)."""
    by_knob: dict[tuple[LaneName, str], list[Tried]] = {}
    for move in tried:
        by_knob.setdefault((move.change.lane, move.change.knob), []).append(move)
    histories = [_history(lane, knob, moves) for (lane, knob), moves in by_knob.items()]
    return sorted(histories, key=lambda h: (-h.failed, 0.0 if h.worst_effect is None else h.worst_effect))


def _history(lane: LaneName, knob: str, moves: Sequence[Tried]) -> KnobHistory:
    known = [(move.effect, move.change) for move in moves if move.effect is not None]
    effects = [effect for effect, _ in known]
    worst = min(known, key=lambda pair: pair[0], default=None)
    return KnobHistory(
        lane=lane,
        knob=knob,
        tried=len(moves),
        accepted=sum(move.decision == "accept" for move in moves),
        rejected=sum(move.decision == "reject" for move in moves),
        failed=sum(move.decision is not None and move.effect is None for move in moves),
        best_effect=max(effects, default=None),
        worst_effect=worst[0] if worst else None,
        worst_move=worst[1] if worst else None,
    )
