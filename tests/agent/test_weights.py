"""A night whose overall is weighted: what is searched, confirmed and carried over is that overall and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import CATEGORIES, MemoryLedger, SimulatedLauncher, make_request
from simulated_nights import faster_helps, make_night

from agent.evidence import confirmation_runs, search_runs
from agent.night import run_night
from probes.comparability import conditions
from probes.recipe import Recipe
from probes.request import ProbeRequest, Purpose, Split
from probes.statistics.runs import OVERALL
from tracking.memory.remembered import remember
from tracking.night import NightRecord

WEIGHTS = {"ground_truth": 0.1, "private_voice": 0.8, "verified_response": 0.1}


def night(folder: Path, weights: dict[str, float] | None) -> NightRecord:
    def request(recipe: Recipe, seed: int, split: Split, purpose: Purpose | None = None) -> ProbeRequest:
        return make_request(recipe, seed, split, purpose).model_copy(update={"weights": weights})

    ledger = MemoryLedger()
    context = make_night(folder, SimulatedLauncher(faster_helps), ledger)
    context.plan = replace(context.plan, target=OVERALL, guards={}, weights=weights)
    context.make_request = request
    run_night(context)
    return NightRecord.replay(ledger.written)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[NightRecord, NightRecord]:
    return night(tmp_path_factory.mktemp("plain"), None), night(tmp_path_factory.mktemp("weighted"), WEIGHTS)


def weighted(means: Mapping[str, float | None]) -> float:
    return sum(WEIGHTS[name] * (means[name] or 0.0) for name in CATEGORIES)


def plain_mean(means: Mapping[str, float | None]) -> float:
    return sum(means[name] or 0.0 for name in CATEGORIES) / len(CATEGORIES)


def test_every_overall_of_the_night_is_the_weighted_one(nights: tuple[NightRecord, NightRecord]) -> None:
    for record, rule in zip(nights, (plain_mean, weighted), strict=True):
        assert [probe.overall for probe in record.probes] == pytest.approx([rule(p.means) for p in record.probes])
    for run in search_runs(nights[1]):
        assert run.metric(OVERALL) == pytest.approx(weighted(run.categories))


def test_the_claim_is_of_the_weighted_overall(nights: tuple[NightRecord, NightRecord]) -> None:
    record = nights[1]
    assert record.claim is not None
    final, baseline = (confirmation_runs(record, arm) for arm in ("final", "baseline"))
    assert final
    assert baseline
    gain = sum(weighted(run.categories) for run in final) / len(final)
    gain -= sum(weighted(run.categories) for run in baseline) / len(baseline)
    assert record.claim.effect == pytest.approx(gain)


def test_a_gain_in_one_category_weighs_what_its_category_weighs(nights: tuple[NightRecord, NightRecord]) -> None:
    plain, heavy = (record.claim.effect for record in nights if record.claim is not None)
    assert plain is not None
    assert heavy is not None
    assert heavy > plain > 0, "only private_voice gains; it counts .8 in the one night and a third in the other"


def test_nights_with_other_weights_teach_each_other_nothing(nights: tuple[NightRecord, NightRecord]) -> None:
    plain, heavy = (remember(record, "p") for record in nights)
    assert plain.conditions != heavy.conditions
    assert heavy.conditions == conditions(nights[1].probes[0].plan.request)
