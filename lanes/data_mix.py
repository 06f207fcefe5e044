"""The data-mix lane: how often rows of a kind are seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanes.config import ChoiceKnob, LanesConfig, MixKnob
from lanes.knob_lane import KnobLane
from lanes.knobs import section
from lanes.lane import Tags
from lanes.pickers import Picker
from probes.candidate import KnobValue
from probes.errors import ConfigError
from probes.recipe import MixRule, Recipe

NO_TAG = "(none)"
"""How a composition counts rows without the tag."""
DEFAULT_REPEATS = (1, 2, 3)


class DataMixLane(KnobLane):
    """Knob `x` is the repeat or the weight of the rule `x` in `recipe.mix`; no such rule counts as 1."""

    def __init__(self, specs: Mapping[str, MixKnob], knobs: Mapping[str, ChoiceKnob], picker: Picker) -> None:
        """Keep what each knob's rule matches besides its values."""
        super().__init__("data_mix", knobs, picker, {})
        self._specs = dict(specs)

    def value(self, recipe: Recipe, knob: str) -> KnobValue:
        """Return the rule's repeat or weight."""
        return _value(recipe, knob, self._specs[knob])

    def with_value(self, recipe: Recipe, knob: str, value: KnobValue) -> Recipe:
        """Return `recipe` with the rule's factor set; a rule that would do nothing is taken out.

        A new rule goes before the rules of later knobs, so that equal mixes are equal recipes in whatever order their
        changes came.
        """
        rules = list(recipe.mix.rules)
        at = next((i for i, rule in enumerate(rules) if rule.name == knob), None)
        spec = self._specs[knob]
        old = rules.pop(at) if at is not None else MixRule(name=knob, **spec.model_dump(include=_CONDITIONS))
        new = MixRule.model_validate({**old.model_dump(), _factor(spec): value})
        if at is None:
            later = set(list(self._specs)[list(self._specs).index(knob) + 1 :])
            at = next((i for i, rule in enumerate(rules) if rule.name in later), len(rules))
        if (new.repeat, new.weight) != (1, 1.0):
            rules.insert(at, new)
        return recipe.replace(mix={**recipe.mix.model_dump(), "rules": rules})


_CONDITIONS = {"tags", "prompt_words", "match"}


def open_data_mix(config: LanesConfig, baseline: Recipe, tags: Tags, picker: Picker) -> DataMixLane | None:
    """Return the lane, None when the data has no two categories to weigh and the session names no knob.

    Raises:
        ConfigError: a knob matches no row, has nothing to try, or contradicts the baseline's rule of its name.
    """
    specs = config.data_mix or _default_specs(baseline, tags)
    knobs: dict[str, ChoiceKnob] = {}
    for name, spec in specs.items():
        where = section("data_mix", name)
        _check_rows(name, spec, tags, where)
        rule = _rule(baseline, name)
        if rule is not None and rule.model_dump(include=_CONDITIONS) != spec.model_dump(include=_CONDITIONS):
            raise ConfigError(
                f"{where} and the rule `{name}` in `[recipe.mix]` must match the same rows; give both the same "
                "`tags`, `prompt_words` and `match`, or rename one"
            )
        values = {*(spec.repeats or spec.weights), _neutral(spec), _value(baseline, name, spec)}
        if len(values) < 2:
            raise ConfigError(f"{where} has nothing to try besides {min(values)}; give `repeats` or `weights` another")
        knobs[name] = ChoiceKnob(values=tuple(sorted(values)))
    return DataMixLane(specs, knobs, picker) if knobs else None


def why_no_data_mix(config: LanesConfig, baseline: Recipe, tags: Tags) -> str:
    """Return why `open_data_mix` returned None."""
    return "rows need a `category` tag with two values; name a knob in `[lanes.data_mix]`"


def _default_specs(baseline: Recipe, tags: Tags) -> dict[str, MixKnob]:
    """Return one knob per category; a baseline rule of that name keeps what it matches."""
    categories = sorted(v for v, rows in tags.get("category", {}).items() if rows > 0 and v != NO_TAG)
    specs: dict[str, MixKnob] = {}
    for name in categories if len(categories) > 1 else []:
        rule = _rule(baseline, name)
        conditions: dict[str, Any] = {"tags": {"category": (name,)}}
        if rule is not None:
            conditions = rule.model_dump(include=_CONDITIONS)
        specs[name] = MixKnob(repeats=DEFAULT_REPEATS, **conditions)
    return specs


def _check_rows(name: str, spec: MixKnob, tags: Tags, where: str) -> None:
    """Refuse a knob whose tags match no row; words are only known once the rows are read."""
    matched = {tag: _rows(tag, accepted, tags) > 0 for tag, accepted in spec.tags.items()}
    is_hopeless = not all(matched.values()) if spec.match == "all" else not any(matched.values())
    if is_hopeless and (spec.match == "all" or not spec.prompt_words):
        missing = next(tag for tag, found in matched.items() if not found)
        present = ", ".join(sorted(tags.get(missing, {}))) or "none"
        raise ConfigError(
            f"{where} must match rows, but no row has `{missing}` among {', '.join(spec.tags[missing])}; the data has "
            f"{present}: correct `tags` or take `{name}` out"
        )


def _rows(tag: str, accepted: tuple[str, ...], tags: Tags) -> int:
    wanted = {value.casefold() for value in accepted}
    return sum(rows for value, rows in tags.get(tag, {}).items() if value.casefold() in wanted)


def _factor(spec: MixKnob) -> str:
    return "repeat" if spec.repeats else "weight"


def _neutral(spec: MixKnob) -> int | float:
    return 1 if spec.repeats else 1.0


def _rule(recipe: Recipe, name: str) -> MixRule | None:
    return next((rule for rule in recipe.mix.rules if rule.name == name), None)


def _value(recipe: Recipe, name: str, spec: MixKnob) -> int | float:
    rule = _rule(recipe, name)
    if rule is None:
        return _neutral(spec)
    return rule.repeat if spec.repeats else rule.weight
