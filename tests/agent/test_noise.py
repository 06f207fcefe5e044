from __future__ import annotations

import pytest
from fakes_night import make_night

from agent.noise import measure_noise, night_power, probe_costs
from agent.plan import NightPlan
from probes.recipe import Recipe
from probes.statistics.config import RefereeConfig
from probes.statistics.verdicts import EarlierNoise
from tracking import events as ev
from tracking.night import NightRecord

CATEGORIES = (
    "anachronism_trap", "character_consistency", "ground_truth", "position_discrimination", "private_voice",
    "verified_response",
)  # fmt: skip


def plan(**changes: object) -> NightPlan:
    values: dict[str, object] = {
        "session": "s",
        "seed": 1,
        "baseline": Recipe(base_model="m"),
        "target": "private_voice",
        "guards": {"ground_truth": 1.5},
        "referee": RefereeConfig(),
        "budget_probes": 60,
        "confirm_probes": 8,
        "max_attempts": 2,
        "search_items": dict.fromkeys(CATEGORIES, 8),
        "held_out_items": dict.fromkeys(CATEGORIES, 8),
        "samples": 3,
    }
    return NightPlan(**{**values, **changes})  # type: ignore[arg-type]


NIGHT = NightRecord.replay(make_night("claim"))


def test_a_nights_noise_has_components_and_advice_from_its_own_costs() -> None:
    noise = measure_noise(NIGHT, plan())
    assert noise.components is not None
    assert noise.components.samples == 3.0
    assert noise.components.sampling.sd == noise.sampling_sd
    assert noise.advice is not None
    costs = probe_costs(NIGHT, 3)
    assert costs is not None
    assert 6.5 < costs.training_s < 7.5
    assert costs.evaluation_s_per_sample == pytest.approx(2.1 / 3)
    assert noise.advice.cost_ratio == costs.ratio
    assert noise.fault is None


def test_only_full_probes_of_the_search_items_enter() -> None:
    calibration = [e for e in make_night("claim") if not isinstance(e, ev.ProbeFinished) or e.plan.phase == "calibrate"]
    confirmation = [e for e in make_night("claim") if not isinstance(e, ev.ProbeFinished) or e.plan.phase == "confirm"]
    assert measure_noise(NightRecord.replay(calibration), plan()).runs == 6
    after = NightRecord.replay(confirmation)
    assert measure_noise(after, plan()).runs == 0
    assert probe_costs(after, 3) is None


def test_power_is_computed_at_the_best_known_noise() -> None:
    earlier = plan(earlier_noise=EarlierNoise(nights=2, degrees_of_freedom=9, metric_sd={"private_voice": 0.31}))
    noise = measure_noise(NIGHT, plan())
    assert night_power(plan()).noise_source == "assumed"
    assert (night_power(earlier).noise_source, night_power(earlier).target_sd) == ("earlier night", 0.31)
    assert (night_power(earlier, noise).noise_source, night_power(earlier, noise).target_sd) == (
        "measured",
        noise.target_sd,
    )


def test_a_stricter_level_for_the_claim_makes_less_resolvable() -> None:
    assert night_power(plan(claim_level=0.005)).target_resolvable > night_power(plan()).target_resolvable
