"""What tonight takes over: from which nights, with which numbers, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean

import pytest
from fakes_memory import tonight_like, write_night

from probes.errors import ComparabilityError, LedgerError
from probes.statistics.noise import pooled_sd
from probes.statistics.runs import Run
from tracking.events import Event, ProbeFinished
from tracking.memory.known import EarlierNights
from tracking.memory.learn import ENOUGH_DEGREES, learn, pool_noise
from tracking.memory.remembered import RememberedNight, Replicates, remember, scored_search
from tracking.memory.words import knowledge_in_words, level_in_words
from tracking.night import NightRecord


def remembered(events: list[Event], project: str = "p") -> RememberedNight:
    return remember(NightRecord.replay(events), project)


def replicates(*values: float, keys: str = "k", is_baseline: bool = False) -> Replicates:
    names = tuple(f"{keys}{i}" for i in range(len(values)))
    return Replicates(is_baseline=is_baseline, keys=names, scores={"voice": values})


def night_of(day: int, *groups: Replicates) -> RememberedNight:
    return RememberedNight(
        session=f"n{day}", started=f"2026-03-{day:02d}", seed=0, target="voice", project="p", conditions={"x": "1"},
        baseline="b", replicates=groups,
    )  # fmt: skip


def test_a_night_remembers_the_noise_of_its_ledger(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a")
    night = NightRecord.replay(events)
    runs = [
        Run(
            frozenset([probe.plan.request.recipe.fingerprint]),
            probe.plan.request.seed,
            {name: mean for name, mean in probe.means.items() if mean is not None},
        )
        for probe in scored_search(night)
    ]
    noise, sessions = pool_noise([remembered(events)])
    assert noise is not None
    assert noise.metric_sd["private_voice"] == pytest.approx(pooled_sd(runs, "private_voice"))
    assert noise.metric_sd["overall"] == pytest.approx(pooled_sd(runs, "overall"))
    assert sessions == {"a"}


def test_noise_is_pooled_within_nights_so_that_a_moved_level_is_no_noise() -> None:
    noise, _ = pool_noise(
        [night_of(1, replicates(1.0, 3.0, keys="a")), night_of(2, replicates(101.0, 103.0, keys="b"))]
    )
    assert noise is not None
    assert (noise.nights, noise.degrees_of_freedom) == (2, 2)
    assert noise.metric_sd["voice"] == pytest.approx(sqrt(2.0))


def test_a_probe_that_two_nights_share_counts_once() -> None:
    same = replicates(1.0, 3.0, 2.0)
    assert pool_noise([night_of(1, same), night_of(2, same)])[0] == pool_noise([night_of(2, same)])[0]


def test_the_latest_nights_come_first_and_enough_is_enough() -> None:
    nights = [night_of(day, replicates(*[float(i % 2) for i in range(61)], keys=f"d{day}-")) for day in (1, 2, 3, 4)]
    noise, sessions = pool_noise(nights)
    assert noise is not None
    assert sessions == {"n4", "n3"}
    assert noise.degrees_of_freedom >= ENOUGH_DEGREES


def test_identical_outputs_are_no_noise_of_zero() -> None:
    assert pool_noise([night_of(1, replicates(2.0, 2.0))]) == (None, set())
    assert pool_noise([]) == (None, set())


def test_priors_levels_and_tests_come_from_what_the_ledger_measured(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder)
    tonight = tonight_like(events, folder)
    earlier = learn(tonight, [remembered(events)])
    (night,) = earlier.nights
    assert night.used == ("noise", "baseline", "priors", "claims")
    assert night.reason == ""
    means = [p.means["private_voice"] for p in scored_search(NightRecord.replay(events)) if not p.plan.changes]
    assert earlier.baselines[0].means["private_voice"] == pytest.approx(fmean(m for m in means if m is not None))
    lanes = {prior.lane: prior for prior in earlier.priors}
    assert lanes["hyperparameters"].mean > lanes["curriculum"].mean
    assert sum(prior.candidates for prior in earlier.priors) == 7
    assert [claim.confirmed for claim in earlier.claim.past] == [True]
    assert earlier.claim.number == 2
    assert set(earlier.priors_for("private_voice", 3.0)) == set(lanes)
    assert earlier.priors_for("ground_truth", 3.0) == {}


def test_raw_effects_are_those_of_the_scores_not_of_the_referee(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a")
    effects = {round(e.effect, 1) for e in remembered(events).effects}
    readings = [e for e in events if e.kind == "candidate_decided"]
    wild = [
        e.model_copy(update={"reading": e.reading.model_copy(update={"effect": 99.0})}) if e in readings else e  # type: ignore[union-attr]
        for e in events
    ]
    assert {round(e.effect, 1) for e in remembered(wild).effects} == effects
    assert max(effects) < 5


def test_unequal_conditions_teach_nothing_but_still_count_among_the_claims(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder)
    other = write_night(tmp_path / "b", day=15, samples=2)
    earlier = learn(tonight_like(events, folder), [remembered(other)])
    assert (earlier.noise, earlier.baselines, earlier.priors) == (None, (), ())
    assert earlier.nights[0].used == ("claims",)
    assert "samples 2 against 3 tonight" in earlier.nights[0].reason
    assert len(earlier.claim.past) == 1


def test_another_target_or_baseline_or_data_takes_only_what_still_holds(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder)
    tonight, night = tonight_like(events, folder), remembered(events)
    assert learn(replace(tonight, target="ground_truth"), [night]).nights[0].used == ("noise", "baseline", "claims")
    assert learn(replace(tonight, target="auto"), [night]).priors == learn(tonight, [night]).priors
    assert learn(replace(tonight, baseline="other"), [night]).baselines == ()
    assert learn(replace(tonight, train=("other",)), [night]).baselines == ()


def test_a_night_that_tested_nothing_spends_nothing_and_one_test_told_twice_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder)
    nothing, night = remembered(write_night(tmp_path / "b", "nothing", day=15)), remembered(events)
    again = night.model_copy(update={"session": "copy", "started": "2026-03-20"})
    earlier = learn(tonight_like(events, folder), [nothing, again, night])
    assert [claim.session for claim in earlier.claim.past] == ["a"]
    assert "claims" not in earlier.nights[1].used


def test_a_mixed_ledger_is_refused(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a")
    finished = [e for e in events if isinstance(e, ProbeFinished)]
    plan = finished[3].plan
    torn = plan.model_copy(update={"request": plan.request.model_copy(update={"versions": {"torch": "2.14.0"}})})
    mixed = [e.model_copy(update={"plan": torn}) if e is finished[3] else e for e in events]
    with pytest.raises(ComparabilityError, match=r"torch 2\.13\.0 against 2\.14\.0"):
        remembered(mixed)
    with pytest.raises(LedgerError, match="session_started"):
        remembered([])


def test_what_is_known_is_said_in_words_and_survives_the_ledger(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    events = write_night(folder)
    earlier = learn(tonight_like(events, folder), [remembered(events)])
    assert EarlierNights.model_validate_json(earlier.model_dump_json()) == earlier
    assert "noise from 1 night" in knowledge_in_words(earlier)
    assert "test 2 of the project" in level_in_words(earlier.claim)
    first = learn(tonight_like(events, folder), [])
    assert knowledge_in_words(first).startswith("none found; claim 1 of the project at level 0.050")
    assert "first claim of the project. Its level is 0.050, the session's own" in level_in_words(first.claim)
    low = learn(tonight_like(events, folder), [], running=2).claim
    assert "2 other nights were running" in level_in_words(low)
    assert "instead of the session's 0.050" in level_in_words(low)
