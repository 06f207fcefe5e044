"""From remembered nights to what tonight takes over. Pure: the disk is read in `tracking.memory.siblings`.

Noise and priors come only from nights whose search probes were measured under tonight's conditions, priors also only
from nights with tonight's target: the effect of a change depends on the step budget and on what is asked. Tests of all
nights of the project count, whatever their conditions, since a false claim is one claim more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import sqrt

from probes.comparability import differing
from probes.statistics.bottleneck import pooled
from probes.statistics.claims import claim_level
from probes.statistics.config import RefereeConfig
from probes.statistics.earlier import LanePrior, PastClaim
from probes.statistics.effects import EffectPrior
from probes.statistics.priors import lane_priors
from probes.statistics.verdicts import EarlierNoise
from tracking.memory.known import EarlierNight, EarlierNights, Use
from tracking.memory.moves import MOST_MOVES, EarlierMove
from tracking.memory.remembered import RememberedNight, Residuals

AUTO = "auto"
ENOUGH_DEGREES = 100
"""Noise is pooled from the latest nights back until it has so many degrees of freedom: more would say nothing new, and
a slow drift would no longer be seen."""


@dataclass(frozen=True)
class Tonight:
    """What decides which earlier nights tonight may learn from."""

    project: str
    conditions: Mapping[str, str]
    conditions_key: str
    held_out_conditions: Mapping[str, str]
    baseline: str
    """Digest of the baseline recipe as it is trained."""
    train: tuple[str, ...]
    target: str
    """Category, `overall`, or `auto`: not yet known."""
    referee: RefereeConfig


def learn(
    tonight: Tonight,
    nights: Sequence[RememberedNight],
    others: Sequence[EarlierNight] = (),
    running: int = 0,
    series: int = 0,
) -> EarlierNights:
    """Return what tonight takes over.

    Args:
        tonight: Its project, conditions and rules.
        nights: Finished nights of the project.
        others: Sessions that could not be used at all, with the reason.
        running: Nights of the project that have not ended.
        series: Series of seeds that tonight draws from.
    """
    ordered = sorted(nights, key=lambda night: (night.started, night.session))
    comparable = [night for night in _own_probes(ordered) if night.conditions == tonight.conditions]
    noise, noisy = pool_noise([(night.session, night.replicates) for night in comparable])
    fit_noise, _ = pool_noise([(night.session, night.fit) for night in comparable])
    confirmed = [night for night in comparable if night.held_out_conditions == tonight.held_out_conditions]
    confirm_noise, _ = pool_noise([(night.session, night.confirmation) for night in confirmed])
    same = [night for night in comparable if (night.baseline, night.train) == (tonight.baseline, tonight.train)]
    levels = [night.level for night in same if night.level is not None]
    priors, taught = _priors(comparable, tonight)
    tested = _tests(ordered)
    on_same_rows = [night for night in comparable if night.train == tonight.train]
    told = {night.session for night in ordered} - {night.session for night in _own_probes(ordered)}
    used: dict[Use, set[str]] = {
        "noise": noisy,
        "baseline": {level.session for level in levels},
        "priors": taught,
        "claims": {claim.session for claim in tested},
        "moves": {night.session for night in on_same_rows if night.moves},
    }
    read = [
        EarlierNight(
            session=night.session,
            started=night.started,
            used=tuple(use for use, sessions in used.items() if night.session in sessions),
            reason=_reason(night, tonight, night.session in told),
        )
        for night in ordered
    ]
    rules = tonight.referee
    return EarlierNights(
        project=tonight.project,
        conditions=tonight.conditions_key,
        nights=tuple(sorted((*others, *read), key=lambda night: (night.started, night.session))),
        noise=noise,
        fit_noise=fit_noise,
        confirm_noise=confirm_noise,
        baselines=tuple(levels),
        priors=priors,
        moves=_moves(on_same_rows),
        movements=pooled([each for night in on_same_rows for each in night.movements]),
        claim=claim_level(tested, running, rules.confirm_level, rules.claims_fdr),
        unconfirmed_in_a_row=len(list(takewhile(_is_unconfirmed, reversed(ordered)))),
        series=series,
    )


def _is_unconfirmed(night: RememberedNight) -> bool:
    return night.test is None or not night.test.confirmed


def pool_noise(nights: Sequence[tuple[str, Residuals | None]]) -> tuple[EarlierNoise | None, set[str]]:
    """Return the run-to-run noise of comparable nights and the sessions it comes from; None when nothing was left over.

    Method: residual sums of squares over their degrees of freedom, from the latest night back until there are
    `ENOUGH_DEGREES`. A night's level and its effects never enter. A metric without any spread is left out: identical
    outputs are a fault of measurement, not certainty.

    Args:
        nights: Session and residuals, oldest first.
    """
    squares: dict[str, float] = {}
    df, sessions = 0, set[str]()
    for session, left in reversed(nights):
        if left is None:
            continue
        if df >= ENOUGH_DEGREES:
            break
        sessions.add(session)
        df += left.degrees_of_freedom
        for name, square in left.squares.items():
            squares[name] = squares.get(name, 0.0) + square
    metric_sd = {name: sqrt(square / df) for name, square in sorted(squares.items()) if square > 0}
    if not metric_sd:
        return None, set()
    return EarlierNoise(nights=len(sessions), degrees_of_freedom=df, metric_sd=metric_sd), sessions


def _own_probes(nights: Sequence[RememberedNight]) -> list[RememberedNight]:
    """Return the nights that share no probe with an earlier one: what is told twice was measured once."""
    seen, own = set[str](), list[RememberedNight]()
    for night in nights:
        if seen.isdisjoint(night.keys):
            own.append(night)
        seen.update(night.keys)
    return own


def _priors(nights: Sequence[RememberedNight], tonight: Tonight) -> tuple[tuple[LanePrior, ...], set[str]]:
    rules = tonight.referee
    session = EffectPrior(rules.prior_mean, rules.prior_sd, rules.prior_tail_df)
    targets = dict.fromkeys(n.target for n in nights) if tonight.target == AUTO else (tonight.target,)
    learned: list[LanePrior] = []
    for target in targets:
        effects = [effect for night in nights if night.target == target for effect in night.effects]
        learned += lane_priors(effects, target, session)
    return tuple(learned), {night.session for night in nights if night.effects and night.target in targets}


def _moves(nights: Sequence[RememberedNight]) -> tuple[EarlierMove, ...]:
    """Return the moves of nights, the latest `MOST_MOVES`."""
    moves = [EarlierMove(session=night.session, **dict(move)) for night in nights for move in night.moves]
    return tuple(moves[-MOST_MOVES:])


def _tests(nights: Sequence[RememberedNight]) -> list[PastClaim]:
    """Return the tests of the project in the order in which the nights began, each once."""
    tests = {night.test.probes: night for night in reversed(nights) if night.test is not None}
    return [
        PastClaim(
            session=night.session,
            target=night.target,
            p_value=night.test.p_value,
            level=night.test.level,
            confirmed=night.test.confirmed,
        )
        for night in nights
        if night.test is not None and tests[night.test.probes] is night
    ]


def _reason(night: RememberedNight, tonight: Tonight, is_told_twice: bool) -> str:
    if is_told_twice:
        return "it shares probes with an earlier night"
    if not night.conditions:
        return "none of its search probes left a score"
    found = differing(night.conditions, tonight.conditions)
    if found:
        return f"not comparable: {'; '.join(str(each) for each in found)} tonight"
    if tonight.target not in (AUTO, night.target):
        return f"no priors from it: its target was {night.target}"
    if night.replicates is None:
        return "no recipe was scored twice, so it knows no noise"
    return ""
