"""Names from data and session as a language model sees them: `name_1` for each that could be a sentence or markup.

A tag's value may want to be obeyed. It goes by a handle in the question, and the handle is told by its name again where
the answer is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from runner.report.texts import one_line
from tracking.night import NightRecord

_PLAIN = re.compile(r"[\w.+/-]{1,40}")
LEAST = 3
"""Characters of a name that goes by a handle: shorter ones say nothing, and stand in other words."""
BEGINNING = 12
"""Characters by which a name that was cut off is known."""
_HANDLE = re.compile(r"\bname_(\d+)\b")


def handles(night: NightRecord) -> Mapping[str, str]:
    """Return the names of a night that are no plain words, on one line each → what stands for them."""
    names = [category for probe in night.probes for category in probe.means]
    for candidate in night.candidates.values():
        change = candidate.change
        names += [change.knob, *(value for value in (change.before, change.after) if isinstance(value, str))]
    plain = dict.fromkeys(one_line(name, 10_000) for name in dict.fromkeys((night.target, *names)))
    hidden = [name for name in plain if len(name) >= LEAST and not _PLAIN.fullmatch(name)]
    return {name: f"name_{place}" for place, name in enumerate(hidden, start=1)}


def hide(text: str, names: Mapping[str, str]) -> str:
    """Return `text` with every name, whole or cut off, under its handle; of two that fit the longer."""
    if not names:
        return text
    longest_first = sorted(names, key=len, reverse=True)
    whole = "|".join(re.escape(name) for name in longest_first)
    text = re.sub(whole, lambda match: names[match.group()], text)
    beginnings = "|".join(re.escape(name[:BEGINNING]) for name in longest_first if len(name) > BEGINNING)
    if not beginnings:
        return text

    def known(match: re.Match[str]) -> str:
        return next((names[name] for name in longest_first if name.startswith(match.group("kept"))), match.group())

    return re.sub(rf"(?P<kept>(?:{beginnings}).*?)… \([\d,]+ characters\)", known, text)


def reveal(text: str, names: Mapping[str, str]) -> str:
    """Return what a model wrote with the names in the place of their handles."""
    back = {handle: name for name, handle in names.items()}
    return _HANDLE.sub(lambda match: back.get(match.group(), match.group()), text)
