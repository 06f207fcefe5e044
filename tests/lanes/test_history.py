"""The moves by knob: the same answers as from a plain list, and nothing worked out twice."""

from __future__ import annotations

import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import TPESampler
from optuna.study import Study, create_study
from optuna.trial import FrozenTrial, TrialState, create_trial

from lanes.config import LanesConfig
from lanes.history import History
from lanes.open import open_lanes
from lanes.told import told_study, told_trial
from lanes.tried import Tried
from probes.candidate import Change
from probes.recipe import Recipe

BASELINE = Recipe(base_model="miniature", learning_rate=5e-3, rank=16, alpha=16.0, steps=80)
LANE = open_lanes(LanesConfig(), BASELINE, {}, "optuna")["hyperparameters"]


def rate(after: float, effect: float | None = None) -> Tried:
    change = Change(lane="hyperparameters", knob="learning_rate", before=5e-3, after=after)
    return Tried(change=change, decision=None if effect is None else "reject", effect=effect)


def test_asks_over_a_growing_history_are_those_over_a_list() -> None:
    history, plain = History(), list[Tried]()
    for number in range(16):
        asked = LANE.ask(BASELINE, history, number)
        assert asked is not None
        assert asked == LANE.ask(BASELINE, plain, number)
        history.add(Tried(change=asked, decision=None, effect=None))
        assert LANE.repeats(asked, BASELINE, history) is not None
        told = Tried(change=asked, decision="reject", effect=-0.1 * number)
        history.put(number, told)
        plain.append(told)
    assert list(history) == plain
    assert History.of(history) is history


def test_a_knob_is_looked_at_again_only_when_its_own_moves_or_value_changed() -> None:
    history = History([rate(0.01)])
    first = {knob.name: knob for knob in LANE.moves(BASELINE, history)}
    history.put(0, rate(0.01))
    assert {knob.name: knob for knob in LANE.moves(BASELINE, history)} == first
    history.put(0, rate(0.01, effect=0.3))
    second = {knob.name: knob for knob in LANE.moves(BASELINE, history)}
    assert second["learning_rate"] is not first["learning_rate"]
    assert second["learning_rate"].past[0].level == 0.3
    assert second["beta"] is first["beta"]
    third = {knob.name: knob for knob in LANE.moves(BASELINE.replace(beta=0.11), history)}
    assert third["beta"].working == 0.11
    assert third["learning_rate"] is second["learning_rate"]


def asked_of(study: Study) -> tuple[object, object]:
    trial = study.ask()
    return trial.suggest_categorical("knob", ["a", "b", "c"]), trial.suggest_float("a", 0.0, 1.0)


def sampler() -> TPESampler:
    return TPESampler(seed=7, multivariate=False, n_startup_trials=0)


@pytest.mark.parametrize("first", range(8))
def test_tpe_asks_the_same_of_our_trials_and_study_as_of_its_own(first: int) -> None:
    moves = [("abc"[i % 3], (first + i) / 50, None if i % 9 == first else (i * 7 % 13) / 10) for i in range(40)]
    own = create_study(direction="maximize", sampler=sampler())
    told: list[FrozenTrial] = []
    for name, place, level in moves:
        params = {"knob": name, name: place}
        wide: dict[str, BaseDistribution] = {
            "knob": CategoricalDistribution(["a", "b", "c"]),
            name: FloatDistribution(place, place),
        }
        state = TrialState.PRUNED if level is None else TrialState.COMPLETE
        own.add_trial(create_trial(state=state, value=level, params=params, distributions=wide))
        narrow: dict[str, BaseDistribution] = {**wide, "knob": CategoricalDistribution((name,))}
        told.append(told_trial(level, params, narrow))
    wanted = asked_of(own)
    assert asked_of(told_study(sampler(), told)) == wanted
    assert asked_of(told_study(sampler(), told)) == wanted, "an ask leaves the trials as they were"
    assert len(told_study(sampler(), told).trials) == len(moves)
