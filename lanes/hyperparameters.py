"""The hyperparameter lane: recipe fields that take a number or one of a few values. With `told` optuna's only home.

First every knob is tried at the far edges of its window, the ones that usually matter first; then Optuna's TPE sampler
asks, or its Gaussian process. The study is rebuilt from the history at every ask, which keeps the lane free of memory.
Optuna only ever proposes: its idea of the best move is not evidence (on nights with nothing to find TPE still names a
winner).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from pydantic import ValidationError

from lanes.config import ChoiceKnob, LanesConfig, NumericKnob
from lanes.heard import heard
from lanes.knob_lane import KnobLane
from lanes.knobs import Knob, is_number, is_numeric, position, section, value_refusal
from lanes.moves import OpenKnob
from lanes.past import PENDING_LEVEL
from lanes.pickers import Pick, farthest, nearest
from probes.candidate import KnobValue
from probes.errors import ConfigError
from probes.recipe import Recipe

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from lanes.lane import Tags
    from lanes.pickers import Picker

MATTER_MOST = ("learning_rate", "rank")
"""Tried before the other knobs, which follow in the session's order."""
EDGE_MOVES = 2
"""Moves of each knob before TPE takes over."""


class HyperparameterLane(KnobLane):
    """Each knob is the recipe field of its name; an unset `system_prompt` counts as the empty one."""

    def value(self, recipe: Recipe, knob: str) -> KnobValue:
        """Return the field."""
        return _value(recipe, knob)

    def with_value(self, recipe: Recipe, knob: str, value: KnobValue) -> Recipe:
        """Return `recipe` with the field set."""
        return recipe.replace(**{knob: None if knob == "system_prompt" and value == "" else value})


def open_hyperparameters(config: LanesConfig, baseline: Recipe, tags: Tags, picker: Picker) -> HyperparameterLane:
    """Return the lane over the session's knobs or the default ones around the baseline, whatever the data.

    Raises:
        ConfigError: a knob's range breaks a rule of the recipe, or the baseline lies outside.
    """
    knobs = {name: _checked(name, knob, baseline) for name, knob in config.hyperparameters.items()}
    return HyperparameterLane("hyperparameters", knobs or default_knobs(baseline), picker, {})


