"""What has proved fragile: how each knob's moves ended, and the tighter step limit of a knob whose step collapsed.

The limit is a pure function of the history, so that a resumed night is limited as the uninterrupted one would be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lanes.knobs import Window, is_inside, is_number
from lanes.tried import Tried
from probes.candidate import Change, KnobValue, LaneName, show_value
from probes.figures import show
from probes.frozen import Frozen

FREE = Window(-math.inf, math.inf)
"""No limit besides the session's."""


class Collapse(Frozen):
    """One value that ruined something."""

    change: Change
    reason: str
    """What was ruined, in a few words."""


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
    collapses: tuple[Collapse, ...] = ()
    """Moves that ruined something, oldest first."""
    safe: tuple[KnobValue, ...] = ()
    """Values that were trained and ruined nothing, rising where they are numbers."""
    limit: str = ""
    """Tightened step limit in words; empty for a knob of words, which has no distances."""

    @property
    def is_fragile(self) -> bool:
        """Whether a step of this knob ruined something."""
        return bool(self.collapses)

    @property
    def sentence(self) -> str:
        """The history in one sentence."""
        if self.collapses:
            return self._fragile()
        words = f"{self._name}: {self.tried} tried, {self.accepted} accepted, {self.rejected} rejected"
        if self.failed:
            words += f", {self.failed} failed"
        if self.worst_move is not None and self.worst_effect is not None and self.worst_effect < 0:
            words += f"; worst {self.worst_move} at {show(self.worst_effect, 'effect')}"
        return words

    @property
    def _name(self) -> str:
        return f"data mix `{self.knob}`" if self.lane == "data_mix" else f"`{self.knob}`"

    def _fragile(self) -> str:
        ruined = _listed([f"{show_value(c.change.after)} ({c.reason})" for c in self.collapses])
        words = f"{ruined} collapsed"
        if self.safe:
            words += f", {_listed([show_value(value) for value in self.safe])} did not"
        if not self.limit:
            return f"{self._name} is fragile: {words}"
        return f"{self._name} has a narrow safe band: {words}; from then on {self.limit}"


def knob_histories(tried: Sequence[Tried]) -> list[KnobHistory]:
    """Return the history of each knob that was tried, the most fragile first (by its collapses and worst effect)."""
    by_knob: dict[tuple[LaneName, str], list[Tried]] = {}
    for move in tried:
        by_knob.setdefault((move.change.lane, move.change.knob), []).append(move)
    histories = [_history(lane, knob, moves) for (lane, knob), moves in by_knob.items()]
    return sorted(
        histories,
        key=lambda h: (-len(h.collapses), -h.failed, 0.0 if h.worst_effect is None else h.worst_effect),
    )


def safe_window(history: Sequence[Tried], working: KnobValue) -> Window:
    """Return what the collapsed moves of one knob leave reachable from `working`.

    After a collapse a step in its direction goes at most half as far as the one that collapsed, and never more than
    half of the way to the value that collapsed. Half is half of the logarithm for positive hyperparameters (× 2 becomes
    × 1.41), half of the difference for everything else. Assumes that what ruins the model ruins it further out too.

    Args:
        history: The knob's moves so far.
        working: Its value in the working recipe.
    """
    if not is_number(working):
        return FREE
    low, high = FREE
    for move in _collapsed(history):
        end = _end(move.change, working)
        if end is not None and end < working:
            low = max(low, end)
        elif end is not None:
            high = min(high, end)
    return Window(low, high)


def fragile_refusal(change: Change, history: Sequence[Tried]) -> str | None:
    """Return why `change` goes where an earlier move of its knob collapsed; None when it does not.

    Args:
        change: The proposal, from the working recipe's value.
        history: The knob's moves so far.
    """
    before, after = change.before, change.after
    for move in _collapsed(history):
        if not (is_number(before) and is_number(after)):
            if move.change.after == after:
                return f"`{change.knob}` {show_value(after)} collapsed tonight ({move.collapsed}); choose another value"
            continue
        end = _end(move.change, before)
        if end is None or (end < before) != (after < before) or is_inside(after, Window(*sorted((end, before)))):
            continue
        way, most = ("rise", "most") if end > before else ("fall", "least")
        return (
            f"`{change.knob}` may {way} from {show_value(before)} to at {most} {show_value(float(end))} tonight, got "
            f"{show_value(after)}: {move.change} collapsed ({move.collapsed}), and steps that way are now half as "
            "long; go there in smaller steps"
        )
    return None


def _collapsed(history: Sequence[Tried]) -> list[Tried]:
    return [move for move in history if move.collapsed is not None]


def _end(collapsed: Change, working: float) -> float | None:
    """Return how far a step from `working` may go in the direction of a collapsed one; None for words."""
    before, after = collapsed.before, collapsed.after
    if not (is_number(before) and is_number(after)) or before == after:
        return None
    is_ratio = collapsed.lane == "hyperparameters" and min(before, after, working) > 0

    def halfway(here: float, there: float) -> float:
        return math.sqrt(here) * math.sqrt(there) if is_ratio else here + (there - here) / 2

    step = working * halfway(before, after) / before if is_ratio else working + halfway(before, after) - before
    ahead = after > working if after > before else after < working
    if not ahead:
        return step
    nearest = min if after > before else max
    return nearest(step, halfway(working, after))


def _history(lane: LaneName, knob: str, moves: Sequence[Tried]) -> KnobHistory:
    known = [(move.effect, move.change) for move in moves if move.effect is not None]
    effects = [effect for effect, _ in known]
    worst = min(known, key=lambda pair: pair[0], default=None)
    collapses = tuple(Collapse(change=m.change, reason=m.collapsed) for m in moves if m.collapsed is not None)
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
        collapses=collapses,
        safe=_safe(moves),
        limit=_limit([collapse.change for collapse in collapses]),
    )


def _safe(moves: Sequence[Tried]) -> tuple[KnobValue, ...]:
    """Return the values that were trained without ruin: where moves started, and moves with an effect."""
    trained = [m.change.before for m in moves if m.change.before is not None]
    trained += [m.change.after for m in moves if m.effect is not None]
    ruined = [m.change.after for m in _collapsed(moves)]
    safe = [value for value in dict.fromkeys(trained) if value not in ruined]
    numbers = [value for value in safe if is_number(value)]
    return tuple(sorted(numbers)) if len(numbers) == len(safe) else tuple(safe)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _limit(collapsed: Sequence[Change]) -> str:
    """Return the tightened limits in words, the tightest of each direction."""
    parts: list[str] = []
    for way, sign in (("up", 1), ("down", -1)):
        ratios: list[float] = []
        steps: list[float] = []
        for change in collapsed:
            before, after = change.before, change.after
            if not (is_number(before) and is_number(after)) or (after - before) * sign <= 0:
                continue
            if change.lane == "hyperparameters" and min(before, after) > 0:
                ratios.append(math.sqrt(max(after / before, before / after)))
            else:
                steps.append(abs(after - before) / 2)
        limits = [f"× {show_value(min(ratios))}" if sign > 0 else f"÷ {show_value(min(ratios))}"] if ratios else []
        limits += [f"{'+' if sign > 0 else '−'} {show_value(min(steps))}"] if steps else []
        if limits:
            parts.append(f"a step {way} was at most {' and '.join(limits)}")
    return ", ".join(parts)
