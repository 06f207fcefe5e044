"""The curriculum lane: in which order the rows are seen."""

from __future__ import annotations

from lanes.config import ChoiceKnob, LanesConfig, OrderKnob
from lanes.knob_lane import KnobLane
from lanes.lane import Tags
from lanes.pickers import Picker
from probes.candidate import KnobValue
from probes.recipe import Order, Recipe


class CurriculumLane(KnobLane):
    """One knob, `order`, kept in `recipe.curriculum.order`."""

    def value(self, recipe: Recipe, knob: str) -> KnobValue:
        """Return the order."""
        return recipe.curriculum.order

    def with_value(self, recipe: Recipe, knob: str, value: KnobValue) -> Recipe:
        """Return `recipe` with the order set."""
        return recipe.replace(curriculum={**recipe.curriculum.model_dump(), "order": value})


def open_curriculum(config: LanesConfig, baseline: Recipe, tags: Tags, picker: Picker) -> CurriculumLane | None:
    """Return the lane over the orders that the data can tell apart, None when only the baseline's is left."""
    here = baseline.curriculum.order
    wanted, unsupported = _wanted(config, baseline), _left_out(config, baseline, tags)
    orders = tuple(dict.fromkeys([here, *(o for o in wanted if o not in unsupported)]))
    if len(orders) < 2:
        return None
    note = "".join(f"; `{order}` is left out: {why}" for order, why in unsupported.items())
    return CurriculumLane("curriculum", {"order": ChoiceKnob(values=orders)}, picker, {"order": note})


def why_no_curriculum(config: LanesConfig, baseline: Recipe, tags: Tags) -> str:
    """Return why `open_curriculum` returned None."""
    obstacles = (f"`{order}`: {why}" for order, why in _left_out(config, baseline, tags).items())
    return "no order can be told apart: " + "; ".join(obstacles)


def _left_out(config: LanesConfig, baseline: Recipe, tags: Tags) -> dict[Order, str]:
    """Return order → why the data cannot support it."""
    return {o: why for o in _wanted(config, baseline) if (why := _obstacle(o, baseline, tags)) is not None}


def _wanted(config: LanesConfig, baseline: Recipe) -> list[Order]:
    return [o for o in config.curriculum.get("order", OrderKnob()).values if o != baseline.curriculum.order]


def _obstacle(order: Order, baseline: Recipe, tags: Tags) -> str | None:
    """Return why `order` would leave these rows as they are, None when it orders them."""
    present = {tag: [v for v, rows in values.items() if rows > 0] for tag, values in tags.items()}
    match order:
        case "shuffle":
            return None
        case "easy_first" | "hard_first":
            return None if len(present.get("difficulty", [])) > 1 else "rows need a `difficulty` tag with two values"
        case "interleave":
            return None if len(present.get("category", [])) > 1 else "rows need a `category` tag with two values"
        case "source_first" | "source_last":
            if not baseline.curriculum.sources:
                return "name the sources in `[recipe.curriculum] sources`"
            sources = {source.casefold() for source in baseline.curriculum.sources}
            matching = [value for value in present.get("source", []) if value.casefold() in sources]
            some_not_all = 0 < len(matching) < len(present.get("source", []))
            return None if some_not_all else "some but not all rows need a `source` tag named in `sources`"