def default_knobs(baseline: Recipe) -> dict[str, Knob]:
    """Return the knobs of a session that names none, around the baseline."""
    rate, beta, rank, alpha = baseline.learning_rate, baseline.beta, baseline.rank, baseline.alpha
    ranks = sorted({max(1, rank // 4), max(1, rank // 2), rank, min(1024, rank * 2), min(1024, rank * 4)})
    knobs: dict[str, Knob] = {
        "learning_rate": NumericKnob(low=rate / 10, high=min(1.0, rate * 10), scale="log", max_factor=2),
        "beta": NumericKnob(low=beta / 2, high=min(10.0, beta * 2), max_step=0.01),
        "rank": ChoiceKnob(values=tuple(ranks), max_factor=4),
        "alpha": NumericKnob(low=alpha / 4, high=min(4096.0, alpha * 4), scale="log", max_factor=2),
        "dropout": NumericKnob(low=0.0, high=max(0.2, baseline.dropout), max_step=0.1),
    }
    if baseline.objective == "sft":
        del knobs["beta"]
    return knobs


def pick_informed(knobs: Sequence[OpenKnob], chance: Random) -> Pick:
    """Return a far edge of a knob tried less than twice, else what TPE asks for."""
    ranked = sorted(knobs, key=lambda knob: MATTER_MOST.index(knob.name) if knob.name in MATTER_MOST else 99)
    next_knob = min(ranked, key=lambda knob: len(knob.tried))
    return _far_edge(next_knob) if len(next_knob.tried) < EDGE_MOVES else _pick_tpe(ranked, chance)


def pick_by_gp(knobs: Sequence[OpenKnob], chance: Random) -> Pick:
    """Return a far edge of a knob tried less than twice, else what a Gaussian process over single changes asks for."""
    ranked = sorted(knobs, key=lambda knob: MATTER_MOST.index(knob.name) if knob.name in MATTER_MOST else 99)
    next_knob = min(ranked, key=lambda knob: len(knob.tried))
    return _far_edge(next_knob) if len(next_knob.tried) < EDGE_MOVES else _pick_gp(ranked, chance)


def _far_edge(knob: OpenKnob) -> Pick:
    """Return the far upper end first; then the other end, or the same again when the last move was accepted."""
    working = knob.working
    if not is_number(working) or not is_numeric(knob.knob):
        return knob.name, knob.values[0]
    ups = True
    if knob.tried:
        last = knob.tried[-1]
        before, after = last.change.before, last.change.after
        went_up = is_number(before) and is_number(after) and after > before
        ups = went_up == (last.decision == "accept")
    return knob.name, farthest(knob, working, ups)


def _pick_tpe(knobs: Sequence[OpenKnob], chance: Random) -> Pick:
    """Return the open move nearest to what TPE asks for, in a study rebuilt from the history of the open knobs."""
    import optuna

    from lanes.told import as_trial, told_study

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Multivariate TPE drops knobs that are not in every trial, and a trial here is one knob.
    sampler = optuna.samplers.TPESampler(seed=chance.randrange(2**32), multivariate=False, n_startup_trials=0)
    names = [knob.name for knob in knobs]
    trial = told_study(sampler, [as_trial(move) for move in heard(knobs, chance)]).ask()
    chosen = knobs[names.index(trial.suggest_categorical("knob", names))]
    if not is_numeric(chosen.knob):
        at = trial.suggest_categorical(chosen.name, range(len(chosen.values)))
        return chosen.name, chosen.values[at]
    return chosen.name, nearest(chosen, trial.suggest_float(chosen.name, *chosen.span))


def _pick_gp(knobs: Sequence[OpenKnob], chance: Random) -> Pick:
    """Return the open move nearest to where Optuna's Gaussian process expects most.

    A trial is a knob and a place in its window; every knob's working value is known to change nothing. A failed move
    counts as the worst that was seen.
    """
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.trial import create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = [knob.name for knob in knobs]
    spaces: dict[str, BaseDistribution] = {"knob": CategoricalDistribution(names), "place": FloatDistribution(0.0, 1.0)}
    moves = [(move.knob, move.known) for move in heard(knobs, chance)]
    worst = min([PENDING_LEVEL, *(known.level for _, known in moves if known.level is not None)])
    told = [(knob.name, _place(knob, knob.working), 0.0) for knob in knobs]
    for knob, known in moves:
        told.append((knob.name, _place(knob, known.value), worst if known.worth is None else known.worth))
    sampler = optuna.samplers.GPSampler(seed=chance.randrange(2**32), n_startup_trials=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(
        [create_trial(value=v, params={"knob": name, "place": at}, distributions=spaces) for name, at, v in told]
    )
    asked = study.ask(spaces)
    chosen = knobs[names.index(asked.params["knob"])]
    return chosen.name, min(chosen.values, key=lambda value: abs(_place(chosen, value) - asked.params["place"]))


def _place(knob: OpenKnob, value: KnobValue) -> float:
    """Return where a value stands in what the knob can reach from its working value, 0 … 1; words by their order."""
    if isinstance(knob.knob, ChoiceKnob):
        low, high = 0.0, float(len(knob.knob.values) - 1)
    else:
        ends = [*knob.span, position(knob.knob, knob.working)]
        low, high = min(ends), max(ends)
    return min(1.0, max(0.0, (position(knob.knob, value) - low) / (high - low)))


def _checked(name: str, knob: Knob, baseline: Recipe) -> Knob:
    """Return the session's knob, whole-numbered where the field is; refuse one that no recipe could follow."""
    where = section("hyperparameters", name)
    if name == "beta" and baseline.objective == "sft":
        raise ConfigError(f'{where} must not be searched with `objective = "sft"`, which has no beta; take it out')
    here = _value(baseline, name)
    if isinstance(knob, NumericKnob) and isinstance(here, int):
        knob = knob.model_copy(update={"integer": True})
    ends = (knob.low, knob.high) if isinstance(knob, NumericKnob) else knob.values
    if knob.max_factor is not None and knob.max_step is None and any(is_number(v) and v <= 0 for v in ends):
        raise ConfigError(f"{where} must give `max_step`: no `max_factor` leads to or from 0")
    if (refused := value_refusal(knob, name, here, where)) is not None:
        raise ConfigError(f"the baseline breaks its own range: {refused}, or change `[recipe] {name}`")
    for value in ends:
        _check_end(name, value, baseline, where)
    return knob


def _check_end(name: str, value: KnobValue, baseline: Recipe, where: str) -> None:
    try:
        baseline.replace(**{name: value})
    except ValidationError as error:
        reasons = "; ".join(str(e["msg"]) for e in error.errors())
        raise ConfigError(f"{where} allows {value!r}, which no recipe can have: {reasons}; narrow it") from error


def _value(recipe: Recipe, name: str) -> KnobValue:
    value = getattr(recipe, name)
    return "" if value is None else value
