from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from random import Random
from statistics import fmean

import pytest

from lanes.config import ChoiceKnob, NumericKnob
from lanes.knobs import is_number
from runner.bench.proposers.__main__ import NAMES, main
from runner.bench.proposers.automl import BASELINE, KNOBS, TRIALS, open_automl, quality, repeat_noise
from runner.bench.proposers.ceiling import ceilings
from runner.bench.proposers.claims import confirm_probes, is_claimed, paid_search
from runner.bench.proposers.landscape import PENALTY, Landscape, Levels, Settings
from runner.bench.proposers.miniature import CATEGORIES, EFFECTS, open_miniature
from runner.bench.proposers.ours import CONTROLS, our_night
from runner.bench.proposers.peers import PEERS
from runner.bench.proposers.rows import row_of
from runner.bench.proposers.runs import Known, Outcome, Run, fingerprint, play, play_all


def test_a_single_change_of_the_miniature_has_its_measured_effect() -> None:
    landscape = open_miniature()
    for knob, value, effects in EFFECTS:
        levels = landscape.levels({**landscape.baseline, knob: value})
        assert levels is not None
        moved = [levels[name] - landscape.reference[name] for name in CATEGORIES]
        assert moved == pytest.approx(effects, abs=0.05)


def test_a_recipe_of_the_night_says_the_settings_it_has() -> None:
    landscape = open_miniature()
    assert landscape.settings_of(landscape.recipe) == landscape.baseline
    recipe, asked = landscape.recipe, 0
    for lane in landscape.open_lanes().values():
        change = lane.ask(landscape.recipe, [], seed=1)
        assert change is not None
        recipe, asked = lane.apply(change, recipe), asked + 1
    settings = landscape.settings_of(recipe)
    assert sum(settings[name] != landscape.baseline[name] for name in settings) == asked == 3


def test_what_a_guard_lost_beyond_its_margin_is_taken_off() -> None:
    landscape = open_miniature()
    harmed = {**landscape.reference, "ground_truth": landscape.reference["ground_truth"] - 2.0}
    assert landscape.score(harmed) == pytest.approx(-PENALTY * 0.5)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "Optuna GP" else name for name in PEERS]
)
def test_a_peer_stays_in_the_box_and_is_the_same_for_the_same_seed(name: str) -> None:
    landscape = open_miniature()
    first, second = (list(islice(PEERS[name](landscape, 3), 25)) for _ in range(2))
    assert first == second
    assert first[0] == landscape.baseline
    assert landscape.value(first[-1]) > 0
    for settings in first:
        landscape.value(settings)


def test_our_night_ends_with_a_better_recipe() -> None:
    landscape = open_miniature()
    assert landscape.value(our_night(landscape, 1, 40).settings) > 1.0


def free(value: float, claimed: bool) -> Outcome:
    """Return the outcome of a run that ends with nothing where it pays for its confirmation."""
    return Outcome(value, claimed, 0.0, False)


def test_the_median_lies_in_its_interval() -> None:
    row = row_of("nightlab", "miniature", 50, [free(value, False) for value in (1.0, 2.0, 3.0, 4.0, 10.0)])
    assert row.low <= row.value == 3.0 <= row.high
    assert row.mean == 4.0


def test_what_is_not_claimed_ships_the_baseline() -> None:
    row = row_of("nightlab", "miniature", 50, [free(4.0, True), free(5.0, False), free(-1.0, True)])
    assert (row.claimed, row.shipped, row.value) == (pytest.approx(2 / 3), pytest.approx(1.0), 4.0)
    assert row.shipped_low == -1.0
    assert row.shipped_high == 4.0


def moved(**effects: float) -> Landscape:
    """Return the miniature's landscape with little noise, where everything but the baseline has these effects."""
    landscape = open_miniature()
    quiet = {name: sd / 5 for name, sd in landscape.noise_sd.items()}

    def levels(settings: Settings) -> Levels:
        known = effects if settings != landscape.baseline else {}
        return {name: at + known.get(name, 0.0) for name, at in landscape.reference.items()}

    return replace(landscape, levels=levels, noise_sd=quiet)


