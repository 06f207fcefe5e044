"""Policy before search: the baseline's own scores decide the target and which lanes are worth probes. Pure.

What a base model needs depends on what it can do already: a weak one gains nearly everywhere from training, a moderate
one gives and takes, a strong one loses. Closing a lane on a doubtful score would cost more than it saves, so what is
not clear is advice, and a lane whose knobs the session names is never closed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import sqrt

from probes.candidate import LANES, LaneName
from probes.figures import show
from probes.statistics.controls import CLEAR_Z
from probes.statistics.runs import OVERALL
from tracking.policy import BaseStrength, LanePolicy, Policy, TargetChoice

PROBABLE_Z = 1.645
"""Standard errors from which on a difference is told as advice; `CLEAR_Z` closes a lane."""
STUCK = "trained, untrained and broken models score the same"
"""Why a category cannot be the target: nothing moves it."""
ROWS_ONLY: tuple[LaneName, ...] = ("data_mix", "curriculum")
"""Lanes that change which rows are seen and when, and neither the strength of training nor the prompt."""


@dataclass(frozen=True)
class Standing:
    """One metric of the trained baseline and of the untrained base."""

    baseline: float
    runs: int
    """Baseline probes behind it."""
    sd: float
    """Run-to-run sd of one probe."""
    base: float | None = None
    """The base model without any training; None when it was not measured."""
    is_constant: bool = False
    """Whether trained, untrained and broken models all scored the same: nothing can move it."""

    @property
    def gain(self) -> float | None:
        """What training added."""
        return None if self.base is None else self.baseline - self.base

    @property
    def z(self) -> float | None:
        """The gain in standard errors: one probe of the base against the mean of the baselines."""
        return None if self.gain is None else self.gain / max(self.sd * sqrt(1 + 1 / self.runs), 1e-9)


@dataclass(frozen=True)
class LaneFacts:
    """What is known of the lanes before anything was measured."""

    opened: Collection[LaneName]
    """Lanes that have something to vary."""
    left_out: Mapping[LaneName, str]
    """Lane that has nothing, or that the session closed → why."""
    configured: Collection[LaneName]
    """Lanes whose knobs the session names."""
    row_categories: Collection[str] | None
    """Values of the rows' `category` tag; None: not known."""


def choose_target(levels: Mapping[str, Standing], directional: Collection[str]) -> TargetChoice:
    """Return the weakest category that can be raised and claimed.

    Passed over are categories whose score nothing moved, and those on whose few held-out items no claim could rest.
    When that leaves none, the weakest of all is taken and the night's checks have the last word.

    Args:
        levels: Category → where it stands; at least one.
        directional: Categories with too few held-out items for a claim.
    """
    ranked = sorted(levels, key=lambda name: levels[name].baseline)
    barred = {name: STUCK for name in ranked if levels[name].is_constant}
    for name in directional:
        barred.setdefault(name, "its held-out items are too few for a claim")
    eligible = [name for name in ranked if name not in barred] or ranked
    chosen, *others = eligible
    score = show(levels[chosen].baseline, "score")
    if not others:
        return TargetChoice(
            category=chosen,
            chosen_by="baseline",
            reason=f"the only category that can be the target, at {score}",
            passed_over=_before(ranked, chosen, barred),
        )
    following = levels[others[0]]
    error = sqrt(levels[chosen].sd ** 2 / levels[chosen].runs + following.sd**2 / following.runs)
    apart = following.baseline - levels[chosen].baseline
    told = "clearly below" if apart > CLEAR_Z * error else "within the noise of"
    reason = (
        f"the baseline is weakest there, {score}, {told} the next, {others[0]} {show(following.baseline, 'score')} "
        f"({show(error, 'score')} standard error)"
    )
    return TargetChoice(
        category=chosen, chosen_by="baseline", reason=reason, passed_over=_before(ranked, chosen, barred)
    )


def named_target(category: str, levels: Mapping[str, Standing]) -> TargetChoice:
    """Return the session's own target, with where it stands among the baseline's scores."""
    ranked = sorted((name for name in levels if name != OVERALL), key=lambda name: levels[name].baseline)
    reason = "the session names it"
    if ranked and category in ranked:
        place = ranked.index(category)
        score = show(levels[category].baseline, "score")
        if place == 0:
            reason += f", and the baseline is weakest there ({score})"
        else:
            weakest = f"{ranked[0]} is weaker ({show(levels[ranked[0]].baseline, 'score')})"
            most = "; it is the baseline's strongest, with the least to gain" if place == len(ranked) - 1 else ""
            reason += f" ({score}){most}; {weakest}"
    elif ranked:
        reason += f"; the baseline is weakest in {ranked[0]} ({show(levels[ranked[0]].baseline, 'score')})"
    return TargetChoice(category=category, chosen_by="session", reason=reason)


