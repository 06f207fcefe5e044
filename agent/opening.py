"""Writes the policy into the ledger: from the record's probes to `agent.policy`, once a night."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from statistics import fmean

from agent.context import NightContext
from agent.noise import planned_noise
from agent.plan import NightPlan
from agent.policy import LaneFacts, Standing, make_policy, named_target
from lanes.config import LanesConfig
from lanes.lane import Lane
from lanes.open import configured_lanes, why_left_out
from probes.candidate import LaneName
from probes.recipe import Recipe
from probes.request import Control
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL
from tracking import events as ev
from tracking.finished import FinishedProbe, Slot
from tracking.night import NightRecord

TELLING: tuple[Control, ...] = ("base", "broken")
"""Control probes that show whether a category's score can move at all."""


def set_policy(context: NightContext) -> None:
    """Record what the baseline's scores decide, before the first candidate and only once."""
    night, plan = context.night, context.plan
    if night.policy is not None or night.candidates:
        return
    levels = standings(night, plan)
    target = night.target_choice or named_target(plan.target, levels)
    deciding = {name for name in (plan.target, *plan.guards) if name != CRITICAL_FAILURES}
    deciding = set(plan.search_items) if OVERALL in deciding else deciding
    facts = context.lane_facts or LaneFacts(tuple(context.lanes), {}, (), None)
    policy = make_policy(target, levels, facts, deciding)
    context.record(ev.PolicySet(at=context.clock.now(), policy=policy))


def standings(night: NightRecord, plan: NightPlan) -> dict[str, Standing]:
    """Return category and `overall` → where the baseline and the untrained base stand on the search items.

    The noise is what calibration measured, pooled with what was planned with at the referee's weight for it: a few
    replicates may agree by luck.
    """
    baselines = list(night.scored.get(Slot("calibrate", "baseline"), {}).values())
    base, broken = (night.scored.get(Slot("control", arm), {}).get(0) for arm in TELLING)
    planned = planned_noise(plan)
    sds = {**planned.search.categories, OVERALL: _overall_sd(plan)}
    levels: dict[str, Standing] = {}
    for name in (*sorted(plan.search_items), OVERALL):
        scores = [score for probe in baselines if (score := probe.metric(name)) is not None]
        if scores:
            untrained, ruined = _score(base, name), _score(broken, name)
            levels[name] = Standing(
                baseline=fmean(scores),
                runs=len(scores),
                sd=_pooled_sd(sds.get(name, 0.0), name, night, plan),
                base=untrained,
                is_constant=untrained is not None and {untrained} == {ruined, *scores},
            )
    return levels


def lane_facts(
    config: LanesConfig, baseline: Recipe, tags: dict[str, dict[str, int]], lanes: dict[LaneName, Lane]
) -> LaneFacts:
    """Return what is known of the lanes from the session and the training rows."""
    categories = [value for value, rows in tags.get("category", {}).items() if rows > 0 and value != "(none)"]
    return LaneFacts(tuple(lanes), why_left_out(config, baseline, tags, lanes), configured_lanes(config), categories)


def _pooled_sd(planned: float, metric: str, night: NightRecord, plan: NightPlan) -> float:
    noise = night.noise
    measured = None if noise is None else noise.target_sd if metric == night.target else noise.category_sd.get(metric)
    if noise is None or measured is None:
        return planned
    weight, df = plan.referee.noise_weight, noise.degrees_of_freedom
    return sqrt((weight * planned**2 + df * measured**2) / (weight + df))


def _overall_sd(plan: NightPlan) -> float:
    return planned_noise(replace(plan, target=OVERALL)).search.target


def _score(probe: FinishedProbe | None, metric: str) -> float | None:
    return None if probe is None else probe.metric(metric)