def claims_of(landscape: Landscape, budget: int, seeds: int) -> float:
    """Return the share of seeds at which a change is claimed."""
    settings = {**landscape.baseline, "rank": 32}
    return fmean(is_claimed(landscape, settings, seed, budget) for seed in range(seeds))


@pytest.mark.parametrize("budget", [25, 100])
def test_a_peers_far_better_settings_are_claimed_unless_they_break_a_guard(budget: int) -> None:
    assert claims_of(moved(private_voice=5.0), budget, 40) == 1.0
    assert claims_of(moved(private_voice=5.0, ground_truth=-4.0), budget, 40) == 0.0


def test_a_peers_settings_that_change_nothing_are_claimed_as_often_as_the_level_allows() -> None:
    assert 0.02 < claims_of(moved(), 100, 400) < 0.08


def test_a_peer_claims_neither_the_baseline_nor_what_cannot_be_trained() -> None:
    landscape = moved(private_voice=5.0)

    def no_levels(settings: Settings) -> Levels | None:
        del settings

    failing = replace(landscape, levels=no_levels)
    assert not any(is_claimed(landscape, dict(landscape.baseline), seed, 100) for seed in range(100))
    assert not is_claimed(failing, {**landscape.baseline, "rank": 32}, 0, 100)


def test_the_confirmation_of_a_small_night_is_the_smallest() -> None:
    assert [confirm_probes(budget) for budget in (25, 39, 40, 200)] == [6, 6, 16, 16]


def two_knobs() -> Landscape:
    """The miniature's landscape with only the length of training's step and one source's repeats to choose."""
    landscape = open_miniature()
    kept = {name: landscape.knobs[name] for name in ("learning_rate", "private_voice")}
    rest = {name: value for name, value in landscape.baseline.items() if name not in kept}

    def levels(settings: Settings) -> Levels | None:
        return landscape.levels({**rest, **settings})

    return replace(landscape, knobs=kept, levels=levels)


def test_the_ceiling_is_the_best_of_all_recipes_and_what_is_worth_most_as_a_claim() -> None:
    landscape = two_knobs()
    (limits,) = ceilings(landscape, {100: 5.0})
    lists = [knob.values for knob in landscape.knobs.values() if isinstance(knob, ChoiceKnob)]
    settings: list[Settings] = [dict(zip(landscape.knobs, values, strict=True)) for values in product(*lists)]
    assert limits.best == max(landscape.value(own) for own in settings)
    claimed = {i: fmean(is_claimed(landscape, own, seed, 100) for seed in range(60)) for i, own in enumerate(settings)}
    worth = max(landscape.value(own) * claimed[i] for i, own in enumerate(settings))
    assert limits.safest * limits.safest_claimed == pytest.approx(worth, rel=0.06)
    assert limits.best > limits.safest
    assert limits.best_claimed < limits.safest_claimed
    above = max(claimed[i] for i, own in enumerate(settings) if landscape.value(own) >= 5.0)
    assert limits.level_claimed == pytest.approx(above, abs=0.1)
    assert [c.level_claimed for c in ceilings(landscape, {100: limits.best + 0.1})] == [0.0]


def test_recipes_that_cannot_be_counted_have_no_ceiling() -> None:
    knobs = {"learning_rate": NumericKnob(low=0.001, high=0.004, max_factor=2.0)}
    assert ceilings(replace(open_miniature(), knobs=knobs), {100: 0.0}) == []


def test_a_confirmation_changes_nothing_of_what_a_peer_finds() -> None:
    """Values of before peers had a confirmation."""
    found = {
        (who, seed): [outcome.value for outcome in play(Run("miniature", who, seed), (20, 25, 50), None)]
        for who in ("random", "keep-if-better")
        for seed in (0, 3)
    }
    assert found == {
        ("random", 0): pytest.approx([2.082545, 2.082545, 2.574228], abs=1e-6),
        ("random", 3): pytest.approx([4.579640, 4.579640, 6.075619], abs=1e-6),
        ("keep-if-better", 0): pytest.approx([5.481576, 5.481576, 5.248584], abs=1e-6),
        ("keep-if-better", 3): pytest.approx([0.203807, 0.203807, 2.229772], abs=1e-6),
    }