def base_strength(levels: Mapping[str, Standing]) -> BaseStrength:
    """Return how strong the untrained base is.

    Rule: *strong* when training with the baseline recipe lowers `overall` (clearly at `CLEAR_Z` standard errors, else
    advice from `PROBABLE_Z` on, or when it clearly raises no category and lowers one); *weak* when it clearly raises
    more than half of the categories and clearly lowers none; *moderate* between the two.

    Args:
        levels: Category and `overall` → where it stands.
    """
    categories = {name: level.z for name, level in levels.items() if name != OVERALL and level.z is not None}
    overall = levels.get(OVERALL)
    if overall is None or overall.z is None or not categories:
        return BaseStrength(strength="unknown", is_sure=False, reason="the untrained base was not measured")
    gained = tuple(name for name, z in categories.items() if z > CLEAR_Z)
    lost = tuple(name for name, z in categories.items() if z < -CLEAR_Z)
    figures = f"overall {show(overall.base, 'score')} untrained, {show(overall.baseline, 'score')} trained"
    if overall.z < -PROBABLE_Z or (lost and not gained):
        is_sure = overall.z < -CLEAR_Z
        word = "clearly" if is_sure else "probably"
        return BaseStrength(
            strength="strong",
            is_sure=is_sure,
            reason=f"training with the baseline recipe {word} makes the model worse: {figures}",
            gained=gained,
            lost=lost,
        )
    count = f"{len(gained)} of {len(categories)} categories clearly gain from training, {len(lost)} clearly lose"
    is_weak = 2 * len(gained) > len(categories) and not lost
    return BaseStrength(
        strength="weak" if is_weak else "moderate",
        is_sure=True,
        reason=f"{count}: {figures}",
        gained=gained,
        lost=lost,
    )


def lane_policies(facts: LaneFacts, base: BaseStrength, deciding: Collection[str]) -> tuple[LanePolicy, ...]:
    """Return what becomes of every lane; at least one that can be searched stays open.

    Args:
        facts: What there is to vary.
        base: How strong the untrained base is.
        deciding: Categories that are target or guard.
    """
    policies = [_lane(lane, facts, base, deciding) for lane in LANES]
    if facts.opened and all(policy.state == "closed" for policy in policies if policy.lane in facts.opened):
        kept = "no other lane is left"
        policies = [
            policy
            if policy.lane not in facts.opened
            else policy.model_copy(update={"state": "advised", "reason": f"{policy.reason}; it stays open: {kept}"})
            for policy in policies
        ]
    return tuple(policies)


def _lane(lane: LaneName, facts: LaneFacts, base: BaseStrength, deciding: Collection[str]) -> LanePolicy:
    if lane not in facts.opened:
        return LanePolicy(lane=lane, state="closed", reason=facts.left_out.get(lane, "it has nothing to vary"))
    against, is_sure = _against(lane, facts, base, deciding)
    if not against:
        return LanePolicy(lane=lane, state="open", reason=_for(lane, facts, base, deciding))
    if lane in facts.configured:
        reason = f"{against}; it stays open: the session names its knobs"
        return LanePolicy(lane=lane, state="advised", reason=reason)
    if not is_sure:
        return LanePolicy(lane=lane, state="advised", reason=f"{against}; it stays open: that is not certain")
    return LanePolicy(lane=lane, state="closed", reason=against)


def _against(lane: LaneName, facts: LaneFacts, base: BaseStrength, deciding: Collection[str]) -> tuple[str, bool]:
    """Return what speaks against a lane, empty when nothing does, and whether that is certain."""
    if lane == "data_mix" and facts.row_categories is not None and not _helpful(facts, deciding):
        rows = ", ".join(sorted(facts.row_categories)) or "nothing"
        return (
            f"no training row carries a category of the target or a guard: rows are tagged {rows}, items "
            f"{', '.join(sorted(deciding))}",
            True,
        )
    if lane in ROWS_ONLY and base.strength == "strong":
        return f"{base.reason}; which rows are seen, and when, does not make it train less", base.is_sure
    return "", False


def _for(lane: LaneName, facts: LaneFacts, base: BaseStrength, deciding: Collection[str]) -> str:
    """Return why a lane is open."""
    if base.strength == "strong":
        return (
            "weaker training and the system prompt are what a strong base leaves to try; a better prompt costs nothing"
        )
    if lane == "data_mix" and (helpful := _helpful(facts, deciding)):
        balance = " (training gives and takes: balance is the question)" if base.strength == "moderate" else ""
        return f"rows are tagged {', '.join(sorted(helpful))}{balance}"
    return {
        "weak": "a weak base needs everything",
        "moderate": "training gives and takes, so every lane may shift the balance",
        "unknown": "nothing speaks against it",
    }[base.strength]


def _helpful(facts: LaneFacts, deciding: Collection[str]) -> set[str]:
    known = {name.casefold() for name in facts.row_categories or ()}
    return {name for name in deciding if name.casefold() in known}


def _before(ranked: list[str], chosen: str, barred: Mapping[str, str]) -> dict[str, str]:
    return {name: barred[name] for name in ranked[: ranked.index(chosen)] if name in barred}


def make_policy(
    target: TargetChoice, levels: Mapping[str, Standing], facts: LaneFacts, deciding: Collection[str]
) -> Policy:
    """Return the whole policy of a night."""
    base = base_strength(levels)
    return Policy(target=target, base=base, lanes=lane_policies(facts, base, deciding))
