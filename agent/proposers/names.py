"""The names that a language model sees. What data or a session wrote is shown only where it is a plain word.

A tag's value may be a sentence that wants to be obeyed. It never reaches a prompt: a knob, a value or a guard of such a
name goes by a handle made of its place, and an answer is translated back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from lanes.config import ChoiceKnob
from lanes.knobs import Knob, is_number
from lanes.lane import Lane
from probes.candidate import KnobValue, LaneName

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")


def shown(names: Iterable[str], stem: str) -> dict[str, str]:
    """Return name → what stands for it: itself where it is one plain word, else `stem` and its place."""
    given = list(names)
    handles: dict[str, str] = {}
    for place, name in enumerate(given, start=1):
        handle = name if _PLAIN.fullmatch(name) else f"{stem}_{place}"
        while handle != name and (handle in given or handle in handles.values()):
            handle += "_"
        handles[name] = handle
    return handles


class KnobNames:
    """The knobs of all lanes and their values, both ways."""

    def __init__(self, lanes: Mapping[LaneName, Lane]) -> None:
        """Name every knob."""
        self._shown = {lane: shown(of.knobs, "knob") for lane, of in lanes.items()}
        self._known = {lane: {handle: name for name, handle in of.items()} for lane, of in self._shown.items()}

    @property
    def handles(self) -> Sequence[str]:
        """What stands for the knobs, each once."""
        return tuple(dict.fromkeys(handle for of in self._shown.values() for handle in of.values()))

    def handle(self, lane: LaneName, knob: str) -> str:
        """Return what stands for a knob."""
        return self._shown[lane][knob]

    def knob(self, lane: LaneName, handle: str) -> str:
        """Return the knob that a handle stands for; one that stands for none is returned as it is."""
        return self._known[lane].get(handle, handle)


def shown_value(knob: Knob, value: KnobValue | None) -> KnobValue | None:
    """Return a value as it is shown."""
    return shown(_words(knob), "choice").get(value, value) if isinstance(value, str) else value


def known_value(knob: Knob, value: KnobValue) -> KnobValue:
    """Return the value that was shown so, a number as the knob itself writes it: 16 for 16.0 in a list of ranks."""
    if isinstance(value, str):
        return {handle: word for word, handle in shown(_words(knob), "choice").items()}.get(value, value)
    if not is_number(value):
        return value
    if isinstance(knob, ChoiceKnob):
        return next((own for own in knob.values if is_number(own) and own == value), value)
    if not knob.integer:
        return float(value)
    return int(value) if float(value).is_integer() else value


def _words(knob: Knob) -> list[str]:
    return [value for value in knob.values if isinstance(value, str)] if isinstance(knob, ChoiceKnob) else []