def test_a_peer_that_pays_for_its_confirmation_ends_its_search_that_much_earlier() -> None:
    assert [paid_search(budget) for budget in (25, 50, 100, 200)] == [17, 34, 68, 152]
    run = Run("miniature", "random", 3)
    paid, whole = play(run, (50,), None)[0], play(run, (34,), None)[0]
    assert paid.paid_value == whole.value < paid.value
    (ours,) = play(Run("miniature", "nightlab", 1), (30,), None)
    assert ours.paid_value == ours.value
    row = row_of("random", "miniature", 50, [Outcome(4.0, True, 3.0, False), Outcome(4.0, False, 2.0, True)])
    assert (row.value, row.shipped, row.paid.value, row.paid.shipped) == (4.0, 2.0, 2.5, 1.0)


def test_our_night_says_what_it_claims() -> None:
    assert {our_night(open_miniature(), seed, 50).claimed for seed in range(4)} == {True, False}
    assert not any(our_night(moved(private_voice=-1.0), seed, 50).claimed for seed in range(3))


def test_other_seeds_can_be_looked_at(tmp_path: Path) -> None:
    main(None, 2, 7, ["random"], None, [25], 1, tmp_path, True)
    lines = [json.loads(line) for line in (tmp_path / "proposers_runs.jsonl").read_text().splitlines()]
    assert [line["seed"] for line in lines] == [7, 8]
    (row,) = json.loads((tmp_path / "proposers.json").read_text())
    assert row["seeds"] == 2
    assert row["claimed"] == fmean(line["claimed"] for line in lines)


def test_lines_of_before_claims_were_kept_count_for_nothing(tmp_path: Path) -> None:
    path, run = tmp_path / "runs.jsonl", Run("miniature", "random", 0)
    Known(path, None).keep(run, [25], [free(1.0, True)])
    path.write_text(path.read_text().replace('"claimed": true, ', ""))
    assert Known(path, None).outcomes(run, [25]) is None


def test_the_command_writes_a_row_for_each_budget(tmp_path: Path) -> None:
    main(None, 2, 0, ["random", "nightlab"], None, [25, 30], 1, tmp_path, True)
    rows = json.loads((tmp_path / "proposers.json").read_text())
    assert [(row["proposer"], row["probes"]) for row in rows] == [
        ("random", 25), ("random", 30), ("nightlab", 25), ("nightlab", 30),
    ]  # fmt: skip
    assert {row["landscape"] for row in rows} == {"miniature"}
    assert set(NAMES) > {row["proposer"] for row in rows}


def test_a_bench_cut_short_goes_on_where_it_stood(tmp_path: Path) -> None:
    main(None, 2, 0, ["random"], None, [20, 25], 1, tmp_path, True)
    path = tmp_path / "proposers_runs.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]) + lines[3][:20] + "\n")
    known = Known(path, None)
    assert known.outcomes(Run("miniature", "random", 0), [20, 25]) is not None
    assert known.outcomes(Run("miniature", "random", 1), [20, 25]) is None
    play_all([Run("miniature", "random", seed) for seed in range(2)], (20, 25), 1, None, known)
    added = path.read_text().splitlines(keepends=True)[4:]
    assert added == lines[2:]


def test_runs_of_other_code_count_for_nothing(tmp_path: Path) -> None:
    path, run = tmp_path / "runs.jsonl", Run("miniature", "random", 0)
    Known(path, None).keep(run, [25], [free(1.0, True)])
    assert Known(path, None).outcomes(run, [25]) == [free(1.0, True)]
    path.write_text(path.read_text().replace(fingerprint("random", "miniature", None), "another"))
    assert Known(path, None).outcomes(run, [25]) is None


def test_without_playing_the_bench_says_what_is_there(tmp_path: Path) -> None:
    Known(tmp_path / "proposers_runs.jsonl", None).keep(Run("miniature", "random", 4), [25], [free(1.5, False)])
    main(None, 5, 0, None, None, [25, 50], 1, tmp_path, False)
    rows = json.loads((tmp_path / "proposers.json").read_text())
    assert [(row["proposer"], row["probes"], row["value"], row["seeds"]) for row in rows] == [("random", 25, 1.5, 1)]


