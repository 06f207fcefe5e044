"""What one knob may do: its window around a working value, the values in it, and refusals in words.

Pure: numbers and configs in, numbers and sentences out. A numeric knob proposes values of two significant digits (more
only where its step limit or its bounds are finer than that), so that the moves of a night are countable and two values
that no probe could tell apart are the same value.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, ParamSpec, TypeGuard, TypeVar, cast

from lanes.config import ChoiceKnob, NumericKnob
from probes.candidate import KnobValue, LaneName, show_value

Knob = NumericKnob | ChoiceKnob
_P = ParamSpec("_P")
_R = TypeVar("_R")
TOLERANCE = 1e-9
"""Relative slack of bounds and step limits: 0.1 + 0.01 must be allowed where 0.01 is the limit."""
MIN_DIGITS, MAX_DIGITS = 2, 6
"""Significant digits of proposed values: fewest, and most where limits are fine."""
SMALLEST_STEP = 0.2
"""A lane's own proposals move by at least this share of the window: smaller effects drown in noise."""


def remembered(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Keep the latest results of a pure function of what can be hashed: numbers, and knobs, which are frozen."""
    return cast("Callable[_P, _R]", lru_cache(maxsize=4096)(function))


class Window(NamedTuple):
    """Values reachable in one step, both ends included."""

    low: float
    high: float


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether `value` is a finite number; True and False are none."""
    # Compared, not asked with isfinite, which cannot take a whole number too large for a float.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


@remembered
def is_numeric(knob: Knob) -> bool:
    """Whether the knob's values are numbers, which have an order and distances."""
    return isinstance(knob, NumericKnob) or all(is_number(v) for v in knob.values)


@remembered
def round_digits(value: float, digits: int = MIN_DIGITS) -> float:
    """Return `value` with `digits` significant digits."""
    return float(f"{value:.{digits - 1}e}")


def significant_digits(knob: Knob) -> int:
    """Return the digits in which the knob's values differ: two, more only where a step or the bounds are finer."""
    return MAX_DIGITS if isinstance(knob, ChoiceKnob) else _digits(knob)


@remembered
def _digits(knob: NumericKnob) -> int:
    finest = (knob.high - knob.low) / 5
    if knob.max_step is not None:
        finest = min(finest, knob.max_step)
    largest = max(abs(knob.low), abs(knob.high))
    for digits in range(MIN_DIGITS, MAX_DIGITS):
        spacing = 10.0 ** (math.floor(math.log10(largest)) - digits + 1)
        relative = 10.0 ** (1 - digits)
        fine_factor = knob.max_factor is None or relative <= (knob.max_factor - 1) * (1 + TOLERANCE)
        if spacing <= finest * (1 + TOLERANCE) and fine_factor:
            return digits
    return MAX_DIGITS


def identities(knob: Knob, values: Iterable[KnobValue | None]) -> list[object]:
    """Return for each value what makes it the same as another: numbers rounded, anything else with its type."""
    digits = significant_digits(knob)
    return [round_digits(value, digits) if is_number(value) else (type(value), value) for value in values]


def identity(knob: Knob, value: KnobValue | None) -> object:
    """Return what makes a value the same as another one."""
    return identities(knob, (value,))[0]


def same_value(knob: Knob, one: KnobValue | None, other: KnobValue | None) -> bool:
    """Whether two values of the knob count as equal: numbers to its significant digits, anything else exactly."""
    return identity(knob, one) == identity(knob, other)


def step_window(knob: Knob, working: float) -> Window:
    """Return what the step limits alone allow around `working`."""
    low, high = -math.inf, math.inf
    if knob.max_step is not None:
        low, high = working - knob.max_step, working + knob.max_step
    if knob.max_factor is not None:
        low, high = max(low, working / knob.max_factor), min(high, working * knob.max_factor)
    return Window(low, high)


def window(knob: NumericKnob, working: float) -> Window:
    """Return the values reachable from `working` in one step: the bounds and the step limits together."""
    step = step_window(knob, working)
    return Window(max(knob.low, step.low), min(knob.high, step.high))


def is_inside(value: float, limits: Window) -> bool:
    """Whether `value` lies in `limits`, with a relative tolerance of 1e-9."""
    slack = TOLERANCE * max(abs(value), *(abs(end) for end in limits if math.isfinite(end)), 0.0)
    return limits.low - slack <= value <= limits.high + slack


def position(knob: Knob, value: KnobValue) -> float:
    """Return where a number stands on the scale on which the knob's steps are measured."""
    return positions(knob, (value,))[0]


def positions(knob: Knob, values: Sequence[KnobValue]) -> list[float]:
    """Return where numbers stand on that scale."""
    if isinstance(knob, ChoiceKnob):
        places = _places(knob)
        return [places[same] for same in identities(knob, values)]
    numbers = [value for value in values if is_number(value)]
    assert len(numbers) == len(values), values
    return [math.log(number) if knob.scale == "log" else float(number) for number in numbers]


@remembered
def _places(knob: ChoiceKnob) -> Mapping[object, float]:
    """Return what identifies each value of a list → where it stands."""
    found: dict[object, float] = {}
    for place, same in enumerate(identities(knob, knob.values)):
        found.setdefault(same, float(place))
    return found


@remembered
def reachable(knob: Knob, working: KnobValue) -> tuple[KnobValue, ...]:
    """Return the values one step from `working` that are worth a probe, rising; the working value is none of them.

    Numbers are at least `SMALLEST_STEP` of the window away from `working`, unless nothing is left then.
    """
    if isinstance(knob, ChoiceKnob):
        others = [v for v in knob.values if not same_value(knob, v, working)]
        if not is_number(working) or not is_numeric(knob):
            return tuple(others)
        limits = step_window(knob, working)
        return tuple(v for v in others if is_number(v) and is_inside(v, limits))
    assert is_number(working)
    limits = window(knob, working)
    values = [v for v in _grid(knob, limits) if not same_value(knob, v, working)]
    here, width = position(knob, working), _width(knob, limits)
    far = [v for v in values if abs(position(knob, v) - here) >= SMALLEST_STEP * width * (1 - TOLERANCE)]
    return tuple(far or values)


def window_width(knob: Knob, working: KnobValue) -> float:
    """Return the width of the window around `working` on the knob's scale; 0 for a knob with a list of values."""
    if isinstance(knob, ChoiceKnob) or not is_number(working):
        return 0.0
    return _width(knob, window(knob, working))


def describe(knob: Knob) -> str:
    """Return range and step limit in words, for the report."""
    if isinstance(knob, ChoiceKnob):
        words = "one of " + ", ".join(show_value(v) for v in knob.values)
    else:
        words = f"{show_value(knob.low)} to {show_value(knob.high)}, {knob.scale} scale"
    if knob.max_factor is not None:
        words += f", a step at most × {show_value(knob.max_factor)}"
    if knob.max_step is not None:
        words += f", a step at most ± {show_value(knob.max_step)}"
    return words


def section(lane: LaneName, knob: str) -> str:
    """Return the session section that sets the knob, as it is written in TOML."""
    key = knob if re.fullmatch(r"[A-Za-z0-9_-]+", knob) else f'"{knob}"'
    return f"`[lanes.{lane}.{key}]`"


def value_refusal(knob: Knob, name: str, value: KnobValue, where: str) -> str | None:
    """Return why `value` is no value of the knob at all: its type, its list of values, its bounds."""
    if isinstance(knob, ChoiceKnob):
        if identity(knob, value) in _places(knob):
            return None
        allowed = ", ".join(show_value(v) for v in knob.values)
        return f"`{name}` must be one of {allowed}, got {value!r}; set `values` in {where}"
    if not is_number(value) or (knob.integer and not float(value).is_integer()):
        kind = "a whole number" if knob.integer else "a number"
        return f"`{name}` must be {kind}, got {value!r}; its range is set in {where}"
    if not is_inside(value, Window(knob.low, knob.high)):
        bounds = f"between {show_value(knob.low)} and {show_value(knob.high)}"
        return f"`{name}` must be {bounds}, got {show_value(value)}; set `low` and `high` in {where}"
    return None


def step_refusal(knob: Knob, name: str, working: KnobValue, value: KnobValue, where: str) -> str | None:
    """Return why the step from `working` to `value` is no step: nothing changes, or too much at once."""
    if same_value(knob, value, working):
        return f"`{name}` is already {show_value(working)}; a proposal must change it"
    if not (is_number(value) and is_number(working)) or is_inside(value, step_window(knob, working)):
        return None
    limits = {"max_factor": ("×", knob.max_factor), "max_step": ("±", knob.max_step)}
    named = " and ".join(f"`{key}` {sign} {show_value(by)}" for key, (sign, by) in limits.items() if by is not None)
    step = step_window(knob, working)
    furthest, end = (step.high, "at most") if value > working else (step.low, "at least")
    return (
        f"`{name}` may move by {named} in one step: from {show_value(working)} to {end} {show_value(furthest)}, "
        f"got {show_value(value)}; go there in smaller steps or set the limit in {where}"
    )


def _grid(knob: NumericKnob, limits: Window) -> list[float]:
    """Return the values of the knob's significant digits inside `limits`, rising; near zero not below 1 % of it."""
    digits, low, high = significant_digits(knob), limits.low, limits.high
    values = {0.0} if is_inside(0.0, limits) else set[float]()
    smallest = low if low > 0 else (high - low) / 100
    if high <= 0 or smallest <= 0:
        return sorted(values)
    for exponent in range(math.floor(math.log10(smallest)), math.floor(math.log10(high)) + 1):
        shift = exponent - digits + 1
        first = max(10 ** (digits - 1), math.floor(smallest / 10.0**shift))
        last = min(10**digits - 1, math.ceil(high / 10.0**shift))
        values.update(float(f"{mantissa}e{shift}") for mantissa in range(first, last + 1))
    inside = [v for v in values if is_inside(v, limits)]
    return sorted(int(v) for v in inside if v.is_integer()) if knob.integer else sorted(inside)


def _width(knob: NumericKnob, limits: Window) -> float:
    return position(knob, limits.high) - position(knob, limits.low)
