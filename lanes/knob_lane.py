"""What all lanes share: a set of knobs, the rules of a proposal, and the ask that only ever offers open moves.

A concrete lane adds where its knobs live in a recipe; a picker adds which open move comes next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from random import Random

from pydantic import ValidationError

from lanes.fragility import fragile_refusal
from lanes.history import History
from lanes.knobs import Knob, describe, section, step_refusal, value_refusal
from lanes.known_harm import without_harm
from lanes.moves import OpenKnob, open_knobs, repeat_refusal, see_knob, was_tried
from lanes.pickers import Picker
from lanes.tried import Tried
from probes.candidate import Change, KnobValue, LaneName, show_value
from probes.recipe import Recipe


class KnobLane(ABC):
    """A lane over `knobs`; see `lanes.lane.Lane` for the contract."""

    def __init__(self, name: LaneName, knobs: Mapping[str, Knob], picker: Picker, notes: Mapping[str, str]) -> None:
        """Keep the knobs in the order given.

        Args:
            name: the lane's name.
            knobs: knob → its range.
            picker: chooses among the open moves.
            notes: knob → a remark added to its description, for instance what the data cannot support.
        """
        self._name: LaneName = name
        self._knobs = dict(knobs)
        self._picker = picker
        self._notes = dict(notes)
        self._words = {name: describe(knob) + self._notes.get(name, "") for name, knob in self._knobs.items()}

    @property
    def name(self) -> LaneName:
        """The lane's name."""
        return self._name

    @property
    def knobs(self) -> Mapping[str, str]:
        """Knob → its range and step limit in words."""
        return self._words

    @property
    def ranges(self) -> Mapping[str, Knob]:
        """Knob → its range and step limit."""
        return self._knobs

    @abstractmethod
    def value(self, recipe: Recipe, knob: str) -> KnobValue:
        """Return the knob's value in `recipe`."""

    @abstractmethod
    def with_value(self, recipe: Recipe, knob: str, value: KnobValue) -> Recipe:
        """Return `recipe` with the knob set.

        Raises:
            pydantic.ValidationError: the recipe does not take the value.
        """

    def refusal(self, change: Change, working: Recipe, tried: Sequence[Tried] = ()) -> str | None:
        """Return why `change` is not allowed against `working` after what was `tried`, None when it is."""
        where = section(self._name, change.knob)
        if change.lane != self._name:
            return f"`{change.knob}` was proposed to lane `{change.lane}`, this is lane `{self._name}`"
        knob = self._knobs.get(change.knob)
        if knob is None:
            known = ", ".join(self._knobs)
            return f"lane `{self._name}` has no knob `{change.knob}`, only {known}; add {where} to search it"
        here = self.value(working, change.knob)
        if (refused := value_refusal(knob, change.knob, change.after, where)) is not None:
            return refused + self._notes.get(change.knob, "")
        if change.before != here:
            return (
                f"`{change.knob}` is {show_value(here)} in the working recipe, the proposal starts from "
                f"{show_value(change.before)}; propose again from the working recipe"
            )
        if (refused := step_refusal(knob, change.knob, here, change.after, where)) is not None:
            return refused
        if (refused := fragile_refusal(change, History.of(tried).of_knob(self._name, change.knob))) is not None:
            return refused
        try:
            self.apply(change, working)
        except ValidationError as error:
            reasons = "; ".join(str(e["msg"]) for e in error.errors())
            return f"no recipe can have `{change.knob}` {show_value(change.after)}: {reasons}; narrow {where}"
        return None

    def apply(self, change: Change, working: Recipe) -> Recipe:
        """Return `working` with `change`; call it only when `refusal` is None."""
        return self.with_value(working, change.knob, change.after)

    def earlier(self, change: Change, tried: Sequence[Tried]) -> Tried | None:
        """Return the earlier proposal of the same move, which makes this one a replicate; None when it is new."""
        return was_tried(self._knobs[change.knob], change, tried)

    def repeats(self, change: Change, working: Recipe, tried: Sequence[Tried]) -> str | None:
        """Return why an allowed `change` is no new move: tried before, or too near to it to be told apart."""
        knob, here = self._knobs[change.knob], self.value(working, change.knob)
        history = History.of(tried).of_knob(self._name, change.knob)
        if see_knob(change.knob, knob, here, history).offers(change.after):
            return None
        return repeat_refusal(knob, change, here, history)

    def moves(
        self, working: Recipe, tried: Sequence[Tried], closed: Collection[str] = (), shunned: Sequence[Change] = ()
    ) -> list[OpenKnob]:
        """Return the knobs that have open moves, with those moves, without `closed` and what repeats `shunned`."""
        values = {name: self.value(working, name) for name in self._knobs}
        history = History.of(tried)
        moves = {name: history.of_knob(self._name, name) for name in self._knobs}
        knobs = [knob for knob in open_knobs(self._knobs, values, moves) if knob.name not in closed]
        return without_harm(knobs, [harm for harm in shunned if harm.lane == self._name])

    def ask(
        self,
        working: Recipe,
        tried: Sequence[Tried],
        seed: int,
        closed: Collection[str] = (),
        shunned: Sequence[Change] = (),
    ) -> Change | None:
        """Return the next change against `working`, never a move in `tried`; None when nothing is left."""
        history = History.of(tried)
        knobs = self.moves(working, history, closed, shunned)
        if not knobs:
            return None
        name, after = self._picker(knobs, Random(f"{seed}/{self._name}/{history.count(self._name)}"))
        return Change(lane=self._name, knob=name, before=self.value(working, name), after=after)