def test_a_night_of_25_probes_trains_no_more_than_25_times() -> None:
    landscape, trained = open_miniature(), list[Settings]()

    def counted(settings: Settings) -> Levels | None:
        trained.append(settings)
        return landscape.levels(settings)

    ended = our_night(replace(landscape, levels=counted), 1, 25)
    assert 15 < len(trained) <= 25 - CONTROLS
    assert 15 < ended.spent <= 25


def test_a_long_night_says_what_it_left_unspent_and_a_peer_nothing() -> None:
    (ours,) = play(Run("miniature", "nightlab", 2), (300,), None)
    (peer,) = play(Run("miniature", "random", 1), (50,), None)
    assert ours.spent is not None
    assert ours.spent < 300
    assert peer.spent is None
    row = row_of("nightlab", "miniature", 300, [ours, ours._replace(spent=ours.spent + 2)])
    assert (row.spent, row_of("random", "miniature", 50, [peer]).spent) == (ours.spent + 1, None)


def test_noise_is_what_repeated_trials_differ_by() -> None:
    trial = {**BASELINE, "success": True}
    trials = [{**trial, "val_bpb": loss} for loss in (0.9, 1.0)] + [{**trial, "DEPTH": 9, "val_bpb": 0.5}]
    assert repeat_noise(trials) == (pytest.approx(0.1 / 2**0.5), 1)


def test_the_surrogate_learns_what_makes_trials_fail_and_what_lowers_the_loss(tmp_path: Path) -> None:
    chance, trials = Random(0), list[dict[str, object]]()
    for number in range(400):
        settings = {
            name: chance.uniform(knob.low, knob.high) if isinstance(knob, NumericKnob) else chance.choice(knob.values)
            for name, knob in KNOBS.items()
        } if number % 20 else dict(BASELINE)  # fmt: skip
        rate, depth = settings["MATRIX_LR"], settings["DEPTH"]
        assert is_number(rate)
        assert is_number(depth)
        loss = 1.0 + 2 * (rate - 0.1) ** 2 + chance.gauss(0, 0.001)
        trials.append({**settings, "success": depth < 20, "val_bpb": loss if depth < 20 else 100.0})
    (tmp_path / "replay").mkdir()
    with gzip.open(tmp_path / TRIALS, "wt") as file:
        json.dump({"made up": {"0": trials}}, file)
    landscape = open_automl(tmp_path)
    assert landscape.levels({**BASELINE, "DEPTH": 23}) is None
    assert landscape.value({**BASELINE, "MATRIX_LR": 0.1}) > 0.2 > landscape.value(BASELINE) == 0.0
    fit = quality(tmp_path)
    assert (fit.trials, fit.repeated) == (400, 1)
    assert fit.failures_told > 0.95
    assert fit.rank_correlation > 0.8


def test_repeats_of_a_configuration_flatter_no_fit(tmp_path: Path) -> None:
    chance, trials = Random(0), list[dict[str, object]]()
    for number in range(60):
        loss = chance.uniform(0.9, 1.1)
        trial = {**BASELINE, "MATRIX_LR": 0.01 + 0.003 * number, "success": True, "val_bpb": loss}
        trials += [trial, trial, trial, {**trial, "success": False, "SCALAR_LR": 1.0 + number / 100}]
    (tmp_path / "replay").mkdir()
    with gzip.open(tmp_path / TRIALS, "wt") as file:
        json.dump({"made up": {"0": trials}}, file)
    assert quality(tmp_path).r_squared < 0.0


@pytest.mark.slow
@pytest.mark.skipif("NIGHTLAB_DATA" not in os.environ, reason="NIGHTLAB_DATA names no folder of public trials")
def test_the_surrogate_fits_the_public_trials() -> None:
    fit = quality(Path(os.environ["NIGHTLAB_DATA"]))
    assert fit.trials > 10_000
    assert fit.rank_correlation > 0.8
    assert fit.failures_told > 0.85
